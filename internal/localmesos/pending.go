package localmesos

import (
	"cmp"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// pendingOffer is an offer that was sent and neither used, declined nor rescinded.
type pendingOffer struct {
	id        string
	framework *framework
	agent     *agent
	role      string
	// resources are allocated to the role.
	resources mesos.Resources
}

func inOrder(out []*pendingOffer) []*pendingOffer {
	slices.SortFunc(out, func(a, b *pendingOffer) int {
		return cmp.Or(cmp.Compare(len(a.id), len(b.id)), cmp.Compare(a.id, b.id))
	})
	return out
}

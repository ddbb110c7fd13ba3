package registry

import (
	"cmp"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Offer is an offer that was sent and neither used, declined nor rescinded.
type Offer struct {
	Id        string
	Framework *Framework
	Agent     *Agent
	Role      string
	// Resources are allocated to the role.
	Resources mesos.Resources
}

func inOrder(out []*Offer) []*Offer {
	slices.SortFunc(out, func(a, b *Offer) int {
		return cmp.Or(cmp.Compare(len(a.Id), len(b.Id)), cmp.Compare(a.Id, b.Id))
	})
	return out
}

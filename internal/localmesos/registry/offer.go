package registry

import (
	"cmp"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Offer is an offer that was sent and neither used, declined nor rescinded.
type Offer struct {
	ID        string
	Framework *Framework
	Agent     *Agent
	Role      string
	// Resources are allocated to the role.
	Resources mesos.Resources
}

func inOrder(out []*Offer) []*Offer {
	slices.SortFunc(out, func(a, b *Offer) int {
		return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	return out
}

package api

import (
	"net/http"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/offers"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
)

// maxMore bounds how many TaskManagers may be asked about.
const maxMore = 10000

// placement answers whether more TaskManagers of a cluster would fit now. With refresh Mesos is asked for offers first,
// and only what it offers then counts, which takes some seconds.
func (a *API) placement(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	more, err := query.Number(r, "taskManagers", 1, 1, maxMore)
	if err != nil {
		return err
	}
	refresh, err := query.Flag(r, "refresh")
	if err != nil {
		return err
	}
	if _, ok := view.Spec(a.o.Core.View(), name); !ok {
		return noCluster(name)
	}
	var since time.Time
	if refresh {
		since = time.Now()
		err := a.write(r.Context(), func(request uint64) state.Event { return state.ProbeOffers{Request: request} })
		if err != nil {
			return err
		}
	}
	fit, ok := offers.Fit(a.o.Core.View(), name, int(more), since, time.Now())
	if !ok {
		return noCluster(name)
	}
	return answer(w, http.StatusOK, fit)
}

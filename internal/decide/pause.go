package decide

import (
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// pauseStarts holds back the starts of one cluster or of all, or lets them go on. What runs stays.
func (st *step) pauseStarts(e PauseStarts) {
	found := false
	it := st.s.clusters.Root().Iterator()
	for key, c, ok := it.Next(); ok; key, c, ok = it.Next() {
		name := string(key)
		if e.Cluster != "" && name != e.Cluster {
			continue
		}
		found = true
		if c.Paused == e.Paused {
			continue
		}
		c = st.edit(name)
		c.Paused = e.Paused
		if e.Paused {
			st.note(c, "Paused", "the starts of tasks are paused on request")
		} else {
			st.note(c, "Continued", "the starts of tasks go on on request")
			st.s.wantOffers = true
		}
		st.saveCluster(c)
	}
	if !found && e.Cluster != "" {
		st.answer(e.Request, fault.New(fault.NotFound, "there is no cluster %q", e.Cluster))
		return
	}
	st.answer(e.Request, nil)
}

package runner

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/core/offers"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// probeShared is how long an answer of Mesos about its offers serves for other jobs, too.
const probeShared = 15 * time.Second

// inputs are what the service knows beside Flink's metrics.
func (r *Runner) inputs(t target, c autoscale.Collection) autoscale.Inputs {
	tm := t.spec.TaskManager
	in := autoscale.Inputs{
		TaskManager: autoscale.TaskManagerSize{CPUs: tm.CPUs, Memory: int64(tm.Memory), Slots: tm.Slots},
		Memory:      memoryOf(r.o.Configuration(t.spec, t.nonce)),
	}
	view := r.o.View()
	cluster, ok := view.Clusters.Get([]byte(t.cluster))
	if !ok {
		in.Hold = "the cluster is gone"
		return in
	}
	in.Hold = hold(view, cluster)
	if t.session() && cluster.Flink != nil {
		used := cluster.Flink.SlotsTotal - cluster.Flink.SlotsAvailable
		in.OtherSlots = max(0, used-autoscale.Slots(c.Vertices, nil))
	}
	return in
}

// hold says why no step may be taken in a cluster now; empty when one may.
func hold(s *state.State, c *state.Cluster) string {
	switch {
	case s.Options.Uninstall:
		return "the service is being uninstalled"
	case !s.Connected:
		return "there is no connection to the Mesos master"
	case c.Scaling.Busy():
		return "the last step is in progress"
	case c.Rollout != nil || c.Operation != 0:
		return "a change of the cluster is in progress"
	case c.Paused:
		return "task launches are paused"
	case c.Replacement != nil:
		return "a TaskManager is being replaced"
	}
	hold := ""
	s.Tasks.Root().WalkPrefix([]byte(c.Prefix()), func(_ []byte, t *task.Task) bool {
		if _, leaves := s.DrainingAgents.Get([]byte(t.AgentID)); leaves && t.Goal == task.Launched {
			hold = fmt.Sprintf("agent %s is drained or has maintenance planned", t.Hostname)
		}
		return hold != ""
	})
	for _, n := range s.Snapshots.Of(c.Spec.Name) {
		if n.State == wire.SnapshotInProgress {
			return cmp.Or(hold, fmt.Sprintf("%s %s is being taken", n.Kind, n.ID))
		}
	}
	return hold
}

// room is how many TaskManagers of a cluster can run now, those that run included, if more are
// wanted; blocked says what keeps others from the agents. Mesos is asked for offers before, unless it
// was a moment ago. It is not known when Mesos cannot be asked.
func (r *Runner) room(ctx context.Context, t target, wanted int) (room int, blocked []string, known bool) {
	c, ok := r.o.View().Clusters.Get([]byte(t.cluster))
	if !ok {
		return 0, nil, false
	}
	if t.session() && t.spec.Allocation == spec.Static {
		return c.TaskManagers, []string{"the session has a fixed number of TaskManagers"}, true
	}
	most := wanted
	if limit := t.spec.TaskManagers.Max; t.spec.Allocation == spec.Dynamic && limit > 0 && limit < wanted {
		most = limit
		blocked = append(blocked, fmt.Sprintf("taskManagers.max of the spec is %d", limit))
	}
	more := most - c.TaskManagers
	if more <= 0 {
		return most, blocked, true
	}
	since, err := r.probe(ctx)
	if err != nil {
		return 0, nil, false
	}
	fit, ok := offers.Fit(r.o.View(), t.cluster, more, since, r.o.Now())
	if !ok {
		return 0, nil, false
	}
	for _, b := range fit.Blocked {
		blocked = append(blocked, fmt.Sprintf("%s on %d agents: %s", b.What, b.Agents, b.Message))
	}
	if fit.KnownAgents == 0 {
		blocked = append(blocked, "Mesos offers nothing")
	}
	return c.TaskManagers + fit.Fit, blocked, true
}

// probe has Mesos make offers, and returns since when those count that came.
func (r *Runner) probe(ctx context.Context) (time.Time, error) {
	select { // One asks for all.
	case r.probing <- struct{}{}:
		defer func() { <-r.probing }()
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
	r.mu.Lock()
	last := r.probed
	r.mu.Unlock()
	now := r.o.Now()
	if !last.IsZero() && now.Sub(last) < probeShared {
		return last, nil
	}
	if err := r.o.Do(ctx, func(request uint64) state.Event { return state.ProbeOffers{Request: request} }); err != nil {
		return time.Time{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.probed = now
	return now, nil
}

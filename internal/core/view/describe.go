package view

import (
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/core/lifecycle"
	"github.com/flink-on-mesos/flink-service/internal/core/offers"
	"github.com/flink-on-mesos/flink-service/internal/core/revision"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// ServiceView is what the service says of itself.
type ServiceView struct {
	FrameworkID string `json:"frameworkId"`
	Master      string `json:"master"`
	Connected   bool   `json:"connected"`
	Suppressed  bool   `json:"suppressed"`
	// Reconciling counts the tasks whose state Mesos was asked for and has not said yet.
	Reconciling int `json:"reconciling"`
	Clusters    int `json:"clusters"`
	Tasks       int `json:"tasks"`
	Waiting     int `json:"waiting"`
	Agents      int `json:"agents"`
	// Reservations counts what is reserved on agents, or is to be given back.
	Reservations int `json:"reservations"`
	// Paused says that task launches of all clusters are paused, also of those that are created later.
	Paused bool `json:"paused"`
}

// Service describes the state as a whole.
func Service(s *state.State) ServiceView {
	v := ServiceView{
		FrameworkID: s.Framework.ID, Master: s.Master, Connected: s.Connected, Suppressed: s.Suppressed,
		Reconciling: s.Reconcile.Open.Len(), Clusters: s.Clusters.Len(), Tasks: s.Tasks.Len(), Agents: s.Agents.Len(), Reservations: s.Reservations.Len(),
		Paused: s.Framework.Paused,
	}
	it := s.Clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		v.Waiting += c.Pending.Len()
	}
	return v
}

// Outcomes returns what became of the last offers, the newest last.
func Outcomes(s *state.State) []state.Outcome { return s.Outcomes }

// Spec returns the spec of a cluster that was asked for last, secrets and all.
func Spec(s *state.State, name string) (spec.Spec, bool) {
	c, ok := s.Clusters.Get([]byte(name))
	if !ok {
		return spec.Spec{}, false
	}
	return c.RequestedSpec(), true
}

// RunningSpec returns the spec that the tasks of a cluster are started from, secrets and all. It differs from Spec while
// a change waits for jobs to be stopped.
func RunningSpec(s *state.State, name string) (spec.Spec, bool) {
	c, ok := s.Clusters.Get([]byte(name))
	if !ok {
		return spec.Spec{}, false
	}
	return c.LaunchSpec(), true
}

// Nonce returns what the ids of a cluster's tasks have in common beside its name.
func Nonce(s *state.State, name string) string {
	if c, ok := s.Clusters.Get([]byte(name)); ok {
		return c.Nonce
	}
	return ""
}

// Names lists the clusters in order.
func Names(s *state.State) []string {
	var names []string
	it := s.Clusters.Root().Iterator()
	for name, _, ok := it.Next(); ok; name, _, ok = it.Next() {
		names = append(names, string(name))
	}
	return names
}

// Summaries lists the clusters in the order of their names.
func Summaries(s *state.State) []wire.Summary {
	out := []wire.Summary{}
	it := s.Clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		sum := wire.Summary{
			Name: c.Spec.Name, Kind: c.Spec.Kind, State: c.State, FlinkVersion: c.Spec.FlinkVersion,
			TaskManagers: c.Running, Wanted: c.TaskManagers + c.Pending.Len() - c.PendingJobManagers, Created: c.Created,
		}
		if n := len(c.Phases); n > 0 && c.Active() {
			sum.Phase = c.Phases[n-1].Phase
		}
		if c.Flink != nil {
			sum.SlotsTotal, sum.SlotsFree, sum.JobsRunning = c.Flink.SlotsTotal, c.Flink.SlotsAvailable, c.Flink.JobsRunning
		}
		sum.Paused = c.Paused
		sum.Waiting = lifecycle.DescribeSlotWait(c)
		if c.Pending.Len() > 0 {
			sum.Waiting = waitingOf(s, c)[0].Reason
		}
		out = append(out, sum)
	}
	return out
}

// JobManagerOf returns the JobManager of a cluster to which requests are sent.
func JobManagerOf(s *state.State, name string) (task.Task, bool) {
	c, ok := s.Clusters.Get([]byte(name))
	if !ok {
		return task.Task{}, false
	}
	for _, id := range slices.Backward(c.JobManagers) {
		if t, ok := s.Tasks.Get([]byte(id)); ok && t.Goal == task.Launched && t.State == task.Running {
			return *t, true
		}
	}
	return task.Task{}, false
}

// TaskOf returns a task of a cluster.
func TaskOf(s *state.State, name, id string) (task.Task, bool) {
	t, ok := s.Tasks.Get([]byte(id))
	if !ok || t.Cluster != name {
		return task.Task{}, false
	}
	return *t, true
}

// PlaceOf returns where a task of a cluster runs or, for one of the last that failed, ran.
func PlaceOf(s *state.State, name, id string) (task.Task, bool) {
	if t, ok := TaskOf(s, name, id); ok {
		return t, true
	}
	c, ok := s.Clusters.Get([]byte(name))
	if !ok {
		return task.Task{}, false
	}
	for _, f := range c.Failures {
		if f.TaskID == id {
			return task.Task{
				ID: id, Cluster: name, Kind: f.Kind, AgentID: f.AgentID, Hostname: f.Hostname, Endpoint: f.Endpoint, Sandbox: f.Sandbox, State: f.State,
			}, true
		}
	}
	return task.Task{}, false
}

// Describe says all of a cluster.
func Describe(s *state.State, name string) (wire.Description, bool) {
	c, ok := s.Clusters.Get([]byte(name))
	if !ok {
		return wire.Description{}, false
	}
	d := wire.Description{
		Name: c.Spec.Name, Kind: c.Spec.Kind, Spec: c.RequestedSpec(),
		Status: wire.Status{
			State: c.State, Message: c.Message, Generation: c.Generation, ObservedGeneration: c.Generation, Created: c.Created,
			Phases: c.Phases, Flink: c.Flink, Result: c.Result, Restarts: c.Restarts, Failures: c.Failures, Paused: c.Paused,
			ChangeFailure: c.RolloutFailure, Savepoints: c.Savepoints,
			Recoveries: c.Recoveries, Health: c.Health,
		},
		Tasks: []wire.TaskStatus{}, Waiting: []wire.Waiting{}, Events: c.Events,
	}
	if d.Status.Message == "" {
		d.Status.Message = lifecycle.DescribeSlotWait(c)
	}
	if c.Submission != nil {
		r := state.ShownRestore(c.Submission.Restore)
		d.Status.Job, d.Status.Restore = c.Job, &r
	}
	if n, ok := lifecycle.WouldRestore(s, c); ok {
		d.Status.NextRestore = &n
	}
	if ch := c.Rollout; ch != nil {
		d.Status.Generation = ch.Generation
		d.Status.Change = &wire.Change{
			Generation: ch.Generation, Suspend: ch.Spec.Suspended, Since: ch.Since, Stopped: !ch.Stopped.IsZero(),
			Savepoints: append([]wire.Savepoint{}, ch.Savepoints...),
		}
	}
	d.Status.Rollback = rollbackOf(s, c)
	for _, l := range c.LostPods {
		d.Status.Recovering = append(d.Status.Recovering, wire.Recovering(l))
	}
	if d.Events == nil {
		d.Events = []wire.Event{}
	}
	if n := len(c.Phases); n > 0 && c.Active() {
		d.Status.Phase = c.Phases[n-1].Phase
	}
	s.Tasks.Root().WalkPrefix([]byte(c.Prefix()), func(_ []byte, t *task.Task) bool {
		if t.Generation < c.ReplacedGeneration && t.Generation < d.Status.ObservedGeneration && t.Goal == task.Launched {
			d.Status.ObservedGeneration = t.Generation
		}
		d.Tasks = append(d.Tasks, taskStatus(c, t))
		return false
	})
	d.Waiting = append(d.Waiting, waitingOf(s, c)...)
	s.Reservations.Root().WalkPrefix([]byte(c.Prefix()), func(_ []byte, r *state.Reservation) bool {
		d.Reservations = append(d.Reservations, r.Reservation)
		return false
	})
	return d, true
}

// rollbackOf says how the last change of a cluster fares, when it is watched.
func rollbackOf(s *state.State, c *state.Cluster) *wire.Rollback {
	list := s.RevisionsOf(c.Spec.Name)
	r := revision.Current(list, c)
	switch asked := revision.Asked(list, r); {
	case r == nil:
		return nil
	case asked != nil:
		v := wire.Rollback{State: wire.RollbackRolling, Revision: asked.Number, To: r.Of, Reason: asked.Message, Since: r.Created, Changes: r.Changes}
		switch {
		case r.Trial != nil && r.Trial.Held != "":
			v.State, v.Reason = wire.RollbackHeld, r.Trial.Held
		case r.Trial == nil:
			v.State = wire.RollbackDone
		}
		return &v
	case r.Trial == nil:
		return nil
	}
	v := wire.Rollback{State: wire.RollbackWatching, Revision: r.Number, To: r.Trial.Target, Reason: r.Trial.Held, Since: r.Created}
	if r.Trial.Held != "" {
		v.State = wire.RollbackHeld
	}
	return &v
}

func taskStatus(c *state.Cluster, t *task.Task) wire.TaskStatus {
	v := wire.TaskStatus{
		ID: t.ID, Pod: t.Pod, Kind: t.Kind, Goal: t.Goal, State: t.State, AgentID: t.AgentID, Hostname: t.Hostname, Ports: t.Ports, Reservation: t.Reservation,
		Address: t.Address, CPUs: t.Resources.CPUs, Memory: t.Resources.Memory, Launched: t.Launched, Changed: t.Changed,
		Reason: t.Reason, Message: t.Message, Sandbox: t.Sandbox,
	}
	if t.Kind == spec.TaskManagerTask {
		v.Slots = c.Spec.TaskManager.Slots
		if t.Worker != nil {
			v.Slots = t.Worker.Slots
		}
	}
	return v
}

// waitingOf lists the tasks without a place, with the reasons.
func waitingOf(s *state.State, c *state.Cluster) []wire.Waiting {
	var out []wire.Waiting
	reasons := make(map[string]string)
	it := c.Pending.Root().Iterator()
	for _, w, ok := it.Next(); ok; _, w, ok = it.Next() {
		b := *c.BackoffOf(w.Role)
		v := wire.Waiting{ID: w.ID, Pod: w.Pod, Kind: w.Role, Since: w.Since}
		key := string(w.Role) + " " + w.Need.String()
		if _, ok := reasons[key]; !ok {
			reasons[key] = offers.Explain(s, c, w.Role, w.Need)
		}
		v.Reason = reasons[key]
		if w.Role == spec.TaskManagerTask && len(c.JobManagers) == 0 {
			v.Reason = "waiting for its JobManager to be placed"
		} else if w.Role == spec.TaskManagerTask && s.AwaitsAddress(c) {
			v.Reason = "the address of its JobManager is not known yet"
		}
		if c.Paused {
			v.Reason = "task launches are paused until the plan is resumed"
		}
		if b.Failures > 1 {
			v.NotBefore = b.Until
			v.Reason += "; " + b.Describe()
		}
		out = append(out, v)
	}
	return out
}

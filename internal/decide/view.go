package decide

import (
	"slices"

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
}

// Service describes the state as a whole.
func Service(s *State) ServiceView {
	v := ServiceView{
		FrameworkID: s.Framework.ID, Master: s.Master, Connected: s.Connected, Suppressed: s.Suppressed,
		Reconciling: s.reconcile.open.Len(), Clusters: s.clusters.Len(), Tasks: s.tasks.Len(), Agents: s.agents.Len(), Reservations: s.reservations.Len(),
	}
	it := s.clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		v.Waiting += c.waiting.Len()
	}
	return v
}

// Outcomes returns what became of the last offers, the newest last.
func Outcomes(s *State) []Outcome { return s.outcomes }

// Spec returns the spec of a cluster that was asked for last, secrets and all.
func Spec(s *State, name string) (spec.Spec, bool) {
	c, ok := s.clusters.Get([]byte(name))
	if !ok {
		return spec.Spec{}, false
	}
	return c.pending(), true
}

// RunningSpec returns the spec that the tasks of a cluster are started from, secrets and all. It differs from Spec while
// a change waits for jobs to be stopped.
func RunningSpec(s *State, name string) (spec.Spec, bool) {
	c, ok := s.clusters.Get([]byte(name))
	if !ok {
		return spec.Spec{}, false
	}
	return c.started(), true
}

// Nonce returns what the ids of a cluster's tasks have in common beside its name.
func Nonce(s *State, name string) string {
	if c, ok := s.clusters.Get([]byte(name)); ok {
		return c.Nonce
	}
	return ""
}

// Names lists the clusters in order.
func Names(s *State) []string {
	var names []string
	it := s.clusters.Root().Iterator()
	for name, _, ok := it.Next(); ok; name, _, ok = it.Next() {
		names = append(names, string(name))
	}
	return names
}

// Summaries lists the clusters in the order of their names.
func Summaries(s *State) []wire.Summary {
	out := []wire.Summary{}
	it := s.clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		sum := wire.Summary{
			Name: c.Spec.Name, Kind: c.Spec.Kind, State: c.State, FlinkVersion: c.Spec.FlinkVersion,
			TaskManagers: c.running, Wanted: c.taskManagers + c.waiting.Len() - c.waitingJobManagers, Created: c.Created,
		}
		if n := len(c.phases); n > 0 && c.active() {
			sum.Phase = c.phases[n-1].Phase
		}
		if c.flink != nil {
			sum.SlotsTotal, sum.SlotsFree, sum.JobsRunning = c.flink.SlotsTotal, c.flink.SlotsAvailable, c.flink.JobsRunning
		}
		if c.waiting.Len() > 0 {
			sum.Waiting = s.waitingOf(c)[0].Reason
		}
		out = append(out, sum)
	}
	return out
}

// JobManagerOf returns the JobManager of a cluster to which requests are sent.
func JobManagerOf(s *State, name string) (task.Task, bool) {
	c, ok := s.clusters.Get([]byte(name))
	if !ok {
		return task.Task{}, false
	}
	for _, id := range slices.Backward(c.jobManagers) {
		if t, ok := s.tasks.Get([]byte(id)); ok && t.Goal == task.Launched && t.State == task.Running {
			return *t, true
		}
	}
	return task.Task{}, false
}

// TaskOf returns a task of a cluster.
func TaskOf(s *State, name, id string) (task.Task, bool) {
	t, ok := s.tasks.Get([]byte(id))
	if !ok || t.Cluster != name {
		return task.Task{}, false
	}
	return *t, true
}

// PlaceOf returns where a task of a cluster runs or, for one of the last that failed, ran.
func PlaceOf(s *State, name, id string) (task.Task, bool) {
	if t, ok := TaskOf(s, name, id); ok {
		return t, true
	}
	c, ok := s.clusters.Get([]byte(name))
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
func Describe(s *State, name string) (wire.Description, bool) {
	c, ok := s.clusters.Get([]byte(name))
	if !ok {
		return wire.Description{}, false
	}
	d := wire.Description{
		Name: c.Spec.Name, Kind: c.Spec.Kind, Spec: c.pending(),
		Status: wire.Status{
			State: c.State, Message: c.Message, Generation: c.Generation, ObservedGeneration: c.Generation, Created: c.Created,
			Phases: c.phases, Flink: c.flink, Result: c.Result, Restarts: c.Restarts, Failures: c.Failures, Paused: c.Paused,
			ChangeFailure: c.ChangeFailure, Savepoints: c.Savepoints,
		},
		Tasks: []wire.TaskStatus{}, Waiting: []wire.Waiting{}, Events: c.notes,
	}
	if ch := c.Change; ch != nil {
		d.Status.Generation = ch.Generation
		d.Status.Change = &wire.Change{
			Generation: ch.Generation, Suspend: ch.Spec.Suspended, Since: ch.Since, Stopped: !ch.Stopped.IsZero(),
			Savepoints: append([]wire.Savepoint{}, ch.Savepoints...),
		}
	}
	if d.Events == nil {
		d.Events = []wire.Note{}
	}
	if n := len(c.phases); n > 0 && c.active() {
		d.Status.Phase = c.phases[n-1].Phase
	}
	s.tasks.Root().WalkPrefix([]byte(c.prefix()), func(_ []byte, t *task.Task) bool {
		if t.Generation < d.Status.ObservedGeneration && t.Goal == task.Launched {
			d.Status.ObservedGeneration = t.Generation
		}
		d.Tasks = append(d.Tasks, taskStatus(c, t))
		return false
	})
	d.Waiting = append(d.Waiting, s.waitingOf(c)...)
	s.reservations.Root().WalkPrefix([]byte(c.prefix()), func(_ []byte, r *reservation) bool {
		d.Reservations = append(d.Reservations, r.Reservation)
		return false
	})
	return d, true
}

func taskStatus(c *Cluster, t *task.Task) wire.TaskStatus {
	v := wire.TaskStatus{
		ID: t.ID, Kind: t.Kind, Goal: t.Goal, State: t.State, AgentID: t.AgentID, Hostname: t.Hostname, Ports: t.Ports, Reservation: t.Reservation,
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
func (s *State) waitingOf(c *Cluster) []wire.Waiting {
	var out []wire.Waiting
	reasons := make(map[string]string)
	it := c.waiting.Root().Iterator()
	for _, w, ok := it.Next(); ok; _, w, ok = it.Next() {
		b := *c.brakeOf(w.role)
		v := wire.Waiting{ID: w.id, Kind: w.role, Since: w.since}
		key := string(w.role) + " " + w.need.String()
		if _, ok := reasons[key]; !ok {
			reasons[key] = s.explain(c, w.role, w.need)
		}
		v.Reason = reasons[key]
		if w.role == spec.TaskManagerTask && len(c.jobManagers) == 0 {
			v.Reason = "its JobManager has no place yet"
		} else if w.role == spec.TaskManagerTask && s.awaitsAddress(c) {
			v.Reason = "the address of its JobManager is not known yet"
		}
		if c.Paused {
			v.Reason = "starts are paused: dcos flink plan resume, or POST /v1/plans/deploy/continue, lets them go on"
		}
		if b.failures > 1 {
			v.NotBefore = b.until
			v.Reason += "; " + b.lastWords()
		}
		out = append(out, v)
	}
	return out
}

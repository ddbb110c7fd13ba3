package sdk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// each calls do for each cluster in the order of their names.
func each(s *state.State, do func(wire.Description)) {
	for _, name := range view.Names(s) {
		if d, ok := view.Describe(s, name); ok {
			do(d)
		}
	}
}

// active says that a cluster is meant to run.
func active(d wire.Description) bool {
	switch d.Status.State {
	case wire.Created, wire.Upgrading, wire.Deployed, wire.Stable:
		return true
	case wire.Suspended, wire.Finished, wire.Failed, wire.Deleting:
	}
	return false
}

// DeployPlan is the plan deploy. Errors are why something that was to be deployed is not there.
func DeployPlan(s *state.State, errors []string) Plan {
	p := Plan{Phases: []Phase{}, Errors: append([]string{}, errors...), Strategy: "parallel", Paused: view.Service(s).Paused}
	each(s, func(d wire.Description) {
		if d.Status.State != wire.Deleting {
			p.Phases = append(p.Phases, deployPhase(d))
		}
	})
	p.finish()
	return p
}

// deployPhase is the phase of a cluster: a step for each pod that is wanted. A cluster that failed, or that is suspended,
// holds up nothing but its own phase.
func deployPhase(d wire.Description) Phase {
	p := Phase{ID: id(d.Name), Name: d.Name, Steps: []Step{}, Strategy: "parallel", Paused: d.Status.Paused}
	for _, pod := range podsOf(d) {
		if status, message := pod.status(d); status != "" {
			p.add(pod.name, status, message)
			p.Steps[len(p.Steps)-1].task = pod.current.ID
		}
	}
	switch d.Status.State {
	case wire.Failed:
		p.add("job", Error, firstLine(d.Status.Message))
		p.Status, p.apart = Error, true
		return p
	case wire.Suspended:
		p.Status, p.apart = Waiting, true
		return p
	case wire.Created, wire.Upgrading, wire.Deployed, wire.Stable, wire.Finished, wire.Deleting:
	}
	if active(d) && len(p.Steps) == 0 { // Its JobManager is about to be wanted again.
		p.add(task.PodName(d.Name, spec.JobManagerTask, 0), Pending, "")
	}
	p.finish()
	return p
}

// firstLine is what a person needs of a message that may be followed by a stack trace.
func firstLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(text)
}

// pod is a pod of a cluster with its tasks.
type pod struct {
	name string
	kind spec.TaskKind
	// current is the task that is to stay, ending the one that it follows, and waiting the one that has no agent yet:
	// each may be the zero value.
	current, ending wire.TaskStatus
	waiting         wire.Waiting
	// lost says that it is being replaced after a failure or on request.
	lost bool
	// registered says that Flink knows the current task.
	registered bool
}

// podsOf lists the pods of a cluster: JobManagers first, in the order of their numbers.
func podsOf(d wire.Description) []pod {
	var pods []pod
	at := func(name string, kind spec.TaskKind) *pod {
		i := slices.IndexFunc(pods, func(p pod) bool { return p.name == name })
		if i < 0 {
			i = len(pods)
			pods = append(pods, pod{name: name, kind: kind})
		}
		return &pods[i]
	}
	for _, t := range d.Tasks {
		if p := at(t.Pod, t.Kind); t.Goal == task.Launched {
			p.current = t
		} else {
			p.ending = t
		}
	}
	for _, w := range d.Waiting {
		at(w.Pod, w.Kind).waiting = w
	}
	for i := range pods {
		pods[i].lost = slices.ContainsFunc(d.Status.Recovering, func(r wire.Recovering) bool { return r.Pod == pods[i].name })
	}
	slices.SortStableFunc(pods, func(a, b pod) int {
		// Of two names of a kind the longer one has the higher number.
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	register(d, pods)
	return pods
}

// register marks the pods that Flink answers for. Of TaskManagers it tells only how many there are: the ones that were
// launched first.
func register(d wire.Description, pods []pod) {
	f := d.Status.Flink
	if f == nil {
		return
	}
	var workers []*pod
	for i := range pods {
		p := &pods[i]
		if p.current.State != task.Running {
			continue
		}
		if p.kind == spec.JobManagerTask {
			p.registered = d.Kind == spec.Session || d.Status.State == wire.Stable || d.Status.Job != nil && d.Status.Job.Running
			continue
		}
		workers = append(workers, p)
	}
	slices.SortStableFunc(workers, func(a, b *pod) int { return a.current.Launched.Compare(b.current.Launched) })
	for _, p := range workers[:min(f.TaskManagers, len(workers))] {
		p.registered = true
	}
}

// status is that of the step of a pod, with what it waits for. It is empty for one that is not wanted any more.
func (p pod) status(d wire.Description) (Status, string) {
	t := p.current
	switch {
	case t.State == task.Running && p.registered:
		return Complete, "task " + t.ID + " is running on " + t.Hostname
	case t.State == task.Running:
		return Started, "task " + t.ID + " is running on " + t.Hostname + ", waiting for Flink"
	case t.ID != "":
		return Starting, firstLine("task " + t.ID + " is TASK_" + string(t.State) + " on " + t.Hostname + " " + t.Message)
	case p.waiting.ID != "" && p.ending.ID == "":
		return Pending, p.waiting.Reason
	case p.ending.ID != "" && active(d) && (p.waiting.ID != "" || p.lost || p.kind == spec.JobManagerTask):
		return Prepared, "task " + p.ending.ID + " on " + p.ending.Hostname + " is being replaced"
	}
	return "", ""
}

// lostFor is how long a pod stays in the plan recovery that Flink asks no new worker for.
const lostFor = time.Minute

// RecoveryPlan is the plan recovery: a phase for each cluster with pods that are being replaced after a failure or on request.
func RecoveryPlan(s *state.State, now time.Time) Plan {
	plan := Plan{Phases: []Phase{}, Errors: []string{}, Strategy: "parallel", Paused: view.Service(s).Paused}
	each(s, func(d wire.Description) {
		if !active(d) || len(d.Status.Recovering) == 0 {
			return
		}
		p := Phase{ID: id(Recovery, d.Name), Name: d.Name, Steps: []Step{}, Strategy: "parallel", Paused: d.Status.Paused}
		pods := podsOf(d)
		for _, r := range d.Status.Recovering {
			i := slices.IndexFunc(pods, func(p pod) bool { return p.name == r.Pod })
			if i < 0 {
				if now.Sub(r.Since) < lostFor {
					p.add(r.Pod, Pending, "waiting for Flink to request a TaskManager")
				}
				continue
			}
			if status, message := pods[i].status(d); status != "" {
				p.add(r.Pod, status, message)
			}
		}
		if len(p.Steps) > 0 {
			p.finish()
			plan.Phases = append(plan.Phases, p)
		}
	})
	plan.finish()
	return plan
}

// DecommissionPlan is the plan decommission: a phase for each cluster with pods that are being removed, or that is being
// deleted itself.
func DecommissionPlan(s *state.State) Plan {
	plan := Plan{Phases: []Phase{}, Errors: []string{}, Strategy: "parallel"}
	each(s, func(d wire.Description) {
		p := Phase{ID: id(Decommission, d.Name), Name: d.Name, Steps: []Step{}, Strategy: "parallel"}
		for _, pod := range podsOf(d) {
			if status, _ := pod.status(d); status == "" && pod.ending.ID != "" {
				p.add(pod.name, Starting, "task "+pod.ending.ID+" on "+pod.ending.Hostname+" is being stopped")
			}
		}
		if d.Status.State == wire.Deleting && len(p.Steps) == 0 {
			p.add("remove", Starting, "the cluster is being deleted")
		}
		if len(p.Steps) > 0 {
			p.finish()
			plan.Phases = append(plan.Phases, p)
		}
	})
	plan.finish()
	return plan
}

// UninstallPlan is the plan deploy while the service is removed. Removed says that its stored state is gone.
func UninstallPlan(u view.Uninstall, removed bool) Plan {
	plan := Plan{Phases: []Phase{}, Errors: []string{}, Strategy: "serial"}
	before := true // Whether every phase before is complete.
	phase := func(name string, done bool, message string) {
		status := Pending
		switch {
		case done:
			status = Complete
		case before:
			status = InProgress
		}
		before = before && done
		p := Phase{ID: id("uninstall", name), Name: name, Strategy: "serial", Status: status}
		step := status
		if step == InProgress {
			step = Starting
		}
		p.add(name, step, message)
		plan.Phases = append(plan.Phases, p)
	}
	phase("delete-clusters", u.Clusters == 0, fmt.Sprintf("%d left", u.Clusters))
	phase("kill-tasks", u.Clusters == 0 && u.Tasks == 0, fmt.Sprintf("%d left", u.Tasks))
	phase("deregister-service", u.Done(), "the framework is torn down once no task is left")
	phase("remove-state", u.Done() && removed, "what is stored is removed last")
	plan.finish()
	return plan
}

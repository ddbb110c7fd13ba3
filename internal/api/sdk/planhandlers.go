package sdk

import (
	"net/http"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// plan returns a plan as it is now.
func (a *API) plan(name string) (Plan, error) {
	vw := a.o.View()
	switch name {
	case Deploy:
		if u := view.Uninstalling(vw); u.Asked {
			return UninstallPlan(u, a.o.Removed()), nil
		}
		var errors []string
		for _, p := range a.o.Problems() {
			if p.Option == "INITIAL_CLUSTER" { // What was to be deployed is not there.
				errors = append(errors, p.String())
			}
		}
		return DeployPlan(vw, errors), nil
	case Recovery:
		return RecoveryPlan(vw, time.Now()), nil
	case Decommission:
		return DecommissionPlan(vw), nil
	}
	return Plan{}, fault.New(fault.NotFound, "unknown plan %q; the plans are deploy, recovery and decommission", query.Shorten(name))
}

// ListPlans answers the names of the plans.
func (a *API) ListPlans(w http.ResponseWriter, _ *http.Request) error {
	return a.o.Answer(w, http.StatusOK, Plans())
}

// DescribePlan answers 200 for a complete plan, 202 for one under way, and 417 for one with errors, as the SDK does:
// Cosmos looks at nothing but the status.
func (a *API) DescribePlan(w http.ResponseWriter, r *http.Request) error {
	p, err := a.plan(r.PathValue("plan"))
	if err != nil {
		return err
	}
	switch {
	case len(p.Errors) > 0:
		return a.o.Answer(w, http.StatusExpectationFailed, p)
	case p.Status == Complete:
		return a.o.Answer(w, http.StatusOK, p)
	}
	return a.o.Answer(w, http.StatusAccepted, p)
}

// CommandPlan takes a command on a plan: restart replaces the tasks of all phases, of one, or the one of a step; interrupt
// and continue pause and resume the task launches of a cluster, or of all; stop and start are the same for a whole plan,
// which is under way for as long as the service runs. What changes nothing is answered with 208.
func (a *API) CommandPlan(w http.ResponseWriter, r *http.Request) error {
	name, command := r.PathValue("plan"), r.PathValue("command")
	p, err := a.plan(name)
	if err != nil {
		return err
	}
	changed := false
	switch {
	case !slices.Contains([]string{"start", "stop", "restart", "interrupt", "continue", "forceComplete"}, command):
		return fault.New(fault.NotFound, "unknown plan command %q: use start, stop, restart, interrupt or continue", query.Shorten(command))
	case command == "forceComplete":
		err = forceComplete(p, r) // Without an error there is nothing to change.
	case name != Deploy && (command == "start" || command == "continue"):
		// It is under way by itself whenever there is something to do.
	case name != Deploy:
		return fault.New(fault.Conflict, "%s is not possible: the plan %s follows what happens; use the plan deploy to pause task launches or to replace tasks", command, name)
	case command == "restart":
		changed, err = true, a.restartPlan(r, p)
	default:
		changed, err = a.pausePlan(r, p, command == "interrupt" || command == "stop")
	}
	if err != nil {
		return err
	}
	if !changed {
		return a.o.Answer(w, http.StatusAlreadyReported, map[string]string{"message": "Command has already been received or completed: " + command})
	}
	return a.o.Answer(w, http.StatusOK, map[string]string{"message": "Received cmd: " + command})
}

// selected finds the phase and the step that a command names; without one the zero value.
func selected(p Plan, r *http.Request) (phase Phase, step Step, task string, err error) {
	name, stepName := r.URL.Query().Get("phase"), r.URL.Query().Get("step")
	if name == "" && stepName != "" {
		return phase, step, "", query.Invalid("phase", "is missing: name the cluster of the step, or its id in the plan")
	}
	if name == "" {
		return phase, step, "", nil
	}
	phase, ok := p.Find(name)
	if !ok {
		return phase, step, "", fault.New(fault.NotFound, "the plan has no phase %q", query.Shorten(name))
	}
	if stepName == "" {
		return phase, step, "", nil
	}
	if step, task, ok = phase.Find(stepName); !ok {
		return phase, step, "", fault.New(fault.NotFound, "phase %s has no step %q", phase.Name, query.Shorten(stepName))
	}
	return phase, step, task, nil
}

// forceComplete refuses: a step is a task of Flink, which runs or does not. Only for what is complete nothing is to be done.
func forceComplete(p Plan, r *http.Request) error {
	phase, step, _, err := selected(p, r)
	if err != nil {
		return err
	}
	status := p.Status
	switch {
	case step.ID != "":
		status = step.Status
	case phase.ID != "":
		status = phase.Status
	}
	if status == Complete {
		return nil
	}
	return fault.New(fault.Conflict,
		"forceComplete is not possible: a step completes only when its task is running; to drop a task, change the spec")
}

// restartPlan replaces the task of a step, the tasks of a phase, or those of all phases that have some.
func (a *API) restartPlan(r *http.Request, p Plan) error {
	phase, step, task, err := selected(p, r)
	switch {
	case err != nil:
		return err
	case step.ID != "" && task == "":
		return fault.New(fault.Conflict, "step %s has no task to replace: %s", step.Name, step.Message)
	case step.ID != "":
		return a.o.RestartTask(r.Context(), phase.Name, task, false)
	case phase.ID != "":
		return a.o.Restart(r.Context(), phase.Name)
	}
	for _, phase := range p.Phases {
		if phase.Status == Error || len(phase.Steps) == 0 {
			continue // It has ended, or is suspended.
		}
		if err := a.o.Restart(r.Context(), phase.Name); err != nil {
			return err
		}
	}
	return nil
}

// pausePlan pauses or resumes the task launches of a phase, or of all and of those to come.
func (a *API) pausePlan(r *http.Request, p Plan, paused bool) (changed bool, err error) {
	phase, step, _, err := selected(p, r)
	switch {
	case err != nil:
		return false, err
	case step.ID != "":
		return false, query.Invalid("step", "a single step cannot be paused: name only its phase, or no phase for the whole plan")
	case phase.ID != "":
		changed = phase.Paused != paused
	default:
		changed = p.Paused != paused || slices.ContainsFunc(p.Phases, func(ph Phase) bool { return ph.Paused != paused })
	}
	if !changed {
		return false, nil
	}
	return true, a.o.Write(r.Context(), func(request uint64) state.Event {
		return state.PauseLaunches{Request: request, Cluster: phase.Name, Paused: paused}
	})
}

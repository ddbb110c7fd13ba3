package api

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// The plans, as the tools of DC/OS SDK services and Cosmos read them. There is one, deploy: a phase for each cluster,
// with a step for each of its tasks; and while the service is uninstalled, the steps of that.

// deployPlan is the name of the one plan.
const deployPlan = "deploy"

// planStatus is how far an element of a plan is, in the words of the SDK.
type planStatus string

// The statuses. Steps are never IN_PROGRESS; phases of suspended clusters, and of those whose starts are paused, are WAITING.
const (
	planError      planStatus = "ERROR"
	planWaiting    planStatus = "WAITING"
	planPending    planStatus = "PENDING"
	planStarting   planStatus = "STARTING"
	planInProgress planStatus = "IN_PROGRESS"
	planComplete   planStatus = "COMPLETE"
)

// planInfo is a plan.
type planInfo struct {
	Phases   []planPhase `json:"phases"`
	Errors   []string    `json:"errors"`
	Strategy string      `json:"strategy"`
	Status   planStatus  `json:"status"`
}

// planPhase is a part of a plan.
type planPhase struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Steps    []planStep `json:"steps"`
	Strategy string     `json:"strategy"`
	Status   planStatus `json:"status"`
}

// planStep is the smallest part of a plan.
type planStep struct {
	ID      string     `json:"id"`
	Status  planStatus `json:"status"`
	Name    string     `json:"name"`
	Message string     `json:"message"`
}

// planID makes the id of an element out of what names it. It has the form of a UUID, and stays the same.
func planID(names ...string) string {
	h := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // Version 8 and the variant of RFC 9562.
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// together is the status of what has parts.
func together(parts []planStatus) planStatus {
	same := func(s planStatus) bool {
		return !slices.ContainsFunc(parts, func(p planStatus) bool { return p != s })
	}
	switch {
	case slices.Contains(parts, planError):
		return planError
	case same(planComplete):
		return planComplete
	case same(planPending):
		return planPending
	case slices.Contains(parts, planStarting):
		return planStarting
	case same(planWaiting):
		return planWaiting
	}
	return planInProgress
}

func (p *planPhase) add(name string, status planStatus, message string) {
	p.Steps = append(p.Steps, planStep{ID: planID(p.Name, name), Name: name, Status: status, Message: message})
}

// finish works out the status of a phase from its steps.
func (p *planPhase) finish() {
	var parts []planStatus
	for _, s := range p.Steps {
		parts = append(parts, s.Status)
	}
	p.Status = together(parts)
}

// plan returns the plan as it is now.
func (a *API) plan() planInfo {
	vw := a.o.Core.View()
	info := planInfo{Phases: []planPhase{}, Errors: []string{}, Strategy: "parallel"}
	if u := view.Uninstalling(vw); u.Asked {
		info.Strategy = "serial"
		info.Phases = uninstallPhases(u, a.o.Removed())
	} else {
		for _, name := range view.Names(vw) {
			if d, ok := view.Describe(vw, name); ok {
				info.Phases = append(info.Phases, clusterPhase(d))
				if d.Status.State == wire.Failed {
					info.Errors = append(info.Errors, name+": "+d.Status.Message)
				}
			}
		}
	}
	var parts []planStatus
	for _, p := range info.Phases {
		parts = append(parts, p.Status)
	}
	info.Status = together(parts)
	for _, p := range a.o.Problems() {
		info.Errors = append(info.Errors, p.String())
		if p.Option == "INITIAL_CLUSTER" {
			info.Status = planError // What was to be deployed is not there.
		}
	}
	return info
}

// clusterPhase is the phase of a cluster: a step for each task that is wanted.
func clusterPhase(d wire.Description) planPhase {
	p := planPhase{ID: planID(d.Name), Name: d.Name, Steps: []planStep{}, Strategy: "parallel"}
	for _, t := range d.Tasks {
		if t.Goal != task.Launched {
			continue
		}
		if t.State == task.Running {
			p.add(t.ID, planComplete, "runs on "+t.Hostname)
		} else {
			p.add(t.ID, planStarting, strings.TrimSpace("TASK_"+string(t.State)+" on "+t.Hostname+" "+t.Message))
		}
	}
	for _, w := range d.Waiting {
		p.add(w.ID, planPending, w.Reason)
	}
	p.finish()
	if d.Status.Paused && p.Status != planComplete {
		p.Status = planWaiting
	}
	switch d.Status.State {
	case wire.Failed:
		p.Status = planError
	case wire.Suspended:
		p.Status = planWaiting
	case wire.Deleting:
		p.Status = planInProgress
	case wire.Created, wire.Deployed, wire.Stable, wire.Finished:
	}
	return p
}

// uninstallPhases are those of the removal of the service, each of one step.
func uninstallPhases(u view.Uninstall, removed bool) []planPhase {
	var phases []planPhase
	before := true // Whether every phase before is complete.
	phase := func(name string, done bool, message string) {
		status := planPending
		switch {
		case done:
			status = planComplete
		case before:
			status = planInProgress
		}
		before = before && done
		p := planPhase{ID: planID("uninstall", name), Name: name, Strategy: "serial", Status: status}
		step := status
		if step == planInProgress {
			step = planStarting
		}
		p.add(name, step, message)
		phases = append(phases, p)
	}
	phase("delete-clusters", u.Clusters == 0, fmt.Sprintf("%d left", u.Clusters))
	phase("kill-tasks", u.Clusters == 0 && u.Tasks == 0, fmt.Sprintf("%d left", u.Tasks))
	phase("deregister-service", u.Done(), "the framework is torn down once no task is left")
	phase("remove-state", u.Done() && removed, "what is stored is removed last")
	return phases
}

func (a *API) listPlans(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, []string{deployPlan})
}

// describePlan answers 200 for a complete plan, 202 for one under way, and 417 for one with errors, as the SDK does:
// Cosmos looks at nothing but the status.
func (a *API) describePlan(w http.ResponseWriter, r *http.Request) error {
	if err := isPlan(r.PathValue("plan")); err != nil {
		return err
	}
	info := a.plan()
	switch {
	case len(info.Errors) > 0:
		return answer(w, http.StatusExpectationFailed, info)
	case info.Status == planComplete:
		return answer(w, http.StatusOK, info)
	}
	return answer(w, http.StatusAccepted, info)
}

func isPlan(name string) error {
	if name != deployPlan {
		return fault.New(fault.NotFound, "unknown plan %q; the only plan is %s", query.Shorten(name), deployPlan)
	}
	return nil
}

// whyNot says why a command that plans of SDK services know is refused here.
var whyNot = map[string]string{
	"start":         "the plan always runs: what a spec asks for is brought about without being started",
	"stop":          "the plan cannot be stopped; delete the cluster, or change its spec",
	"forceComplete": "a step completes only when its task is running; to drop a task, change the spec",
}

// commandPlan takes a command on the plan: restart replaces the tasks of a phase, or the one of a step; interrupt and
// continue hold back the starts of a phase, or of all, and let them go on.
func (a *API) commandPlan(w http.ResponseWriter, r *http.Request) error {
	if err := isPlan(r.PathValue("plan")); err != nil {
		return err
	}
	command := r.PathValue("command")
	if why, ok := whyNot[command]; ok {
		return fault.New(fault.Conflict, "%s is not possible: %s", command, why)
	}
	phase, step := r.URL.Query().Get("phase"), r.URL.Query().Get("step")
	switch command {
	case "restart":
	case "interrupt", "continue":
		if err := a.pause(r, phase, step, command == "interrupt"); err != nil {
			return err
		}
		return answer(w, http.StatusOK, map[string]string{"message": "Received cmd: " + command})
	default:
		return fault.New(fault.NotFound, "unknown plan command %q: use restart, interrupt or continue", query.Shorten(command))
	}
	if phase == "" {
		return query.Invalid("phase", "is missing: name the cluster to restart, or its id in the plan")
	}
	name, task, err := a.find(phase, step)
	if err != nil {
		return err
	}
	if task != "" {
		err = a.restartOne(r.Context(), name, task, false)
	} else {
		err = a.restart(r.Context(), name)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]string{"message": "Received cmd: " + command})
}

// pause holds back the starts of a phase, or of all, or lets them go on.
func (a *API) pause(r *http.Request, phase, step string, paused bool) error {
	name := ""
	if step != "" {
		return query.Invalid("step", "a single step cannot be paused: name only its phase, or no phase for the whole plan")
	}
	if phase != "" {
		var err error
		if name, _, err = a.find(phase, ""); err != nil {
			return err
		}
	}
	return a.write(r.Context(), func(request uint64) state.Event {
		return state.PauseLaunches{Request: request, Cluster: name, Paused: paused}
	})
}

// find looks for a phase and a step by name or by id. Task is empty without a step.
func (a *API) find(phase, step string) (name, task string, err error) {
	for _, p := range a.plan().Phases {
		if p.Name != phase && p.ID != phase {
			continue
		}
		if step == "" {
			return p.Name, "", nil
		}
		for _, s := range p.Steps {
			if s.Name == step || s.ID == step {
				return p.Name, s.Name, nil
			}
		}
		return "", "", fault.New(fault.NotFound, "phase %s has no step %q", p.Name, query.Shorten(step))
	}
	return "", "", fault.New(fault.NotFound, "the plan has no phase %q", query.Shorten(phase))
}

package sdk

import (
	"slices"
)

// The names of the plans. Deploy has a phase for each cluster with a step for each of its pods, and the phases of the
// uninstallation while that runs; recovery has the pods that are being replaced after a failure or on request;
// decommission has those that are being removed.
const (
	Deploy       = "deploy"
	Recovery     = "recovery"
	Decommission = "decommission"
)

// Plans lists the names of the plans.
func Plans() []string { return []string{Deploy, Recovery, Decommission} }

// Status is how far an element of a plan is, in the words of the SDK.
type Status string

// The statuses. A step is PENDING until it has an agent, PREPARED while the task that it replaces is ending, STARTING
// until its task runs and STARTED until Flink answers for it. WAITING is what is paused.
const (
	Error      Status = "ERROR"
	Waiting    Status = "WAITING"
	Pending    Status = "PENDING"
	Prepared   Status = "PREPARED"
	Starting   Status = "STARTING"
	Started    Status = "STARTED"
	InProgress Status = "IN_PROGRESS"
	Complete   Status = "COMPLETE"
)

// Plan is a plan.
type Plan struct {
	Phases   []Phase  `json:"phases"`
	Errors   []string `json:"errors"`
	Strategy string   `json:"strategy"`
	Status   Status   `json:"status"`
	// Paused says that task launches of all clusters are paused, also of those that are created later.
	Paused bool `json:"paused,omitempty"`
}

// Phase is a part of a plan.
type Phase struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Steps    []Step `json:"steps"`
	Strategy string `json:"strategy"`
	Status   Status `json:"status"`
	// Paused says that task launches of the cluster are paused.
	Paused bool `json:"paused,omitempty"`

	// apart says that the status of the plan does not depend on the phase: its cluster is not meant to run.
	apart bool
}

// Step is the smallest part of a plan.
type Step struct {
	ID      string `json:"id"`
	Status  Status `json:"status"`
	Name    string `json:"name"`
	Message string `json:"message"`

	// task is the id of the task that is to stay; empty for none.
	task string
}

// together is the status of what has parts that run in parallel.
func together(parts []Status, paused bool) Status {
	has := func(s Status) bool { return slices.Contains(parts, s) }
	some := has(Complete)
	switch {
	case has(Error):
		return Error
	case !slices.ContainsFunc(parts, func(s Status) bool { return s != Complete }):
		return Complete
	case paused:
		return Waiting
	case has(Prepared):
		return InProgress
	case has(Waiting):
		return Waiting
	case has(InProgress), some:
		return InProgress
	case has(Pending):
		return Pending
	case has(Starting):
		return Starting
	}
	return Started
}

func (p *Phase) add(name string, status Status, message string) {
	p.Steps = append(p.Steps, Step{ID: id(p.Name, name), Name: name, Status: status, Message: message})
}

// finish works out the status of a phase from its steps.
func (p *Phase) finish() {
	parts := make([]Status, len(p.Steps))
	for i, s := range p.Steps {
		parts[i] = s.Status
	}
	p.Status = together(parts, p.Paused)
}

// finish works out the status of a plan from its phases.
func (p *Plan) finish() {
	var parts []Status
	for _, phase := range p.Phases {
		if !phase.apart {
			parts = append(parts, phase.Status)
		}
	}
	p.Status = together(parts, p.Paused)
	if len(p.Errors) > 0 {
		p.Status = Error
	}
}

// Find looks for a phase by name or id.
func (p *Plan) Find(phase string) (Phase, bool) {
	for _, ph := range p.Phases {
		if ph.Name == phase || ph.ID == phase {
			return ph, true
		}
	}
	return Phase{}, false
}

// Find looks for a step by name or id, or by the id of its task. Task is the id of the task that is to stay; empty for none.
func (p *Phase) Find(step string) (found Step, task string, ok bool) {
	for _, s := range p.Steps {
		if s.Name == step || s.ID == step || s.task != "" && s.task == step {
			return s, s.task, true
		}
	}
	return Step{}, "", false
}

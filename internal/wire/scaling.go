package wire

import "time"

// Scaling is what the autoscaler has set for the jobs of a cluster. It is stored with the cluster and
// stays over changes of the spec.
type Scaling struct {
	// Number counts the steps.
	Number int64 `json:"number"`
	// Taken is when the last step of a job was decided, by Flink's id of a session's job and "" for the
	// job of an application: a step that is not later was taken already.
	Taken map[string]time.Time `json:"taken,omitempty"`
	// Overrides are the parallelism of the vertices of an application's job, by vertex id.
	Overrides map[string]int `json:"overrides,omitempty"`
	// TaskManagers is the number of TaskManagers of a static allocation in the place of the spec's; 0 for
	// that of the spec.
	TaskManagers int `json:"taskManagers,omitempty"`
	// Step is the step under way; nil for none.
	Step *ScalingStep `json:"step,omitempty"`
}

// Busy says that a step is under way.
func (s *Scaling) Busy() bool { return s != nil && s.Step != nil }

// ScalingStep is a change of the parallelism of a job that is under way.
type ScalingStep struct {
	ScalingRequest
	Stage ScalingStage `json:"stage"`
	Since time.Time    `json:"since"`
}

// ScalingStage is what a step waits for.
type ScalingStage string

// The stages of a step.
const (
	// ScalingTaskManagers: the TaskManagers that the step needs are started; static allocation only.
	ScalingTaskManagers ScalingStage = "task-managers"
	// ScalingRequirements: Flink was asked for the parallelism and rescales the job.
	ScalingRequirements ScalingStage = "requirements"
)

// ScalingRequest asks for a change of the parallelism of a job.
type ScalingRequest struct {
	// Job is Flink's id of the job, At when the step was decided.
	Job string    `json:"job"`
	At  time.Time `json:"at"`
	// Parallelism has every vertex of the job by its id, in subtasks.
	Parallelism map[string]int `json:"parallelism"`
	// TaskManagers is how many the cluster needs with it.
	TaskManagers int `json:"taskManagers"`
	// Changes are the vertices that change, for people.
	Changes []SpecChange `json:"changes,omitempty"`
}

// Package report owns the documents in which people and programs read what the autoscaler knows of
// a cluster, and the words for its reasons. It is pure.
package report

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
)

// Autoscaler is what the autoscaler knows of the jobs of a cluster.
type Autoscaler struct {
	Cluster string `json:"cluster"`
	// Enabled says that job.autoscaler.enabled is true.
	Enabled bool `json:"enabled"`
	// Acts says that recommendations are carried out (job.autoscaler.scaling.enabled).
	Acts bool `json:"acts"`
	// Interval is the time between two collections, such as 1m0s; empty while it is not enabled.
	Interval string `json:"interval,omitempty"`
	// Message says why there are no jobs; empty when there are.
	Message string `json:"message,omitempty"`
	Jobs    []Job  `json:"jobs"`
}

// Job is one running job.
type Job struct {
	// ID is Flink's id of the job.
	ID string `json:"id"`
	// At is when it was last evaluated; zero for never.
	At time.Time `json:"at,omitzero"`
	// Problem is why the last collection failed; empty when it did not.
	Problem string `json:"problem,omitempty"`
	// Ready says that the metrics window is full, so that there are recommendations.
	Ready bool `json:"ready"`
	// Acted says that the last evaluation led to a step.
	Acted bool `json:"acted,omitempty"`
	// Samples is the number of samples in the window.
	Samples int `json:"samples"`
	// Backlog says that a source has more lag than job.autoscaler.backlog-processing.lag-threshold.
	Backlog bool `json:"backlog,omitempty"`
	// Reasons are about the job as a whole; the last one says what came of the evaluation.
	Reasons []Reason `json:"reasons"`
	// Vertices are in the order of the job graph.
	Vertices []Vertex `json:"vertices"`
	// TaskManagers is the number of TaskManagers that the job's slots take now; Needed is the number
	// after the recommended step.
	TaskManagers int `json:"taskManagers,omitempty"`
	Needed       int `json:"needed,omitempty"`
	// Blocked says what keeps more TaskManagers from the agents, where a step was made smaller for that.
	Blocked []string `json:"blocked,omitempty"`
	// Memory is recommended for TaskManagers, as options of Flink; absent while nothing is known.
	Memory map[string]string `json:"memory,omitempty"`
	// LastStep is the last change that was made; absent for none.
	LastStep *Decision `json:"lastStep,omitempty"`
	// Overrides are the parallelism of vertices that the service has set, by vertex id.
	Overrides map[string]int `json:"overrides,omitempty"`
}

// Reason is why something is or is not done.
type Reason struct {
	autoscale.Reason
	// Message says it in words.
	Message string `json:"message"`
}

// Vertex is one vertex of the job graph with what was evaluated and recommended.
type Vertex struct {
	autoscale.VertexResult
	Reasons []Reason `json:"reasons"`
}

// Change is a vertex in a decision.
type Change struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// From is the parallelism at that time, Recommended what it should have been, and To what it was
	// or would have been set to where there was less room.
	From        int `json:"from"`
	Recommended int `json:"recommended"`
	To          int `json:"to"`
	// Rate is the true processing rate, Target what arrives, both in records per second.
	Rate   autoscale.Value `json:"rate,omitzero"`
	Target autoscale.Value `json:"target,omitzero"`
}

// Decision is one outcome of evaluations. Equal outcomes in a row are one decision.
type Decision struct {
	At time.Time `json:"at"`
	// Job is Flink's id of the job.
	Job string `json:"job"`
	// Acted says that the changes were made.
	Acted bool `json:"acted"`
	// Code says what came of it, Message says it in words.
	Code    autoscale.Code `json:"code"`
	Message string         `json:"message"`
	// Changes are the vertices whose parallelism should change.
	Changes []Change `json:"changes"`
}

// History are the last decisions about a cluster's jobs, the newest first.
type History struct {
	Cluster   string     `json:"cluster"`
	Decisions []Decision `json:"decisions"`
}

// ReplayRequest asks what other options would have decided.
type ReplayRequest struct {
	// Options are options of the autoscaler with their names in flinkConfiguration; those that are
	// not named stay as they are.
	Options map[string]string `json:"options"`
	// Job is Flink's id of the job; needed for a session with several jobs.
	Job string `json:"job,omitempty"`
}

// Replay is the answer to a ReplayRequest.
type Replay struct {
	Cluster string `json:"cluster"`
	Job     string `json:"job"`
	// From and To bound the recorded metrics, Collections counts them.
	From        time.Time `json:"from,omitzero"`
	To          time.Time `json:"to,omitzero"`
	Collections int       `json:"collections"`
	// Differences are the decisions that would have been others, oldest first.
	Differences []Difference `json:"differences"`
}

// Difference is a decision that would have been another one.
type Difference struct {
	autoscale.Difference
	// Name is that of the vertex.
	Name          string   `json:"name,omitempty"`
	ReasonsBefore []Reason `json:"reasonsBefore,omitempty"`
	ReasonsAfter  []Reason `json:"reasonsAfter,omitempty"`
}

package wire

import "time"

// JobRecovery is how the jobs of a cluster got over the loss of a task, or over a failure of their own.
type JobRecovery struct {
	// Began is when the loss was known, Seconds the time from then until the jobs ran again with all of their
	// subtasks.
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`
	// Cause is what was lost.
	Cause string `json:"cause"`
}

// Health is what a cluster's health check did.
type Health struct {
	// Restarts counts the restarts in a row; it begins anew when the job has run well for ten minutes.
	Restarts int `json:"restarts"`
	// Last is when it last restarted the job.
	Last time.Time `json:"last"`
	// Reason is why.
	Reason string `json:"reason"`
}

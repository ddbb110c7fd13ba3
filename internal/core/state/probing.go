package state

import "time"

// Probing is what is known of a task whose agent Mesos does not hear.
type Probing struct {
	// Asked is when the task was last asked whether it lives; Answered says that the answer has come.
	Asked    time.Time
	Answered bool
	// Alive says that it last answered.
	Alive bool
	// Silent is when it was first asked in vain: without an answer, and without one of anything else to
	// compare with. Zero while it answers.
	Silent time.Time
}

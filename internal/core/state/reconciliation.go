package state

import (
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
)

// reconciliation asks the master for the state of tasks until each has answered.
type reconciliation struct {
	Open    *iradix.Tree[struct{}]
	Attempt int
	Next    time.Time
	// Implicit is when all tasks are asked for next.
	Implicit time.Time
}

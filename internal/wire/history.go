package wire

import (
	"time"
)

// History is what there was of all clusters together, the oldest first.
type History struct {
	Samples    []Sample   `json:"samples"`
	Recoveries []Recovery `json:"recoveries"`
}

// Sample is how many slots there were at a moment.
type Sample struct {
	Time time.Time `json:"time"`
	// SlotsWanted are those of all wanted TaskManagers, by the size in their cluster's spec.
	SlotsWanted int `json:"slotsWanted"`
	// Slots are registered with a JobManager, and SlotsUsed of them are used.
	Slots     int `json:"slots"`
	SlotsUsed int `json:"slotsUsed"`
}

// Recovery is how long a cluster was without something that it had lost.
type Recovery struct {
	// Time is when all was there again.
	Time    time.Time `json:"time"`
	Cluster string    `json:"cluster"`
	// Lost is the type of the event that told of the loss.
	Lost    string  `json:"lost"`
	Seconds float64 `json:"seconds"`
}

package main

import (
	"slices"
	"time"
)

// What stands beside our times is flink-mesos' LaunchCoordinator, by its timers alone: the time that its matching, its
// calls and its store took is left out, in its favour. It is an FSM of Idle and GatheringOffers: demand brings it to
// Gathering, which asks for offers (REVIVE) and holds them; without a message for 5 s it matches, and each batch of
// offers makes that 1 s. What finds no place keeps it gathering for 5 s more; when nothing is left it is idle.
const (
	coordinatorGathers = 5 * time.Second
	coordinatorWaits   = time.Second
)

// arrival is something that the coordinator is told of: demand for so many tasks, or offers with room for so many.
type arrival struct {
	at     time.Duration
	demand int
	room   int
}

// coordinate plays a stream of arrivals, in the order of their times, and returns when each task is launched; one
// that finds no place before its offers run out is not among them.
func coordinate(stream []arrival) []time.Duration {
	var launches []time.Duration
	tasks, held := 0, 0
	var deadline time.Duration
	// match is the end of the state's timeout.
	match := func() {
		placed := min(tasks, held)
		launches = append(launches, slices.Repeat([]time.Duration{deadline}, placed)...)
		tasks -= placed
		held = 0 // What is left is declined: leases expire when it turns idle, or are used up.
		deadline += coordinatorGathers
	}
	for _, a := range stream {
		for tasks > 0 && deadline <= a.at {
			match()
		}
		if a.demand > 0 {
			if tasks == 0 {
				deadline = a.at + coordinatorGathers
			}
			tasks += a.demand
		}
		if a.room > 0 && tasks > 0 { // Offers that come while it is idle are declined.
			held += a.room
			deadline = a.at + coordinatorWaits
		}
	}
	if tasks > 0 && held > 0 {
		match()
	}
	return launches
}

package state

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Reservation is what is reserved on an agent, and what is known of it and not stored.
type Reservation struct {
	task.Reservation
	// FreedAt is when its last task ended; zero while a task uses it.
	FreedAt time.Time
	// Lost says that its agent is not heard.
	Lost bool
	// GraceUntil is until when an offer of the agent without it does not mean that it is gone.
	GraceUntil time.Time
	// ReleaseSentAt is when it was given back; zero while it was not.
	ReleaseSentAt time.Time
}

// How long things about a reservation are waited for.
const (
	// HoldFree is how long a task waits for a reservation that is free, from when both are so: offers of what a
	// task leaves come with the next allocation, a second later by default.
	HoldFree = 15 * time.Second
	// HoldUsed is how long a task waits for one whose task is being ended.
	HoldUsed = time.Minute
	// keepFree is how long a reservation is kept that nothing waits for: Flink asks for the worker that replaces
	// a lost one when the job restarts.
	keepFree = time.Minute
	// QuietAfterGiven lets offers pass that were made before the master took what was given back.
	QuietAfterGiven = time.Second
	// QuietAfterStart is for tasks that end before their state is known.
	QuietAfterStart = 5 * time.Second
	// QuietAfterLost is for tasks that come back with their agent.
	QuietAfterLost = time.Minute
	// GoneAfter is after how long what was given back and is not offered again is gone: nobody but us is offered it.
	GoneAfter = 10 * time.Second
	// ForgetAfter ends the wait for an agent that does not come back.
	ForgetAfter = 7 * 24 * time.Hour
	// OwedMost bounds the time between requests for the offers of such agents.
	OwedMost = 10 * time.Minute
	// GiveUpAfter bounds the wait of an uninstallation.
	GiveUpAfter = 5 * time.Minute
)

// SetReservation stores a reservation; r belongs to this step.
func (tx *Tx) SetReservation(r *Reservation) {
	record := r.Reservation
	tx.Save(ReservationPrefix+r.ID, &record)
	tx.KeepReservation(r)
}

// KeepReservation keeps what is known of a reservation and not stored, and counts those that are to be given back.
func (tx *Tx) KeepReservation(r *Reservation) {
	old, had := tx.Reservations.Insert([]byte(r.ID), r)
	if had && old.Goal == task.Released {
		tx.State.ReleasesPending--
	}
	if r.Goal == task.Released {
		tx.State.ReleasesPending++
	}
}

// DropReservation removes a reservation that is gone.
func (tx *Tx) DropReservation(r *Reservation) {
	tx.Save(ReservationPrefix+r.ID, nil)
	if old, had := tx.Reservations.Delete([]byte(r.ID)); had && old.Goal == task.Released {
		tx.State.ReleasesPending--
	}
}

// changeReservations calls change with a copy of each reservation that matches, and keeps what it makes of it.
func (tx *Tx) changeReservations(match func(*Reservation) bool, change func(*Reservation)) {
	var all []*Reservation
	it := tx.Reservations.Root().Iterator()
	for _, r, ok := it.Next(); ok; _, r, ok = it.Next() {
		if match(r) {
			all = append(all, r)
		}
	}
	for _, r := range all {
		c := *r
		change(&c)
		tx.KeepReservation(&c)
	}
}

// Ours says whether a framework id is or was the service's.
func (s *State) Ours(framework string) bool {
	return framework != "" && (framework == s.Framework.ID || slices.Contains(s.Framework.Previous, framework))
}

// AssignReservation notes that a task takes a reservation, a new one or one that is free. Of a free one a copy is made.
func (tx *Tx) AssignReservation(r *Reservation, task string) {
	c := *r
	c.Task, c.FreedAt = task, time.Time{}
	tx.SetReservation(&c)
}

// ConfirmReservation notes that a task was started on its reservation, so that this is there.
func (tx *Tx) ConfirmReservation(t *task.Task) {
	switch t.State {
	case task.Starting, task.Running, task.Finished, task.Failed:
	default:
		return
	}
	if r, ok := tx.Reservations.Get([]byte(t.Reservation)); ok && t.Reservation != "" && !r.Made {
		c := *r
		c.Made = true
		tx.SetReservation(&c)
	}
}

// FreeReservation notes that the task of a reservation is gone.
func (tx *Tx) FreeReservation(t *task.Task) {
	if r, ok := tx.Reservations.Get([]byte(t.Reservation)); ok && t.Reservation != "" && r.Task == t.ID {
		c := *r
		c.FreedAt, c.GraceUntil = tx.Now, tx.Now.Add(QuietAfterGiven)
		tx.KeepReservation(&c)
		tx.State.WantOffers = true
	}
}

// MarkAgentLost notes that an agent is not heard: what is reserved there is not waited for.
func (tx *Tx) MarkAgentLost(agent string) {
	tx.changeReservations(func(r *Reservation) bool { return r.AgentID == agent }, func(r *Reservation) { r.Lost = true })
}

// DoubtReservations forgets what was given back by a call that may never have arrived; of every agent when none
// is named.
func (tx *Tx) DoubtReservations(agent string, quiet time.Time) {
	tx.changeReservations(func(r *Reservation) bool { return agent == "" || r.AgentID == agent }, func(r *Reservation) {
		r.ReleaseSentAt, r.GraceUntil = time.Time{}, quiet
	})
}

// ClusterOf returns the cluster of a reservation, if that is still there.
func (tx *Tx) ClusterOf(r *Reservation) (*Cluster, bool) {
	c, ok := tx.Clusters.Get([]byte(r.Cluster))
	return c, ok && strings.HasPrefix(r.ID, c.Prefix())
}

// Fits says whether the spec still asks for what is reserved.
func (r *Reservation) Fits(c *Cluster) bool {
	return (c.Spec.Role == "" || c.Spec.Role == r.MesosRole) && c.Spec.Reserves(r.Kind) && r.Resources.SameReserved(c.Spec.Reserved(r.Kind))
}

// ReleaseUnused releases the reservations of a cluster that are of no use any more: the cluster ends, its spec asks for
// something else, Mesos has not made it, or nothing waits for it.
func (tx *Tx) ReleaseUnused(prefix string) {
	var useless []*Reservation
	free := map[spec.TaskKind]int{}
	tx.Reservations.Root().WalkPrefix([]byte(prefix), func(_ []byte, r *Reservation) bool {
		if r.Goal != task.Launched {
			return false
		}
		c, ok := tx.ClusterOf(r)
		if !ok || !c.Active() || !r.Fits(c) || !r.FreedAt.IsZero() && !r.Made {
			useless = append(useless, r)
			return false
		}
		if !r.FreedAt.IsZero() {
			free[r.Kind]++
			waiting := c.PendingJobManagers
			if r.Kind == spec.TaskManagerTask {
				waiting = c.Pending.Len() - waiting
			}
			if free[r.Kind] > waiting && tx.Now.Sub(r.FreedAt) >= keepFree {
				useless = append(useless, r)
			}
		}
		return false
	})
	for _, r := range useless {
		tx.ReleaseReservation(r)
	}
}

// ReleaseReservation has a reservation given back as soon as nothing uses it.
func (tx *Tx) ReleaseReservation(r *Reservation) {
	c := *r
	c.Goal, c.Released = task.Released, tx.Now
	tx.SetReservation(&c)
	tx.State.WantOffers, tx.State.ReleaseWait = true, 0
}

// ReleasesPending says whether something is to be given back.
func (tx *Tx) ReleasesPending() bool { return tx.State.ReleasesPending > 0 }

// AbandonReservations forgets what could not be given back, and says so.
func (tx *Tx) AbandonReservations() {
	var all []*Reservation
	it := tx.Reservations.Root().Iterator()
	for _, r, ok := it.Next(); ok; _, r, ok = it.Next() {
		all = append(all, r)
	}
	for _, r := range all {
		tx.DropReservation(r)
		tx.Send(RecordEvent{Cluster: r.Cluster, Event: wire.Event{Time: tx.Now, Type: "ReservationLeft", Message: fmt.Sprintf(
			"what is reserved as %s on %s (%s) for the role %s could not be released; remove it with the master's operator API", r.ID, r.Hostname, r.AgentID, r.MesosRole)}})
	}
}

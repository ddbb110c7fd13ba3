package offers

import (
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// TickReservations looks at the deadlines of reservations.
func TickReservations(tx *state.Tx) {
	var prefixes []string
	var gone []*state.Reservation
	it := tx.Reservations.Root().Iterator()
	for _, r, ok := it.Next(); ok; _, r, ok = it.Next() {
		switch {
		case r.Goal == task.Launched:
			if c, ok := tx.ClusterOf(r); ok {
				prefixes = append(prefixes, c.Prefix())
			} else {
				prefixes = append(prefixes, r.ID)
			}
		case !r.ReleaseSentAt.IsZero() && tx.State.Connected && tx.Now.Sub(r.ReleaseSentAt) >= state.GoneAfter, tx.Now.Sub(r.Released) >= state.ForgetAfter:
			gone = append(gone, r)
		}
	}
	for _, p := range slices.Compact(prefixes) {
		tx.ReleaseUnused(p)
	}
	for _, r := range gone {
		tx.DropReservation(r)
	}
}

// reservedOn returns the reservations on the agents of a batch of offers, by agent.
func reservedOn(tx *state.Tx, groups [][]offer.Offer) map[string][]*state.Reservation {
	var found map[string][]*state.Reservation
	it := tx.Reservations.Root().Iterator()
	for _, r, ok := it.Next(); ok; _, r, ok = it.Next() {
		if found == nil {
			found = make(map[string][]*state.Reservation, len(groups))
		}
		found[r.AgentID] = append(found[r.AgentID], r)
	}
	return found
}

// releaseHeld takes from an agent what is reserved there for a reservation that is released or not known, and notes
// those that are gone.
func releaseHeld(tx *state.Tx, a *offer.Agent, here []*state.Reservation) (destroy, unreserve []offer.Piece) {
	seen := map[string]bool{}
	for _, h := range a.Holders() {
		if !tx.State.Ours(h.Framework) {
			continue
		}
		seen[h.Reservation] = true
		r, known := tx.Reservations.Get([]byte(h.Reservation))
		if known && r.Goal == task.Launched {
			continue
		}
		c := state.Reservation{Reservation: task.Reservation{
			ID: h.Reservation, Cluster: h.Cluster, AgentID: a.ID, Hostname: a.Hostname, Framework: h.Framework, MesosRole: a.Role,
			Goal: task.Released, Made: true, Released: tx.Now,
		}}
		if known {
			c = *r
		}
		d, u := a.GiveBack(h)
		destroy, unreserve = append(destroy, d...), append(unreserve, u...)
		c.ReleaseSentAt, c.GraceUntil, c.Lost = tx.Now, tx.Now.Add(state.QuietAfterGiven), false
		if known {
			tx.KeepReservation(&c)
		} else {
			tx.SetReservation(&c) // Until it is gone for certain.
		}
		askBy(tx, c.GraceUntil)
	}
	for _, old := range here {
		r, ok := tx.Reservations.Get([]byte(old.ID))
		if !ok || seen[r.ID] || r.MesosRole != a.Role {
			continue
		}
		c := *r
		if r.Lost {
			c.Lost, c.GraceUntil = false, tx.Now.Add(state.QuietAfterLost)
			tx.KeepReservation(&c)
			continue
		}
		if _, used := tx.Tasks.Get([]byte(r.Task)); r.Goal == task.Released && !used {
			if tx.Now.Before(r.GraceUntil) {
				askBy(tx, r.GraceUntil)
				continue
			}
			tx.DropReservation(r)
		}
	}
	return destroy, unreserve
}

// placeTask takes what a task needs of an agent: what is reserved for it there, or else something new unless what is
// reserved elsewhere is still waited for.
func placeTask(tx *state.Tx, a *offer.Agent, q *queue, w *state.PendingTask) (offer.Placement, *state.Reservation, offer.Reason, bool) {
	if !w.Need.Reserved() {
		p, lack, ok := a.Take(w.Need, hash(w.ID))
		return p, nil, lack, ok
	}
	c, _ := tx.Clusters.Get([]byte(q.cluster))
	var here []*state.Reservation
	expected := 0
	var until time.Time
	where := ""
	tx.Reservations.Root().WalkPrefix([]byte(c.Prefix()), func(_ []byte, r *state.Reservation) bool {
		if r.Kind != w.Role || r.Goal != task.Launched || !r.Fits(c) {
			return false
		}
		if r.AgentID == a.ID && !r.FreedAt.IsZero() {
			here = append(here, r)
		}
		if at := holdUntil(tx, r, w); tx.Now.Before(at) {
			expected++
			if until.IsZero() || at.Before(until) {
				until, where = at, r.Hostname
			}
		}
		return false
	})
	for _, r := range here {
		if p, _, ok := a.TakeHeld(w.Need, hash(w.ID), offer.Holder{Framework: r.Framework, Reservation: r.ID}); ok {
			return p, r, offer.Reason{}, true
		}
	}
	if len(q.waiting) <= expected {
		askBy(tx, until)
		return offer.Placement{}, nil, offer.Reason{What: "reservation", Detail: "what is reserved on " + where + " is waited for"}, false
	}
	h := offer.Holder{Framework: tx.State.Framework.ID, Reservation: w.ID, Cluster: q.cluster, Principal: tx.State.Options.Principal}
	p, lack, ok := a.TakeNew(w.Need, hash(w.ID), h)
	if !ok {
		return p, nil, lack, false
	}
	return p, &state.Reservation{Reservation: task.Reservation{
		ID: w.ID, Cluster: q.cluster, Kind: w.Role, AgentID: a.ID, Hostname: a.Hostname, Framework: h.Framework, MesosRole: a.Role,
		Goal: task.Launched, Resources: c.Spec.Reserved(w.Role), Created: tx.Now,
	}}, offer.Reason{}, true
}

// holdUntil is until when a task waits for a reservation; zero when it does not.
func holdUntil(tx *state.Tx, r *state.Reservation, w *state.PendingTask) time.Time {
	if !r.Made || r.Lost {
		return time.Time{}
	}
	if r.FreedAt.IsZero() {
		if t, ok := tx.Tasks.Get([]byte(r.Task)); !ok || t.Goal != task.Released {
			return time.Time{}
		}
		return w.Since.Add(state.HoldUsed)
	}
	if r.FreedAt.After(w.Since) {
		return r.FreedAt.Add(state.HoldFree)
	}
	return w.Since.Add(state.HoldFree)
}

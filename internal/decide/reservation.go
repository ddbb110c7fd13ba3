package decide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// reservation is what is reserved on an agent, and what is known of it and not stored.
type reservation struct {
	task.Reservation
	// freed is when its last task ended; zero while a task uses it.
	freed time.Time
	// lost says that its agent is not heard.
	lost bool
	// quiet is until when an offer of the agent without it does not mean that it is gone.
	quiet time.Time
	// given is when it was given back; zero while it was not.
	given time.Time
}

// How long things about a reservation are waited for.
const (
	// holdFree is how long a task waits for a reservation that is free, from when both are so: offers of what a
	// task leaves come with the next allocation, a second later by default.
	holdFree = 15 * time.Second
	// holdUsed is how long a task waits for one whose task is being ended.
	holdUsed = time.Minute
	// keepFree is how long a reservation is kept that nothing waits for: Flink asks for the worker that replaces
	// a lost one when the job restarts.
	keepFree = time.Minute
	// quietAfterGiven lets offers pass that were made before the master took what was given back.
	quietAfterGiven = time.Second
	// quietAfterStart is for tasks that end before their state is known.
	quietAfterStart = 5 * time.Second
	// quietAfterLost is for tasks that come back with their agent.
	quietAfterLost = time.Minute
	// goneAfter is after how long what was given back and is not offered again is gone: nobody but us is offered it.
	goneAfter = 10 * time.Second
	// forgetAfter ends the wait for an agent that does not come back.
	forgetAfter = 7 * 24 * time.Hour
	// owedMost bounds the time between requests for the offers of such agents.
	owedMost = 10 * time.Minute
	// giveUpAfter bounds the wait of an uninstallation.
	giveUpAfter = 5 * time.Minute
)

// limitsSince is the first release of Mesos with limits of resources.
const limitsSince = "1.10"

// unsupported says what of a spec the leading master does not know. It would ignore it.
func (s *State) unsupported(sp spec.Spec) []fault.Detail {
	if !s.Connected || s.MasterVersion == "" || !before(s.MasterVersion, 1, 10) {
		return nil
	}
	var details []fault.Detail
	for _, r := range []struct {
		field  string
		limits *spec.Limits
	}{{"jobManager", sp.JobManager.Limits}, {"taskManager", sp.TaskManager.Limits}} {
		if r.limits != nil {
			details = append(details, fault.Detail{Field: r.field + ".resourceLimits", Message: fmt.Sprintf(
				"the master is Mesos %s and limits need %s: leave them out, or upgrade Mesos", s.MasterVersion, limitsSince)})
		}
	}
	return details
}

// before says whether a version such as 1.9.0 comes before another; one that cannot be read does not.
func before(version string, major, minor int) bool {
	var a, b int
	if n, err := fmt.Sscanf(version, "%d.%d", &a, &b); n != 2 || err != nil {
		return false
	}
	return a < major || a == major && b < minor
}

// setReservation stores a reservation; r belongs to this step.
func (st *step) setReservation(r *reservation) {
	record := r.Reservation
	st.save(ReservationPrefix+r.ID, &record)
	st.keepReservation(r)
}

// keepReservation keeps what is known of a reservation and not stored, and counts those that are to be given back.
func (st *step) keepReservation(r *reservation) {
	old, had := st.reservations.Insert([]byte(r.ID), r)
	if had && old.Goal == task.Released {
		st.s.owing--
	}
	if r.Goal == task.Released {
		st.s.owing++
	}
}

func (st *step) dropReservation(r *reservation) {
	st.save(ReservationPrefix+r.ID, nil)
	if old, had := st.reservations.Delete([]byte(r.ID)); had && old.Goal == task.Released {
		st.s.owing--
	}
}

// changeReservations calls change with a copy of each reservation that matches, and keeps what it makes of it.
func (st *step) changeReservations(match func(*reservation) bool, change func(*reservation)) {
	var all []*reservation
	it := st.reservations.Root().Iterator()
	for _, r, ok := it.Next(); ok; _, r, ok = it.Next() {
		if match(r) {
			all = append(all, r)
		}
	}
	for _, r := range all {
		c := *r
		change(&c)
		st.keepReservation(&c)
	}
}

// ours says whether a framework id is or was the service's.
func (s *State) ours(framework string) bool {
	return framework != "" && (framework == s.Framework.ID || slices.Contains(s.Framework.Previous, framework))
}

// use notes that a task takes a reservation, a new one or one that is free. Of a free one a copy is made.
func (st *step) use(r *reservation, task string) {
	c := *r
	c.Task, c.freed = task, time.Time{}
	st.setReservation(&c)
}

// made notes that a task was started on its reservation, so that this is there.
func (st *step) made(t *task.Task) {
	switch t.State {
	case task.Starting, task.Running, task.Finished, task.Failed:
	default:
		return
	}
	if r, ok := st.reservations.Get([]byte(t.Reservation)); ok && t.Reservation != "" && !r.Made {
		c := *r
		c.Made = true
		st.setReservation(&c)
	}
}

// free notes that the task of a reservation is gone.
func (st *step) free(t *task.Task) {
	if r, ok := st.reservations.Get([]byte(t.Reservation)); ok && t.Reservation != "" && r.Task == t.ID {
		c := *r
		c.freed, c.quiet = st.now, st.now.Add(quietAfterGiven)
		st.keepReservation(&c)
		st.s.wantOffers = true
	}
}

// lose notes that an agent is not heard: what is reserved there is not waited for.
func (st *step) lose(agent string) {
	st.changeReservations(func(r *reservation) bool { return r.AgentID == agent }, func(r *reservation) { r.lost = true })
}

// doubtReservations forgets what was given back by a call that may never have arrived; of every agent when none
// is named.
func (st *step) doubtReservations(agent string, quiet time.Time) {
	st.changeReservations(func(r *reservation) bool { return agent == "" || r.AgentID == agent }, func(r *reservation) {
		r.given, r.quiet = time.Time{}, quiet
	})
}

// clusterOf returns the cluster of a reservation, if that is still there.
func (st *step) clusterOf(r *reservation) (*Cluster, bool) {
	c, ok := st.clusters.Get([]byte(r.Cluster))
	return c, ok && strings.HasPrefix(r.ID, c.prefix())
}

// fits says whether the spec still asks for what is reserved.
func (r *reservation) fits(c *Cluster) bool {
	return (c.Spec.Role == "" || c.Spec.Role == r.MesosRole) && c.Spec.Reserves(r.Kind) && r.Resources.SameReserved(c.Spec.Reserved(r.Kind))
}

// tidy releases the reservations of a cluster that are of no use any more: the cluster ends, its spec asks for
// something else, Mesos has not made it, or nothing waits for it.
func (st *step) tidy(prefix string) {
	var useless []*reservation
	free := map[spec.TaskKind]int{}
	st.reservations.Root().WalkPrefix([]byte(prefix), func(_ []byte, r *reservation) bool {
		if r.Goal != task.Launched {
			return false
		}
		c, ok := st.clusterOf(r)
		if !ok || !c.active() || !r.fits(c) || !r.freed.IsZero() && !r.Made {
			useless = append(useless, r)
			return false
		}
		if !r.freed.IsZero() {
			free[r.Kind]++
			waiting := c.waitingJobManagers
			if r.Kind == spec.TaskManagerTask {
				waiting = c.waiting.Len() - waiting
			}
			if free[r.Kind] > waiting && st.now.Sub(r.freed) >= keepFree {
				useless = append(useless, r)
			}
		}
		return false
	})
	for _, r := range useless {
		st.releaseReservation(r)
	}
}

// releaseReservation has a reservation given back as soon as nothing uses it.
func (st *step) releaseReservation(r *reservation) {
	c := *r
	c.Goal, c.Released = task.Released, st.now
	st.setReservation(&c)
	st.s.wantOffers, st.s.owedWait = true, 0
}

// tickReservations looks at the deadlines of reservations.
func (st *step) tickReservations() {
	var prefixes []string
	var gone []*reservation
	it := st.reservations.Root().Iterator()
	for _, r, ok := it.Next(); ok; _, r, ok = it.Next() {
		switch {
		case r.Goal == task.Launched:
			if c, ok := st.clusterOf(r); ok {
				prefixes = append(prefixes, c.prefix())
			} else {
				prefixes = append(prefixes, r.ID)
			}
		case !r.given.IsZero() && st.s.Connected && st.now.Sub(r.given) >= goneAfter, st.now.Sub(r.Released) >= forgetAfter:
			gone = append(gone, r)
		}
	}
	for _, p := range slices.Compact(prefixes) {
		st.tidy(p)
	}
	for _, r := range gone {
		st.dropReservation(r)
	}
}

// owed says whether something is to be given back.
func (st *step) owed() bool { return st.s.owing > 0 }

// askAgain is after how long offers are asked for anew: sooner while a task waits, and ever less often for agents
// that may not come back.
func (st *step) askAgain(waiting int, owed bool) time.Duration {
	if waiting > 0 || !owed {
		st.s.owedWait = 0
		return reviveAgain
	}
	st.s.owedWait = min(owedMost, max(reviveAgain, 2*st.s.owedWait))
	return st.s.owedWait
}

// askBy has offers asked for by a time.
func (st *step) askBy(at time.Time) {
	if st.s.reviveNext.IsZero() || at.Before(st.s.reviveNext) {
		st.s.reviveNext = at
	}
}

// reservedOn returns the reservations on the agents of a batch of offers, by agent.
func (st *step) reservedOn(groups [][]offer.Offer) map[string][]*reservation {
	var found map[string][]*reservation
	it := st.reservations.Root().Iterator()
	for _, r, ok := it.Next(); ok; _, r, ok = it.Next() {
		if found == nil {
			found = make(map[string][]*reservation, len(groups))
		}
		found[r.AgentID] = append(found[r.AgentID], r)
	}
	return found
}

// giveBack takes from an agent what is reserved there for a reservation that is released or not known, and notes
// those that are gone.
func (st *step) giveBack(a *offer.Agent, here []*reservation) (destroy, unreserve []offer.Piece) {
	seen := map[string]bool{}
	for _, h := range a.Holders() {
		if !st.s.ours(h.Framework) {
			continue
		}
		seen[h.Reservation] = true
		r, known := st.reservations.Get([]byte(h.Reservation))
		if known && r.Goal == task.Launched {
			continue
		}
		c := reservation{Reservation: task.Reservation{
			ID: h.Reservation, Cluster: h.Cluster, AgentID: a.ID, Hostname: a.Hostname, Framework: h.Framework, MesosRole: a.Role,
			Goal: task.Released, Made: true, Released: st.now,
		}}
		if known {
			c = *r
		}
		d, u := a.GiveBack(h)
		destroy, unreserve = append(destroy, d...), append(unreserve, u...)
		c.given, c.quiet, c.lost = st.now, st.now.Add(quietAfterGiven), false
		if known {
			st.keepReservation(&c)
		} else {
			st.setReservation(&c) // Until it is gone for certain.
		}
		st.askBy(c.quiet)
	}
	for _, old := range here {
		r, ok := st.reservations.Get([]byte(old.ID))
		if !ok || seen[r.ID] || r.MesosRole != a.Role {
			continue
		}
		c := *r
		if r.lost {
			c.lost, c.quiet = false, st.now.Add(quietAfterLost)
			st.keepReservation(&c)
			continue
		}
		if _, used := st.tasks.Get([]byte(r.Task)); r.Goal == task.Released && !used {
			if st.now.Before(r.quiet) {
				st.askBy(r.quiet)
				continue
			}
			st.dropReservation(r)
		}
	}
	return destroy, unreserve
}

// take takes what a task needs of an agent: what is reserved for it there, or else something new unless what is
// reserved elsewhere is still waited for.
func (st *step) take(a *offer.Agent, q *queue, w *waiting) (offer.Placement, *reservation, offer.Reason, bool) {
	if !w.need.Reserved() {
		p, lack, ok := a.Take(w.need, hash(w.id))
		return p, nil, lack, ok
	}
	c, _ := st.clusters.Get([]byte(q.cluster))
	var here []*reservation
	expected := 0
	var until time.Time
	where := ""
	st.reservations.Root().WalkPrefix([]byte(c.prefix()), func(_ []byte, r *reservation) bool {
		if r.Kind != w.role || r.Goal != task.Launched || !r.fits(c) {
			return false
		}
		if r.AgentID == a.ID && !r.freed.IsZero() {
			here = append(here, r)
		}
		if at := st.holdUntil(r, w); st.now.Before(at) {
			expected++
			if until.IsZero() || at.Before(until) {
				until, where = at, r.Hostname
			}
		}
		return false
	})
	for _, r := range here {
		if p, _, ok := a.TakeHeld(w.need, hash(w.id), offer.Holder{Framework: r.Framework, Reservation: r.ID}); ok {
			return p, r, offer.Reason{}, true
		}
	}
	if len(q.waiting) <= expected {
		st.askBy(until)
		return offer.Placement{}, nil, offer.Reason{What: "reservation", Detail: "what is reserved on " + where + " is waited for"}, false
	}
	h := offer.Holder{Framework: st.s.Framework.ID, Reservation: w.id, Cluster: q.cluster, Principal: st.s.Options.Principal}
	p, lack, ok := a.TakeNew(w.need, hash(w.id), h)
	if !ok {
		return p, nil, lack, false
	}
	return p, &reservation{Reservation: task.Reservation{
		ID: w.id, Cluster: q.cluster, Kind: w.role, AgentID: a.ID, Hostname: a.Hostname, Framework: h.Framework, MesosRole: a.Role,
		Goal: task.Launched, Resources: c.Spec.Reserved(w.role), Created: st.now,
	}}, offer.Reason{}, true
}

// holdUntil is until when a task waits for a reservation; zero when it does not.
func (st *step) holdUntil(r *reservation, w *waiting) time.Time {
	if !r.Made || r.lost {
		return time.Time{}
	}
	if r.freed.IsZero() {
		if t, ok := st.tasks.Get([]byte(r.Task)); !ok || t.Goal != task.Released {
			return time.Time{}
		}
		return w.since.Add(holdUsed)
	}
	if r.freed.After(w.since) {
		return r.freed.Add(holdFree)
	}
	return w.since.Add(holdFree)
}

// abandon forgets what could not be given back, and says so.
func (st *step) abandon() {
	var all []*reservation
	it := st.reservations.Root().Iterator()
	for _, r, ok := it.Next(); ok; _, r, ok = it.Next() {
		all = append(all, r)
	}
	for _, r := range all {
		st.dropReservation(r)
		st.send(Tell{Cluster: r.Cluster, Note: wire.Note{Time: st.now, Type: "ReservationLeft", Message: fmt.Sprintf(
			"what is reserved as %s on %s (%s) for the role %s could not be given back; end it with the master's operator API", r.ID, r.Hostname, r.AgentID, r.MesosRole)}})
	}
}

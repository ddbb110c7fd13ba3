package offers

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
)

// askAgain is after how long offers are asked for anew: sooner while a task waits, and ever less often for agents
// that may not come back.
func askAgain(tx *state.Tx, waiting int, owed bool) time.Duration {
	if waiting > 0 || !owed {
		tx.State.ReleaseWait = 0
		return reviveAgain
	}
	tx.State.ReleaseWait = min(state.OwedMost, max(reviveAgain, 2*tx.State.ReleaseWait))
	return tx.State.ReleaseWait
}

// askBy has offers asked for by a time.
func askBy(tx *state.Tx, at time.Time) {
	if tx.State.ReviveNext.IsZero() || at.Before(tx.State.ReviveNext) {
		tx.State.ReviveNext = at
	}
}

// REVIVE is sent once a second in the long run, as a master allocates no faster by default, and up to
// so many times in a row, so that what Flink asks for a moment after its first worker does not wait.
const (
	reviveInterval = time.Second
	reviveBurst    = 5
)

// reviveAgain is after how long offers are asked for anew while something waits, so that no
// filter set for another reason keeps a fitting offer away for long.
const reviveAgain = 20 * time.Second

// UpdateFlow turns the stream of offers on and off: REVIVE when something waits that the master may
// be hiding offers from, SUPPRESS when nothing waits.
func UpdateFlow(tx *state.Tx) {
	if !tx.State.Connected {
		return
	}
	waiting, ready, held := demand(tx)
	owed := tx.ReleasesPending()
	switch {
	case waiting == 0 && !owed && len(tx.State.Probes) == 0:
		tx.State.WantOffers = false
		if !tx.State.Suppressed {
			tx.State.Suppressed = true
			tx.Send(state.Suppress{})
		}
	case (ready || owed || len(tx.State.Probes) > 0) && (tx.State.Suppressed || tx.State.WantOffers || !tx.Now.Before(tx.State.ReviveNext)):
		if tx.State.ReviveDue.Sub(tx.Now) > (reviveBurst-1)*reviveInterval {
			tx.State.WantOffers = true
			break
		}
		if tx.State.ReviveDue.Before(tx.Now) {
			tx.State.ReviveDue = tx.Now
		}
		tx.State.ReviveDue = tx.State.ReviveDue.Add(reviveInterval)
		tx.State.Suppressed, tx.State.WantOffers, tx.State.RevivedAt = false, false, tx.Now
		// What a brake holds back now has its offers declined, and needs them again when it may go.
		tx.State.ReviveNext = tx.Now.Add(askAgain(tx, waiting, owed))
		if !held.IsZero() && held.Before(tx.State.ReviveNext) {
			tx.State.ReviveNext = held
		}
		sendConstraints(tx, true)
		tx.Send(state.Revive{})
		return
	}
	if len(tx.State.Constraints) > 0 && waiting > 0 {
		sendConstraints(tx, false)
	}
}

// demand counts the tasks that wait, and says whether one of them may be placed now, and when the
// first of those may that a brake holds back; zero for none.
func demand(tx *state.Tx) (waiting int, ready bool, held time.Time) {
	look := func(b *state.Backoff) {
		switch {
		case !b.Holds(tx.Now):
			ready = true
		case held.IsZero() || b.Until.Before(held):
			held = b.Until
		}
	}
	it := tx.State.Busy.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		n := c.Pending.Len()
		if c.Paused {
			continue
		}
		waiting += n
		if c.PendingJobManagers > 0 {
			look(&c.JobManagerBackoff)
		}
		if n > c.PendingJobManagers && len(c.JobManagers) > 0 {
			look(&c.TaskManagerBackoff)
		}
	}
	return waiting, ready, held
}

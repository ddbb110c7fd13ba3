package sim_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestTwoAtOnce starts two instances at the same moment: one leads, the other stands by and takes over.
func TestTwoAtOnce(t *testing.T) {
	virtually(t, func(t *testing.T) {
		s := newShared(t, 1)
		s.addAgent(10)
		// For tasks both have one name that leads to whichever leads; each other they must find all the same.
		a, b := s.place("a", "ADVERTISE_URL=http://flink.example"), s.place("b", "ADVERTISE_URL=http://flink.example")
		a.start()
		b.start()
		leader, other := a, b
		a.until("one leads and the other stands by", func() error {
			first, second := a.role(), b.role() // Both stand by before the first one leads.
			leader, other = a, b
			if second == "leader" {
				leader, other = b, a
			}
			if first == second || first != "leader" && second != "leader" {
				return fmt.Errorf("they are %q and %q", first, second)
			}
			return nil
		})
		other.is("standby")
		leader.reconciled()
		before := leader.fill(5)
		if err := holds(t, other.api, 6); err != nil {
			t.Errorf("the standby passes requests on: %v", err)
		}
		killed := time.Now()
		leader.kill()
		other.is("leader")
		if took := time.Since(killed); took < session/2 || took > 2*session {
			t.Errorf("the standby led after %s, with a session timeout of %s", took, session)
		}
		other.reconciled()
		untouched(t, s.fleet, before)
		if n := len(s.frameworks()); n != 1 {
			t.Errorf("the master knows %d frameworks", n)
		}
	})
}

// TestTakeovers has two instances take over from each other again and again: one that leads is killed after some of
// what it sends, is stopped, or is cut off from ZooKeeper for a while with its connections open, in the middle of
// growing and shrinking a cluster. Two never lead at once, and no task is lost, doubled or orphaned.
func TestTakeovers(t *testing.T) {
	t.Parallel()
	rounds, seed := seeds(t, 16)
	const fresh = 8
	for first := 0; first < rounds; first += fresh {
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			virtually(t, func(t *testing.T) { takeovers(t, min(fresh, rounds-first), seed+uint64(first)) })
		})
	}
}

func takeovers(t *testing.T, rounds int, seed uint64) {
	s := newShared(t, seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	for range 3 {
		s.addAgent(6)
	}
	leader, other := s.place("a"), s.place("b")
	leader.start()
	leader.reconciled()
	leader.fill(6)
	other.start()
	other.is("standby")
	for round := range rounds {
		want := 1 + rng.IntN(12)
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			_, _ = leader.api.PutCluster(t.Context(), demo(want)) // It may be cut off at any moment.
		}()
		kind := rng.IntN(4)
		switch kind {
		case 0, 1:
			leader.life.crash(1 + rng.IntN(12))
			select {
			case <-leader.life.gone:
			case <-time.After(time.Second):
			}
			leader.life.crash(0)
			<-leader.life.gone
		case 2:
			leader.life.stop()
		case 3:
			time.Sleep(upTo(rng, time.Second))
			leader.zk.Stall(true)
			<-leader.life.gone
			if !leader.lost() {
				t.Errorf("round %d: one that was cut off from ZooKeeper ended with %v", round, leader.life.err)
			}
			if other.role() == "leader" {
				t.Errorf("round %d: the other led before the one that was cut off ended", round)
			}
		}
		<-asked
		leader.life = nil // It is not started again before the other leads.
		other.reconciled()
		leader.zk.Stall(false)
		leader.start()
		leader, other = other, leader
		other.is("standby")
		leader.fill(want)
		if n := len(s.running()); n != want+1 {
			t.Errorf("round %d: %d tasks run, want %d", round, n, want+1)
		}
		s.once()
		if n := len(s.frameworks()); n != 1 {
			t.Errorf("round %d: the master knows %d frameworks", round, n)
		}
		if t.Failed() {
			t.Fatalf("round %d, of kind %d", round, kind)
		}
	}
}

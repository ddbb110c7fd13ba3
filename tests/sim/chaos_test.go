package sim_test

import (
	"fmt"
	"testing"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/store"
)

// chaosWorlds is how many worlds are played side by side at most: each spends most of its time waiting.
const chaosWorlds = 8

// TestChaos plays rounds in which workers come and go, either side of each conversation restarts, and messages are
// lost, late and doubled; after each round what is wanted, launched and running must be the same.
func TestChaos(t *testing.T) {
	t.Parallel()
	rounds, seed := seeds(t, 6)
	worlds := min(chaosWorlds, (rounds+1)/2)
	for i := range worlds {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			played := (rounds - i + worlds - 1) / worlds
			// Starts that fail are counted by the core; a world of its own for a few rounds keeps the delays short.
			const fresh = 4
			for first := 0; first < played; first += fresh {
				t.Run(fmt.Sprint(first), func(t *testing.T) {
					memory := store.NewMemory()
					c := &chaos{world: newWorld(t, worldOptions{
						seed: seed + uint64(i+first*worlds), agents: 4, workers: 6,
						open: func() store.Store { memory = memory.Reopen(); return memory },
					})}
					c.begin()
					for range min(fresh, played-first) {
						c.round()
					}
				})
			}
		})
	}
}

// chaos is a world with a dynamic and a static cluster.
type chaos struct {
	*world
	workers int // that the static cluster is to have
}

func (c *chaos) begin() {
	c.t.Helper()
	c.workers = 3
	if err := c.put(dynamicNonce, dynamicSpec()); err != nil {
		c.t.Fatal(err)
	}
	if err := c.put(staticNonce, staticSpec(c.workers)); err != nil {
		c.t.Fatal(err)
	}
	c.quiet()
}

func (c *chaos) quiet() {
	c.t.Helper()
	c.rest(expectation{name: dynamicName, wanted: true}, expectation{name: staticName, workers: c.workers})
}

// round makes trouble for a second or so and waits for rest.
func (c *chaos) round() {
	c.t.Helper()
	c.trouble.Store(200)
	c.master.DisturbUpdates(localmesos.UpdateFaults{Duplicate: 0.2, Drop: 0.2, Delay: 0.3, DelayBy: 80, Seed: c.rng.Uint64()})
	var lost []string
	failed := false
	for range 8 + c.rng.IntN(8) {
		switch n := c.rng.IntN(20); {
		case n < 6:
			for range 1 + c.rng.IntN(2) {
				if len(c.jobManager.Wanted().Workers) < 8 {
					c.jobManager.Want(driver.Worker{CPUs: 1, MemoryBytes: 1 << 30, Slots: 1})
				}
			}
		case n < 10:
			if wanted := c.jobManager.Wanted().Workers; len(wanted) > 0 {
				c.jobManager.Release(wanted[c.rng.IntN(len(wanted))].ID)
			}
		case n < 12:
			c.workers = 1 + c.rng.IntN(5)
			if err := c.put(staticNonce, staticSpec(c.workers)); err != nil {
				c.t.Errorf("scale: %v", err)
			}
		case n < 14:
			c.crash(c.rng.IntN(5))
		case n == 14:
			if err := c.core.Stop(); err != nil {
				c.t.Errorf("stop: %v", err)
			}
			c.ended()
			c.start()
		case n == 15:
			if err := c.jobManager.Restart(); err != nil {
				c.t.Errorf("restart the JobManager: %v", err)
			}
		case n == 16:
			c.master.DropStreams()
		case n == 17:
			c.master.Failover()
		case n == 18 && !failed:
			failed = true // One in a round: more in a row are slowed down on purpose.
			c.fail()
		case n == 19 && len(lost) == 0:
			if id := c.anyAgent(); id != "" && c.master.LoseAgent(id) == nil {
				lost = append(lost, id)
			}
		}
		time.Sleep(time.Duration(c.rng.IntN(120)) * time.Millisecond)
	}
	for _, id := range lost {
		if err := c.master.ReturnAgent(id); err != nil {
			c.t.Errorf("return agent: %v", err)
		}
	}
	c.trouble.Store(0)
	c.master.DisturbUpdates(localmesos.UpdateFaults{})
	c.quiet()
}

// fail ends a task that runs, any but a JobManager.
func (c *chaos) fail() {
	for id := range c.running() {
		if a := c.agent(id); a != nil && !isJobManager(id) {
			a.End(id, mesosgo.TASK_FAILED, "Command exited with status 1")
			return
		}
	}
}

func (c *chaos) anyAgent() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.agents {
		return id
	}
	return ""
}

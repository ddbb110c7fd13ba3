package sim_test

import (
	"fmt"
	"testing"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/localmesos"
)

// TestChaos plays rounds in which workers come and go, either side of each conversation restarts, and messages are
// lost, late and doubled; after each round what is wanted, launched and running must be the same.
func TestChaos(t *testing.T) {
	t.Parallel()
	rounds, seed := seeds(t, 24)
	// Starts that fail are counted by the service; a world of its own for a few rounds keeps the delays short.
	const fresh = 4
	for first := 0; first < rounds; first += fresh {
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				c := &chaos{world: newWorld(t, worldOptions{seed: seed + uint64(first), agents: 4, workers: 6})}
				c.begin()
				for range min(fresh, rounds-first) {
					c.round()
				}
			})
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
	if err := c.put(dynamicSpec()); err != nil {
		c.t.Fatal(err)
	}
	if err := c.put(staticSpec(c.workers)); err != nil {
		c.t.Fatal(err)
	}
	c.eventually("the driver is ready", func() bool { return c.flink() != nil && c.flink().Wanted().Ready })
	c.quiet()
}

func (c *chaos) quiet() {
	c.t.Helper()
	c.rest(expectation{name: dynamicName, wanted: true}, expectation{name: staticName, workers: c.workers})
}

// round makes trouble for half a minute or so and waits for rest.
func (c *chaos) round() {
	c.t.Helper()
	c.trouble.Store(200)
	c.master.DisturbUpdates(localmesos.UpdateFaults{Duplicate: 0.2, Drop: 0.2, Delay: 0.3, DelayBy: 2000, Seed: c.rng.Uint64()})
	var lost []string
	failed := false
	for range 8 + c.rng.IntN(8) {
		switch n := c.rng.IntN(20); {
		case n < 6:
			for range 1 + c.rng.IntN(2) {
				if jm := c.flink(); jm != nil && len(jm.Wanted().Workers) < 8 {
					jm.Want(driver.Worker{CPUs: 1, MemoryBytes: 1 << 30, Slots: 1})
				}
			}
		case n < 10:
			if jm := c.flink(); jm != nil {
				if wanted := jm.Wanted().Workers; len(wanted) > 0 {
					jm.Release(wanted[c.rng.IntN(len(wanted))].ID)
				}
			}
		case n < 12:
			c.workers = 1 + c.rng.IntN(5)
			if err := c.put(staticSpec(c.workers)); err != nil {
				c.t.Errorf("scale: %v", err)
			}
		case n < 14:
			c.crash(c.rng.IntN(5))
		case n == 14:
			c.stop()
			c.start()
		case n == 15:
			if jm := c.flink(); jm != nil {
				if err := jm.Restart(); err != nil {
					c.t.Errorf("restart the JobManager: %v", err)
				}
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
		time.Sleep(upTo(c.rng, 3*time.Second))
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

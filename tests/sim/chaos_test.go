package sim_test

import (
	"fmt"
	"maps"
	"slices"
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
	// failed says that a task was made to fail in this round: more in a row are slowed down on purpose.
	failed bool
	// away says that an agent is away.
	away bool
	// undo is what a round does that does not end by itself.
	undo []func() error
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
	c.failed = false
	total := 0
	for _, x := range troubles {
		total += x.often
	}
	for range 8 + c.rng.IntN(8) {
		n := c.rng.IntN(total)
		for _, x := range troubles {
			if n -= x.often; n < 0 {
				x.make(c)
				break
			}
		}
		time.Sleep(upTo(c.rng, 3*time.Second))
	}
	if c.rng.IntN(2) == 0 && len(c.undo) > 0 {
		time.Sleep(upTo(c.rng, 2*time.Minute)) // Long enough for the service to do without, at times.
	}
	for _, back := range c.undo {
		if err := back(); err != nil {
			c.t.Errorf("undo: %v", err)
		}
	}
	c.undo, c.away = nil, false
	c.trouble.Store(0)
	c.master.DisturbUpdates(localmesos.UpdateFaults{})
	c.quiet()
}

// troubles are what may happen, and how often one comes beside the others.
var troubles = []struct {
	often int
	make  func(c *chaos)
}{
	{6, (*chaos).want},
	{4, (*chaos).release},
	{2, (*chaos).scale},
	{2, func(c *chaos) { c.crash(c.rng.IntN(5)) }},
	{1, func(c *chaos) { c.stop(); c.start() }},
	{1, (*chaos).restartFlink},
	{1, func(c *chaos) { c.master.DropStreams() }},
	{1, func(c *chaos) { c.master.Failover() }},
	{1, (*chaos).fail},
	{1, (*chaos).loseAgent},
	{1, (*chaos).plan},
	{1, (*chaos).deactivate},
	{1, (*chaos).silence},
	{1, (*chaos).replace},
}

// want has Flink want a worker or two more.
func (c *chaos) want() {
	for range 1 + c.rng.IntN(2) {
		if jm := c.flink(); jm != nil && len(jm.Wanted().Workers) < 8 {
			jm.Want(driver.Worker{CPUs: 1, MemoryBytes: 1 << 30, Slots: 1})
		}
	}
}

// release has Flink give a worker back.
func (c *chaos) release() {
	if jm := c.flink(); jm != nil {
		if wanted := jm.Wanted().Workers; len(wanted) > 0 {
			jm.Release(wanted[c.rng.IntN(len(wanted))].ID)
		}
	}
}

func (c *chaos) scale() {
	c.workers = 1 + c.rng.IntN(5)
	if err := c.put(staticSpec(c.workers)); err != nil {
		c.t.Errorf("scale: %v", err)
	}
}

// replace deletes the static cluster and asks for one of the same name, at once or a while later. A task on an agent
// that is away is waited for.
func (c *chaos) replace() {
	if c.away {
		return
	}
	if err := c.delete(staticName); err != nil {
		c.t.Errorf("delete: %v", err)
	}
	if c.rng.IntN(2) == 0 {
		c.eventually("the cluster is gone", func() bool { return c.describe(staticName).Spec.Name == "" })
	}
	err := c.put(staticSpec(c.workers))
	for end := time.Now().Add(patience); err != nil && time.Now().Before(end); err = c.put(staticSpec(c.workers)) {
		time.Sleep(time.Second) // One that is being deleted is not taken.
	}
	if err != nil {
		c.t.Errorf("create again: %v", err)
	}
}

// restartFlink is a JobManager that begins anew in the same task.
func (c *chaos) restartFlink() {
	if jm := c.flink(); jm != nil {
		if err := jm.Restart(); err != nil {
			c.t.Errorf("restart the JobManager: %v", err)
		}
	}
}

// loseAgent has an agent away until the end of the round.
func (c *chaos) loseAgent() {
	if id := c.anyAgent(); c.master.LoseAgent(id) == nil {
		c.away = true
		c.undo = append(c.undo, func() error { return c.master.ReturnAgent(id) })
	}
}

// plan announces maintenance of an agent, which is called off at the end of the round.
func (c *chaos) plan() {
	id := c.anyAgent()
	if err := c.master.Plan(id, time.Now().Add(upTo(c.rng, time.Minute))); err != nil {
		c.t.Errorf("plan: %v", err)
	}
	c.undo = append(c.undo, func() error { return c.master.Plan(id, time.Time{}) })
}

// deactivate has an agent offered no more until the end of the round.
func (c *chaos) deactivate() {
	id := c.anyAgent()
	if err := c.master.Deactivate(id, true); err != nil {
		c.t.Errorf("deactivate: %v", err)
	}
	c.undo = append(c.undo, func() error { return c.master.Deactivate(id, false) })
}

// silence has the master say nothing for a while, with the connection open; at times for so long that the service
// subscribes again.
func (c *chaos) silence() {
	c.master.Silence(true)
	time.Sleep(upTo(c.rng, 2*time.Minute))
	c.master.Silence(false)
}

// fail ends a task that runs, any but a JobManager.
func (c *chaos) fail() {
	for _, id := range slices.Sorted(maps.Keys(c.running())) {
		if a := c.agent(id); a != nil && !isJobManager(id) && !c.failed {
			c.failed = a.End(id, mesosgo.TASK_FAILED, "Command exited with status 1")
		}
	}
}

// anyAgent is one of those that live.
func (c *chaos) anyAgent() string {
	ids := slices.Sorted(maps.Keys(c.living()))
	return ids[c.rng.IntN(len(ids))]
}

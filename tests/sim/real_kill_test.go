package sim_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestKills ends the process of the service with kill -9, again and again, at random moments of growing and shrinking
// a cluster of many workers: while a request is saved, while it launches, while it starts, at rest. No task may be
// lost, launched twice or orphaned, and no answered request forgotten. It tells how long a new process takes until it
// is subscribed and has reconciled every task.
func TestKills(t *testing.T) {
	t.Parallel()
	rounds, seed := seeds(t, 5)
	workers := 100
	if rounds >= 200 {
		rounds, workers = 200, 1000
	}
	t.Run("file", func(t *testing.T) {
		t.Parallel()
		newKills(t, seed, workers).play(rounds)
	})
	t.Run("zookeeper", func(t *testing.T) {
		t.Parallel()
		server := zookeeper.Start(t)
		newKills(t, seed, workers, "STATE_STORE=zk://"+server.Addr+"/service", "STATE_SESSION_TIMEOUT=2s").play(rounds)
	})
}

// kills is a fleet with a service that is killed.
type kills struct {
	t testing.TB
	*fleet
	*instance
	rng     *rand.Rand
	workers int
	// want is how many workers the cluster has been told to have, in the last request that was answered.
	want int
	took []time.Duration
}

const killedName = "many"

func newKills(t testing.TB, seed uint64, workers int, variables ...string) *kills {
	t.Helper()
	f := newFleet(t, "127.0.0.%d") // Addresses that lead nowhere: the JobManager is asked for in vain, at little cost.
	for range 5 {
		f.addAgent(workers / 3)
	}
	k := &kills{
		t: t, fleet: f, instance: newInstance(t, "service", f.master.Address(), t.TempDir(), variables...),
		rng: rand.New(rand.NewPCG(seed, 7)), workers: workers,
	}
	k.start()
	k.reconciled()
	k.scale(workers)
	k.rest()
	return k
}

// spec is the cluster with a number of workers.
func (k *kills) spec(workers int) spec.Spec {
	return spec.Spec{
		Name: killedName, Kind: spec.Session, Allocation: spec.Static,
		JobManager:   spec.JobManager{Resources: spec.Resources{CPUs: 0.5, Memory: spec.GiB}, Replicas: 1},
		TaskManager:  spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Slots: 1},
		TaskManagers: spec.TaskManagers{Count: workers},
	}
}

// put asks for a number of workers once; whether that was saved is known only when there is an answer.
func (k *kills) put(ctx context.Context, workers int) error {
	_, err := k.client.PutCluster(ctx, k.spec(workers))
	if err == nil {
		k.want = workers
	}
	return err
}

// scale asks for a number of workers until there is an answer.
func (k *kills) scale(workers int) {
	k.t.Helper()
	k.until("scaled", func() error {
		err := k.put(k.t.Context(), workers)
		if err != nil && !client.Temporary(err) {
			k.t.Fatal(err)
		}
		return err
	})
}

func (k *kills) play(rounds int) {
	k.t.Helper()
	for round := range rounds {
		k.round()
		if k.t.Failed() {
			k.t.Fatalf("round %d", round)
		}
		if round%25 == 24 {
			k.t.Logf("%d kills", round+1)
		}
	}
	slices.Sort(k.took)
	k.t.Logf("%d kills with %d tasks: subscribed and reconciled %s after the start in the median, %s at most",
		rounds, k.workers, k.took[len(k.took)/2].Round(10*time.Millisecond), k.took[len(k.took)-1].Round(10*time.Millisecond))
}

// round kills the service once or twice around one request.
func (k *kills) round() {
	k.t.Helper()
	want := k.workers - k.rng.IntN(k.workers/5)
	if k.rng.IntN(10) == 0 {
		want = k.rng.IntN(k.workers)
	}
	before := k.running()
	moment := time.Duration(k.rng.IntN(400)) * time.Millisecond
	early := k.rng.IntN(5) == 0
	again := time.Duration(k.rng.IntN(600)) * time.Millisecond

	ctx, cancel := context.WithCancel(k.t.Context())
	answered := make(chan error, 1)
	go func() { answered <- k.put(ctx, want) }()
	time.Sleep(moment) // The moment is what is tested.
	k.kill()
	cancel()
	lost := <-answered != nil
	k.start()
	if early {
		time.Sleep(again)
		k.kill()
		k.start()
	}
	k.took = append(k.took, k.reconciled())
	d, err := k.client.Cluster(k.t.Context(), killedName)
	if err != nil {
		k.t.Fatal(err)
	}
	if n := d.Spec.TaskManagers.Count; n != k.want && (!lost || n != want) {
		k.t.Errorf("the cluster is to have %d workers: asked for %d, answered for %d", n, want, k.want)
	}
	if lost {
		k.scale(want)
	}
	k.rest()
	after, kept := k.running(), 0
	for id := range before {
		if _, ok := after[id]; ok {
			kept++
		}
	}
	if least := min(len(before), want+1); kept < least {
		k.t.Errorf("of %d tasks that ran before the kill only %d are left, and %d are wanted", len(before), kept, want+1)
	}
	k.once()
}

// rest waits until what is wanted, what the service knows and what runs are the same.
func (k *kills) rest() {
	k.t.Helper()
	k.until("rest", func() error {
		d, err := k.client.Cluster(k.t.Context(), killedName)
		if err != nil {
			return err
		}
		return k.difference(d)
	})
}

// difference says in what the service's words and what runs differ.
func (k *kills) difference(d wire.Description) error {
	running := k.running()
	for _, tk := range d.Tasks {
		where := running[tk.ID]
		if tk.Goal != task.Launched || tk.State != task.Running || len(where) != 1 || where[0] != tk.AgentID {
			return fmt.Errorf("task %s is %s with goal %s, and runs on %v", tk.ID, tk.State, tk.Goal, where)
		}
	}
	if len(d.Tasks) != k.want+1 || len(running) != k.want+1 {
		return fmt.Errorf("%d tasks are known, %d run, and %d are wanted", len(d.Tasks), len(running), k.want+1)
	}
	return nil
}

package core_test

import (
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/core"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

var demo = spec.Spec{
	Name: "demo", Kind: spec.Session, Allocation: spec.Static, Role: "*",
	JobManager:   spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Replicas: 1},
	TaskManager:  spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Slots: 1},
	TaskManagers: spec.TaskManagers{Count: 2},
}

// TestLives starts a cluster in one life of the core, which crashes, and finds it again in the next.
func TestLives(t *testing.T) {
	t.Parallel()
	master, err := localmesos.New(localmesos.Options{AllocationInterval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := master.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	_, err = master.AddAgent(localmesos.AgentOptions{
		CPUs: 8, MemMiB: 8192, Ports: [2]uint64{10000, 10100}, Runtime: executor.NewScripted(nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	memory := store.NewMemory()
	first := start(t, master, memory)
	if err := first.Put(t.Context(), "aaaa", demo); err != nil {
		t.Fatal(err)
	}
	running(t, first, 3)
	applied := memory.Applied()
	first.Crash(0)
	<-first.Gone()
	if err := first.Err(); err != nil {
		t.Errorf("Err() = %v after a crash that was asked for", err)
	}
	if err := first.Put(t.Context(), "aaaa", demo); err == nil {
		t.Error("a core that has crashed takes a cluster")
	}
	if n := memory.Applied(); n != applied {
		t.Errorf("a core that has crashed saved %d times", n-applied)
	}
	memory = memory.Reopen()
	second := start(t, master, memory)
	running(t, second, 3)
	applied = memory.Applied()
	// One save is let through, and then nothing.
	second.Crash(1)
	more := demo
	more.TaskManagers.Count = 0
	_ = second.Put(t.Context(), "aaaa", more) // The core may end before it has answered.
	<-second.Gone()
	if n := memory.Applied(); n != applied+1 {
		t.Errorf("a core with one save left saved %d times", n-applied)
	}
	if err := second.Stop(); err != nil {
		t.Errorf("Stop() = %v after a crash", err)
	}
}

func start(t *testing.T, master *localmesos.Master, s store.Store) *core.Core {
	t.Helper()
	c, err := core.Start(core.Options{Master: master.Address(), Store: s, Tick: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Crash(0); <-c.Gone() })
	return c
}

func running(t *testing.T, c *core.Core, tasks int) {
	t.Helper()
	var d wire.Description
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		d, _ = view.Describe(c.View(), "demo")
		n := 0
		for _, x := range d.Tasks {
			if x.State == task.Running {
				n++
			}
		}
		if v := view.Service(c.View()); n == tasks && v.Connected {
			return
		}
	}
	t.Fatalf("%d tasks do not come to run: %+v", tasks, d.Tasks)
}

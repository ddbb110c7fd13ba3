package sim_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
)

// session is the session timeout of the state store in these tests.
const session = 6 * time.Second

// pair is two instances on one state in ZooKeeper, neither of which runs yet. For tasks both have one name that leads to
// whichever leads; each other they must find all the same.
func pair(t *testing.T, f *fleet, first, second string) (a, b *instance) {
	t.Helper()
	dir := t.TempDir()
	variables := func(address string) []string {
		return []string{"STATE_STORE=zk://" + address + "/service", "STATE_SESSION_TIMEOUT=" + session.String(), "ADVERTISE_URL=http://flink.example"}
	}
	return newInstance(t, "a", f.master.Address(), dir, variables(first)...), newInstance(t, "b", f.master.Address(), dir, variables(second)...)
}

// is waits until an instance has a role.
func (i *instance) is(role string) {
	i.t.Helper()
	i.until("to be the "+role, func() error {
		if now := i.role(); now != role {
			return fmt.Errorf("it is %q", now)
		}
		return nil
	})
}

// demo is a cluster of so many workers.
func demo(workers int) spec.Spec {
	return spec.Spec{
		Name: "demo", Kind: spec.Session, Allocation: spec.Static,
		JobManager:   spec.JobManager{Resources: spec.Resources{CPUs: 0.5, Memory: spec.GiB}, Replicas: 1},
		TaskManager:  spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Slots: 1},
		TaskManagers: spec.TaskManagers{Count: workers},
	}
}

// fill has a cluster of so many workers run, and returns the tasks with their agents.
func fill(t *testing.T, f *fleet, i *instance, workers int) map[string][]string {
	t.Helper()
	if _, err := i.client.PutCluster(t.Context(), demo(workers)); err != nil {
		t.Fatal(err)
	}
	i.until("all tasks run", func() error { return holds(t, i.client, workers+1) })
	return f.running()
}

// holds says whether an instance knows so many tasks that run, and none waits.
func holds(t testing.TB, c *client.Client, tasks int) error {
	d, err := c.Cluster(t.Context(), "demo")
	if err != nil {
		return err
	}
	running := 0
	for _, tk := range d.Tasks {
		if tk.State == task.Running && tk.Goal == task.Launched {
			running++
		}
	}
	if running != tasks || len(d.Tasks) != tasks || len(d.Waiting) != 0 {
		return fmt.Errorf("%d of %d tasks run, and %d wait", running, len(d.Tasks), len(d.Waiting))
	}
	return nil
}

// untouched fails the test unless the tasks are those of before.
func untouched(t *testing.T, f *fleet, before map[string][]string) {
	t.Helper()
	if after := f.running(); !maps.EqualFunc(before, after, slices.Equal) {
		t.Errorf("the tasks were %v and are %v", before, after)
	}
	f.once()
}

// TestTwoOnOneDirectory has a second service refuse the first one's state, and say whose it is.
func TestTwoOnOneDirectory(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "127.0.0.%d")
	dir := t.TempDir()
	shared := "STATE_STORE=file:" + filepath.Join(dir, "state")
	a, b := newInstance(t, "a", f.master.Address(), dir, shared), newInstance(t, "b", f.master.Address(), dir, shared)
	a.start()
	a.reconciled()
	b.start()
	select {
	case <-b.ended:
	case <-time.After(time.Minute):
		t.Fatal("two services run on one state")
	}
	if words := b.lastWords(); !strings.Contains(words, fmt.Sprint(a.cmd.Process.Pid)) {
		t.Errorf("the second says %q, and not the process that has the state", words)
	}
	if !a.alive() {
		t.Error("the first ended")
	}
}

// TestPartition cuts the instance that leads off from ZooKeeper with its connections open: it ends before another
// leads, the other takes over, and no task notices.
func TestPartition(t *testing.T) {
	t.Parallel()
	server := zookeeper.Start(t)
	proxy := server.Proxy(t)
	f := newFleet(t, "127.0.0.%d")
	f.addAgent(10)
	a, b := pair(t, f, proxy.Addr, server.Addr)
	a.start()
	a.reconciled()
	before := fill(t, f, a, 5)
	b.start()
	b.is("standby")

	proxy.Stall()
	stalled := time.Now()
	<-a.ended
	if b.role() == "leader" {
		t.Error("the other led before the one that was cut off ended")
	}
	if words := a.lastWords(); !strings.Contains(words, "the lock of the state is lost") {
		t.Errorf("it ended with %q", words)
	}
	b.is("leader")
	t.Logf("the standby led %s after the session timeout of %s", (time.Since(stalled) - session).Round(10*time.Millisecond), session)
	b.reconciled()
	untouched(t, f, before)

	// Marathon starts it again; ZooKeeper can be reached again; both go on.
	proxy.Restore()
	a.start()
	a.is("standby")
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(session / 4) // Within the session: writes wait, and nobody is deposed.
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	fill(t, f, b, 7)
	if role := b.role(); role != "leader" {
		t.Errorf("after a short stall it is %q", role)
	}
	f.once()
}

// TestFullDisk fills the disk of the state: what cannot be saved is neither answered nor launched, and when there is
// room again everything goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	small := filepath.Join(dir, "small")
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", small, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("a small disk cannot be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	f := newFleet(t, "127.0.0.%d")
	f.addAgent(20)
	i := newInstance(t, "service", f.master.Address(), dir, "STATE_STORE=file:"+filepath.Join(small, "state"))
	i.start()
	i.reconciled()
	before := fill(t, f, i, 5)

	ballast := filepath.Join(small, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk has more room than it should: %v", err)
	}
	d, err := i.client.Cluster(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	d.Spec.Environment = map[string]string{"MORE": strings.Repeat("than is left ", 1000)}
	if _, err := i.client.PutCluster(t.Context(), d.Spec); err == nil {
		t.Error("a request was answered, and there is no room to save it")
	}
	// A service that cannot save ends, and says why; Marathon starts it again, and again.
	<-i.ended
	if words := i.lastWords(); !strings.Contains(words, "no space left") {
		t.Errorf("it ended with %q", words)
	}
	untouched(t, f, before)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	i.start()
	i.reconciled()
	untouched(t, f, before)
	fill(t, f, i, 15)
	f.once()
}

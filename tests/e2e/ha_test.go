package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/flink/ha"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// highlyAvailable has the service fill in where ZooKeeper and the storage are. The session timeout is Flink's own
// default, which the service does not wait for.
func highlyAvailable(s spec.Spec) spec.Spec {
	s.FlinkConfiguration["high-availability.type"] = "zookeeper"
	s.FlinkConfiguration["high-availability.zookeeper.client.session-timeout"] = "60 s"
	return s
}

// withZooKeeper tells the service where JobManagers keep what outlives them.
func withZooKeeper(server *zookeeper.Server) func(dir string) []string {
	return func(dir string) []string {
		return []string{"ZOOKEEPER=" + server.Addr, "HA_STORAGE_DIR=file://" + dir + "/ha"}
	}
}

// TestJobManagerFailover kills JobManagers with -9: the same workers register again, the job goes on from its
// checkpoint and its result is exact.
func TestJobManagerFailover(t *testing.T) {
	server := zookeeper.Start(t)
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{Service: withZooKeeper(server)})
		w.Create(highlyAvailable(dynamic("ha", d, 2)))
		out := w.Dir() + "/sum"
		id := w.Run("ha", "Sum", "--count", "25000", "--rate", "1000", "--parallelism", "4", "--interval", "500", "--checkpoints", "file://"+w.Dir()+"/checkpoints", "--output", out)
		w.JobState("ha", id, "RUNNING")
		before := w.Until("ha", "has 2 TaskManagers", func(d wire.Description) bool {
			return taskManagers(d) == 2 && d.Status.Flink != nil && d.Status.Flink.TaskManagers == 2
		})
		w.Eventually("there is a checkpoint", func() error { return checkpointed(t, w, "ha", id) })
		storedInZooKeeper(t, w, server, before, id)
		leader := world.Tasks(before, spec.JobManagerTask)[0].ID
		w.Signal(leader, syscall.SIGKILL)
		killed := time.Now()
		w.Until("ha", "has replaced "+leader, func(d wire.Description) bool {
			jms := world.Tasks(d, spec.JobManagerTask)
			return len(jms) == 1 && jms[0].ID != leader && d.Status.Flink != nil && d.Status.Flink.JobsRunning == 1
		})
		t.Logf("the job runs again %s after the JobManager was killed", time.Since(killed).Round(100*time.Millisecond))
		w.JobState("ha", id, "FINISHED")
		checkSum(t, out, 25000)
		after, err := w.Client.Cluster(t.Context(), "ha")
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		taskManagerIDs(before, seen)
		for _, e := range after.Events {
			if e.Type == "TaskManagerLost" {
				t.Errorf("a TaskManager was lost: %s", e.Message)
			}
		}
		taskManagerIDs(after, seen)
		if len(seen) != 2 {
			t.Errorf("TaskManagers were %v, want two", seen)
		}
		if err := w.Client.DeleteCluster(t.Context(), "ha", true); err != nil {
			t.Fatal(err)
		}
		w.Eventually("the cluster is gone, from ZooKeeper too", func() error {
			if _, err := w.Client.Cluster(t.Context(), "ha"); !client.NotFound(err) {
				return fmt.Errorf("it is there: %w", err)
			}
			return noNodes(t, server.Addr, "/flink", "ha-")
		})
	})
}

// storedInZooKeeper compares what the service reads of a running job in ZooKeeper with what Flink itself says. Both
// lines of Flink keep checkpoints alike.
func storedInZooKeeper(t *testing.T, w *world.World, server *zookeeper.Server, d wire.Description, job string) {
	t.Helper()
	root, ok, err := ha.Locate(map[string]string{"high-availability.type": "zookeeper", "high-availability.zookeeper.quorum": server.Addr})
	if err != nil || !ok {
		t.Fatalf("locate: %t, %v", ok, err)
	}
	namespaces, err := root.Namespaces(t.Context(), d.Name+"-")
	if err != nil || len(namespaces) != 1 {
		t.Fatalf("the namespaces of %s are %v, %v; want one", d.Name, namespaces, err)
	}
	l := root.Namespace(namespaces[0])
	if jobs, err := l.Jobs(t.Context()); err != nil || !slices.Equal(jobs, []string{job}) {
		t.Errorf("ZooKeeper knows the jobs %v, %v; want %s", jobs, err, job)
	}
	w.Eventually("ZooKeeper knows the checkpoint that Flink completed last", func() error {
		response, err := http.Get(w.URL + "/v1/clusters/" + d.Name + "/ui/jobs/" + job + "/checkpoints")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		var said struct {
			Latest struct{ Completed *struct{ ID int64 } }
		}
		if err := json.NewDecoder(response.Body).Decode(&said); err != nil {
			return err
		}
		known, err := l.Checkpoints(t.Context(), job)
		if err != nil {
			return err
		}
		if said.Latest.Completed == nil || !slices.Contains(known, said.Latest.Completed.ID) {
			return fmt.Errorf("Flink says %+v, ZooKeeper %v", said.Latest.Completed, known)
		}
		return nil
	})
}

// TestStandbyJobManager kills the leader of two JobManagers: the other takes over.
func TestStandbyJobManager(t *testing.T) {
	server := zookeeper.Start(t)
	d := disttest.Real(t)[0]
	w := world.Start(t, world.Options{Service: withZooKeeper(server)})
	s := highlyAvailable(dynamic("pair", d, 2))
	s.JobManager.Replicas = 2
	w.Create(s)
	before := w.Until("pair", "has two JobManagers", func(d wire.Description) bool {
		jms := world.Tasks(d, spec.JobManagerTask)
		return len(jms) == 2 && jms[0].State == task.Running && jms[1].State == task.Running
	})
	jms := world.Tasks(before, spec.JobManagerTask)
	if w.Local() && jms[0].AgentID == jms[1].AgentID { // Elsewhere the other agents may be full.
		t.Errorf("both JobManagers are on agent %s", jms[0].AgentID)
	}
	id := w.Run("pair", "Endless", "--parallelism", "2", "--interval", "500")
	w.JobState("pair", id, "RUNNING")
	// Whichever leads: both are killed one after the other, each after the other is back.
	for _, victim := range jms {
		w.Signal(victim.ID, syscall.SIGKILL)
		w.Until("pair", "has replaced "+victim.ID, func(d wire.Description) bool {
			now := world.Tasks(d, spec.JobManagerTask)
			return len(now) == 2 && now[0].ID != victim.ID && now[1].ID != victim.ID && now[0].State == task.Running && now[1].State == task.Running
		})
		w.JobState("pair", id, "RUNNING")
	}
	w.Until("pair", "still has its TaskManager", func(d wire.Description) bool { return taskManagers(d) == 1 && len(d.Waiting) == 0 })
}

// noNodes says whether nodes with a prefix are left below one.
func noNodes(t *testing.T, address, parent, prefix string) error {
	t.Helper()
	c, _, err := zk.Connect([]string{address}, 10*time.Second, zk.WithLogInfo(false))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	children, _, err := c.Children(parent)
	if errors.Is(err, zk.ErrNoNode) {
		return nil // ZooKeeper itself removes an empty container.
	}
	if err != nil {
		return err
	}
	for _, child := range children {
		if strings.HasPrefix(child, prefix) {
			return fmt.Errorf("%s/%s is there", parent, child)
		}
	}
	return nil
}

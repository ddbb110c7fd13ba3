package ha_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink/ha"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
)

// server is one real ZooKeeper for all tests here; each has a root of its own.
var server *zookeeper.Server

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ha-zookeeper")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if server, err = zookeeper.New(context.Background(), zookeeper.Options{Dir: dir}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Kill()
	return m.Run()
}

// session connects as a JobManager does.
func session(t *testing.T, server string) *zk.Conn {
	t.Helper()
	c, events, err := zk.Connect([]string{server}, 20*time.Second, zk.WithLogInfo(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for {
		select {
		case e := <-events:
			if e.State == zk.StateHasSession {
				return c
			}
		case <-time.After(20 * time.Second):
			t.Fatal("no session with ZooKeeper")
		}
	}
}

// store makes a node with what Flink keeps in it, and those above it.
func store(t *testing.T, c *zk.Conn, node string, data []byte, flags int32) {
	t.Helper()
	for i, r := range node[1:] {
		if r != '/' {
			continue
		}
		if _, err := c.Create(node[:i+1], nil, 0, zk.WorldACL(zk.PermAll)); err != nil && !errors.Is(err, zk.ErrNodeExists) {
			t.Fatalf("create %s: %v", node[:i+1], err)
		}
	}
	if _, err := c.Create(node, data, flags, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatalf("create %s: %v", node, err)
	}
}

// nodes lists a tree, relative to its top.
func nodes(t *testing.T, c *zk.Conn, top string) []string {
	t.Helper()
	names, _, err := c.Children(top)
	if errors.Is(err, zk.ErrNoNode) {
		return nil
	}
	if err != nil {
		t.Fatalf("list %s: %v", top, err)
	}
	slices.Sort(names)
	var all []string
	for _, n := range names {
		all = append(all, n)
		for _, below := range nodes(t, c, path.Join(top, n)) {
			all = append(all, path.Join(n, below))
		}
	}
	return all
}

const job, other = "00000000000000000000000000000001", "00000000000000000000000000000002"

// populate makes the namespace of a cluster as a JobManager of a line of Flink leaves it, with two jobs, of which the
// first has completed checkpoints. The locks are those of the JobManager's session.
func populate(t *testing.T, c *zk.Conn, namespace string, graphs ...string) {
	t.Helper()
	handle := []byte("a serialized RetrievableStreamStateHandle")
	for _, kind := range graphs {
		for _, id := range []string{job, other} {
			store(t, c, path.Join(namespace, kind, id), handle, 0)
			store(t, c, path.Join(namespace, kind, id, "locks", "8d1a"), nil, zk.FlagEphemeral)
		}
	}
	for _, id := range []int64{9, 10, 11} {
		node := path.Join(namespace, "jobs", job, "checkpoints", fmt.Sprintf("%019d", id))
		store(t, c, node, handle, 0)
		store(t, c, path.Join(node, "locks", "8d1a"), nil, zk.FlagEphemeral)
	}
	for _, id := range []string{job, other} {
		store(t, c, path.Join(namespace, "jobs", id, "checkpoint_id_counter"), binary.BigEndian.AppendUint32(nil, 12), 0)
	}
}

// lines are what each line of Flink stores of jobs.
func lines() map[string][]string {
	return map[string][]string{
		"1.20": {"jobgraphs"}, "2.0": {"execution-plans"}, "2.3": {"execution-plans", "applications"},
		"1.20 upgraded to 2.3": {"jobgraphs", "execution-plans", "applications"},
	}
}

func TestRemoveGraphsKeepsCheckpoints(t *testing.T) {
	for line, graphs := range lines() {
		t.Run(line, func(t *testing.T) {
			c := session(t, server.Addr)
			l := locate(t, server.Addr, map[string]string{"high-availability.zookeeper.path.root": "/graphs " + line, "high-availability.cluster-id": "/demo"})
			populate(t, c, l.Path, graphs...)
			populate(t, c, l.Namespace("neighbour").Path, graphs...)
			neighbour := nodes(t, c, l.Namespace("neighbour").Path)
			removed, err := l.RemoveGraphs(t.Context())
			if err != nil {
				t.Fatalf("RemoveGraphs() error: %v", err)
			}
			if want := 2 * len(graphs); removed != want {
				t.Errorf("RemoveGraphs() = %d, want %d: two jobs in each of %v", removed, want, graphs)
			}
			var want []string
			for _, n := range []string{
				"", job, job + "/checkpoint_id_counter", job + "/checkpoints",
				job + "/checkpoints/0000000000000000009", job + "/checkpoints/0000000000000000009/locks", job + "/checkpoints/0000000000000000009/locks/8d1a",
				job + "/checkpoints/0000000000000000010", job + "/checkpoints/0000000000000000010/locks", job + "/checkpoints/0000000000000000010/locks/8d1a",
				job + "/checkpoints/0000000000000000011", job + "/checkpoints/0000000000000000011/locks", job + "/checkpoints/0000000000000000011/locks/8d1a",
				other, other + "/checkpoint_id_counter",
			} {
				want = append(want, path.Join("jobs", n))
			}
			if diff := cmp.Diff(want, nodes(t, c, l.Path)); diff != "" {
				t.Errorf("nodes of the cluster (-want +got):\n%s", diff)
			}
			if data, _, err := c.Get(path.Join(l.Path, "jobs", job, "checkpoint_id_counter")); err != nil || binary.BigEndian.Uint32(data) != 12 {
				t.Errorf("the counter is %v, %v", data, err)
			}
			if diff := cmp.Diff(neighbour, nodes(t, c, l.Namespace("neighbour").Path)); diff != "" {
				t.Errorf("nodes of another cluster (-want +got):\n%s", diff)
			}
			if again, err := l.RemoveGraphs(t.Context()); again != 0 || err != nil {
				t.Errorf("RemoveGraphs() once more = %d, %v", again, err)
			}
		})
	}
}

// The nodes of graphs may have other names; 2.x also takes the option of 1.20 for its own.
func TestRemoveGraphsByOtherNames(t *testing.T) {
	c := session(t, server.Addr)
	l := locate(t, server.Addr, map[string]string{
		"high-availability.zookeeper.path.root": "/names", "high-availability.zookeeper.path.jobgraphs": "what/runs", "high-availability.zookeeper.path.applications": "/apps",
	})
	populate(t, c, l.Path, "what/runs", "apps")
	populate(t, c, l.Namespace("next").Path, "what/runs", "apps")
	for _, at := range []ha.Location{l, l.Namespace("next")} {
		if removed, err := at.RemoveGraphs(t.Context()); removed != 4 || err != nil {
			t.Errorf("RemoveGraphs() of %s = %d, %v, want 4", at.Path, removed, err)
		}
	}
}

func TestCheckpoints(t *testing.T) {
	c := session(t, server.Addr)
	l := locate(t, server.Addr, map[string]string{"high-availability.zookeeper.path.root": "/checkpoints"})
	if got, err := l.Checkpoints(t.Context(), job); len(got) != 0 || err != nil {
		t.Errorf("Checkpoints() of nothing = %v, %v", got, err)
	}
	populate(t, c, l.Path, "jobgraphs")
	store(t, c, path.Join(l.Path, "jobs", job, "checkpoints", "not-a-number"), nil, 0)
	got, err := l.Checkpoints(t.Context(), job)
	if diff := cmp.Diff([]int64{9, 10, 11}, got); diff != "" || err != nil {
		t.Errorf("Checkpoints() error %v, mismatch (-want +got):\n%s", err, diff)
	}
	if got, err := l.Checkpoints(t.Context(), other); len(got) != 0 || err != nil {
		t.Errorf("Checkpoints() of a job without any = %v, %v", got, err)
	}
	if ids, err := l.Jobs(t.Context()); err != nil || !slices.Equal(ids, []string{job, other}) {
		t.Errorf("Jobs() = %v, %v", ids, err)
	}
	for _, bad := range []string{"", "..", "a/b"} {
		if _, err := l.Checkpoints(t.Context(), bad); err == nil {
			t.Errorf("Checkpoints(%q) found nothing wrong", bad)
		}
	}
}

func TestNamespacesAndTheirRemoval(t *testing.T) {
	c := session(t, server.Addr)
	l := locate(t, server.Addr, map[string]string{"high-availability.zookeeper.path.root": "/many/of them", "high-availability.cluster-id": "/demo-x7k2-g1"})
	if got, err := l.Namespaces(t.Context(), "demo"); len(got) != 0 || err != nil {
		t.Errorf("Namespaces() of nothing = %v, %v", got, err)
	}
	for _, id := range []string{"demo-x7k2-g10", "demo-x7k2-g1", "demo-other-g1", "demo-x7k2-g2"} {
		populate(t, c, l.Namespace(id).Path, "execution-plans", "applications")
	}
	got, err := l.Namespaces(t.Context(), "demo-x7k2-g")
	if diff := cmp.Diff([]string{"demo-x7k2-g1", "demo-x7k2-g10", "demo-x7k2-g2"}, got); diff != "" || err != nil {
		t.Fatalf("Namespaces() error %v, mismatch (-want +got):\n%s", err, diff)
	}
	for _, id := range got {
		if err := l.Namespace(id).Remove(t.Context()); err != nil {
			t.Fatalf("Remove() of %s error: %v", id, err)
		}
	}
	rest, err := l.Namespaces(t.Context(), "")
	if diff := cmp.Diff([]string{"demo-other-g1"}, rest); diff != "" || err != nil {
		t.Errorf("Namespaces() error %v, mismatch (-want +got):\n%s", err, diff)
	}
	// With the last one goes what is above and empty, and removing it again is no error.
	for range 2 {
		if err := l.Namespace("demo-other-g1").Remove(t.Context()); err != nil {
			t.Errorf("Remove() error: %v", err)
		}
	}
	if there, _, err := c.Exists("/many"); there || err != nil {
		t.Errorf("/many is there: %t, %v", there, err)
	}
}

// serialized is a string as Java's ObjectOutputStream writes it.
func serialized(text string) []byte {
	return append([]byte{0xac, 0xed, 0, 5, 't', 0, byte(len(text))}, text...)
}

// candidate registers a JobManager in the latch, and as the leader when it is to be one. It returns its node.
func candidate(t *testing.T, c *zk.Conn, l ha.Location, number int, address string, leads bool) string {
	t.Helper()
	node := path.Join(l.Path, "leader", "latch", fmt.Sprintf("_c_%08d-latch-%010d", number, number))
	store(t, c, node, nil, zk.FlagEphemeral)
	if leads {
		for _, component := range []string{"dispatcher", "resource_manager"} {
			data := serialized("pekko.tcp://flink@" + address + "/user/rpc/" + component + "_0")
			store(t, c, path.Join(l.Path, "leader", component, "connection_info"), data, zk.FlagEphemeral)
		}
	}
	return path.Base(node)
}

func TestRevokeLeadership(t *testing.T) {
	tests := []struct {
		name  string
		alone bool
		host  string
		port  int
		// stay are the candidates that are left, of 1 (dead, was leader), 2 (alive) and 3 (alive).
		stay []int
	}{
		{"the dead leader's", false, "10.0.0.1", 6123, []int{2, 3}},
		{"a port that only looks alike", false, "10.0.0.1", 612, []int{1, 2, 3}},
		{"a host that only looks alike", false, "0.0.0.1", 6123, []int{1, 2, 3}},
		{"of one that did not lead", false, "10.0.0.2", 6123, []int{1, 2, 3}},
		{"all, when nobody is alive", true, "10.0.0.9", 1, nil},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := locate(t, server.Addr, map[string]string{"high-availability.zookeeper.path.root": fmt.Sprintf("/latch%d", i)})
			names := make(map[int]string)
			for n := 1; n <= 3; n++ {
				names[n] = candidate(t, session(t, server.Addr), l, n, fmt.Sprintf("10.0.0.%d:6123", n), n == 1)
			}
			removed, err := l.RevokeLeadership(t.Context(), tt.host, tt.port, tt.alone)
			if err != nil {
				t.Fatalf("RevokeLeadership() error: %v", err)
			}
			if want := 3 - len(tt.stay); removed != want {
				t.Errorf("RevokeLeadership() = %d, want %d", removed, want)
			}
			var want []string
			for _, n := range tt.stay {
				want = append(want, names[n])
			}
			if diff := cmp.Diff(want, nodes(t, session(t, server.Addr), path.Join(l.Path, "leader", "latch"))); diff != "" {
				t.Errorf("candidates (-want +got):\n%s", diff)
			}
		})
	}
	l := locate(t, server.Addr, map[string]string{"high-availability.zookeeper.path.root": "/nobody"})
	if removed, err := l.RevokeLeadership(t.Context(), "a", 1, true); removed != 0 || err != nil {
		t.Errorf("RevokeLeadership() of nothing = %d, %v", removed, err)
	}
}

// With the ACL creator Flink's nodes are those of its login, and the service needs the same.
func TestLogin(t *testing.T) {
	flink := session(t, server.Addr)
	if err := flink.AddAuth("digest", []byte("flink:hunter2")); err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"/acl", "/acl/default", "/acl/default/jobgraphs", "/acl/default/jobgraphs/" + job} {
		if _, err := flink.Create(node, nil, 0, zk.AuthACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
	}
	options := map[string]string{"high-availability.zookeeper.path.root": "/acl"}
	_, err := locate(t, server.Addr, options).RemoveGraphs(t.Context())
	if !errors.Is(err, zk.ErrNoAuth) || !strings.Contains(err.Error(), "high-availability.zookeeper.client.authorization") {
		t.Errorf("RemoveGraphs() without a login: error %v, want one that says what to set", err)
	}
	options["high-availability.zookeeper.client.authorization"] = "digest:'flink:hunter2'"
	if removed, err := locate(t, server.Addr, options).RemoveGraphs(t.Context()); removed != 1 || err != nil {
		t.Errorf("RemoveGraphs() = %d, %v, want 1", removed, err)
	}
	if err := locate(t, server.Addr, options).Remove(t.Context()); err != nil {
		t.Errorf("Remove() error: %v", err)
	}
}

// A server that does not answer is given up when the context ends, and named.
func TestSilentServer(t *testing.T) {
	proxy := server.Proxy(t)
	proxy.Stall()
	l := locate(t, proxy.Addr, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := l.Remove(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), proxy.Addr) {
		t.Errorf("Remove() error %v, want the deadline and the address", err)
	}
}

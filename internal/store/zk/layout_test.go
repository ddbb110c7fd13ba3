package zk_test

import (
	"testing"

	zkclient "github.com/go-zookeeper/zk"
	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/store"
)

// TestLayoutOne reads the nodes as release 1 writes them: plain values, one that begins with a mark, one in chunks, and a
// batch that waits in the journal. It is never changed, only joined by tests of later layouts.
func TestLayoutOne(t *testing.T) {
	t.Parallel()
	path := root(t)
	c := raw(t)
	nodes := []struct{ path, data string }{
		{"", ""},
		{"/records", ""},
		{"/chunks", ""},
		{"/lock", ""},
		{"/journal", "\x01" + `{"id":"7-J","chunks":1,"size":128,"crc32c":53789105}`},
		{"/head", `{"layout":1,"epoch":7,"write":"X"}`},
		{"/records/framework", `{"kind":"framework","schema":1,"data":{"id":"f-1"}}`},
		{"/records/cluster%2Fdemo", `{"kind":"cluster","schema":1,"data":{}}`},
		{"/records/task%2Fgone", `{}`},
		{"/records/marked", "\x00\x01marked"},
		{"/records/large", "\x01" + `{"id":"6-L","chunks":2,"size":6,"crc32c":1844623829}`},
		{"/chunks/6-L-00000", "lar"},
		{"/chunks/6-L-00001", "ge!"},
		{"/chunks/7-J-00000", `[{"name":"cluster%2Fdemo","data":"eyJraW5kIjoiY2x1c3RlciIsInNjaGVtYSI6MSwiZGF0YSI6eyJuZXciOnRydWV9fQ=="},{"name":"task%2Fgone"}]`},
	}
	for _, n := range nodes {
		if n.path == "" {
			if _, err := c.Create(path[:len(path)-len("/state")], nil, 0, zkclient.WorldACL(zkclient.PermAll)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Create(path+n.path, []byte(n.data), 0, zkclient.WorldACL(zkclient.PermAll)); err != nil {
			t.Fatal(err)
		}
	}
	want := []store.Record{
		set("cluster/demo", `{"kind":"cluster","schema":1,"data":{"new":true}}`),
		set("framework", `{"kind":"framework","schema":1,"data":{"id":"f-1"}}`),
		set("large", "large!"),
		set("marked", "\x01marked"),
	}
	s := mustOpen(t, options(t, server.Addr, path))
	for _, who := range []string{"a standby", "the leader"} {
		got, err := s.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("Load() of %s mismatch (-want +got):\n%s", who, diff)
		}
		if who == "a standby" {
			mustLock(t, s, "a")
		}
	}
	mustApply(t, s, set("task/new", "1"))
}

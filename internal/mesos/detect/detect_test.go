package detect_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/mesos/detect"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
)

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// masters returns the nodes of three real masters, as zkCli printed them, by name.
func masters(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	nodes := map[string]string{}
	for _, m := range regexp.MustCompile(`(?s)== get /mesos/(json\.info_\d+).*?\n(\{[^\n]*\})`).FindAllStringSubmatch(string(text), -1) {
		nodes[m[1]] = m[2]
	}
	return nodes
}

func TestDetect(t *testing.T) {
	t.Parallel()
	server := zookeeper.Start(t)
	proxy := server.Proxy(t)
	address := "zk://" + proxy.Addr + "/dcos/mesos"
	if leader, err := detect.Leader(t.Context(), address); !errors.Is(err, detect.ErrNoLeader) || !strings.Contains(err.Error(), "/dcos/mesos") {
		t.Fatalf("Leader() = %q, %v, want %v", leader, err, detect.ErrNoLeader)
	}
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan string, 10)
	watched := make(chan error, 1)
	go func() { watched <- detect.Watch(ctx, address, func(hostPort string) { seen <- hostPort }) }()
	want := func(leader string) {
		t.Helper()
		select {
		case got := <-seen:
			if got != leader {
				t.Fatalf("Watch tells of %q, want %q", got, leader)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("Watch does not tell of %q", leader)
		}
		got, err := detect.Leader(t.Context(), address)
		if got != leader || (err != nil) != (leader == "") {
			t.Fatalf("Leader() = %q, %v, want %q", got, err, leader)
		}
	}
	want("")

	c, _, err := zk.Connect([]string{server.Addr}, 10*time.Second, zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	create := func(path, data string) {
		t.Helper()
		if _, err := c.Create(path, []byte(data), 0, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
	}
	create("/dcos", "")
	create("/dcos/mesos", "")
	create("/dcos/mesos/log_replicas", "")
	create("/dcos/mesos/info_0000000000", "not ours")
	nodes := masters(t, "znodes-before.txt")
	if len(nodes) != 3 {
		t.Fatalf("%d masters in the recording, want 3", len(nodes))
	}
	for _, name := range []string{"json.info_0000000002", "json.info_0000000003"} {
		create("/dcos/mesos/"+name, nodes[name])
	}
	want("127.0.0.1:15060")
	create("/dcos/mesos/json.info_0000000000", nodes["json.info_0000000000"])
	want("127.0.0.1:15050")

	// The leader goes while ZooKeeper cannot be reached.
	proxy.Cut()
	if err := c.Delete("/dcos/mesos/json.info_0000000000", -1); err != nil {
		t.Fatal(err)
	}
	proxy.Restore()
	want("127.0.0.1:15060")
	for _, name := range []string{"json.info_0000000002", "json.info_0000000003"} {
		if err := c.Delete("/dcos/mesos/"+name, -1); err != nil {
			t.Fatal(err)
		}
	}
	for got := range seen {
		if got == "" {
			break
		}
	}

	// The recording after the failover of a real cluster agrees.
	after := masters(t, "znodes-after.txt")
	if len(after) == 0 {
		t.Fatal("no masters in the recording")
	}
	for name, data := range after {
		create("/dcos/mesos/"+name, data)
	}
	for got := range seen {
		if got == "127.0.0.1:15060" {
			break
		}
	}
	cancel()
	if err := <-watched; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch() = %v, want %v", err, context.Canceled)
	}
}

func TestMasterInfo(t *testing.T) {
	t.Parallel()
	server := zookeeper.Start(t)
	c, _, err := zk.Connect([]string{server.Addr}, 10*time.Second, zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.AddAuth("digest", []byte("u:p@w")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create("/m", nil, 0, zk.DigestACL(zk.PermAll, "u", "p@w")); err != nil {
		t.Fatal(err)
	}
	node, err := c.Create("/m/json.info_", nil, zk.FlagSequence, zk.DigestACL(zk.PermAll, "u", "p@w"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, info, want, says string
	}{
		{"ip first", `{"address":{"hostname":"m1","ip":"10.0.0.1","port":5050}}`, "10.0.0.1:5050", ""},
		{"ipv6", `{"address":{"hostname":"m1","ip":"fd00::1","port":5050}}`, "[fd00::1]:5050", ""},
		{"name", `{"address":{"hostname":"m1","port":5050}}`, "m1:5050", ""},
		{"old", `{"hostname":"m1","ip":16777343,"port":5050}`, "m1:5050", ""},
		{"no address", `{"id":"x"}`, "", "no address"},
		{"bad port", `{"address":{"ip":"10.0.0.1","port":505050}}`, "", "no address"},
		{"not JSON", "\x08\x01", "", "MasterInfo"},
	}
	for _, test := range tests {
		if _, err := c.Set(node, []byte(test.info), -1); err != nil {
			t.Fatal(err)
		}
		got, err := detect.Leader(t.Context(), "zk://u:p%40w@"+server.Addr+"/m")
		if got != test.want || (test.says == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: Leader() = %q, %v, want %q", test.name, got, err, test.want)
		}
	}
	if _, err := detect.Leader(t.Context(), "zk://"+server.Addr+"/m"); !errors.Is(err, zk.ErrNoAuth) {
		t.Errorf("Leader() without credentials: %v, want %v", err, zk.ErrNoAuth)
	}
}

func TestBadAddress(t *testing.T) {
	t.Parallel()
	for address, says := range map[string]string{
		"10.0.0.1:5050":      "zk://",
		"zk://":              "not host:port",
		"zk://a:0/mesos":     "not host:port",
		"zk://a:b:c/mesos":   "not host:port",
		"zk://secret@a/m":    "user:password",
		"zk://u:secret%@a/m": "user:password",
		"zk://a/m/../n":      `segment ".."`,
	} {
		_, err := detect.Leader(t.Context(), address)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("Leader(%q) = %v, want %q in it", address, err, says)
		}
		if err := detect.Watch(t.Context(), address, func(string) {}); err == nil {
			t.Errorf("Watch(%q) took it", address)
		}
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := detect.Leader(ctx, "zk://127.0.0.1:1/mesos"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Fatalf("Leader() = %v, want %v", err, context.DeadlineExceeded)
	}
}

package ha_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/flink/ha"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
)

// saslACL is what the ACL creator means for a client that logged in by SASL.
func saslACL(user string) []zk.ACL { return []zk.ACL{{Perms: zk.PermAll, Scheme: "sasl", ID: user}} }

// TestSASL speaks to a real ensemble that authenticates by DIGEST-MD5, whose nodes belong to Flink's user.
func TestSASL(t *testing.T) {
	const password = `p"ss\wörd, and more`
	server, err := zookeeper.New(t.Context(), zookeeper.Options{Dir: t.TempDir(), SASL: [2]string{"flink", "simple"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	c := session(t, server.Addr)
	for _, node := range []string{"/flink", "/flink/default", "/flink/default/jobgraphs"} {
		if _, err := c.Create(node, nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
	}
	for _, node := range []string{"/flink/default/jobgraphs/" + job, "/flink/default/jobgraphs/" + other} {
		if _, err := c.Create(node, nil, 0, saslACL("flink")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.SetACL("/flink/default/jobgraphs", saslACL("flink"), -1); err != nil {
		t.Fatal(err)
	}
	l := locate(t, server.Addr, nil)
	if _, err := l.RemoveGraphs(t.Context()); !errors.Is(err, zk.ErrNoAuth) || !strings.Contains(err.Error(), "ZOOKEEPER_SASL_USER") {
		t.Errorf("RemoveGraphs() without a login: error %v, want one that says what to set", err)
	}
	for _, wrong := range []ha.SASL{{User: "flink", Password: password}, {User: "nobody", Password: password}} {
		l.SASL = &wrong
		if _, err := l.RemoveGraphs(t.Context()); err == nil || !strings.Contains(err.Error(), "refuses the SASL login") || strings.Contains(err.Error(), wrong.Password) {
			t.Errorf("RemoveGraphs() as %s with a wrong password: error %v", wrong.User, err)
		}
	}
	l.SASL = &ha.SASL{User: "flink", Password: "simple"}
	if removed, err := l.RemoveGraphs(t.Context()); removed != 2 || err != nil {
		t.Errorf("RemoveGraphs() = %d, %v, want 2", removed, err)
	}
	if err := l.Remove(t.Context()); err != nil {
		t.Errorf("Remove() error: %v", err)
	}
}

package app_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	zkclient "github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
)

// TestUninstallWithStandby removes a service of two instances, as Cosmos does: both end in order when they are stopped, also the
// one that stood by while the other removed the state, and neither leaves a node behind.
func TestUninstallWithStandby(t *testing.T) {
	t.Parallel()
	s, zk, dir := newStrict(t), zookeeper.Start(t), t.TempDir()
	environ := func(instance string) []string {
		return []string{
			"MESOS_MASTER=" + s.address, "DCOS_SERVICE_ACCOUNT_CREDENTIAL=" + s.credential, "SDK_UNINSTALL=true",
			"DATA_DIR=" + filepath.Join(dir, instance), "STATE_STORE=zk://" + zk.Addr + "/flink-service/dev/flink", "LISTEN=127.0.0.1:0",
			"ADVERTISE_HOST=127.0.0.1", "FLINK_DISTRIBUTIONS=" + filepath.Join(dir, "none"), "STATE_SESSION_TIMEOUT=2s",
		}
	}
	first, stopFirst := run(t, environ("first")...)
	second, stopSecond := run(t, environ("second")...)
	for _, address := range []string{first, second} {
		eventually(t, "the end of the plan", func() bool { status, _ := get(t, address+"/v1/plans/deploy"); return status == http.StatusOK })
		if status, body := get(t, address+"/v1/state/frameworkId"); status != http.StatusNotFound {
			t.Errorf("framework id: %d %s", status, body)
		}
	}
	// Long enough for an instance that waits for a lock which is gone to notice.
	eventually(t, "both instances still answer", func() bool {
		for _, address := range []string{first, second} {
			var health struct{ Healthy bool }
			if status, body := get(t, address+"/v1/health"); status != http.StatusOK || json.Unmarshal([]byte(body), &health) != nil || !health.Healthy {
				t.Fatalf("health of %s: %d %s", address, status, body)
			}
		}
		return len(nodes(t, zk.Addr)) == 0
	})
	stopFirst()
	stopSecond()
	if left := nodes(t, zk.Addr); len(left) > 0 {
		t.Errorf("ZooKeeper still has %v", left)
	}
}

// nodes lists what ZooKeeper has below its root, but for its own.
func nodes(t *testing.T, addr string) []string {
	t.Helper()
	c, _, err := zkclient.Connect([]string{addr}, 10*time.Second, zkclient.WithLogInfo(false))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	children, _, err := c.Children("/")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(children, func(n string) bool { return n == "zookeeper" })
}

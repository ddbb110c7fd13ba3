package storage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/hdfs"
	"github.com/flink-on-mesos/flink-service/internal/testkit/kdc"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// dcosHDFS is where the page has the configuration of HDFS from.
const dcosHDFS = "http://api.hdfs.marathon.l4lb.thisdcos.directory/v1/endpoints"

// onHDFS are the replacements for a spec on an HDFS: its configuration and its jars.
func onHDFS(t *testing.T, w *world.World, store *hdfs.Server, jars ...string) []string {
	t.Helper()
	replacements := []string{dcosHDFS, store.ConfigURL}
	for _, jar := range append(jars, "hadoop-client-api", "hadoop-client-runtime") {
		replacements = append(replacements, "artifact:"+jar+".jar", upload(t, w, store.Jars()[jar]))
	}
	return replacements
}

// inStore waits for files below directories of a store: the first checkpoint of a new program may be on its way.
func inStore(w *world.World, store *hdfs.Server, dirs ...string) {
	w.Eventually(fmt.Sprintf("HDFS has files at %s", dirs), func() error {
		files := store.List(hdfs.Dir)
		for _, dir := range dirs {
			if !slices.ContainsFunc(files, func(f string) bool { return strings.Contains(f, dir) }) {
				return fmt.Errorf("it has none at %s, and %d others", dir, len(files))
			}
		}
		return nil
	})
}

// TestHDFS keeps checkpoints, savepoints and the metadata of high availability in HDFS.
func TestHDFS(t *testing.T) {
	each(t, "1.20", func(t *testing.T, d disttest.Distribution) {
		store, zk := hdfs.Start(t, nil), zookeeper.Start(t)
		w := world.Start(t, world.Options{Service: func(string) []string { return []string{"ZOOKEEPER=" + zk.Addr} }})
		c := newDrill(t, w, documented(t, d, "storage.md", "hdfs", onHDFS(t, w, store)...), "hdfs:")
		c.run()
		inStore(w, store, "/flink/checkpoints/", "/flink/savepoints/", "/flink/ha/")
	})
}

// TestKerberos keeps checkpoints and savepoints in an HDFS that lets in those only who have logged in at a KDC.
func TestKerberos(t *testing.T) {
	each(t, "2.", func(t *testing.T, d disttest.Distribution) {
		k := kdc.Start(t)
		store := hdfs.Start(t, k)
		w := world.Start(t, world.Options{})
		s := documented(t, d, "storage.md", "kerberos", append(onHDFS(t, w, store, "bcprov-jdk18on"),
			"artifact:flink.keytab", upload(t, w, store.Keytab()), "kdc.example.com:88", k.Address)...)
		newDrill(t, w, s, "hdfs:").run()
		inStore(w, store, "/flink/checkpoints/", "/flink/savepoints/")
	})
}

// TestRocksDB has state in RocksDB with incremental checkpoints in HDFS. The TaskManager that lives takes its own copy when
// the other is lost.
func TestRocksDB(t *testing.T) {
	each(t, "2.", func(t *testing.T, d disttest.Distribution) {
		store := hdfs.Start(t, nil)
		w := world.Start(t, world.Options{})
		s := documented(t, d, "storage.md", "rocksdb", onHDFS(t, w, store)...)
		// The state of this program is small: it would be a part of the metadata. What is restored from is said at this level.
		s.FlinkConfiguration["execution.checkpointing.data-inline-threshold"] = "0"
		s.Environment = map[string]string{"FLINK_LOG_LEVEL": "DEBUG"}
		c := newDrill(t, w, s, "hdfs:")
		c.start()
		inStore(w, store, "/shared/")
		c.kill(spec.TaskManagerTask)
		local := logged(t, w, "Found registered local state for checkpoint")
		if len(local) != 1 {
			t.Errorf("%d TaskManagers restored from their own copy, want 1: %v", len(local), local)
		}
		if len(logged(t, w, "RocksDB")) == 0 {
			t.Error("no task speaks of RocksDB")
		}
		c.kill(spec.JobManagerTask)
		c.upgrade()
	})
}

package storage_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jars"
	"github.com/flink-on-mesos/flink-service/internal/testkit/kafka"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// connectors are the jars of Flink's connector, by the beginning of Flink's version.
var connectors = map[string]jars.Set{
	"2.":  {Name: "kafka-connector", Version: "5.0.0-2.2", Alone: true, Artifacts: []string{"org.apache.flink:flink-connector-kafka:5.0.0-2.2", "org.apache.flink:flink-connector-base:2.3.0", "org.apache.kafka:kafka-clients:4.1.1"}},
	"1.2": {Name: "kafka-connector", Version: "3.4.0-1.20", Alone: true, Artifacts: []string{"org.apache.flink:flink-connector-kafka:3.4.0-1.20", "org.apache.flink:flink-connector-base:1.20.5", "org.apache.kafka:kafka-clients:4.1.1"}},
}

// onKafka are the replacements for a spec with the connector.
func onKafka(t *testing.T, w *world.World, d disttest.Distribution) []string {
	t.Helper()
	var replacements []string
	for version, set := range connectors {
		if !strings.HasPrefix(d.Version, version) {
			continue
		}
		dir, err := set.Fetch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"flink-connector-kafka", "flink-connector-base", "kafka-clients"} {
			found, err := filepath.Glob(filepath.Join(dir, name+"-*.jar"))
			if err != nil || len(found) != 1 {
				t.Fatalf("%s is in %v (%v)", name, found, err)
			}
			replacements = append(replacements, "artifact:"+name+".jar", upload(t, w, found[0]))
		}
	}
	return replacements
}

func copyJar(w *world.World) string {
	return filepath.Join(w.Root(), "tests", "storage", "kafka-job", "target", "kafka-job.jar")
}

func numbers(first, last int) []string {
	var all []string
	for n := first; n <= last; n++ {
		all = append(all, strconv.Itoa(n))
	}
	return all
}

// copied waits until a topic has the numbers from 1 to n, and wants each once.
func copied(t *testing.T, w *world.World, broker *kafka.Server, topic string, n int) {
	t.Helper()
	var got []string
	w.Eventually(fmt.Sprintf("%s has %d records", topic, n), func() error {
		if got = broker.Consume(topic); len(got) < n {
			return fmt.Errorf("it has %d", len(got))
		}
		return nil
	})
	slices.SortFunc(got, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	if want := numbers(1, n); !slices.Equal(got, want) {
		t.Errorf("%s has %d records, want %d, each once", topic, len(got), n)
	}
}

// TestKafka copies a topic exactly once while processes are killed, with the connector beside the program and in lib.
func TestKafka(t *testing.T) {
	each(t, "2.", func(t *testing.T, d disttest.Distribution) {
		broker := kafka.Start(t)
		w := world.Start(t, world.Options{})
		common := append(onKafka(t, w, d), "hdfs:///flink/", "file://"+w.Dir()+"/")
		t.Run("usrlib", func(t *testing.T) {
			broker.Topic("orders", 2)
			broker.Topic("copies", 2)
			broker.Produce("orders", numbers(1, 500))
			s := documented(t, d, "programs.md", "kafka-usrlib", append(common, "artifact:copy.jar", upload(t, w, copyJar(w)), "kafka.example.com:9092", broker.Address)...)
			s.Job.EntryClass = "org.flinkonmesos.kafka.Copy"
			s.FlinkConfiguration["execution.checkpointing.interval"] = "500ms"
			up := w.Create(s)
			copied(t, w, broker, "copies", 500)
			w.Signal(world.Tasks(up, spec.TaskManagerTask)[0].ID, syscall.SIGKILL)
			broker.Produce("orders", numbers(501, 1000))
			copied(t, w, broker, "copies", 1000)
			w.Signal(world.Tasks(w.State(s.Name, wire.Stable), spec.JobManagerTask)[0].ID, syscall.SIGKILL)
			broker.Produce("orders", numbers(1001, 1500))
			copied(t, w, broker, "copies", 1500)
			s.TaskManager.Memory = 2 << 30
			if _, err := w.Client.PutCluster(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			broker.Produce("orders", numbers(1501, 2000))
			copied(t, w, broker, "copies", 2000)
			if err := w.Client.DeleteCluster(t.Context(), s.Name, true); err != nil {
				t.Fatal(err)
			}
		})
		t.Run("lib", func(t *testing.T) {
			broker.Topic("in", 2)
			broker.Topic("out", 2)
			s := documented(t, d, "programs.md", "kafka-lib", common...)
			s.FlinkConfiguration["execution.checkpointing.interval"] = "500ms"
			w.Create(s)
			data, err := os.ReadFile(copyJar(w))
			if err != nil {
				t.Fatal(err)
			}
			flink := w.Client.Flink(s.Name)
			jar, err := flink.UploadJar(t.Context(), client.File{Name: "copy.jar", Size: int64(len(data)), Data: bytes.NewReader(data)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := flink.RunJar(t.Context(), jar, client.Run{EntryClass: "org.flinkonmesos.kafka.Copy", Args: []string{broker.Address, "in", "out"}}); err != nil {
				t.Fatal(err)
			}
			broker.Produce("in", numbers(1, 500))
			copied(t, w, broker, "out", 500)
		})
	})
}

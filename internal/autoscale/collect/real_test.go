package collect_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/collect"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
)

// recording is what a JobManager answered while one collection was made, by request URI.
type recording struct {
	Job     string                     `json:"job"`
	Answers map[string]json.RawMessage `json:"answers"`
	// Want is the collection that came of it.
	Want autoscale.Collection `json:"want"`
}

// recorder keeps the answers that pass through it.
type recorder struct {
	mu      sync.Mutex
	answers map[string]json.RawMessage
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[req.URL.RequestURI()] = body
	return resp, err
}

// TestReal collects from a real Flink, decides on what it says, and records it with
// RECORD=2.3.0 FLINK_REAL=1 go test -run TestReal ./internal/autoscale/collect.
func TestReal(t *testing.T) {
	for _, d := range disttest.Real(t) {
		t.Run(d.Version, func(t *testing.T) {
			r := &recorder{}
			client, id := startSum(t, d, r)
			c := collect.New(collect.Options{Client: client, Job: id})
			o := settings.Default()
			o.Window.Length, o.Window.Stabilization = time.Second, 0
			var state autoscale.State
			var result autoscale.Result
			var last autoscale.Collection
			// Metrics come with the first fetch; the window is full a second later.
			eventually(t, func() error {
				var err error
				r.mu.Lock()
				r.answers = map[string]json.RawMessage{}
				r.mu.Unlock()
				if last, err = collect.New(collect.Options{Client: client, Job: id}).Collect(t.Context(), time.Now()); err != nil {
					return err
				}
				state, result = autoscale.Step(o, state, last, autoscale.Inputs{})
				if !result.Ready || !result.Vertices[0].TargetRate.Finite() || result.Vertices[0].TargetRate.Float() == 0 {
					return fmt.Errorf("not ready: %v", result.Reasons)
				}
				return check(last)
			})
			for _, v := range result.Vertices {
				t.Logf("%s: load %v, true rate %v, target %v, recommended %d", v.Name, v.Load, v.TrueRate, v.TargetRate, v.Recommended)
			}
			if rate := result.Vertices[0].TargetRate.Float(); rate < 40 || rate > 4000 {
				t.Errorf("the source reads %v records a second in so short a window; the job is throttled to 400", rate)
			}
			if again, err := c.Collect(t.Context(), time.Now()); err != nil || check(again) != nil {
				t.Errorf("collect again: %v, %v", err, check(again))
			}
			// What the fakes do with names that do not exist is what Flink does.
			some, err := client.TaskManagerMetrics(t.Context(), []string{"Status.JVM.Memory.Heap.Max", "no.such"})
			if err != nil || len(some) != 0 {
				t.Errorf("TaskManagers answer %v, %v about a metric that does not exist", some, err)
			}
			some, err = client.VertexMetrics(t.Context(), id, last.Vertices[0].ID, []string{autoscale.MetricBusy, "no.such"})
			if err != nil || len(some) != 0 {
				t.Errorf("a vertex answers %v, %v about a metric that does not exist", some, err)
			}
			if os.Getenv("RECORD") == d.Version {
				keep(t, d.Version, recording{Job: id, Answers: r.answers, Want: last})
			}
		})
	}
}

// check says what a collection of the job Sum lacks.
func check(c autoscale.Collection) error {
	if len(c.Vertices) != 3 || c.Running.IsZero() {
		return fmt.Errorf("%d vertices", len(c.Vertices))
	}
	for i, v := range c.Vertices {
		switch {
		case !v.Metrics.Busy.Max.Finite() || !v.Metrics.Busy.Avg.Finite():
			return fmt.Errorf("%s has no busy time", v.Name)
		case v.MaxParallelism < v.Parallelism || v.SlotSharingGroup == "":
			return fmt.Errorf("%s has max parallelism %d, slot sharing group %q", v.Name, v.MaxParallelism, v.SlotSharingGroup)
		case i == 0 && (!v.Metrics.SourceIn.Known() || !v.Metrics.SourceInPerSecond.Known() || !v.Metrics.BackPressured.Known() || len(v.Inputs) != 0):
			return fmt.Errorf("the source lacks metrics: %+v", v.Metrics)
		case i > 0 && (len(v.Inputs) != 1 || v.Inputs[0].Ship != "HASH" || v.Inputs[0].ID != c.Vertices[i-1].ID):
			return fmt.Errorf("%s has inputs %v", v.Name, v.Inputs)
		case i == 1 && (!v.Metrics.InPerSecond.Known() || v.Totals.Read == 0):
			return fmt.Errorf("%s lacks what it reads: %+v", v.Name, v.Metrics)
		}
	}
	tm := c.TaskManagers
	if !tm.HeapMax.Known() || !tm.HeapUsed.Known() || !tm.ManagedUsed.Known() || !tm.MetaspaceUsed.Known() || !tm.GC.Known() {
		return fmt.Errorf("TaskManagers lack metrics: %+v", tm)
	}
	if tm.SlotsTotal.Float() != 2 || tm.SlotsAvailable.Float() != 0 {
		return fmt.Errorf("slots: %v of %v are available", tm.SlotsAvailable, tm.SlotsTotal)
	}
	return nil
}

// TestRecorded collects from the recorded answers of real JobManagers.
func TestRecorded(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/flink-*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("recorded answers: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var r recording
			if err := json.Unmarshal(data, &r); err != nil {
				t.Fatal(err)
			}
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				body, ok := r.Answers[req.URL.RequestURI()]
				if !ok {
					w.WriteHeader(http.StatusNotFound)
				}
				_, _ = w.Write(body)
			}))
			defer s.Close()
			client, err := rest.New(rest.Options{URL: s.URL})
			if err != nil {
				t.Fatal(err)
			}
			got, err := collect.New(collect.Options{Client: client, Job: r.Job}).Collect(t.Context(), r.Want.At)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(r.Want, got); diff != "" {
				t.Errorf("Collect() mismatch (-want +got):\n%s", diff)
			}
			if err := check(got); err != nil {
				t.Error(err)
			}
		})
	}
}

func keep(t *testing.T, version string, r recording) {
	t.Helper()
	data, err := json.MarshalIndent(r, "", " ")
	if err == nil {
		err = os.WriteFile("testdata/flink-"+version+".json", append(data, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// startSum starts a JobManager and a TaskManager with two slots, and the job Sum on them.
func startSum(t *testing.T, d disttest.Distribution, transport http.RoundTripper) (*rest.Client, string) {
	t.Helper()
	jar := filepath.Join(disttest.Root(t), "resources/demo-job/target/flink-mesos-demo-job.jar")
	content, err := os.Open(jar)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the demo job is not built: run make demo-job")
	} else if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	rpc, port := freePort(t), freePort(t)
	config := map[string]string{
		"jobmanager.rpc.address": "127.0.0.1", "jobmanager.rpc.port": strconv.Itoa(rpc), "jobmanager.bind-host": "127.0.0.1",
		"rest.address": "127.0.0.1", "rest.bind-address": "127.0.0.1", "rest.port": strconv.Itoa(port),
		"taskmanager.host": "127.0.0.1", "taskmanager.bind-host": "127.0.0.1",
		"taskmanager.memory.process.size": "900m", "taskmanager.memory.managed.size": "64m", "taskmanager.numberOfTaskSlots": "2",
		"metrics.fetcher.update-interval": "200", "web.refresh-interval": "200",
		// The machine may be slow.
		"pekko.startup-timeout": "3 min", "pekko.ask.timeout": "1 min",
	}
	memory, err := flink.SplitTaskManager(config)
	if err != nil {
		t.Fatal(err)
	}
	start(t, d, "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint", []string{"-Xmx300m"}, config, nil)
	start(t, d, "org.apache.flink.runtime.taskexecutor.TaskManagerRunner", memory.JVMParameters(), config, memory.DynamicProperties())
	client, err := rest.New(rest.Options{URL: fmt.Sprintf("http://127.0.0.1:%d", port), HTTP: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := transport.(*recorder); ok {
		r.answers = map[string]json.RawMessage{}
	}
	eventually(t, func() error {
		o, err := client.Overview(t.Context())
		if err == nil && o.SlotsAvailable != 2 {
			err = fmt.Errorf("%d slots", o.SlotsAvailable)
		}
		return err
	})
	uploaded, err := client.Upload(t.Context(), jar, content)
	if err != nil {
		t.Fatal(err)
	}
	id, err := client.Run(t.Context(), uploaded, rest.Run{
		EntryClass: "org.flinkonmesos.demo.Sum", Arguments: []string{"--count", "100000000", "--rate", "400", "--parallelism", "2", "--checkpoints", "file://" + t.TempDir()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client, id
}

func start(t *testing.T, d disttest.Distribution, class string, jvm []string, config map[string]string, properties []string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "config.yaml"), "")
	write(t, filepath.Join(dir, "log4j.properties"), "rootLogger.level=INFO\nrootLogger.appenderRef.c.ref=C\n"+
		"appender.c.name=C\nappender.c.type=CONSOLE\nappender.c.layout.type=PatternLayout\nappender.c.layout.pattern=%d %-5p %c{1} - %m%n\n")
	args := slices.Clone(jvm)
	for _, p := range []string{"lang", "net", "io", "nio", "lang.reflect", "text", "time", "util", "util.concurrent", "util.concurrent.atomic", "util.concurrent.locks"} {
		args = append(args, "--add-opens=java.base/java."+p+"=ALL-UNNAMED")
	}
	args = append(args, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j.configurationFile=file:"+filepath.Join(dir, "log4j.properties"),
		"-cp", filepath.Join(d.Path, "lib", "*"), class, "--configDir", dir)
	for key, value := range config {
		args = append(args, "-D", key+"="+value)
	}
	for _, p := range properties {
		args = append(args, "-D", p)
	}
	cmd := exec.Command("java", args...)
	var output bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // It may have ended.
		_ = cmd.Wait()
		if t.Failed() {
			text := output.Bytes()
			t.Logf("%s said:\n%s", class, text[max(0, len(text)-6000):])
		}
	})
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// eventually repeats until there is no error, for at most five minutes.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

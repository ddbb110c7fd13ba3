package flink_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// hostile are values that a careless writer of YAML breaks.
func hostile() map[string]string {
	return map[string]string{
		"test.colon":    "a: b: c # no comment",
		"test.quotes":   `"double" 'single' \back\n`,
		"test.lines":    "one\ntwo\r\n\tthree",
		"test.star":     "*alias",
		"test.brackets": "[1, 2",
		"test.braces":   "{a: b",
		"test.bool":     "yes",
		"test.number":   "007",
		"test.null":     "null",
		"test.tilde":    "~",
		"test.empty":    "",
		"test.blank":    " padded ",
		"test.percent":  "%TAG",
		"test.unicode":  "grüße 日本 \U0001F600 \u0085\u2028\ufeff",
		"test.control":  "bell\a escape\x1b",
		"test.dashes":   "--- \n...",
		"test.list":     "a;b;c",
		"test.date":     "2024-01-01",
	}
}

// freePorts returns a free port for each name. Another process may take one before Flink
// does; on 127.0.0.1 with ephemeral ports that is rare enough for a test.
func freePorts(t *testing.T, names []string) map[string]int {
	t.Helper()
	ports := map[string]int{}
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[name] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

// sandbox is a directory as an agent's fetcher would leave it.
func sandbox(t *testing.T, home string, overlay []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(home, filepath.Join(dir, "flink")); err != nil {
		t.Fatal(err)
	}
	unpackOverlay(t, overlay, dir)
	return dir
}

func unpackOverlay(t *testing.T, overlay []byte, dir string) {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(overlay))
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, h.Name)
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(name, h.FileInfo().Mode()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, h.FileInfo().Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

// running is a started process.
type running struct {
	*exec.Cmd
	dir  string
	done chan struct{}
	err  error
}

// start runs a launch in a sandbox, as a Mesos executor would.
func start(t *testing.T, dir string, l flink.Launch) *running {
	t.Helper()
	r := &running{Cmd: exec.Command("sh", "-c", l.Command), dir: dir, done: make(chan struct{})}
	r.Dir = dir
	r.Env = []string{"PATH=" + os.Getenv("PATH"), "MESOS_SANDBOX=" + dir}
	for k, v := range l.Environment {
		r.Env = append(r.Env, k+"="+v)
	}
	for name, to := range map[string]*io.Writer{"stdout": &r.Stdout, "stderr": &r.Stderr} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		*to = f
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		r.err = r.Wait()
		close(r.done)
	}()
	t.Cleanup(func() {
		r.stop(syscall.SIGKILL)
		if t.Failed() {
			for _, name := range []string{"stdout", "stderr"} {
				data, _ := os.ReadFile(filepath.Join(dir, name))
				t.Logf("%s of %s:\n%s", name, dir, data[max(0, len(data)-4000):])
			}
		}
	})
	return r
}

// stop sends a signal to the process, which is java itself, and waits for its end.
func (r *running) stop(s syscall.Signal) {
	// It may have ended by itself.
	_ = r.Process.Signal(s)
	<-r.done
}

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, limit time.Duration, holds func(context.Context) (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var last error
	for ctx.Err() == nil {
		ok, err := holds(ctx)
		if ok && err == nil {
			return
		}
		last = err
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("%s: not after %s (%v)", what, limit, last)
}

// demoJar builds the demo jobs when that was not done yet.
func demoJar(t *testing.T) string {
	t.Helper()
	project := filepath.Join(disttest.Root(t), "resources", "demo-job")
	jar := filepath.Join(project, "target", "flink-mesos-demo-job.jar")
	if _, err := os.Stat(jar); err == nil {
		return jar
	}
	out, err := exec.CommandContext(t.Context(), "mvn", "-q", "-B", "-f", project, "package").CombinedOutput()
	if err != nil {
		t.Skipf("build the demo jobs: %v\n%s", err, out)
	}
	return jar
}

// real is a cluster of one JobManager and its TaskManagers.
type real struct {
	t       *testing.T
	version string
	home    string
	config  map[string]string
	overlay []byte
	jm      *running
	jmPorts map[string]int
	rest    *rest.Client
	url     string
}

func newReal(t *testing.T, d disttest.Distribution) *real {
	t.Helper()
	sp, err := flink.Adopt(spec.Spec{
		FlinkConfiguration: map[string]string{
			"jobmanager.memory.heap.size":                "128m",
			"jobmanager.memory.off-heap.size":            "64m",
			"jobmanager.memory.jvm-metaspace.size":       "128m",
			"jobmanager.memory.jvm-overhead.min":         "64m",
			"taskmanager.memory.flink.size":              "256m",
			"taskmanager.memory.framework.heap.size":     "64m",
			"taskmanager.memory.framework.off-heap.size": "32m",
			"taskmanager.memory.network.min":             "32m",
			"taskmanager.memory.managed.size":            "16m",
			"taskmanager.memory.jvm-metaspace.size":      "128m",
			"taskmanager.memory.jvm-overhead.min":        "64m",
			"taskmanager.numberOfTaskSlots":              "4",
			"web.refresh-interval":                       "100",
			"heartbeat.interval":                         "1000",
			"heartbeat.timeout":                          "5000",
			"heartbeat.rpc-failure-threshold":            "1",
			"restart-strategy.type":                      "fixed-delay",
			"restart-strategy.fixed-delay.attempts":      "10",
			"restart-strategy.fixed-delay.delay":         "200 ms",
			"env.java.opts.taskmanager":                  "-XX:TieredStopAtLevel=1 '-Dtest.words=two words'",
		},
		JobManager:  spec.JobManager{Resources: spec.Resources{CPUs: 1}},
		TaskManager: spec.TaskManager{Resources: spec.Resources{CPUs: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &real{t: t, version: d.Version, home: d.Path}
	r.config = flink.Configuration(sp, hostile())
	r.overlay, err = flink.Overlay{Configuration: r.config}.Archive()
	if err != nil {
		t.Fatal(err)
	}
	r.jmPorts = freePorts(t, flink.PortNames(spec.JobManagerTask, false))
	l, err := flink.Process{
		Role: spec.JobManagerTask, Version: d.Version, TaskID: "demo-jm-1", Host: "127.0.0.1", BindHost: "127.0.0.1",
		Ports: r.jmPorts, CPUs: 1, Configuration: r.config,
	}.Launch()
	if err != nil {
		t.Fatal(err)
	}
	r.jm = start(t, sandbox(t, r.home, r.overlay), l)
	r.url = flink.RESTAddress("127.0.0.1", r.jmPorts[flink.PortREST])
	r.rest, err = rest.New(rest.Options{URL: r.url})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *real) taskManager(id string) *running {
	r.t.Helper()
	l, err := flink.Process{
		Role: spec.TaskManagerTask, Version: r.version, TaskID: id, Host: "127.0.0.1", BindHost: "127.0.0.1",
		Ports: freePorts(r.t, flink.PortNames(spec.TaskManagerTask, false)), CPUs: 1, Configuration: r.config,
		JobManagerHost: "127.0.0.1", JobManagerPort: r.jmPorts[flink.PortRPC],
	}.Launch()
	if err != nil {
		r.t.Fatal(err)
	}
	return start(r.t, sandbox(r.t, r.home, r.overlay), l)
}

// registered waits until exactly the named TaskManagers are registered.
func (r *real) registered(ids ...string) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("TaskManagers %v registered", ids), time.Minute, func(ctx context.Context) (bool, error) {
		list, err := r.rest.TaskManagers(ctx)
		var got []string
		for _, tm := range list {
			got = append(got, tm.ID)
		}
		slices.Sort(got)
		return slices.Equal(got, ids), err
	})
}

func (r *real) run(jar, class string, args ...string) string {
	r.t.Helper()
	id, err := r.rest.Run(r.t.Context(), jar, rest.Run{EntryClass: "org.flinkonmesos.demo." + class, Arguments: args})
	if err != nil {
		r.t.Fatalf("run %s: %v", class, err)
	}
	return id
}

func (r *real) end(id, want string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	state, err := r.rest.WaitJob(ctx, id, 50*time.Millisecond)
	if err != nil || state != want {
		failures, _ := r.rest.Exceptions(r.t.Context(), id)
		r.t.Fatalf("job ended %s (%v), want %s: %+v", state, err, want, failures)
	}
}

// TestRealFlink starts JobManager and TaskManager of each version by our command lines, and
// runs the demo jobs through our REST client.
func TestRealFlink(t *testing.T) {
	distributions := disttest.Real(t)
	jar := demoJar(t)
	for _, d := range distributions {
		t.Run(d.Version, func(t *testing.T) { testReal(t, d, jar) })
	}
}

func testReal(t *testing.T, d disttest.Distribution, jar string) {
	begin := time.Now()
	lap := func(what string) {
		t.Logf("%s: %.1f s", what, time.Since(begin).Seconds())
		begin = time.Now()
	}
	r := newReal(t, d)
	tm := r.taskManager("demo-tm-1")
	eventually(t, "REST API up", time.Minute, func(ctx context.Context) (bool, error) {
		o, err := r.rest.Overview(ctx)
		return o.Version == d.Version, err
	})
	lap("REST up")
	r.registered("demo-tm-1")
	lap("TaskManager registered")
	checkConfiguration(t, r)
	checkLogs(t, r)

	f, err := os.Open(jar)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	id, err := r.rest.Upload(t.Context(), "flink-mesos-demo-job.jar", f)
	if err != nil {
		t.Fatal(err)
	}
	lap("uploaded")
	wordCount(t, r, id)
	lap("WordCount")
	failing(t, r, id)
	lap("Fail")
	savepoints(t, r, id)
	lap("Endless, stopped and resumed")
	exactlyOnce(t, r, id, tm)
	lap("Sum over a kill -9")

	if err := r.rest.DeleteCluster(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.jm.done:
		if r.jm.err != nil {
			t.Errorf("JobManager ended with %v after DELETE /cluster, want success", r.jm.err)
		}
	case <-time.After(30 * time.Second):
		t.Error("JobManager goes on after DELETE /cluster")
	}
	lap("shut down")
}

func checkConfiguration(t *testing.T, r *real) {
	t.Helper()
	got, err := r.rest.JobManagerConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range r.config {
		// The memory split and the sizes on the command line win over the file.
		if strings.HasPrefix(k, "jobmanager.memory.") {
			continue
		}
		if got[k] != want {
			t.Errorf("Flink reads %s as %q, want %q", k, got[k], want)
		}
	}
}

func checkLogs(t *testing.T, r *real) {
	t.Helper()
	for _, path := range []string{"/jobmanager/log", "/jobmanager/stdout", "/taskmanagers/demo-tm-1/log"} {
		resp, err := http.Get(r.url + path)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !bytes.Contains(data, []byte("INFO")) {
			t.Errorf("GET %s = %d with %d bytes (%v), want the log", path, resp.StatusCode, len(data), err)
		}
	}
}

func wordCount(t *testing.T, r *real, jar string) {
	t.Helper()
	// Words of odd lengths and separators, so that parts begin inside words.
	var text strings.Builder
	want := map[string]int64{}
	for i := range 20_000 {
		w := fmt.Sprintf("Word%d_%s", i%997, strings.Repeat("x", i%13))
		text.WriteString(w)
		text.WriteString([]string{" ", "\n", ", ", "é", "--", ".\r\n"}[i%6])
		want[strings.ToLower(w)]++
	}
	input, output := filepath.Join(t.TempDir(), "text.txt"), filepath.Join(t.TempDir(), "counts")
	if err := os.WriteFile(input, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	id := r.run(jar, "WordCount", "--input", input, "--output", output, "--top", "10")
	r.end(id, "FINISHED")
	got := map[string]int64{}
	parts, err := filepath.Glob(filepath.Join(output, "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			w, n, _ := strings.Cut(strings.TrimSpace(line), " ")
			got[w], _ = strconv.ParseInt(n, 10, 64)
		}
	}
	if !maps.Equal(want, got) {
		t.Errorf("WordCount found %d words, want %d with the same counts", len(got), len(want))
	}
	values, err := r.rest.Accumulators(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if values["words"] != "20000" || values["distinct"] != strconv.Itoa(len(want)) {
		t.Errorf("accumulators are %v, want 20000 words, %d of them distinct", values, len(want))
	}
	words := slices.Collect(maps.Keys(want))
	slices.SortFunc(words, func(a, b string) int {
		if want[a] != want[b] {
			return int(want[b] - want[a])
		}
		return strings.Compare(a, b)
	})
	var top strings.Builder
	for _, w := range words[:10] {
		fmt.Fprintf(&top, "%s %d\n", w, want[w])
	}
	if values["top"] != top.String() {
		t.Errorf("top is\n%s\nwant\n%s", values["top"], top.String())
	}
	// The same text over http, from a server that answers ranges.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(filepath.Dir(input))), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	id = r.run(jar, "WordCount", "--input", "http://"+l.Addr().String()+"/text.txt", "--top", "10")
	r.end(id, "FINISHED")
	values, err = r.rest.Accumulators(t.Context(), id)
	if err != nil || values["top"] != top.String() || values["words"] != "20000" {
		t.Errorf("over http the accumulators are %v (%v)", values, err)
	}
}

func failing(t *testing.T, r *real, jar string) {
	t.Helper()
	_, err := r.rest.Run(t.Context(), jar, rest.Run{EntryClass: "org.flinkonmesos.demo.Fail", Arguments: []string{"--where", "main", "--message", "no such luck"}})
	if err == nil || !strings.Contains(err.Error(), "no such luck") || strings.Contains(err.Error(), "\n") {
		t.Errorf("Run(Fail in main) = %v, want the message of the exception", err)
	}
	id, err := r.rest.Run(t.Context(), jar, rest.Run{
		EntryClass: "org.flinkonmesos.demo.Fail", Arguments: []string{"--message", "on purpose"},
		Configuration: map[string]string{"restart-strategy.type": "none"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.end(id, "FAILED")
	failures, err := r.rest.Exceptions(t.Context(), id)
	if err != nil || len(failures) == 0 || rest.Reason(failures[0].Trace) != "on purpose" {
		t.Errorf("Exceptions() = %+v, %v, want that it failed on purpose", failures, err)
	}
	if _, err := r.rest.Job(t.Context(), strings.Repeat("0", 32)); !rest.IsNotFound(err) {
		t.Errorf("Job(none) = %v, want not found", err)
	}
	if _, err := r.rest.Run(t.Context(), "none.jar", rest.Run{}); err == nil || strings.Contains(err.Error(), "Internal server error") {
		t.Errorf("Run(none.jar) = %v, want a reason", err)
	}
}

func (r *real) isRunning(id string) {
	r.t.Helper()
	eventually(r.t, "job running", time.Minute, func(ctx context.Context) (bool, error) {
		j, err := r.rest.Job(ctx, id)
		return j.Running(), err
	})
}

func savepoints(t *testing.T, r *real, jar string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := "file://" + t.TempDir()
	id := r.run(jar, "Endless", "--parallelism", "2", "--rate", "1000")
	r.isRunning(id)
	job, err := r.rest.Job(ctx, id)
	if err != nil || job.Slots() != 2 {
		t.Errorf("Job().Slots() = %d, %v, want 2", job.Slots(), err)
	}
	request, err := r.rest.Savepoint(ctx, id, dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.rest.WaitSavepoint(ctx, id, request, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	request, err = r.rest.Stop(ctx, id, dir, false)
	if err != nil {
		t.Fatal(err)
	}
	location, err := r.rest.WaitSavepoint(ctx, id, request, 50*time.Millisecond)
	if err != nil || !strings.HasPrefix(location, "file:") {
		t.Fatalf("Stop() saved to %q, %v", location, err)
	}
	r.end(id, "FINISHED")
	id, err = r.rest.Run(ctx, jar, rest.Run{
		EntryClass: "org.flinkonmesos.demo.Endless", Arguments: []string{"--parallelism", "2"}, SavepointPath: location,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.isRunning(id)
	request, err = r.rest.Savepoint(ctx, id, "file:///proc/forbidden", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.rest.WaitSavepoint(ctx, id, request, 50*time.Millisecond); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("a savepoint below /proc gave %v, want a one-line reason", err)
	}
	if err := r.rest.Cancel(ctx, id); err != nil {
		t.Fatal(err)
	}
	r.end(id, "CANCELED")
}

func exactlyOnce(t *testing.T, r *real, jar string, tm *running) {
	t.Helper()
	const n = 30_000
	output := filepath.Join(t.TempDir(), "sum")
	id := r.run(jar, "Sum", "--count", strconv.Itoa(n), "--rate", "6000", "--interval", "200",
		"--checkpoints", "file://"+t.TempDir(), "--output", output)
	r.isRunning(id)
	eventually(t, "a checkpoint", time.Minute, func(ctx context.Context) (bool, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/jobs/"+id+"/checkpoints", nil)
		if err != nil {
			return false, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		return bytes.Contains(data, []byte(`"external_path":"file:`)), err
	})
	tm.stop(syscall.SIGKILL)
	r.taskManager("demo-tm-2")
	r.end(id, "FINISHED")
	want := fmt.Sprintf("%d %d\n", n, n*(n+1)/2)
	if data, err := os.ReadFile(output); err != nil || string(data) != want {
		t.Errorf("Sum wrote %q (%v), want %q", data, err, want)
	}
	values, err := r.rest.Accumulators(t.Context(), id)
	if err != nil || values["count"]+" "+values["sum"]+"\n" != want || values["attempt"] == "0" {
		t.Errorf("accumulators of Sum are %v (%v), want %q after a restart", values, err, want)
	}
}

package jobmanager_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
)

// realSide is a session cluster of real Flink with the driver jar.
type realSide struct {
	exchange, rest string
	jobs           string // the jar with jobs
	log            *lockedBuffer
	exited         chan struct{}
	process        *exec.Cmd
	job            string
	seen           driver.Worker
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (r *realSide) output() string { return r.log.String() }

func startReal(t *testing.T, d disttest.Distribution) *realSide {
	t.Helper()
	jar := built(t, "resources/resource-manager-driver/target/flink-mesos-driver.jar")
	jobs := built(t, "resources/demo-job/target/flink-mesos-demo-job.jar")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "token"), "s3cret\n")
	write(t, filepath.Join(dir, "config.yaml"), "")
	write(t, filepath.Join(dir, "log4j.properties"), "rootLogger.level=INFO\nrootLogger.appenderRef.c.ref=C\n"+
		"appender.c.name=C\nappender.c.type=CONSOLE\nappender.c.layout.type=PatternLayout\nappender.c.layout.pattern=%d %-5p %c{1} - %m%n\n")
	rpc, rest, exchange := freePort(t), freePort(t), freePort(t)
	args := []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx300m"}
	for _, p := range []string{"lang", "net", "io", "nio", "lang.reflect", "text", "time", "util", "util.concurrent", "util.concurrent.atomic", "util.concurrent.locks"} {
		args = append(args, "--add-opens=java.base/java."+p+"=ALL-UNNAMED")
	}
	args = append(args,
		"-Dlog4j.configurationFile=file:"+filepath.Join(dir, "log4j.properties"),
		"-cp", jar+":"+filepath.Join(d.Path, "lib", "*"),
		"org.flinkonmesos.driver.MesosSessionClusterEntrypoint", "--configDir", dir)
	for key, value := range map[string]string{
		"jobmanager.rpc.address": "127.0.0.1", "jobmanager.rpc.port": strconv.Itoa(rpc), "jobmanager.bind-host": "127.0.0.1",
		"rest.address": "127.0.0.1", "rest.bind-address": "127.0.0.1", "rest.port": strconv.Itoa(rest),
		"mesos.driver.port": strconv.Itoa(exchange), "mesos.driver.bind-host": "127.0.0.1", "mesos.driver.token-file": "token",
		"mesos.worker.id-prefix": "demo-x7k2-tm", "mesos.worker.withdraw-delay": withdrawDelay.String(),
		"taskmanager.numberOfTaskSlots": "2", "taskmanager.memory.process.size": "1100m", "taskmanager.cpu.cores": "1.5",
		"external-resources": "gpu", "external-resource.gpu.amount": "1",
		"restart-strategy.type": "none",
	} {
		args = append(args, "-D", key+"="+value)
	}
	r := &realSide{
		exchange: fmt.Sprintf("127.0.0.1:%d", exchange), rest: fmt.Sprintf("http://127.0.0.1:%d", rest),
		jobs: jobs, log: &lockedBuffer{}, exited: make(chan struct{}),
	}
	r.process = exec.Command("java", args...)
	r.process.Dir, r.process.Stdout, r.process.Stderr = dir, r.log, r.log
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(r.exited); _ = r.process.Wait() }()
	t.Cleanup(func() {
		_ = r.process.Process.Kill() // It may have ended.
		<-r.exited
		if t.Failed() {
			t.Logf("output of the JobManager:\n%s", r.output())
		}
	})
	return r
}

func (r *realSide) addr() string { return r.exchange }

// size is what Flink asked for.
func (r *realSide) size(t *testing.T) driver.Worker {
	t.Helper()
	if r.seen.ID == "" {
		t.Fatal("Flink asked for no worker")
	}
	return r.seen
}

func (r *realSide) run(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile(r.jobs)
	if err != nil {
		t.Fatal(err)
	}
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part, err := m.CreateFormFile("jarfile", "demo-job.jar")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(data) // Into memory.
	_ = m.Close()
	var uploaded struct{ Filename string }
	r.call(t, "POST", "/jars/upload", m.FormDataContentType(), form.Bytes(), &uploaded)
	var started struct{ JobID string }
	r.call(t, "POST", "/jars/"+path.Base(uploaded.Filename)+"/run", "application/json",
		[]byte(`{"entryClass":"org.flinkonmesos.demo.Endless","programArgsList":["--parallelism","4"]}`), &started)
	r.job = started.JobID
	deadline := time.Now().Add(20 * time.Second)
	for r.seen.ID == "" && time.Now().Before(deadline) {
		c, err := driver.New(driver.Options{Address: r.exchange, Token: "s3cret"})
		if err != nil {
			t.Fatal(err)
		}
		if w, err := c.Wanted(t.Context(), "", -1, 0); err == nil && len(w.Workers) > 0 {
			r.seen = w.Workers[0]
		}
		c.Close()
		time.Sleep(10 * time.Millisecond)
	}
}

func (r *realSide) again(*testing.T) {}

func (r *realSide) cancel(t *testing.T) {
	t.Helper()
	r.call(t, "PATCH", "/jobs/"+r.job+"?mode=cancel", "", nil, nil)
}

func (r *realSide) finish(t *testing.T) {
	r.call(t, "DELETE", "/cluster", "", nil, nil)
	select {
	case <-r.exited:
		if code := r.process.ProcessState.ExitCode(); code != 0 {
			t.Errorf("the JobManager ended with code %d, want 0", code)
		}
	case <-time.After(20 * time.Second):
		t.Error("the JobManager does not end")
	}
}

func (r *realSide) call(t *testing.T, method, path, contentType string, body []byte, into any) {
	deadline := time.Now().Add(30 * time.Second)
	for {
		req, err := http.NewRequestWithContext(t.Context(), method, r.rest+path, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			data, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode < 300 {
				if into != nil {
					err = json.Unmarshal(data, into)
				}
				if err != nil {
					t.Error(err)
				}
				return
			}
			err = fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, data)
		}
		if time.Now().After(deadline) {
			t.Error(err)
			return
		}
		time.Sleep(100 * time.Millisecond) // Flink is starting.
	}
}

func built(t *testing.T, file string) string {
	t.Helper()
	file = filepath.Join(disttest.Root(t), file)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("%s is not built", file)
	}
	return file
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
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

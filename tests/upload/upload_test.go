// Package upload_test measures what a large file costs: the real service and the real command line, as processes, with a large
// jar that goes to a scripted JobManager.
package upload_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// most is what a process may ever have had in memory (VmHWM), in KiB.
const most = 80 << 10

// size is that of the jar, in bytes: three times what a process may have, and 1 GiB with FLINK_REAL.
var size = func() int64 {
	if os.Getenv("FLINK_REAL") != "" {
		return 1 << 30
	}
	return 240 << 20
}()

// peak reads the largest resident set that a process has had, in KiB.
func peak(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`).FindSubmatch(text)
	if m == nil {
		return 0, errors.New("the process has no VmHWM any more")
	}
	return strconv.Atoi(string(m[1]))
}

// world is a local Mesos with scripted tasks, and the service as a process.
type world struct {
	t       *testing.T
	dir     string
	service *exec.Cmd
	url     string
	client  *client.Client
}

// build compiles one of our programs.
func build(t *testing.T, dir, name, pkg string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-o", file, pkg)
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return file
}

// start starts both, and a session whose JobManager the test is.
func start(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	m, err := localmesos.New(localmesos.Options{Listen: "127.0.0.1:0", AllocationInterval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	_, err = m.AddAgent(localmesos.AgentOptions{
		Hostname: "127.0.0.1", CPUs: 4, MemMiB: 8192, DiskMiB: 8192, Ports: ports(t, 10), Runtime: executor.NewScripted(nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.addFlink("2.3.0")
	address := freeAddress(t)
	w.url = "http://" + address
	w.service = exec.Command(build(t, w.dir, "flink-service", "./service"))
	w.service.Env = []string{
		"PATH=" + os.Getenv("PATH"), "LISTEN=" + address, "MESOS_MASTER=" + m.Address(), "DATA_DIR=" + filepath.Join(w.dir, "data"),
		"STATE_STORE=file://" + filepath.Join(w.dir, "state"), "FLINK_DISTRIBUTIONS=" + filepath.Join(w.dir, "flink"),
	}
	log, err := os.Create(filepath.Join(w.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	w.service.Stdout, w.service.Stderr = log, log
	if err := w.service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = w.service.Process.Signal(syscall.SIGTERM)
		_ = w.service.Wait()
		log.Close()
		if text, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("log of the service:\n%s", text)
		}
	})
	w.client, err = client.New(client.Options{BaseURL: w.url})
	if err != nil {
		t.Fatal(err)
	}
	w.eventually("the service answers", func() error { _, err := w.client.Version(t.Context()); return err })
	return w
}

// addFlink puts an archive where the service looks for Flink. No task ever unpacks it.
func (w *world) addFlink(version string) {
	w.t.Helper()
	content := []byte("Flink " + version)
	sum := sha256.Sum256(content)
	m := dist.Manifest{Version: version, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)), Home: dist.Home}
	m.Libraries = []dist.Library{{Path: "lib/" + dist.DriverName}}
	m.File = "flink-" + version + "-" + m.SHA256 + ".tgz"
	text, err := json.Marshal(m)
	if err != nil {
		w.t.Fatal(err)
	}
	w.file(filepath.Join("flink", m.File), content)
	w.file(filepath.Join("flink", strings.TrimSuffix(m.File, ".tgz")+".json"), text)
}

func (w *world) file(name string, content []byte) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// jar makes a file of the full size that takes no room on the disk.
func (w *world) jar() string {
	w.t.Helper()
	path := filepath.Join(w.dir, "large.jar")
	f, err := os.Create(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) eventually(what string, check func() error) {
	w.t.Helper()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	w.t.Fatalf("%s: not within a minute: %v", what, err)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// ports finds ports in a row that are free, below those that the kernel gives to clients.
func ports(t *testing.T, n uint64) [2]uint64 {
	t.Helper()
search:
	for first := uint64(10000 + os.Getpid()%100*100); first < 32000; first += n {
		for p := first; p < first+n; p++ {
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.FormatUint(p, 10))
			if err != nil {
				continue search
			}
			l.Close()
		}
		return [2]uint64{first, first + n - 1}
	}
	t.Fatalf("there are no %d free ports in a row", n)
	return [2]uint64{}
}

// jobManager is Flink's REST API as far as an upload needs it: it reads the jar, and looks at the processes before it answers.
type jobManager struct {
	look func(received int64)
}

func (j *jobManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path != "/jars/upload" {
		fmt.Fprint(w, `{"flink-version":"2.3.0","taskmanagers":0}`)
		return
	}
	var received int64
	form, err := r.MultipartReader()
	if err == nil {
		var part *multipart.Part
		if part, err = form.NextPart(); err == nil {
			received, err = io.Copy(io.Discard, part)
		}
	}
	if err != nil {
		http.Error(w, `{"errors":["`+err.Error()+`"]}`, http.StatusBadRequest)
		return
	}
	j.look(received)
	fmt.Fprint(w, `{"filename":"/tmp/00000000-0000-4000-8000-000000000001_large.jar","status":"success"}`)
}

// TestLargeJar sends a jar of 240 MiB, or of 1 GiB with FLINK_REAL, through the command line, and as a browser would through Flink's own page:
// neither the service nor the command line ever has more than 80 MB in memory.
func TestLargeJar(t *testing.T) {
	w := start(t)
	jar := w.jar()
	cli := build(t, w.dir, "dcos-flink", "./cli-plugin")
	if _, err := w.client.CreateCluster(t.Context(), spec.Spec{Name: "demo"}); err != nil {
		t.Fatal(err)
	}
	var cliPid, looked atomic.Int64
	check := func(who string, pid int) {
		kib, err := peak(pid)
		if err != nil {
			t.Errorf("%s: %v", who, err)
		}
		t.Logf("%-8s %3d MB at most", who, kib>>10)
		if kib > most {
			t.Errorf("%s has had %d KiB in memory, want at most %d", who, kib, most)
		}
	}
	jm := &jobManager{look: func(received int64) {
		looked.Add(1)
		if received != size {
			t.Errorf("%d bytes arrived, want %d", received, size)
		}
		check("service", w.service.Process.Pid)
		if pid := cliPid.Load(); pid != 0 {
			check("cli", int(pid))
		}
	}}
	w.eventually("the JobManager's port is known", func() error {
		d, err := w.client.Cluster(t.Context(), "demo")
		if err != nil {
			return err
		}
		if len(d.Tasks) == 0 || d.Tasks[0].State != task.Running {
			return errors.New("it does not run")
		}
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(d.Tasks[0].Ports["rest"]))
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: jm, ReadHeaderTimeout: time.Minute}
		go func() { _ = s.Serve(l) }()
		t.Cleanup(func() { _ = s.Close() })
		return nil
	})

	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(cli, args...)
		cmd.Env = []string{"DCOS_FLINK_URL=" + w.url}
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cliPid.Store(int64(cmd.Process.Pid))
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out.String())
		}
	}
	run("jar", "upload", "demo", jar)
	cliPid.Store(0)

	// This form has no length, unlike those of the command line: the service must hold neither.
	if err := browse(t.Context(), w.url+"/v1/clusters/demo/ui/jars/upload", jar); err != nil {
		t.Error(err)
	}
	if n := looked.Load(); n != 2 {
		t.Errorf("the JobManager was given %d jars, want 2", n)
	}
}

// browse posts a file as the form of a page does.
func browse(ctx context.Context, url, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	r, body := io.Pipe()
	form := multipart.NewWriter(body)
	go func() {
		part, err := form.CreateFormFile("jarfile", filepath.Base(file))
		if err == nil {
			_, err = io.Copy(part, f)
		}
		if err == nil {
			err = form.Close()
		}
		body.CloseWithError(err)
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, r)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the upload was answered %s: %s (%w)", resp.Status, text, err)
	}
	return nil
}

// Package world runs the real thing for end-to-end tests: the service's binary, a local Mesos in a process of
// its own (or the master that E2E_MESOS_MASTER names), and through them real Flink. It owns every process that it
// starts and ends no other.
package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Options size a World.
type Options struct {
	// Agents, CPUs and MemMiB size the local Mesos; 2 agents of 16 cpus and 16384 MiB when 0.
	Agents       int
	CPUs, MemMiB int
	// Service makes further variables of the service, given the directory of the test.
	Service func(dir string) []string
	// AgentPings is the time between two pings of an agent by the local master, which gives up a lost agent after two
	// of them; 0 for Mesos' own 15 s and five.
	AgentPings time.Duration
	// NeedsCPUs and NeedsMemMiB are what must be free, over all agents, on a master that is not the World's own; 8 cpus
	// and 10240 MiB when 0. With less the test is skipped.
	NeedsCPUs, NeedsMemMiB float64
	// Alone leaves the service out: the test starts its own, and may set URL and Client.
	Alone bool
	// Token is the service's one token, with scope admin; without it the service asks for none.
	Token string
}

func (o *Options) variables(dir string) []string {
	var all []string
	if o.Token != "" {
		all = append(all, "API_TOKENS=admin:"+o.Token)
	}
	if o.Service != nil {
		all = append(all, o.Service(dir)...)
	}
	return all
}

// World is one local Mesos with a service.
type World struct {
	t      testing.TB
	o      Options
	root   string
	dir    string
	master string
	local  *process
	// Service is the process of the service, nil while it is stopped.
	Service *process
	address string
	// data is the directory of the service below that of the test.
	data           string
	standby        *process
	standbyAddress string
	// URL is the service's address.
	URL    string
	Client *client.Client
}

// process is one that a World started.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// Pid is the process id.
func (p *process) Pid() int { return p.cmd.Process.Pid }

// Start starts a local Mesos, unless there is a master to use, and a service, and waits until the service leads.
func Start(t testing.TB, o Options) *World {
	t.Helper()
	if o.Agents == 0 {
		o.Agents = 2
	}
	if o.CPUs == 0 {
		o.CPUs = 16
	}
	if o.MemMiB == 0 {
		o.MemMiB = 16384
	}
	if o.NeedsCPUs == 0 {
		o.NeedsCPUs = 8
	}
	if o.NeedsMemMiB == 0 {
		o.NeedsMemMiB = 10240
	}
	w := &World{t: t, o: o, root: disttest.Root(t), dir: t.TempDir(), address: freeAddress(t)}
	w.URL = "http://" + w.address
	var err error
	if w.Client, err = client.New(client.Options{BaseURL: w.URL, Bearer: w.o.Token}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.end)
	w.master = os.Getenv(foreign)
	if w.master != "" {
		w.checkRoom()
	} else {
		w.master = freeAddress(t)
		first, last := portRange(t, 60*o.Agents)
		env := []string{
			"LOCALMESOS_LISTEN=" + w.master, "LOCALMESOS_AGENTS=" + strconv.Itoa(o.Agents), "LOCALMESOS_CPUS=" + strconv.Itoa(o.CPUs),
			"LOCALMESOS_MEM=" + strconv.Itoa(o.MemMiB), fmt.Sprintf("LOCALMESOS_PORTS=%d-%d", first, last), "LOCALMESOS_WORK_DIR=" + filepath.Join(w.dir, "mesos"),
		}
		if o.AgentPings > 0 {
			env = append(env, "LOCALMESOS_AGENT_PING_TIMEOUT="+o.AgentPings.String(), "LOCALMESOS_MAX_AGENT_PING_TIMEOUTS=2")
		}
		w.local = w.spawn("local-mesos", env, "local-mesos")
		w.Eventually("local Mesos answers", func() error { return get(t.Context(), "http://"+w.master+"/health", nil) })
	}
	if !o.Alone {
		w.StartService()
	}
	return w
}

// spawn starts the service's binary and keeps its output in a file of the test.
func (w *World) spawn(name string, env []string, args ...string) *process {
	w.t.Helper()
	binary := filepath.Join(w.root, "build", "flink-service")
	if _, err := os.Stat(binary); err != nil {
		w.t.Skipf("%s is not built: run make build", binary)
	}
	log, err := os.OpenFile(filepath.Join(w.dir, name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), env...), log, log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // How it ended is in the log.
		close(p.ended)
	}()
	return p
}

// StartService starts the service with the state that an earlier one left, and waits until it leads.
func (w *World) StartService() {
	w.t.Helper()
	if w.data == "" {
		w.data = "data"
	}
	w.Service = w.instance("service", w.address, w.data)
	w.Leads()
}

// Revive starts the service again if it has ended by itself, as Marathon does, and waits until it leads.
func (w *World) Revive() {
	w.t.Helper()
	select {
	case <-w.Service.ended:
		w.StartService()
	default:
		w.Leads()
	}
}

// instance starts an instance of the service.
func (w *World) instance(name, address, data string) *process {
	w.t.Helper()
	return w.spawn(name, append([]string{
		"MESOS_MASTER=" + w.master, "LISTEN=" + address, "ADVERTISE_HOST=127.0.0.1", "DATA_DIR=" + filepath.Join(w.dir, data),
		"FLINK_DISTRIBUTIONS=" + disttest.Directory(w.t), "FRAMEWORK_NAME=e2e-" + filepath.Base(w.t.Name()),
	}, w.o.variables(w.dir)...))
}

// Standby starts another instance on the same state and waits until it is well. Promote makes it the one that
// the World speaks to.
func (w *World) Standby() {
	w.t.Helper()
	address := freeAddress(w.t)
	w.standby, w.standbyAddress = w.instance("standby", address, "data-standby"), address
	w.Eventually("the standby is well", func() error { return get(w.t.Context(), "http://"+address+"/v1/health", nil) })
}

// Promote kills the leader and waits until the standby leads.
func (w *World) Promote() {
	w.t.Helper()
	w.KillService()
	w.Service, w.address, w.data = w.standby, w.standbyAddress, "data-standby"
	w.standby = nil
	w.URL = "http://" + w.address
	var err error
	if w.Client, err = client.New(client.Options{BaseURL: w.URL, Bearer: w.o.Token}); err != nil {
		w.t.Fatal(err)
	}
	w.Leads()
}

// Leads waits until the service is connected to Mesos.
func (w *World) Leads() {
	w.t.Helper()
	w.Eventually("the service is connected to Mesos", func() error {
		var s struct {
			Role      string
			Connected bool
		}
		if err := get(w.t.Context(), w.URL+"/v1/health", &s); err != nil {
			return err
		}
		if s.Role != "leader" || !s.Connected {
			return fmt.Errorf("it is a %s and connected is %t", s.Role, s.Connected)
		}
		return nil
	})
}

// KillService ends the service as a crash would.
func (w *World) KillService() { w.stop(w.Service, syscall.SIGKILL); w.Service = nil }

// StopService ends the service as Marathon does.
func (w *World) StopService() { w.stop(w.Service, syscall.SIGTERM); w.Service = nil }

func (w *World) stop(p *process, s syscall.Signal) {
	w.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		w.t.Errorf("signal %d: %v", p.Pid(), err)
		return
	}
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		w.t.Errorf("process %d did not end; killing it", p.Pid())
		_ = p.cmd.Process.Kill() // It is reported already.
		<-p.ended
	}
}

// end stops everything and shows the logs of a failed test.
func (w *World) end() {
	sandboxes := w.failedSandboxes()
	framework := w.foreignFramework()
	if w.Service != nil {
		w.stop(w.Service, syscall.SIGTERM)
	}
	if w.standby != nil {
		w.stop(w.standby, syscall.SIGTERM)
	}
	if framework != "" {
		w.teardown(framework)
	}
	if w.local != nil {
		w.stop(w.local, syscall.SIGTERM)
	}
	if !w.t.Failed() {
		return
	}
	for _, name := range []string{"service", "standby", "local-mesos"} {
		text, err := os.ReadFile(filepath.Join(w.dir, name+".log"))
		if err == nil {
			w.t.Logf("log of %s:\n%s", name, tail(text, 16<<10))
		}
	}
	for _, dir := range sandboxes {
		for _, name := range []string{"stdout", "stderr"} {
			if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil && len(text) > 0 {
				w.t.Logf("%s/%s:\n%s", dir, name, tail(text, 3<<10))
			}
		}
	}
}

// failedSandboxes are those to show, when the test has failed; they are looked for while tasks run.
func (w *World) failedSandboxes() []string {
	switch {
	case !w.t.Failed():
		return nil
	case w.local == nil:
		return w.Sandboxes()
	}
	latest, err := filepath.Glob(filepath.Join(w.dir, "mesos", "*", "slaves", "*", "frameworks", "*", "executors", "*", "runs", "latest"))
	if err != nil {
		w.t.Error(err)
	}
	return latest
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// freeAddress finds a port that nobody uses right now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

var ranges = struct {
	sync.Mutex
	next int
}{next: 20000 + os.Getpid()%40*200}

// portRange finds ports in a row that nobody listens on, below those that the kernel gives to clients.
func portRange(t testing.TB, n int) (first, last int) {
	t.Helper()
	ranges.Lock()
	defer ranges.Unlock()
search:
	for range 100 {
		first = ranges.next
		ranges.next += n
		if ranges.next+n > 32000 {
			ranges.next = 20000
		}
		for p := first; p < first+n; p++ {
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(p))
			if err != nil {
				continue search
			}
			l.Close()
		}
		return first, first + n - 1
	}
	t.Fatalf("there are no %d free ports in a row", n)
	return 0, 0
}

// get reads a JSON answer; into may be nil.
func get(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %s", url, response.Status, body)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}

// patience bounds every wait. It is far above what anything takes on a slow machine.
const patience = 3 * time.Minute

// Eventually waits until check returns nil, and fails the test with its last error when it never does.
func (w *World) Eventually(what string, check func() error) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) || w.t.Context().Err() != nil {
			w.t.Fatalf("%s: never, at last: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Fault injects a fault into the local Mesos; with a master that is not ours the test is skipped.
func (w *World) Fault(fault map[string]any) {
	w.t.Helper()
	NeedsLocal(w.t, "it injects faults")
	body, err := json.Marshal(fault)
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := http.Post("http://"+w.master+"/localmesos/faults", "application/json", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		text, _ := io.ReadAll(response.Body) // The status says it all already.
		w.t.Fatalf("fault %v: %s: %s", fault, response.Status, text)
	}
}

// Make creates a cluster.
func (w *World) Make(s spec.Spec) {
	w.t.Helper()
	if _, err := w.Client.CreateCluster(w.t.Context(), s); err != nil {
		w.t.Fatalf("create %s: %v", s.Name, err)
	}
}

// Create creates a cluster and waits until it is stable.
func (w *World) Create(s spec.Spec) wire.Description {
	w.t.Helper()
	w.Make(s)
	return w.State(s.Name, wire.Stable)
}

// State waits until a cluster is in a state.
func (w *World) State(name string, state wire.State) wire.Description {
	w.t.Helper()
	return w.Until(name, "is "+string(state), func(d wire.Description) bool { return d.Status.State == state })
}

// Until waits until a cluster's description satisfies a condition.
func (w *World) Until(name, what string, holds func(wire.Description) bool) wire.Description {
	w.t.Helper()
	var d wire.Description
	w.Eventually(name+" "+what, func() error {
		var err error
		if d, err = w.Client.Cluster(w.t.Context(), name); err != nil {
			return err
		}
		if !holds(d) {
			return fmt.Errorf("it is %s", summary(d))
		}
		return nil
	})
	return d
}

func summary(d wire.Description) string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "%s (%s) %+v", d.Status.State, d.Status.Message, d.Status.Flink)
	for _, t := range d.Tasks {
		fmt.Fprintf(b, "; %s %s %s %s", t.ID, t.Goal, t.State, t.Message)
	}
	for _, t := range d.Waiting {
		fmt.Fprintf(b, "; %s waits: %s", t.ID, t.Reason)
	}
	return b.String()
}

// Tasks are the live tasks of a role that are to stay.
func Tasks(d wire.Description, role spec.TaskKind) []wire.TaskStatus {
	var out []wire.TaskStatus
	for _, t := range d.Tasks {
		if t.Kind == role && t.Goal == task.Launched && !t.State.Terminal() {
			out = append(out, t)
		}
	}
	return out
}

// Dir is a directory of this test for files that tasks read and write.
func (w *World) Dir() string { return w.dir }

// Root is the directory of go.mod.
func (w *World) Root() string { return w.root }

// Master is host:port of the Mesos master.
func (w *World) Master() string { return w.master }

// Package runtime runs the tasks of a local Mesos agent as real processes: it fetches their files, gives each a
// sandbox and the environment that a Mesos agent gives, and reports their states in the words of the command
// executor.
//
// It isolates nothing and enforces no resources. It refuses, with TASK_FAILED and the reason, images, custom
// executors and secrets of a store. It ignores checks and health checks, so no status has healthy or
// check_status.
//
// A task ends with its first process, as a container does: what is left of its session, its descendants and its
// daemons is killed then. When this process is killed itself, the kernel kills the first process of each task (on
// Linux), and what that had forked stays. To reach those too would take a supervising process between us and each
// task; start scripts that end in exec, as ours do, need none.
package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Options configure a Runtime.
type Options struct {
	// AgentID is the agent's id; it is part of the paths of sandboxes.
	AgentID string
	// WorkDir takes the sandboxes and the fetcher's cache. It is made when missing. Of what earlier agents left in it
	// only the newest Keep sandboxes and persistent volumes stay.
	WorkDir string
	// Endpoint is host:port of the agent, for MESOS_AGENT_ENDPOINT.
	Endpoint string
	// Hostname is the agent's; an address of it is LIBPROCESS_IP and what a status says of the container. 127.0.0.1 when empty.
	Hostname string
	// Keep is how many sandboxes of ended tasks stay; the oldest goes first. 10 when 0.
	Keep int
	// CacheSize bounds the fetcher's cache, in bytes, as --fetcher_cache_size does; 2 GiB, as on a real agent, when 0.
	CacheSize int64
	// StallTimeout is how long a download may bring nothing before it fails; 1 min, as on a real agent, when 0.
	StallTimeout time.Duration
	Log          *slog.Logger
}

func (o *Options) validate() error {
	if o.AgentID == "" || o.WorkDir == "" {
		return errors.New("runtime: AgentID and WorkDir are required")
	}
	if !pathElement(o.AgentID) {
		return fmt.Errorf("runtime: AgentID %q cannot be the name of a directory", o.AgentID)
	}
	if o.Hostname == "" {
		o.Hostname = "127.0.0.1"
	}
	if o.Keep == 0 {
		o.Keep = 10
	}
	if o.CacheSize == 0 {
		o.CacheSize = 2 << 30
	}
	if o.StallTimeout == 0 {
		o.StallTimeout = time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// pathElement says whether an id can be the name of a directory below ours.
func pathElement(id string) bool {
	return id != "" && id != "." && id != ".." && !strings.ContainsAny(id, "/\\\x00") && len(id) <= 255
}

// Runtime runs the tasks of one agent.
type Runtime struct {
	o     Options
	ip    string
	fetch *fetcher
	wg    sync.WaitGroup
	lock  *os.File // of the work directory

	dirs sync.Mutex // held while directories above sandboxes change

	mu     sync.Mutex
	tasks  map[string]*task   // the newest run of each live task id
	live   map[*task]struct{} // every run
	latest map[string]string  // the newest sandbox of each task id
	ended  []*task            // whose sandboxes are kept, the oldest first
	closed bool
}

// New returns a Runtime without tasks.
func New(o Options) (*Runtime, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.WorkDir)
	if err != nil {
		return nil, fmt.Errorf("agent's work directory: %w", err)
	}
	// Paths given to clients are without symbolic links, or what they ask for would not be found below it.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("agent's work directory: %w", err)
	}
	if o.WorkDir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, fmt.Errorf("agent's work directory: %w", err)
	}
	r := &Runtime{
		o: o, ip: address(o.Hostname), fetch: newFetcher(filepath.Join(o.WorkDir, "fetch", o.AgentID), o.StallTimeout, o.CacheSize),
		tasks: make(map[string]*task), live: make(map[*task]struct{}), latest: make(map[string]string),
	}
	if err := r.hold(); err != nil {
		return nil, fmt.Errorf("agent's work directory: %w", err)
	}
	return r, nil
}

// Launch starts a task and returns at once; report is called with each of its states in order, by one
// goroutine that holds no lock. A task of which nothing can be made ends in TASK_FAILED, or in TASK_DROPPED
// (TASK_LOST without PARTITION_AWARE) when it has no sandbox. After Close nothing happens.
func (r *Runtime) Launch(framework mesos.FrameworkInfo, info mesos.TaskInfo, report func(mesos.TaskStatus)) {
	id, container := info.TaskID.Value, newContainerID()
	ctx, cancel := context.WithCancel(context.Background())
	t := &task{
		r: r, framework: framework, info: info, container: container, report: report, ctx: ctx, cancel: cancel,
		bell:    make(chan struct{}, 1),
		sandbox: filepath.Join(r.top(), "frameworks", framework.ID.GetValue(), "executors", id, "runs", container),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		cancel()
		return
	}
	r.live[t] = struct{}{}
	r.tasks[id] = t
	if t.unsupported() == "" { // Or else it gets no sandbox.
		r.latest[id] = t.sandbox
	}
	r.wg.Go(func() {
		t.run()
		cancel()
		r.forget(t)
	})
}

// forget takes note of the end of a task, and removes the sandboxes that are too many.
func (r *Runtime) forget(t *task) {
	r.mu.Lock()
	delete(r.live, t)
	if r.tasks[t.info.TaskID.Value] == t {
		delete(r.tasks, t.info.TaskID.Value)
	}
	if t.unsupported() != "" {
		r.mu.Unlock()
		return
	}
	var old *task
	if r.ended = append(r.ended, t); len(r.ended) > r.o.Keep {
		old = r.ended[0]
		r.ended = slices.Delete(r.ended, 0, 1)
		if r.latest[old.info.TaskID.Value] == old.sandbox {
			delete(r.latest, old.info.TaskID.Value)
		}
	}
	r.mu.Unlock()
	if old == nil {
		return
	}
	if err := r.remove(old.sandbox); err != nil {
		r.o.Log.Warn("sandbox is not removed", "sandbox", old.sandbox, "error", err)
	}
}

// top is the directory of the sandboxes.
func (r *Runtime) top() string { return filepath.Join(r.o.WorkDir, "slaves", r.o.AgentID) }

// Kill ends a task: SIGTERM to its processes, and SIGKILL after the grace period of the policy, or of the task's
// own, or 3 s. A second kill can only shorten the grace. A task whose files are still fetched never starts. Kill
// does not wait, and ignores tasks that it does not know.
func (r *Runtime) Kill(taskID string, policy *mesos.KillPolicy) {
	r.mu.Lock()
	t := r.tasks[taskID]
	r.mu.Unlock()
	if t != nil {
		t.kill(t.grace(policy))
	}
}

// Close kills every task, as when the machine fails: nothing is reported any more. It waits until no process and
// no download is left. The sandboxes stay.
func (r *Runtime) Close() error {
	r.mu.Lock()
	r.closed = true
	for t := range r.live {
		t.vanish()
	}
	r.mu.Unlock()
	r.wg.Wait()
	return errors.Join(r.fetch.close(), r.release())
}

// Signal sends a signal to the processes of a task, as an operator would on the agent's machine.
func (r *Runtime) Signal(taskID string, signal syscall.Signal) error {
	r.mu.Lock()
	t := r.tasks[taskID]
	r.mu.Unlock()
	if t == nil {
		return fmt.Errorf("there is no task %s", taskID)
	}
	return t.signal(signal)
}

// Sandbox returns the directory of the newest run of a task.
func (r *Runtime) Sandbox(taskID string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	dir, ok := r.latest[taskID]
	return dir, ok
}

// Package runtime runs the tasks of a local Mesos agent as real processes: it fetches their files, gives each a
// sandbox and the environment that a Mesos agent gives, and reports their states in the words of the command
// executor. It isolates nothing: resources are not enforced, images and health checks are refused or ignored.
package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Options configure a Runtime.
type Options struct {
	// AgentID is the agent's id; it is part of the paths of sandboxes.
	AgentID string
	// WorkDir takes the sandboxes and the fetcher's cache. It is made when missing.
	WorkDir string
	// Endpoint is host:port of the agent, for MESOS_AGENT_ENDPOINT.
	Endpoint string
	// Hostname is the agent's; an address of it is MESOS_CONTAINER_IP.
	Hostname string
	// Keep is how many sandboxes of ended tasks stay; the oldest goes first. 10 when 0.
	Keep int
	Log  *slog.Logger
}

func (o *Options) validate() error {
	if o.AgentID == "" || o.WorkDir == "" {
		return errors.New("runtime: AgentID and WorkDir are required")
	}
	if o.Hostname == "" {
		o.Hostname = "127.0.0.1"
	}
	if o.Keep == 0 {
		o.Keep = 10
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Runtime runs the tasks of one agent.
type Runtime struct {
	o     Options
	fetch *fetcher
	ctx   context.Context
	stop  context.CancelFunc
	wg    sync.WaitGroup

	mu     sync.Mutex
	tasks  map[string]*task
	latest map[string]string // the newest sandbox of each task id
	ended  []string          // sandboxes of ended tasks, the oldest first
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
	ctx, stop := context.WithCancel(context.Background())
	return &Runtime{
		o: o, fetch: newFetcher(filepath.Join(o.WorkDir, "fetch")), ctx: ctx, stop: stop,
		tasks: make(map[string]*task), latest: make(map[string]string),
	}, nil
}

// Launch starts a task and returns at once; report is called with each of its states in order, by one
// goroutine.
func (r *Runtime) Launch(framework mesos.FrameworkInfo, info mesos.TaskInfo, report func(mesos.TaskStatus)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	id := info.TaskID.Value
	container := newContainerID()
	ctx, cancel := context.WithCancel(r.ctx)
	t := &task{
		r: r, framework: framework, info: info, container: container, report: report, ctx: ctx, cancel: cancel,
		sandbox: filepath.Join(r.o.WorkDir, "slaves", r.o.AgentID, "frameworks", framework.ID.GetValue(), "executors", id, "runs", container),
	}
	r.tasks[id] = t
	r.latest[id] = t.sandbox
	r.wg.Go(func() {
		t.run()
		cancel()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.tasks[id] == t {
			delete(r.tasks, id)
		}
		r.ended = append(r.ended, t.sandbox)
		if len(r.ended) > r.o.Keep {
			old := r.ended[0]
			r.ended = slices.Delete(r.ended, 0, 1)
			r.wg.Go(func() {
				if err := os.RemoveAll(old); err != nil {
					r.o.Log.Warn("sandbox is not removed", "sandbox", old, "error", err)
				}
			})
		}
	})
}

// Kill ends a task: SIGTERM to its process group, and SIGKILL after the grace period of the policy, or of
// the task's own, or 3 s. It does not wait.
func (r *Runtime) Kill(taskID string, policy *mesos.KillPolicy) {
	r.mu.Lock()
	t := r.tasks[taskID]
	r.mu.Unlock()
	if t == nil {
		return
	}
	grace := 3 * time.Second
	for _, p := range []*mesos.KillPolicy{t.info.KillPolicy, policy} {
		if p != nil && p.GracePeriod != nil {
			grace = time.Duration(p.GracePeriod.Nanoseconds)
		}
	}
	t.kill(grace)
}

// Close kills every task, as when the machine fails: nothing is reported. It waits for the processes.
func (r *Runtime) Close() error {
	r.mu.Lock()
	r.closed = true
	for _, t := range r.tasks {
		t.vanish()
	}
	r.mu.Unlock()
	r.stop()
	r.wg.Wait()
	return nil
}

// Signal sends a signal to the process group of a task, for tests of what happens to Flink.
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

package service

import (
	"cmp"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jobmanager"
)

const (
	// booting is the time from the start of a process until its JobManager serves, or its TaskManager registers.
	booting = 709 * time.Millisecond
	// registering is the time between two tries of a TaskManager to find its JobManager.
	registering = 503 * time.Millisecond
	// leaving is how long the JobManager of an application stays after the end of its job, so that it can be asked
	// where its savepoint is (Flink waits for that). The speed does not change it.
	leaving = 1511 * time.Millisecond
	// failedStatus is the exit status of a JobManager whose application failed: 1443, of which 8 bits are left.
	failedStatus = 163
)

// process is the process of a task: a scripted JobManager or TaskManager. Its methods are called with the lock of the
// master held.
type process struct {
	m    *master
	t    *launched
	gone bool
	// exchange and flink are those of a JobManager that serves; nil before, and for a TaskManager.
	exchange *jobmanager.JobManager
	flink    *jobmanager.Flink
	// joined is the JobManager where a TaskManager is registered.
	joined *process
}

func newProcess(m *master, t *launched) *process {
	p := &process{m: m, t: t}
	begin := p.serve
	if t.Task.Kind == spec.TaskManagerTask {
		begin = p.register
	}
	m.after(booting, func() {
		if !p.gone {
			begin()
		}
	})
	return p
}

// serve opens the ports of a JobManager.
func (p *process) serve() {
	sp := p.t.Spec
	o := jobmanager.FlinkOptions{
		Version: "2.3.0", SavepointDirectory: sp.SavepointDirectory(), SlotsPerTaskManager: sp.TaskManager.Slots, After: p.m.s.script.after,
		Adaptive: strings.EqualFold(sp.FlinkConfiguration["jobmanager.scheduler"], "adaptive"), NextJob: p.m.s.nextJob, NextJar: p.m.s.nextJar, Runs: p.m.s.o.Runs * time.Duration(p.m.s.o.Speed),
		// Flink calls with a lock of its own held, which is taken inside that of the master.
		Ended: func(status, diagnostics string) {
			p.m.after(latency, func() { p.applicationEnded(status, diagnostics) })
		},
	}
	if sp.Job != nil {
		o.Program, o.Parallelism = sp.Job.JarURI[strings.LastIndex(sp.Job.JarURI, "/")+1:], sp.Job.Parallelism
		if jobmanager.Throws(o.Program) {
			p.m.exit(p.t, failedStatus)
			return
		}
	}
	if sp.Allocation == spec.Dynamic {
		p.exchange = jobmanager.New(jobmanager.Options{Token: token, Prefix: sp.Name + "-" + p.t.Nonce + "-tm", Epoch: p.m.s.epoch})
		p.m.network.listen(p.address(flink.PortDriver), p.exchange.ServeHTTP)
		o.Need = func(n int) { p.m.after(latency, func() { p.need(n) }) }
		o.Idle = p.exchange.Release
	}
	var err error
	if p.flink, err = jobmanager.NewFlink(o); err != nil {
		panic(err) // All that is required is given.
	}
	p.m.network.listen(p.address(flink.PortREST), p.flink.ServeHTTP)
}

// need asks for TaskManagers beyond those that are on their way.
func (p *process) need(n int) {
	if p.gone {
		return
	}
	underWay := 0
	for _, w := range p.exchange.Wanted().Workers {
		if t, ok := p.m.tasks[w.ID]; !ok || t.process == nil || t.process.joined != p {
			underWay++
		}
	}
	tm := p.t.Spec.TaskManager
	for range n - underWay {
		p.exchange.Want(driver.Worker{
			CPUs: tm.CPUs, MemoryBytes: int64(tm.Memory), Slots: tm.Slots,
			JVMArguments: []string{"-Xmx512m"}, DynamicProperties: []string{"taskmanager.memory.network.min=64mb"}, ExternalResources: map[string]int{},
		})
	}
}

// applicationEnded tells the service how the application ended, and ends the process when it has had time to hear it.
func (p *process) applicationEnded(status, diagnostics string) {
	if p.gone {
		return
	}
	if p.exchange != nil {
		p.exchange.Finish(status, diagnostics)
	}
	code := 0
	if status == "FAILED" {
		code = failedStatus
	}
	p.m.after(leaving*time.Duration(p.m.s.o.Speed), func() { p.m.exit(p.t, code) })
}

// register brings a TaskManager to its JobManager, again and again until that serves.
func (p *process) register() {
	if jm, ok := p.m.tasks[p.t.JobManager.ID]; ok && jm.process != nil && !jm.process.gone && jm.process.flink != nil {
		slots := p.t.Spec.TaskManager.Slots
		if w := p.t.Task.Worker; w != nil {
			slots = w.Slots
		}
		p.joined = jm.process
		p.joined.flink.Register(p.t.Task.ID, p.t.Task.Hostname, max(slots, 1))
		return
	}
	p.m.after(registering, func() {
		if !p.gone {
			p.register()
		}
	})
}

// address is where a port of the task is reached.
func (p *process) address(port string) string {
	return net.JoinHostPort(p.t.Task.Hostname, strconv.Itoa(p.t.Task.Ports[port]))
}

// close ends the process: its ports are closed and its JobManager has lost it.
func (p *process) close() {
	p.gone = true
	if p.joined != nil && !p.joined.gone {
		p.joined.flink.Unregister(p.t.Task.ID)
	}
	if p.exchange != nil {
		p.m.network.hangUp(p.address(flink.PortDriver))
		p.exchange.Stop()
	}
	if p.flink != nil {
		p.m.network.hangUp(p.address(flink.PortREST))
		p.flink.Close()
	}
}

// handlerFunc serves an address of a network.
type handlerFunc = func(http.ResponseWriter, *http.Request)

// network connects processes in memory. It implements http.RoundTripper.
type network struct {
	mu       sync.Mutex
	handlers map[string]handlerFunc // by host and port
}

func (n *network) listen(address string, h handlerFunc) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handlers[address] = h
}

func (n *network) hangUp(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.handlers, address)
}

// RoundTrip implements http.RoundTripper.
func (n *network) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	h, ok := n.handlers[r.URL.Host]
	n.mu.Unlock()
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer func() {
		if cause := recover(); cause == http.ErrAbortHandler { //nolint:errorlint // What a handler panics with to cut the connection.
			resp, err = nil, io.ErrUnexpectedEOF
		} else if cause != nil {
			panic(cause)
		}
	}()
	rec := httptest.NewRecorder()
	h(rec, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp = rec.Result()
	resp.Request = r
	return resp, nil
}

// readFile answers /files/read of every agent.
func (m *master) readFile(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	offset, err1 := strconv.Atoi(query.Get("offset"))
	length, err2 := strconv.Atoi(cmp.Or(query.Get("length"), "0"))
	if r.URL.Path != "/files/read" || err1 != nil || err2 != nil || offset < -1 || length < 0 && offset >= 0 {
		http.Error(w, "the scripted agent only reads", http.StatusBadRequest)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tasks {
		name, ok := strings.CutPrefix(query.Get("path"), t.sandbox()+"/")
		if !ok {
			name, ok = strings.CutPrefix(query.Get("path"), "/frameworks/"+frameworkID+"/executors/"+t.Task.ID+"/runs/latest/")
		}
		text, there := t.files[name]
		if !ok || !there || r.URL.Hostname() != t.agent.hostname {
			continue
		}
		if offset == -1 {
			offset, length = len(text), 0 // The size is asked for.
		}
		offset = min(offset, len(text))
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"data": text[offset:min(len(text), offset+length)], "offset": offset}) // Who asked may be gone.
		return
	}
	http.NotFound(w, r)
}

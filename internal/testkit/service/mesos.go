package service

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// The scripted Mesos: a master of release 1.9, which knows no offer constraints, and its agents.
const (
	frameworkID   = "7c2a5c1e-6b1d-4f0e-9f4e-1d2c3b4a5f60-0001"
	masterAddress = "10.0.0.1:5050"
	agentCPUs     = 8
	agentMemory   = 16384 // MiB
)

// The times of the script. They are odd, so that few things happen at the same time.
const (
	latency    = 3 * time.Millisecond
	allocation = 997 * time.Millisecond
	fetching   = 1303 * time.Millisecond // of a JobManager's files
	fetchingTM = 2503 * time.Millisecond // of a TaskManager's, which are launched together
	starting   = 61 * time.Millisecond
	dying      = 149 * time.Millisecond
)

// master is a scripted Mesos master with its agents. It implements loop.Sender.
type master struct {
	s       *Service
	post    func(state.Event)
	network *network

	mu         sync.Mutex
	agents     []*agent
	tasks      map[string]*launched
	offers     map[string]*agent // those that are outstanding
	suppressed bool
	made       int // offers made
	uuids      int
}

// agent is an agent of a master.
type agent struct {
	id, hostname string
	offered      string // the outstanding offer; empty for none
	// filtered is until when it is not to be offered.
	filtered time.Time
}

// launched is a task of a master. It stays when it has ended, with its sandbox.
type launched struct {
	state.Launch
	agent *agent
	state task.State
	// updates are those that are not acknowledged; the first of them has been sent.
	updates []state.Updated
	files   map[string]string
	process *process
}

func newMaster(s *Service, post func(state.Event)) *master {
	m := &master{s: s, post: post, tasks: map[string]*launched{}, offers: map[string]*agent{}}
	m.network = &network{handlers: map[string]handlerFunc{}}
	for i := range 3 {
		a := &agent{id: fmt.Sprintf("%s-S%d", frameworkID[:36], i), hostname: fmt.Sprintf("agent%d.example", i+1)}
		m.agents = append(m.agents, a)
		m.network.listen(a.hostname+":5051", m.readFile)
	}
	return m
}

// subscribe connects the service, and begins to make offers.
func (m *master) subscribe() {
	m.after(latency, func() {
		m.post(state.Subscribed{FrameworkID: frameworkID, Master: masterAddress, Version: "1.9.0"})
		m.allocateRegularly()
	})
}

// after plans a call with the lock held.
func (m *master) after(d time.Duration, f func()) {
	m.s.script.after(d, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		f()
	})
}

// Send implements loop.Sender.
func (m *master) Send(a state.Action) { m.after(latency, func() { m.take(a) }) }

// take performs a call of the service.
func (m *master) take(a state.Action) {
	switch a := a.(type) {
	case state.Accept:
		m.accept(a)
	case state.Decline:
		for _, id := range a.OfferIDs {
			m.answered(id, a.Refuse)
		}
	case state.Revive:
		m.suppressed = false
		for _, a := range m.agents {
			a.filtered = time.Time{}
		}
		m.allocate()
	case state.Suppress:
		m.suppressed = true
	case state.Kill:
		m.kill(a.TaskID)
	case state.Reconcile:
		m.reconcile(a.Tasks)
	case state.Ack:
		m.acknowledge(a)
	case state.Resubscribe:
		m.post(state.Subscribed{FrameworkID: frameworkID, Master: masterAddress, Version: "1.9.0"})
	case state.Teardown:
		for _, t := range m.tasks {
			m.ended(t, state.Updated{State: task.Killed})
		}
		m.post(state.TornDown{})
	default:
		panic(fmt.Sprintf("service: the scripted Mesos knows no %T", a))
	}
}

// allocateRegularly makes offers every allocation interval.
func (m *master) allocateRegularly() {
	m.allocate()
	m.after(allocation, m.allocateRegularly)
}

// allocate offers what is free and neither offered nor filtered.
func (m *master) allocate() {
	if m.suppressed {
		return
	}
	var offers []offer.Offer
	for _, a := range m.agents {
		if a.offered != "" || time.Now().Before(a.filtered) {
			continue
		}
		m.made++
		a.offered = fmt.Sprintf("%s-O%d", frameworkID[:36], m.made)
		m.offers[a.offered] = a
		offers = append(offers, offer.Offer{
			ID: a.offered, AgentID: a.id, Hostname: a.hostname, Zone: "a", Region: "here", Endpoint: "http://" + a.hostname + ":5051/slave(1)",
			Resources: m.free(a),
		})
	}
	if len(offers) > 0 {
		m.post(state.Offered{Offers: offers})
	}
}

// free is what no task of an agent uses.
func (m *master) free(a *agent) []offer.Resource {
	scalars := map[string]offer.Milli{"cpus": offer.ToMilli(agentCPUs), "mem": offer.ToMilli(agentMemory), "disk": offer.ToMilli(102400)}
	used := map[uint64]bool{}
	for _, t := range m.tasks {
		if t.agent != a || t.state.Terminal() {
			continue
		}
		for _, p := range t.Pieces {
			if len(p.Ranges) == 0 {
				scalars[p.Name] -= p.Scalar
				continue
			}
			for _, r := range p.Ranges {
				for port := r.Begin; port <= r.End; port++ {
					used[port] = true
				}
			}
		}
	}
	var all []offer.Resource
	for _, name := range []string{"cpus", "mem", "disk"} {
		if scalars[name] > 0 {
			all = append(all, offer.Resource{Name: name, Scalar: scalars[name], AllocationRole: "*"})
		}
	}
	ports := offer.Resource{Name: "ports", AllocationRole: "*"}
	for port := uint64(31000); port <= 31999; port++ {
		n := len(ports.Ranges)
		switch {
		case used[port]:
		case n > 0 && ports.Ranges[n-1].End == port-1:
			ports.Ranges[n-1].End = port
		default:
			ports.Ranges = append(ports.Ranges, offer.Range{Begin: port, End: port})
		}
	}
	return append(all, ports)
}

// answered ends an offer, and filters its agent. It returns false for an offer that is not outstanding.
func (m *master) answered(id string, refuse time.Duration) (*agent, bool) {
	a, ok := m.offers[id]
	if ok {
		delete(m.offers, id)
		a.offered, a.filtered = "", time.Now().Add(refuse)
	}
	return a, ok
}

// accept launches tasks on an agent; what is left is filtered.
func (m *master) accept(a state.Accept) {
	valid := true
	var on *agent
	for _, id := range a.OfferIDs {
		agent, ok := m.answered(id, a.Refuse)
		on, valid = agent, valid && ok
	}
	for _, l := range a.Launches {
		t := &launched{Launch: l, agent: on, state: task.Staging, files: map[string]string{}}
		m.tasks[l.Task.ID] = t
		if !valid {
			m.ended(t, state.Updated{State: task.Dropped, Source: "SOURCE_MASTER", Reason: "REASON_INVALID_OFFERS", Message: "Task launched with invalid offers"})
			continue
		}
		fetch := fetching
		if l.Task.Kind == spec.TaskManagerTask {
			fetch = fetchingTM
		}
		m.after(fetch, func() { m.start(t) })
	}
}

// container is the id of a task's container, and sandbox the path of its directory.
func (t *launched) container() string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.Task.ID)) // Never fails.
	return fmt.Sprintf("%08x-6b1d-4f0e-9f4e-1d2c3b4a5f60", h.Sum32())
}

func (t *launched) sandbox() string {
	return "/var/lib/mesos/slave/slaves/" + t.agent.id + "/frameworks/" + frameworkID + "/executors/" + t.Task.ID + "/runs/" + t.container()
}

// start runs a task whose files the fetcher has brought, or not.
func (m *master) start(t *launched) {
	if t.state.Terminal() {
		return
	}
	if job := t.Spec.Job; job != nil && strings.HasSuffix(job.JarURI, "/missing.jar") {
		t.files["stderr"] = "W0101 00:00:00.000000    17 fetcher.cpp:913] Failed to fetch '" + job.JarURI + "': Error downloading resource, received HTTP return code 404\n"
		m.ended(t, state.Updated{
			State: task.Failed, Source: "SOURCE_AGENT", Reason: "REASON_CONTAINER_LAUNCH_FAILED",
			Message: fmt.Sprintf("Failed to launch container: Failed to fetch all URIs for container '%s': exited with status 1", t.container()),
		})
		return
	}
	t.files["stdout"] = "Starting " + t.Task.ID + "\nThe process is up.\n"
	m.report(t, state.Updated{State: task.Starting, Source: "SOURCE_EXECUTOR"})
	m.after(starting, func() {
		if t.state.Terminal() {
			return
		}
		m.report(t, state.Updated{State: task.Running, Source: "SOURCE_EXECUTOR"})
		t.process = newProcess(m, t)
	})
}

// kill ends a task after a moment. The master answers for one that it does not know.
func (m *master) kill(id string) {
	t, ok := m.tasks[id]
	if !ok {
		m.post(state.Updated{TaskID: id, State: task.Gone, Source: "SOURCE_MASTER", Reason: "REASON_RECONCILIATION", Message: "Attempted to kill an unknown task"})
		return
	}
	m.after(dying, func() {
		m.ended(t, state.Updated{State: task.Killed, Source: "SOURCE_EXECUTOR", Message: "Command terminated with signal Terminated"})
	})
}

// exit ends a task as its process does.
func (m *master) exit(t *launched, code int) {
	st := task.Finished
	if code != 0 {
		st = task.Failed
	}
	m.ended(t, state.Updated{State: st, Source: "SOURCE_EXECUTOR", Message: fmt.Sprintf("Command exited with status %d", code)})
}

// ended reports the end of a task once.
func (m *master) ended(t *launched, u state.Updated) {
	if t.state.Terminal() {
		return
	}
	if t.process != nil {
		t.process.close()
	}
	m.report(t, u)
}

// report sends an update when those before it have been acknowledged.
func (m *master) report(t *launched, u state.Updated) {
	t.state = u.State
	u.TaskID, u.AgentID, u.Sandbox = t.Task.ID, t.agent.id, t.sandbox()
	m.uuids++
	u.UUID = fmt.Appendf(nil, "update %09d", m.uuids)
	if t.updates = append(t.updates, u); len(t.updates) == 1 {
		m.post(u)
	}
}

// acknowledge takes the first update off, and sends the next one.
func (m *master) acknowledge(a state.Ack) {
	t, ok := m.tasks[a.TaskID]
	if !ok || len(t.updates) == 0 || string(t.updates[0].UUID) != string(a.UUID) {
		panic(fmt.Sprintf("service: an update of task %s is acknowledged that was not sent", a.TaskID))
	}
	if t.updates = t.updates[1:]; len(t.updates) > 0 {
		m.post(t.updates[0])
	}
}

// reconcile tells the state of tasks; with none of all that are known.
func (m *master) reconcile(refs []state.TaskRef) {
	if len(refs) == 0 {
		for _, t := range m.tasks {
			if !t.state.Terminal() {
				refs = append(refs, state.TaskRef{TaskID: t.Task.ID})
			}
		}
		slices.SortFunc(refs, func(a, b state.TaskRef) int { return cmp.Compare(a.TaskID, b.TaskID) })
	}
	for _, r := range refs {
		u := state.Updated{TaskID: r.TaskID, AgentID: r.AgentID, State: task.Gone, Source: "SOURCE_MASTER", Reason: "REASON_RECONCILIATION", Message: "Reconciliation: Task is unknown to the agent"}
		if t, ok := m.tasks[r.TaskID]; ok {
			u.AgentID, u.State, u.Message = t.agent.id, t.state, "Reconciliation: Latest task state"
		}
		m.post(u)
	}
}

// write adds text to a file of a task's sandbox.
func (m *master) write(id, file, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t, ok := m.tasks[id]; ok {
		t.files[file] += text
	}
}

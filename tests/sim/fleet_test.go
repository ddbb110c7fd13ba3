package sim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
)

// fleet is a Mesos master whose agents run scripted tasks.
type fleet struct {
	t      testing.TB
	master *localmesos.Master
	// web reaches the master.
	web *http.Client
	// host makes the host name of an agent out of its number.
	host string
	// seen, when set, is told each task that an agent starts.
	seen func(task mesosgo.TaskInfo)
	// behave, when set, says what a task does; without it tasks run until they are told to end.
	behave func(task mesosgo.TaskInfo) executor.Behaviour

	mu sync.Mutex
	// agents are those that live, by id, and hosts the names of all.
	agents map[string]*executor.Scripted
	hosts  map[string]string
	// launches counts how often each task was launched.
	launches map[string]int
	serial   int
}

// newFleet is one on the network of the machine, which is in a hurry.
func newFleet(t testing.TB, host string) *fleet {
	t.Helper()
	return newFleetWith(t, host, http.DefaultClient, localmesos.Options{AllocationInterval: 50 * time.Millisecond, AckRetry: 100 * time.Millisecond})
}

func newFleetWith(t testing.TB, host string, client *http.Client, o localmesos.Options) *fleet {
	t.Helper()
	f := &fleet{t: t, web: client, host: host, agents: make(map[string]*executor.Scripted), hosts: make(map[string]string), launches: make(map[string]int)}
	var err error
	f.master, err = localmesos.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.master.Close(); err != nil {
			t.Errorf("close the master: %v", err)
		}
	})
	return f
}

// addAgent adds an agent with room for so many workers and a JobManager, and returns its id.
func (f *fleet) addAgent(workers int) string {
	f.t.Helper()
	f.mu.Lock()
	f.serial++
	host := fmt.Sprintf(f.host, f.serial)
	f.mu.Unlock()
	return f.addAgentOn(host, workers)
}

// addAgentOn adds an agent with a host name of the caller's choice.
func (f *fleet) addAgentOn(host string, workers int) string {
	f.t.Helper()
	n := float64(workers)
	a, err := f.master.AddAgent(localmesos.AgentOptions{
		Hostname: host, CPUs: n + 1, MemMiB: 1024 * (n + 1), DiskMiB: 1 << 20,
		Ports: [2]uint64{10000, 10000 + 10*uint64(workers+1)},
		Runtime: func(id string) (executor.Runtime, error) {
			r, err := executor.NewScripted(f.script)(id)
			if s, ok := r.(*executor.Scripted); ok {
				f.mu.Lock()
				f.agents[id], f.hosts[id] = s, host
				f.mu.Unlock()
			}
			return r, err
		},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}

// script is what a task does.
func (f *fleet) script(task mesosgo.TaskInfo) executor.Behaviour {
	f.mu.Lock()
	f.launches[task.TaskID.Value]++
	f.mu.Unlock()
	if f.seen != nil {
		f.seen(task)
	}
	if f.behave != nil {
		return f.behave(task)
	}
	return executor.Behaviour{}
}

// running are the tasks that run on agents, with their agents.
func (f *fleet) running() map[string][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[string][]string)
	for id, agent := range f.agents {
		for _, task := range agent.Tasks() {
			all[task] = append(all[task], id)
		}
	}
	return all
}

// agent finds the scripted agent on which a task runs.
func (f *fleet) agent(task string) *executor.Scripted {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.agents {
		if slices.Contains(a.Tasks(), task) {
			return a
		}
	}
	return nil
}

// hostOf is the host name of an agent.
func (f *fleet) hostOf(agent string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hosts[agent]
}

// once fails the test when any task was ever launched twice.
func (f *fleet) once() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, n := range f.launches {
		if n > 1 {
			f.t.Errorf("task %s was launched %d times", id, n)
		}
	}
}

// registered is a framework as the master shows it.
type registered struct {
	ID              string
	Name            string
	Active          bool
	FailoverTimeout float64 `json:"failover_timeout"`
	Tasks, Offers   []json.RawMessage
}

// state asks the master for its frameworks that have not ended.
func (f *fleet) state() []registered {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.master.URL()+"/state", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	resp, err := f.web.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	var state struct{ Frameworks []registered }
	if err := json.NewDecoder(resp.Body).Decode(&state); err != nil {
		f.t.Fatal(err)
	}
	return state.Frameworks
}

// frameworks are those that the master knows and that have not ended, but for one without tasks that was never heard
// again after it got its id: the process that got it had no time to save it, and the master removes it in a minute.
func (f *fleet) frameworks() (names []string) {
	f.t.Helper()
	for _, x := range f.state() {
		if x.Active && x.FailoverTimeout <= 60 {
			f.t.Errorf("the master would remove the framework when it is away for %g s", x.FailoverTimeout)
		}
		if x.Active || len(x.Tasks) > 0 || x.FailoverTimeout > 60 {
			names = append(names, x.Name)
		}
	}
	return names
}

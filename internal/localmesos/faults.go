package localmesos

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/registry"
)

// UpdateFaults say what happens to status updates on their way to frameworks.
type UpdateFaults struct {
	// Duplicate, Drop and Delay are probabilities from 0 to 1. A dropped update comes again when
	// it is not acknowledged; a delayed one may be overtaken.
	Duplicate float64 `json:"duplicate,omitempty"`
	Drop      float64 `json:"drop,omitempty"`
	Delay     float64 `json:"delay,omitempty"`
	// DelayBy is the longest delay, in milliseconds.
	DelayBy int `json:"delayByMillis,omitempty"`
	// Seed makes the choices repeatable.
	Seed uint64 `json:"seed,omitempty"`
}

// faults are those injected now; guarded by Master.mu.
type faults struct {
	updates UpdateFaults
	random  *rand.Rand
	silent  bool
	// redirect is the address of another leader; notReady a status and text for every call.
	redirect       string
	notReady       int
	notReadyReason string
}

// update sends an update through the faults: with send, under the lock of the caller, or later with the lock of
// its own.
func (f *faults) update(lock sync.Locker, send func()) {
	u := f.updates
	if f.random == nil || u == (UpdateFaults{Seed: u.Seed}) {
		send()
		return
	}
	if f.random.Float64() < u.Drop {
		return
	}
	if f.random.Float64() < u.Duplicate {
		send()
	}
	if f.random.Float64() < u.Delay {
		time.AfterFunc(time.Duration(f.random.IntN(max(1, u.DelayBy)))*time.Millisecond, func() {
			lock.Lock()
			defer lock.Unlock()
			send()
		})
		return
	}
	send()
}

// DisturbUpdates sets what happens to status updates from now on.
func (m *Master) DisturbUpdates(u UpdateFaults) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults.updates, m.faults.random = u, rand.New(rand.NewPCG(u.Seed, 1))
}

// silent says whether events are held back.
func (m *Master) silent() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.faults.silent
}

// Silence holds back every event, heartbeats as well, with connections open, or lets them go again.
func (m *Master) Silence(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults.silent = on
	if on {
		return
	}
	for _, f := range m.registry.Frameworks {
		if f.Stream != nil {
			f.Stream.Wake()
		}
	}
}

// DropStreams ends every open stream, as a broken connection does.
func (m *Master) DropStreams() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.registry.Frameworks {
		if f.Stream != nil {
			f.Stream.Close()
		}
	}
}

// Failover makes the process a newly elected master: streams end, offers and filters are
// forgotten, and tasks are known again from the agents, which register anew at once.
func (m *Master) Failover() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.registry.Offers = make(map[string]*registry.Offer)
	for _, a := range m.registry.Agents {
		a.Offered, a.Inverse = nil, nil
	}
	for _, f := range m.registry.Frameworks {
		f.Filters, f.InverseFilters = nil, nil
		if f.Stream != nil {
			f.Stream.Close()
		}
	}
}

// Redirect makes the master answer every call with the address of another leader; empty ends it.
func (m *Master) Redirect(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults.redirect = address
}

// NotReady makes the master answer every call with a status and a text, as one that has not
// recovered yet does; 0 ends it.
func (m *Master) NotReady(status int, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults.notReady, m.faults.notReadyReason = status, reason
}

// Teardown removes a framework, as an operator does.
func (m *Master) Teardown(frameworkID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.registry.Frameworks[frameworkID]
	if f == nil {
		return fmt.Errorf("No framework found with specified ID") //nolint:staticcheck,revive // The master's words.
	}
	m.removeFramework(f)
	return nil
}

// Package localmesos is a Mesos master with its agents in one process. It speaks the v1
// scheduler and operator API over HTTP as the real master does, down to status codes and
// error texts (see testdata, recorded from one), so that the service runs against it
// unchanged: on a laptop, in tests, and in simulations with thousands of scripted agents.
// It isolates nothing: tasks are plain processes, and resources are only counted.
package localmesos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/election"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/registry"
)

// Version is the Mesos release that the master says it is, whose behaviour was recorded.
const Version = "1.12.0"

// Options configure a Master.
type Options struct {
	// Listen is the address of the master; 127.0.0.1:0 when empty.
	Listen string
	// Listener is used instead of Listen when set.
	Listener net.Listener
	// AllocationInterval is the time between rounds of offers; 1 s when 0, as in Mesos.
	AllocationInterval time.Duration
	// HeartbeatInterval is the time between HEARTBEAT events; 15 s when 0, as in Mesos.
	HeartbeatInterval time.Duration
	// AckRetry is when an unacknowledged status update is sent again; it doubles up to ten
	// minutes. 10 s when 0, as in Mesos.
	AckRetry time.Duration
	// AgentPingTimeout is the time between pings of an agent, and MaxAgentPingTimeouts how many of them in a row go
	// unanswered before the master marks the agent unreachable: the flags --agent_ping_timeout (15 s there) and
	// --max_agent_ping_timeouts (5 when 0, as there). When AgentPingTimeout is 0, the master marks an agent
	// unreachable as soon as it is lost.
	AgentPingTimeout     time.Duration
	MaxAgentPingTimeouts int
	// Principal and Secret, when set, are asked of every scheduler by HTTP basic authentication.
	Principal, Secret string
	// Principals are further ones with their secrets; they count when Principal is set.
	Principals map[string]string
	// Region and Zone are the fault domain of the master; empty for none.
	Region, Zone string
	// ZooKeeper publishes the leader, as host:port/path; empty for none.
	ZooKeeper string
	Log       *slog.Logger
}

func (o *Options) setDefaults() {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.AllocationInterval == 0 {
		o.AllocationInterval = time.Second
	}
	if o.HeartbeatInterval == 0 {
		o.HeartbeatInterval = 15 * time.Second
	}
	if o.AckRetry == 0 {
		o.AckRetry = 10 * time.Second
	}
	if o.MaxAgentPingTimeouts == 0 {
		o.MaxAgentPingTimeouts = 5
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Master is a leading Mesos master and its agents.
type Master struct {
	o        Options
	listener net.Listener
	server   *http.Server
	address  string
	started  time.Time
	done     chan struct{}
	wg       sync.WaitGroup
	leader   *election.Publisher

	// mu guards what follows.
	mu       sync.Mutex
	registry *registry.State
	faults   faults
	closed   bool
	// shortestFilter is the allocation interval, but for tests that allocate themselves.
	shortestFilter time.Duration
}

// New starts a master without agents.
func New(o Options) (*Master, error) {
	o.setDefaults()
	l := o.Listener
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", o.Listen); err != nil {
			return nil, fmt.Errorf("listen as a Mesos master: %w", err)
		}
	}
	m := &Master{
		o: o, listener: l, address: l.Addr().String(), started: time.Now(), done: make(chan struct{}),
		registry: registry.New(), shortestFilter: o.AllocationInterval,
	}
	m.server = &http.Server{Handler: m.handler(), ReadHeaderTimeout: 10 * time.Second}
	m.wg.Go(func() {
		if err := m.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("local Mesos master stopped serving", "error", err)
		}
	})
	m.wg.Go(m.allocateRegularly)
	if o.ZooKeeper != "" {
		p, err := election.Publish(o.ZooKeeper, m.masterInfo(), o.Log)
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		m.leader = p
	}
	return m, nil
}

// Address is the host:port of the master.
func (m *Master) Address() string { return m.address }

// URL is the base URL of the master.
func (m *Master) URL() string { return "http://" + m.address }

// Close ends the streams, the tasks and the agents, and waits for everything that New started.
// Closing twice is closing once.
func (m *Master) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	close(m.done)
	var agents []*registry.Agent
	for _, f := range m.registry.Frameworks {
		if f.Stream != nil {
			f.Stream.Close()
		}
		stopTimer(f.Failover)
		for _, t := range f.Tasks {
			stopTimer(t.Retry)
		}
	}
	for _, a := range m.registry.Agents {
		stopTimer(a.Observer)
		agents = append(agents, a)
	}
	m.mu.Unlock()

	var problems []error
	if m.leader != nil {
		m.leader.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := m.server.Shutdown(ctx); err != nil {
		problems = append(problems, m.server.Close())
	}
	for _, a := range agents {
		problems = append(problems, a.Close())
	}
	m.wg.Wait()
	return errors.Join(problems...)
}

func stopTimer(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

// quotaV2 is the capability QUOTA_V2 of masters since 1.9, which mesos-go has no name for.
const quotaV2 mesos.MasterInfo_Capability_Type = 3

// masterInfo is how the master introduces itself.
func (m *Master) masterInfo() *mesos.MasterInfo {
	host, port := protocol.HostPort(m.address)
	version, hostname, pid := Version, host, fmt.Sprintf("master@%s:%d", host, port)
	p := uint32(port)
	info := &mesos.MasterInfo{
		ID: m.registry.ID, IP: protocol.LittleEndian(host), Port: &p, PID: &pid, Hostname: &hostname, Version: &version,
		Address: &mesos.Address{Hostname: &hostname, IP: &hostname, Port: port},
		Capabilities: []mesos.MasterInfo_Capability{
			{Type: mesos.MasterInfo_Capability_AGENT_UPDATE}, {Type: mesos.MasterInfo_Capability_AGENT_DRAINING}, {Type: quotaV2},
		},
	}
	if m.o.Region != "" {
		info.Domain = protocol.Domain(m.o.Region, m.o.Zone)
	}
	return info
}

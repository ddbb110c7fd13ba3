package sim_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/app"
	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/core/check"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/testkit/memnet"
)

// life is one life of the service, from its start to its end. It runs all that a process of it runs.
type life struct {
	gate *gate
	gone chan struct{}
	err  error
}

// lifeOptions are what a process of the service is started with.
type lifeOptions struct {
	network *memnet.Network
	// delay is how long the parts of a save take.
	delay func() time.Duration
	// host is the name of its machine.
	host    string
	environ []string
	// open opens the state; nil for STATE_STORE.
	open func() (store.Store, error)
	log  *slog.Logger
	// broken is told of promises of the core that a step broke.
	broken func(e state.Event, wrong []string)
	// isolated, when set, says that what the process sends to agents is dropped.
	isolated *atomic.Bool
}

// promised fails the test when a step of the core breaks a promise.
func promised(t testing.TB) func(state.Event, []string) {
	return func(e state.Event, wrong []string) { t.Errorf("%T: %s", e, strings.Join(wrong, "; ")) }
}

// dial connects from a machine, unless the way to agents is cut off: then nobody answers.
func (o lifeOptions) dial(host *memnet.Host) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if o.isolated != nil && o.isolated.Load() && address != masterAddress {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		return host.DialContext(ctx, network, address)
	}
}

// begin starts a process of the service.
func begin(o lifeOptions) (*life, error) {
	c, err := config.Load(o.environ)
	if err != nil {
		return nil, err
	}
	host := o.network.Host(o.host)
	ctx, cancel := context.WithCancel(context.Background())
	l := &life{gate: &gate{host: host, cancel: cancel, left: -1}, gone: make(chan struct{})}
	host.Watch(l.gate.write)
	go func() {
		defer close(l.gone)
		defer host.Cut() // With a process go its connections.
		defer cancel()
		options := app.Options{
			Config: c, Version: "test", Commit: "test", Log: o.log,
			Network: app.Network{Listen: host.Listen, Dial: o.dial(host)},
		}
		if o.broken != nil {
			options.Check = func(before *state.State, e state.Event, actions []state.Action, after *state.State) {
				if wrong := check.Step(before, e, actions, after); len(wrong) > 0 {
					o.broken(e, wrong)
				}
			}
		}
		if o.open != nil {
			options.Store = func() (store.Store, error) {
				s, err := o.open()
				return gated{s, l.gate, o.delay}, err
			}
		}
		l.err = app.Run(ctx, options)
		if l.gate.shut() {
			l.err = nil // Whatever it says: nobody hears it.
		}
	}()
	return l, nil
}

// stop ends the process as SIGTERM does, and waits.
func (l *life) stop() {
	l.gate.cancel()
	<-l.gone
}

// crash lets so many more saves and calls to Mesos happen and then nothing, whatever the process was about to do, as
// kill -9 at that moment. It returns at once; gone is closed when that moment has come and all has ended.
func (l *life) crash(after int) { l.gate.close(after) }

// zooKeeperPort ends the addresses of ZooKeepers.
const zooKeeperPort = ":2181"

// gate stands between a process and the world: through it goes every save and all that is sent to the master and to
// ZooKeeper.
type gate struct {
	host   *memnet.Host
	cancel context.CancelFunc

	mu sync.Mutex
	// left is how much may still pass; below 0 there is no bound, and at 0 the process is gone.
	left int
}

var errCrashed = errors.New("the process has crashed as the test asked for")

func (g *gate) close(after int) {
	g.mu.Lock()
	g.left = after
	g.mu.Unlock()
	if after == 0 {
		g.end()
	}
}

func (g *gate) end() {
	g.host.Cut()
	g.cancel()
}

func (g *gate) shut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.left == 0
}

// pass says whether one more thing may happen. The last one that may is followed by the end.
func (g *gate) pass() bool {
	g.mu.Lock()
	if g.left < 0 {
		g.mu.Unlock()
		return true
	}
	passed := g.left > 0
	if passed {
		g.left--
	}
	g.mu.Unlock()
	if !passed {
		g.end()
	}
	return passed
}

// write is asked before each write to the network.
func (g *gate) write(address string, _ []byte) bool {
	if address == masterAddress || strings.HasSuffix(address, zooKeeperPort) {
		return g.pass()
	}
	return !g.shut()
}

// gated is a store behind a gate. Each save takes a while, before it is durable and after: what must wait for it does.
type gated struct {
	store.Store
	gate  *gate
	delay func() time.Duration
}

// Apply implements store.Store.
func (s gated) Apply(ctx context.Context, changes []store.Record) error {
	time.Sleep(s.delay())
	if !s.gate.pass() {
		return errCrashed
	}
	err := s.Store.Apply(ctx, changes)
	time.Sleep(s.delay())
	return err
}

// Load implements store.Store.
func (s gated) Load(ctx context.Context) ([]store.Record, error) {
	if s.gate.shut() {
		return nil, errCrashed
	}
	return s.Store.Load(ctx)
}

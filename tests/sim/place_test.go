package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/testkit/memnet"
	"github.com/flink-on-mesos/flink-service/internal/testkit/memzk"
)

// shared is a Mesos and a ZooKeeper that several instances of the service share, in virtual time.
type shared struct {
	network *memnet.Network
	*fleet
	zk   *memzk.Server
	dir  string
	log  *slog.Logger
	made []*place
}

func newShared(t testing.TB, seed uint64) *shared {
	t.Helper()
	n := memnet.New(delays(seed))
	s := &shared{network: n, fleet: newVirtualFleet(t, n, "host-%d"), zk: memzk.New(), dir: t.TempDir(), log: slog.New(slog.DiscardHandler)}
	if os.Getenv("SIM_LOG") != "" {
		s.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	t.Cleanup(s.end)
	return s
}

func (s *shared) end() {
	for _, p := range s.made {
		p.kill()
	}
	s.zk.Close()
	if err := s.master.Close(); err != nil {
		s.t.Errorf("close the master: %v", err)
	}
	s.web.CloseIdleConnections()
	time.Sleep(time.Minute) // The libraries go on for a while with what nobody wants any more.
}

// place is a place for processes of the service: its address, its directory and its settings stay while processes come
// and go.
type place struct {
	s       *shared
	name    string
	environ []string
	api     *client.Client
	// zk is the way to ZooKeeper of this place alone.
	zk   *memnet.Host
	life *life
}

// place adds one. Its address of ZooKeeper is its own, though the server is the same.
func (s *shared) place(name string, variables ...string) *place {
	s.t.Helper()
	address := fmt.Sprintf("10.0.0.%d", len(s.made)+1)
	p := &place{s: s, name: name, zk: s.network.Host(address)}
	l, err := p.zk.Listen("tcp", zooKeeperPort)
	if err != nil {
		s.t.Fatal(err)
	}
	s.zk.Serve(l)
	p.environ = append([]string{
		"MESOS_MASTER=" + masterAddress, "LISTEN=0.0.0.0:8080", "ADVERTISE_HOST=" + name, "DATA_DIR=" + filepath.Join(s.dir, name),
		"FLINK_DISTRIBUTIONS=" + distribution, "FRAMEWORK_NAME=sim", "FRAMEWORK_USER=nobody", "RECONCILE_INTERVAL=1m",
		"STATE_STORE=zk://" + address + zooKeeperPort + "/service", "STATE_SESSION_TIMEOUT=" + session.String(),
	}, variables...)
	if p.api, err = client.New(client.Options{BaseURL: "http://" + name + ":8080", HTTP: s.web, Timeout: 10 * time.Second}); err != nil {
		s.t.Fatal(err)
	}
	s.made = append(s.made, p)
	return p
}

// start starts a process.
func (p *place) start() {
	p.s.t.Helper()
	p.s.web.CloseIdleConnections()
	var err error
	p.life, err = begin(lifeOptions{network: p.s.network, host: p.name, environ: p.environ, log: p.s.log.With("place", p.name), broken: promised(p.s.t)})
	if err != nil {
		p.s.t.Fatal(err)
	}
}

// kill ends the process as kill -9 does, and waits.
func (p *place) kill() {
	if p.life != nil {
		p.life.crash(0)
		<-p.life.gone
		p.life = nil
	}
}

// alive says whether a process runs.
func (p *place) alive() bool {
	if p.life == nil {
		return false
	}
	select {
	case <-p.life.gone:
		return false
	default:
		return true
	}
}

// lost says whether the process ended because it lost its lock.
func (p *place) lost() bool {
	return p.life != nil && !p.alive() && p.life.err != nil && strings.Contains(p.life.err.Error(), "the lock of the state is lost")
}

// role is what the place is; empty while it does not answer.
func (p *place) role() string {
	ctx, cancel := context.WithTimeout(p.s.t.Context(), 5*time.Second)
	defer cancel()
	raw, err := p.api.Raw(ctx, "health")
	if err != nil {
		return ""
	}
	var h struct{ Role string }
	if json.Unmarshal(raw, &h) != nil {
		return ""
	}
	return h.Role
}

// until polls until there is no problem. A process that ended because it lost its lock is started again, as Marathon
// does; any other end that the test has not brought about fails it.
func (p *place) until(what string, problem func() error) {
	p.s.t.Helper()
	end := time.Now().Add(patience)
	for err := problem(); err != nil; err = problem() {
		time.Sleep(200 * time.Millisecond)
		if time.Now().After(end) {
			p.s.t.Fatalf("%s: never: %v", what, err)
		}
		for _, other := range p.s.made {
			switch {
			case other.life == nil || other.alive():
			case other.lost():
				other.start()
			case other.life.err != nil:
				p.s.t.Fatalf("%s: %s ended: %v", what, other.name, other.life.err)
			}
		}
	}
}

// is waits until a place has a role.
func (p *place) is(role string) {
	p.s.t.Helper()
	p.until("to be the "+role, func() error {
		if now := p.role(); now != role {
			return fmt.Errorf("%s is %q", p.name, now)
		}
		return nil
	})
}

// reconciled waits until the place leads and Mesos has said of each task how it is.
func (p *place) reconciled() {
	p.s.t.Helper()
	p.is("leader")
	p.until("subscribed and reconciled", func() error {
		raw, err := p.api.Raw(p.s.t.Context(), "service")
		if err != nil {
			return err
		}
		var v serviceView
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		if !v.Connected || v.Reconciling > 0 {
			return fmt.Errorf("connected is %t, and %d tasks are not reconciled", v.Connected, v.Reconciling)
		}
		return nil
	})
}

// fill has a cluster of so many workers run, and returns the tasks with their agents.
func (p *place) fill(workers int) map[string][]string {
	p.s.t.Helper()
	p.until("the cluster is taken", func() error {
		_, err := p.api.PutCluster(p.s.t.Context(), demo(workers))
		if err != nil && !client.Temporary(err) {
			p.s.t.Fatal(err)
		}
		return err
	})
	p.until("all tasks run", func() error { return holds(p.s.t, p.api, workers+1) })
	return p.s.running()
}

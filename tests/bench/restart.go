package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
)

// The benches of starts: how long 1,000 workers take from one call of the API until the last is launched, how long a
// service that was killed takes from its start until it is subscribed and every one of 1,000 tasks has been
// reconciled, and how much longer than ZooKeeper's session timeout a standby takes to lead.
const (
	launchRounds   = 7
	launchPause    = 2 * time.Second
	restartTasks   = 1000
	restartRounds  = 7
	takeoverRounds = 5
	// takeoverSession is the session timeout of the state store in the bench of the standby.
	takeoverSession = 2 * time.Second
)

func benchLaunch(ctx context.Context, e env) ([]Result, error) {
	f, err := newFleet(restartTasks)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i, err := startInstance(ctx, e.dir, "service", "MESOS_MASTER="+f.Address(), "DATA_DIR="+filepath.Join(e.dir, "data"))
	if err != nil {
		return nil, err
	}
	defer i.kill()
	if err := i.connected(ctx); err != nil {
		return nil, err
	}
	var values []float64
	for round := range launchRounds {
		// Each call meets an idle service: one REVIVE a second is all that it sends.
		select {
		case <-time.After(launchPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		name := fmt.Sprintf("round-%d", round)
		last := f.whenLaunched(restartTasks)
		began := time.Now()
		// One JobManager and 999 workers, so that it is 1,000 tasks.
		if err := i.run(ctx, name, restartTasks-1); err != nil {
			return nil, err
		}
		took := (<-last).Sub(began).Seconds()
		values = append(values, took)
		fmt.Fprintf(e.progress, "  1,000 tasks launched in %.2f s, all known to run after %.2f s\n", took, time.Since(began).Seconds())
		if err := i.client.DeleteCluster(ctx, name, true); err != nil {
			return nil, err
		}
		err := i.until(ctx, "the cluster is gone", 50*time.Millisecond, func() bool { return i.holds(ctx, 0) == nil })
		if err != nil {
			return nil, err
		}
	}
	return []Result{NewResult("launch_1000_s", "s", values, "", nil)}, nil
}

func benchRestart(ctx context.Context, e env) ([]Result, error) {
	server, err := startZooKeeper(ctx, e)
	if err != nil {
		return nil, err
	}
	defer server.Kill()
	var results []Result
	for _, s := range []struct{ name, store string }{
		{"file", "file:" + filepath.Join(e.dir, "file-state")},
		{"zk", "zk://" + server.Addr + "/restart"},
	} {
		values, err := restarts(ctx, e, s.name, s.store)
		if err != nil {
			return nil, err
		}
		results = append(results, NewResult("restart_reconciled_s_"+s.name, "s", values, "", nil))
	}
	return results, nil
}

// startZooKeeper starts a server that waits for its disk, as in production.
func startZooKeeper(ctx context.Context, e env) (*zookeeper.Server, error) {
	dir := filepath.Join(e.dir, "zookeeper")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return zookeeper.New(ctx, zookeeper.Options{Dir: dir, Durable: true})
}

// restarts kills the service and starts it again, and again. With ZooKeeper the session of the one that was killed
// has to expire first; that time is the bench of the standby's, so the next one is started after it.
func restarts(ctx context.Context, e env, name, store string) ([]float64, error) {
	f, err := newFleet(restartTasks)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	variables := []string{
		"MESOS_MASTER=" + f.Address(), "DATA_DIR=" + filepath.Join(e.dir, name+"-data"),
		"STATE_STORE=" + store, "STATE_SESSION_TIMEOUT=" + takeoverSession.String(),
	}
	i, err := startInstance(ctx, e.dir, name, variables...)
	if err != nil {
		return nil, err
	}
	defer func() { i.kill() }()
	if err := i.connected(ctx); err != nil {
		return nil, err
	}
	if err := i.run(ctx, "demo", restartTasks-1); err != nil {
		return nil, err
	}
	var values []float64
	for range restartRounds {
		i.kill()
		if name == "zk" {
			select {
			case <-time.After(takeoverSession + time.Second):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if i, err = startInstance(ctx, e.dir, name, variables...); err != nil {
			return nil, err
		}
		err := i.until(ctx, "all tasks are reconciled", 5*time.Millisecond, func() bool { return i.updates(ctx) >= restartTasks })
		if err != nil {
			return nil, err
		}
		took := time.Since(i.began).Seconds()
		if err := i.holds(ctx, restartTasks); err != nil {
			return nil, err
		}
		values = append(values, took)
		fmt.Fprintf(e.progress, "  restart with %s: reconciled after %.2f s\n", name, took)
	}
	if n := f.launched.Load(); n != restartTasks {
		return nil, fmt.Errorf("%d tasks were launched, not %d: a restart started some anew", n, restartTasks)
	}
	return values, nil
}

// benchTakeover kills the leading one of two services, and starts it again as the standby of the other.
func benchTakeover(ctx context.Context, e env) ([]Result, error) {
	server, err := startZooKeeper(ctx, e)
	if err != nil {
		return nil, err
	}
	defer server.Kill()
	f, err := newFleet(restartTasks)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	started := 0
	start := func() (*instance, error) {
		started++
		name := fmt.Sprintf("service-%d", started)
		i, err := startInstance(ctx, e.dir, name,
			"MESOS_MASTER="+f.Address(), "DATA_DIR="+filepath.Join(e.dir, name),
			"STATE_STORE=zk://"+server.Addr+"/takeover", "STATE_SESSION_TIMEOUT="+takeoverSession.String())
		return i, err
	}
	leader, err := start()
	if err != nil {
		return nil, err
	}
	defer func() { leader.kill() }()
	if err := leader.connected(ctx); err != nil {
		return nil, err
	}
	if err := leader.run(ctx, "demo", restartTasks-1); err != nil {
		return nil, err
	}
	var values []float64
	for range takeoverRounds {
		next, err := start()
		if err != nil {
			return nil, err
		}
		stands := func() bool { return role(ctx, next) == "standby" }
		if err := next.until(ctx, "the standby stands by", 5*time.Millisecond, stands); err != nil {
			next.kill()
			return nil, err
		}
		select {
		case <-time.After(time.Second): // Both are at rest.
		case <-ctx.Done():
			next.kill()
			return nil, ctx.Err()
		}
		leader.kill()
		killed := time.Now()
		leader = next
		leads := func() bool { return role(ctx, next) == "leader" }
		if err := next.until(ctx, "the standby leads", 2*time.Millisecond, leads); err != nil {
			return nil, err
		}
		extra := (time.Since(killed) - takeoverSession).Seconds()
		err = next.until(ctx, "all tasks are reconciled", 5*time.Millisecond, func() bool { return next.updates(ctx) >= restartTasks })
		if err != nil {
			return nil, err
		}
		values = append(values, extra)
		fmt.Fprintf(e.progress, "  take-over: leads %.2f s after the session timeout, reconciled %.2f s after it\n",
			extra, (time.Since(killed) - takeoverSession).Seconds())
	}
	if n := f.launched.Load(); n != restartTasks {
		return nil, fmt.Errorf("%d tasks were launched, not %d: a take-over started some anew", n, restartTasks)
	}
	return []Result{NewResult("takeover_extra_s", "s", values, "", nil)}, nil
}

// role is what an instance says that it is; empty while it does not answer.
func role(ctx context.Context, i *instance) string {
	var h struct {
		Healthy bool
		Role    string
	}
	if err := get(ctx, i.url+"/v1/health", &h); err != nil || !h.Healthy {
		return ""
	}
	if h.Role == "" {
		return "leader" // Only those that do not lead say what they are.
	}
	return h.Role
}

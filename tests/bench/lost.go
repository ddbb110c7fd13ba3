package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// The benches of losses. A machine with a worker fails: with pings of 2 s Mesos says so after about 4 s, the service
// asks whether the worker lives, and Flink asks for another one. Standalone Flink by hand notices by its heartbeats,
// with a spare TaskManager that is registered already. And a worker dies with a TaskManager that stands by, beside one
// without.
const lostRounds = 3

func benchHostLost(ctx context.Context, e env) ([]Result, error) {
	all, after, err := hostsLost(ctx, filepath.Join(e.dir, "ours"))
	if err != nil {
		return nil, fmt.Errorf("through the service: %w", err)
	}
	fmt.Fprintf(e.progress, "  service: %.2f s, of these %.2f s after Mesos had said so\n", all, after)
	stock, err := killedStock(ctx, filepath.Join(e.dir, "stock"))
	if err != nil {
		return nil, fmt.Errorf("by hand: %w", err)
	}
	fmt.Fprintf(e.progress, "  by hand: %.2f s\n", stock)
	return []Result{
		NewResult("host_lost_s", "s", all, "standalone with a spare TaskManager", stock),
		NewResult("host_lost_after_mesos_s", "s", after, "", nil),
	}, nil
}

// hostsLost fails the machine of the worker again and again.
func hostsLost(ctx context.Context, dir string) (all, after []float64, err error) {
	master, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	w, err := newFlinkWorldWith(ctx, dir, worldSize{slots: 1, agents: 2 + lostRounds, more: []string{
		"LOCALMESOS_LISTEN=" + master, "LOCALMESOS_AGENT_PING_TIMEOUT=2s", "LOCALMESOS_MAX_AGENT_PING_TIMEOUTS=2",
	}})
	if err != nil {
		return nil, nil, err
	}
	defer w.end()
	id, err := endless(ctx, w.api, w.jar, 1, "--interval", "500")
	if err != nil {
		return nil, nil, err
	}
	ui := w.url + "/v1/clusters/" + clusterName + "/ui"
	for range lostRounds {
		victim, attempt, err := located(ctx, ui, w.ended, id, -1)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %s", err, w.lastWords())
		}
		agent, err := w.agentOf(ctx, victim)
		if err != nil {
			return nil, nil, err
		}
		began := time.Now()
		if err := injectFault(ctx, master, map[string]string{"name": "KillAgent", "agent": agent}); err != nil {
			return nil, nil, err
		}
		if _, _, err := located(ctx, ui, w.ended, id, attempt); err != nil {
			return nil, nil, fmt.Errorf("%w: %s", err, w.lastWords())
		}
		ended := time.Now()
		said, err := w.saidUnreachable(ctx, victim)
		if err != nil {
			return nil, nil, err
		}
		all, after = append(all, ended.Sub(began).Seconds()), append(after, ended.Sub(said).Seconds())
	}
	return all, after, nil
}

// agentOf is the agent of a task.
func (w *flinkWorld) agentOf(ctx context.Context, task string) (string, error) {
	d, err := w.client.Cluster(ctx, clusterName)
	if err != nil {
		return "", err
	}
	for _, t := range d.Tasks {
		if t.ID == task {
			return t.AgentID, nil
		}
	}
	return "", fmt.Errorf("the service knows no task %s", task)
}

// saidUnreachable is when Mesos said that the agent of a task is unreachable.
func (w *flinkWorld) saidUnreachable(ctx context.Context, task string) (at time.Time, err error) {
	err = poll(ctx, w.ended, "Mesos says so", func(ctx context.Context) (bool, error) {
		d, err := w.client.Cluster(ctx, clusterName)
		if err != nil {
			return false, err
		}
		for _, e := range d.Events {
			if e.Type == "Unreachable" && strings.Contains(e.Message, task) {
				at = e.Time
			}
		}
		return !at.IsZero(), nil
	})
	return at, err
}

// injectFault has a local Mesos fail in some way.
func injectFault(ctx context.Context, master string, fault map[string]string) error {
	body, err := json.Marshal(fault)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+master+"/localmesos/faults", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("fault %v: %s", fault, response.Status)
	}
	return nil
}

// benchWarm kills the worker of a job: with a TaskManager that stands by, and without.
func benchWarm(ctx context.Context, e env) ([]Result, error) {
	var took [2][]float64
	for warm := range took {
		var err error
		if took[warm], err = killedWith(ctx, filepath.Join(e.dir, fmt.Sprintf("warm-%d", warm)), warm); err != nil {
			return nil, err
		}
		fmt.Fprintf(e.progress, "  with %d that stand by: %.2f s\n", warm, took[warm])
	}
	return []Result{NewResult("recovery_warm_ratio", "s", took[1], "without a TaskManager that stands by", took[0])}, nil
}

func killedWith(ctx context.Context, dir string, warm int) ([]float64, error) {
	w, err := newFlinkWorldWith(ctx, dir, worldSize{slots: 1, agents: 4, change: func(s *spec.Spec) { s.Recovery.WarmTaskManagers = warm }})
	if err != nil {
		return nil, err
	}
	defer w.end()
	id, err := endless(ctx, w.api, w.jar, 1, "--interval", "500")
	if err != nil {
		return nil, err
	}
	ui := w.url + "/v1/clusters/" + clusterName + "/ui"
	var took []float64
	for range lostRounds {
		victim, attempt, err := located(ctx, ui, w.ended, id, -1)
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, w.lastWords())
		}
		if err := registered(ctx, w.api, w.ended, 1+warm); err != nil {
			return nil, fmt.Errorf("%w: %s", err, w.lastWords())
		}
		if err := w.apart(ctx); err != nil {
			return nil, err
		}
		pid, err := pidOf(victim)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return nil, err
		}
		if _, _, err := located(ctx, ui, w.ended, id, attempt); err != nil {
			return nil, fmt.Errorf("%w: %s", err, w.lastWords())
		}
		took = append(took, time.Since(began).Seconds())
	}
	return took, nil
}

// apart fails when two TaskManagers are on one agent.
func (w *flinkWorld) apart(ctx context.Context) error {
	d, err := w.client.Cluster(ctx, clusterName)
	if err != nil {
		return err
	}
	seen := map[string]wire.TaskStatus{}
	for _, t := range d.Tasks {
		if other, twice := seen[t.AgentID]; twice && t.Kind == spec.TaskManagerTask && other.Kind == t.Kind {
			return fmt.Errorf("%s and %s are on one agent", other.ID, t.ID)
		}
		seen[t.AgentID] = t
	}
	return nil
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// The bench of a killed worker: how long after kill -9 of the TaskManager does a job with checkpoints run again? Through
// the service, Mesos tells of the death, Flink asks for another worker, and its JVM has to start. Standalone Flink by
// hand has a spare TaskManager that is registered already, which is the best that can be arranged there.
const killedRounds = 3

func benchKilled(ctx context.Context, e env) ([]Result, error) {
	ours, err := killedOurs(ctx, filepath.Join(e.dir, "ours"))
	if err != nil {
		return nil, fmt.Errorf("through the service: %w", err)
	}
	fmt.Fprintf(e.progress, "  service: %.2f s\n", ours)
	stock, err := killedStock(ctx, filepath.Join(e.dir, "stock"))
	if err != nil {
		return nil, fmt.Errorf("by hand: %w", err)
	}
	fmt.Fprintf(e.progress, "  by hand: %.2f s\n", stock)
	return []Result{NewResult("tm_kill_running_vs_stock", "s", ours, "standalone with a spare TaskManager", stock)}, nil
}

func killedOurs(ctx context.Context, dir string) ([]float64, error) {
	w, err := newFlinkWorld(ctx, dir, 1, 2, "")
	if err != nil {
		return nil, err
	}
	defer w.end()
	id, err := endless(ctx, w.api, w.jar, 1, "--interval", "500")
	if err != nil {
		return nil, err
	}
	var took []float64
	for range killedRounds {
		victim, attempt, err := located(ctx, w.url+"/v1/clusters/"+clusterName+"/ui", w.ended, id, -1)
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, w.lastWords())
		}
		pid, err := pidOf(victim)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return nil, err
		}
		if _, _, err := located(ctx, w.url+"/v1/clusters/"+clusterName+"/ui", w.ended, id, attempt); err != nil {
			return nil, fmt.Errorf("%w: %s", err, w.lastWords())
		}
		took = append(took, time.Since(began).Seconds())
	}
	return took, nil
}

func killedStock(ctx context.Context, dir string) ([]float64, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	h, err := newHand(ctx, dir, 1)
	if err != nil {
		return nil, err
	}
	h.stock = true
	jm, err := h.start(ctx, spec.JobManagerTask)
	if err != nil {
		return nil, err
	}
	defer jm.end()
	api, err := h.api()
	if err != nil {
		return nil, err
	}
	if err := jm.until(ctx, "REST answers", func(ctx context.Context) (bool, error) {
		_, err := api.Overview(ctx)
		return err == nil, err
	}); err != nil {
		return nil, err
	}
	jar, err := upload(ctx, api)
	if err != nil {
		return nil, err
	}
	base := flink.RESTAddress("127.0.0.1", h.jm[flink.PortREST])
	workers := map[string]*handProcess{}
	defer func() {
		for _, x := range workers {
			x.kill()
		}
	}()
	var took []float64
	var id string
	for round := range killedRounds {
		for len(workers) < 2 {
			x, err := h.start(ctx, spec.TaskManagerTask)
			if err != nil {
				return nil, err
			}
			workers[x.id] = x
		}
		if err := registered(ctx, api, jm.ended, 2); err != nil {
			return nil, err
		}
		if round == 0 {
			if id, err = endless(ctx, api, jar, 1, "--interval", "500"); err != nil {
				return nil, err
			}
		}
		victim, attempt, err := located(ctx, base, jm.ended, id, -1)
		if err != nil {
			return nil, err
		}
		x := workers[victim]
		if x == nil {
			return nil, fmt.Errorf("the job runs on %s, which is not one of ours", victim)
		}
		began := time.Now()
		x.kill()
		delete(workers, victim)
		if _, _, err := located(ctx, base, jm.ended, id, attempt); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began).Seconds())
	}
	return took, nil
}

// located waits until the one task of a job runs in an attempt after the given one, and says on which TaskManager and in
// which attempt. base is the address of Flink's REST API.
func located(ctx context.Context, base string, ended <-chan struct{}, id string, after int) (taskManager string, attempt int, err error) {
	err = poll(ctx, ended, fmt.Sprintf("the job runs in an attempt after %d", after), func(ctx context.Context) (bool, error) {
		var job rest.Job
		if err := get(ctx, base+"/jobs/"+id, &job); err != nil || len(job.Vertices) != 1 {
			return false, err
		}
		var vertex struct {
			Subtasks []struct {
				Status      string `json:"status"`
				Attempt     int    `json:"attempt"`
				TaskManager string `json:"taskmanager-id"`
			} `json:"subtasks"`
		}
		if err := get(ctx, base+"/jobs/"+id+"/vertices/"+job.Vertices[0].ID, &vertex); err != nil || len(vertex.Subtasks) != 1 {
			return false, err
		}
		t := vertex.Subtasks[0]
		taskManager, attempt = t.TaskManager, t.Attempt
		return t.Status == "RUNNING" && attempt > after, nil
	})
	return taskManager, attempt, err
}

// pidOf finds the process of a task by the variable that Mesos gives it.
func pidOf(task string) (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		env, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err != nil || !bytes.Contains(append([]byte{0}, env...), []byte("\x00MESOS_EXECUTOR_ID="+task+"\x00")) {
			continue
		}
		name, err := os.ReadFile(filepath.Join("/proc", e.Name(), "comm"))
		if err == nil && strings.TrimSpace(string(name)) == "java" {
			return pid, nil
		}
	}
	return 0, errors.New("task " + task + " has no process here")
}

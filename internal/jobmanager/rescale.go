package jobmanager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
)

const (
	// rescalePatience is how long one look after a rescaling lasts: the core asks again.
	rescalePatience = 3 * time.Minute
	// idlePatience is how long TaskManagers are waited for to be without work: Flink frees a slot after
	// slot.idle.timeout, which is 50 s by default.
	idlePatience = 90 * time.Second
)

// Rescale has Flink's adaptive scheduler give a job another parallelism, and posts when the job runs with it, or that
// Flink refuses. It does not wait. What is under way goes on.
func (w *Watcher) Rescale(a state.Rescale) {
	w.work(fmt.Sprintf("rescale %s %d", a.JobManager.ID, a.Number), rescalePatience, func(ctx context.Context) {
		client, err := w.o.REST(a.JobManager)
		if err != nil {
			return // The core asks again.
		}
		failure, err := rescale(ctx, client, a)
		if err != nil {
			w.o.Log.Debug("a job is not rescaled yet", "cluster", a.Cluster, "job", a.Job, "error", err)
			return
		}
		e := state.Rescaled{Cluster: a.Cluster, Number: a.Number, Failure: failure}
		if failure == "" && a.Idle > 0 {
			e.Idle = idleTaskManagers(ctx, client, a.Idle)
		}
		if ctx.Err() == nil {
			w.o.Post(e)
		}
	})
}

// rescale sets the requirements of a job, unless they are those already, and returns when it runs with the parallelism.
// failure is why Flink refuses; an error says that it did not answer, or not in time.
func rescale(ctx context.Context, client *rest.Client, a state.Rescale) (failure string, err error) {
	present, err := client.ResourceRequirements(ctx, a.Job)
	if why := refused(err); why != "" {
		return why, nil
	}
	if err != nil {
		return "", err
	}
	wanted := maps.Clone(present)
	for id, parallelism := range a.Parallelism {
		r, ok := present[id]
		if !ok {
			continue // The program changed; the core finds out.
		}
		// The lower bound is never raised: with fewer slots the job runs on.
		r.Parallelism.Lower, r.Parallelism.Upper = min(r.Parallelism.Lower, parallelism), parallelism
		wanted[id] = r
	}
	if !maps.Equal(present, wanted) {
		err = client.SetResourceRequirements(ctx, a.Job, wanted)
		if why := refused(err); why != "" {
			return why, nil
		}
		if err != nil {
			return "", err
		}
	}
	for {
		g, err := client.JobGraph(ctx, a.Job)
		if err == nil && rescaled(g, a.Parallelism) {
			return "", nil
		}
		select {
		case <-time.After(stopPoll):
		case <-ctx.Done():
			return "", errors.Join(err, ctx.Err())
		}
	}
}

// refused says why Flink refuses a request; empty when it did not, or may do it later.
func refused(err error) string {
	e, ok := errors.AsType[*rest.Error](err)
	if !ok {
		return ""
	}
	switch e.Status {
	case http.StatusNotFound, http.StatusServiceUnavailable, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return ""
	}
	return e.Message
}

// rescaled says that a job runs with a parallelism; vertices that have finished keep theirs.
func rescaled(g rest.JobGraph, parallelism map[string]int) bool {
	if g.State != "RUNNING" {
		return false
	}
	for _, v := range g.Vertices {
		wanted, named := parallelism[v.ID]
		if v.Status == "FINISHED" {
			continue
		}
		if named && v.Parallelism != wanted || v.Tasks["RUNNING"]+v.Tasks["FINISHED"] < v.Parallelism {
			return false
		}
	}
	return true
}

// idleTaskManagers waits a while until so many TaskManagers are without work, and returns those that are.
func idleTaskManagers(ctx context.Context, client *rest.Client, enough int) []string {
	var idle []string
	for deadline := time.Now().Add(idlePatience); ; {
		all, err := client.TaskManagers(ctx)
		if err == nil {
			idle = nil
			for _, t := range all {
				if t.FreeSlots == t.SlotsNumber {
					idle = append(idle, t.ID)
				}
			}
		}
		if len(idle) >= enough || time.Now().After(deadline) {
			return idle
		}
		select {
		case <-time.After(stopPoll):
		case <-ctx.Done():
			return idle
		}
	}
}

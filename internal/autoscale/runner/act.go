package runner

import (
	"context"
	"maps"
	"strconv"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// A step is saved with the state that it leads to before the core is asked to take it, and asked for again after a
// restart. The core takes a step once. So it is neither forgotten nor repeated, wherever the process ends.

// act saves a step with the next state of the job and has the core take it. refusal says why it does not; then nothing is
// changed. The error is one of saving.
func (r *Runner) act(ctx context.Context, j *job, t target, next autoscale.State, request wire.ScalingRequest) (refusal string, err error) {
	before := j.state
	j.state, j.pending = next, &request
	if err := r.save(ctx, j); err != nil {
		return "", err
	}
	err = r.ask(ctx, t, request)
	if err == nil {
		j.pending = nil // What is stored is cleared with the next save.
		r.metrics.steps.Inc()
		return "", nil
	}
	if ctx.Err() != nil {
		return "", nil //nolint:nilerr // A later run asks again.
	}
	j.state, j.pending = before, nil
	return err.Error(), r.save(ctx, j)
}

// ask has the core take a step.
func (r *Runner) ask(ctx context.Context, t target, request wire.ScalingRequest) error {
	return r.o.Do(ctx, func(id uint64) state.Event {
		return state.Autoscaled{Request: id, Cluster: t.cluster, Step: &request}
	})
}

// resume asks for a step again that an earlier run may not have brought to the core, and forgets what is known of a job
// whose autoscaler was reset.
func (r *Runner) resume(ctx context.Context, j *job, t target) {
	if reset := t.reset(); reset != j.reset {
		j.reset, j.pending, j.state = reset, nil, autoscale.State{}
		r.mu.Lock()
		j.decisions, j.recorded = nil, recording{last: j.recorded.last}
		r.mu.Unlock()
	}
	if j.pending == nil {
		return
	}
	if err := r.ask(ctx, t, *j.pending); err != nil {
		if ctx.Err() != nil {
			return
		}
		r.o.Log.Info("a step that was decided before a restart is not taken", "cluster", t.cluster, "job", t.id, "reason", err)
		j.state = j.state.Without(j.pending.At)
	}
	j.pending = nil
}

// request is what the core is asked for.
func request(t target, c autoscale.Collection, result autoscale.Result, in autoscale.Inputs) wire.ScalingRequest {
	r := wire.ScalingRequest{Job: t.id, At: result.At, Parallelism: maps.Clone(result.Parallelism), TaskManagers: taskManagers(c, result.Parallelism, in)}
	for _, id := range t.options.Parallelism.Exclude { // What the spec says of them holds.
		delete(r.Parallelism, id)
	}
	for _, v := range result.Vertices {
		if v.Planned != v.Parallelism {
			r.Changes = append(r.Changes, wire.SpecChange{Field: "parallelism of " + v.Name, From: strconv.Itoa(v.Parallelism), To: strconv.Itoa(v.Planned)})
		}
	}
	return r
}

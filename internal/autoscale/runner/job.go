package runner

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/collect"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// maxDecisions bounds the decisions that are kept of a job.
	maxDecisions = 100
	// saveEvery is after how many collections the history is saved when nothing else asks for it.
	saveEvery = 5
)

// job is what is known of one job. Runner.mu guards busy, next, report, decisions and recorded;
// the rest belongs to whoever has set busy.
type job struct {
	key
	busy bool
	next time.Time
	// report is what was last found, decisions the last outcomes, oldest first.
	report    report.Job
	decisions []report.Decision
	recorded  recording

	// collector asks one JobManager for the metrics of one job of Flink.
	collector  *collect.Collector
	jobManager string
	state      autoscale.State
	// reset is the job.autoscalerResetNonce that the state is of.
	reset int64
	// pending is a step that is saved and that the core may not have taken yet; nil for none.
	pending *wire.ScalingRequest
	// told is when an event was last posted, by what it said.
	told map[string]time.Time
	// unsaved counts the collections since the history was saved.
	unsaved int
}

// evaluate collects the metrics of a job and decides. The error is one of saving.
func (r *Runner) evaluate(ctx context.Context, j *job, t target) error {
	r.resume(ctx, j, t)
	began := r.o.Now()
	collection, err := r.collect(ctx, j, t, began)
	r.metrics.collected(r.o.Now().Sub(began), err)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, collect.ErrNotRunning) {
			r.o.Log.Warn("the metrics of a job cannot be collected", "cluster", t.cluster, "job", t.id, "error", err)
			r.tell(ctx, j, t, []event{{kind: EventError, message: "the metrics of job " + t.id + " cannot be collected: " + err.Error()}})
		}
		r.problem(j, t, err)
		return nil
	}
	inputs := r.inputs(t, collection)
	next, result := autoscale.Step(t.options, j.state, collection, inputs)
	var blocked []string
	if need := taskManagers(collection, result.Planned(), inputs); need > taskManagers(collection, nil, inputs) {
		// More TaskManagers are wanted: how many of them find room limits the step.
		inputs.Room, blocked, inputs.RoomKnown = r.room(ctx, t, need)
		next, result = autoscale.Step(t.options, j.state, collection, inputs)
	}
	if result.Act {
		refusal, err := r.act(ctx, j, t, next, request(t, collection, result, inputs))
		if err != nil {
			return err
		}
		if refusal != "" {
			inputs.Hold = refusal
			next, result = autoscale.Step(t.options, j.state, collection, inputs)
		}
	}
	j.state = next
	shown := r.shown(t, collection, inputs, next, result)
	shown.Blocked = blocked
	news := r.keep(j, shown, decisionOf(t, result), autoscale.Record{Collection: collection, Inputs: inputs})
	if j.unsaved++; news || j.unsaved >= saveEvery {
		if err := r.save(ctx, j); err != nil {
			return err
		}
	}
	r.tell(ctx, j, t, events(t, result, shown))
	return nil
}

// collect asks the JobManager for everything.
func (r *Runner) collect(ctx context.Context, j *job, t target, now time.Time) (autoscale.Collection, error) {
	if j.collector == nil || j.jobManager != t.jobManager.ID || j.report.ID != t.id {
		client, err := r.o.REST(t.jobManager, t.options.Window.Timeout)
		if err != nil {
			return autoscale.Collection{}, err
		}
		j.collector, j.jobManager = collect.New(collect.Options{Client: client, Job: t.id}), t.jobManager.ID
	}
	return j.collector.Collect(ctx, now)
}

// problem shows why there was no collection.
func (r *Runner) problem(j *job, t target, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if j.report.ID != t.id {
		j.report = report.Job{ID: t.id, Reasons: []report.Reason{}, Vertices: []report.Vertex{}}
	}
	j.report.Problem = err.Error()
}

// keep publishes what was found. It says whether that is another outcome than before.
func (r *Runner) keep(j *job, shown report.Job, d *report.Decision, record autoscale.Record) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	shown.LastStep = j.report.LastStep
	news = d != nil && (d.Acted || len(j.decisions) == 0 || !same(j.decisions[len(j.decisions)-1], *d))
	if news {
		from := max(0, len(j.decisions)-maxDecisions+1)
		j.decisions = append(slices.Clone(j.decisions[from:]), *d)
		if d.Acted {
			shown.LastStep = d
		}
	}
	j.report = shown
	j.recorded.add(record)
	return news
}

// same says that two decisions are the same outcome.
func same(a, b report.Decision) bool {
	return a.Job == b.Job && a.Code == b.Code && a.Acted == b.Acted && slices.EqualFunc(a.Changes, b.Changes, func(a, b report.Change) bool {
		return a.ID == b.ID && a.From == b.From && a.Recommended == b.Recommended && a.To == b.To
	})
}

// decisionOf is the outcome of an evaluation; nil while nothing is recommended yet.
func decisionOf(t target, result autoscale.Result) *report.Decision {
	if !result.Ready || len(result.Reasons) == 0 {
		return nil
	}
	last := result.Reasons[len(result.Reasons)-1]
	d := &report.Decision{
		At: result.At, Job: t.id, Acted: result.Act, Code: last.Code, Changes: []report.Change{},
		Message: report.Message(last, report.NamesOf(result.Vertices)),
	}
	for _, v := range result.Vertices {
		if v.Recommended != v.Parallelism {
			d.Changes = append(d.Changes, report.Change{
				ID: v.ID, Name: v.Name, From: v.Parallelism, Recommended: v.Recommended, To: v.Planned, Rate: v.TrueRate, Target: v.TargetRate,
			})
		}
	}
	return d
}

// shown is what people read of an evaluation.
func (r *Runner) shown(t target, c autoscale.Collection, in autoscale.Inputs, s autoscale.State, result autoscale.Result) report.Job {
	names := report.NamesOf(result.Vertices)
	if len(result.Vertices) == 0 {
		var list []autoscale.VertexResult
		for _, v := range c.Vertices {
			list = append(list, autoscale.VertexResult{ID: v.ID, Name: v.Name})
		}
		names = report.NamesOf(list)
	}
	j := report.Job{
		ID: t.id, At: result.At, Ready: result.Ready, Acted: result.Act, Samples: len(s.Samples), Backlog: result.Job.Backlog,
		Reasons: report.Reasons(result.Reasons, names), Vertices: []report.Vertex{},
		TaskManagers: taskManagers(c, nil, in), Needed: taskManagers(c, result.Recommended(), in),
	}
	if c, ok := r.o.View().Clusters.Get([]byte(t.cluster)); ok && c.Scaling != nil {
		j.Overrides = c.Scaling.Overrides
	}
	for _, v := range result.Vertices {
		j.Vertices = append(j.Vertices, report.Vertex{VertexResult: v, Reasons: report.Reasons(v.Reasons, names)})
	}
	if result.Memory != nil {
		j.Memory = result.Memory.Set()
	}
	return j
}

// taskManagers is how many TaskManagers a job needs with a parallelism, with those that other jobs use.
func taskManagers(c autoscale.Collection, parallelism map[string]int, in autoscale.Inputs) int {
	slots := max(1, in.TaskManager.Slots)
	return (autoscale.Slots(c.Vertices, parallelism) + in.OtherSlots + slots - 1) / slots
}

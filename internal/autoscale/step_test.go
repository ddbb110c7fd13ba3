package autoscale_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/calendar"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

var start = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

// plain are options without delays and with a window of two minutes.
func plain() settings.Options {
	o := settings.Default()
	o.Window.Length, o.Window.Stabilization = 2*time.Minute, 0
	o.Limits.DownInterval = 0
	o.Restart.Time, o.Observed.Lag = 0, time.Hour
	return o
}

// job is a source and a vertex behind it, busy for the given milliseconds per second.
type job struct {
	vertices []autoscale.Vertex
	rates    []float64 // Records in per second.
	written  []float64 // Records out per second.
	busy     []float64
	lag      func(tick int) float64
	running  time.Time
	slots    autoscale.TaskManagers
}

func vertex(id string, parallelism int, inputs ...autoscale.Input) autoscale.Vertex {
	return autoscale.Vertex{ID: id, Parallelism: parallelism, MaxParallelism: 128, Inputs: inputs}
}

// pair is a source of 1,000 records per second and a vertex that gets as many.
func pair() *job {
	return &job{
		vertices: []autoscale.Vertex{vertex("source", 2), vertex("map", 4, autoscale.Input{ID: "source", Ship: "REBALANCE"})},
		rates:    []float64{1000, 1000}, written: []float64{1000, 0}, busy: []float64{690, 690}, running: start,
	}
}

// at is what Flink shows after so many minutes.
func (j *job) at(minute int) autoscale.Collection {
	c := autoscale.Collection{At: start.Add(time.Duration(minute) * time.Minute), Running: j.running, TaskManagers: j.slots}
	for i, v := range j.vertices {
		since := c.At.Sub(j.running).Seconds()
		v.Totals = autoscale.Totals{Read: int64(j.rates[i] * since), Written: int64(j.written[i] * since), Busy: autoscale.Of(j.busy[i] * since * float64(v.Parallelism))}
		busy := autoscale.Of(j.busy[i])
		v.Metrics.Busy = autoscale.Aggregate{Min: busy, Max: busy, Avg: busy}
		if len(v.Inputs) == 0 {
			v.Metrics.SourceIn, v.Metrics.SourceInPerSecond = autoscale.Of(float64(v.Totals.Read)), autoscale.Of(j.rates[i])
			v.Metrics.BackPressured = autoscale.Of(0)
			if j.lag != nil {
				v.Metrics.Pending = autoscale.Of(j.lag(minute))
			}
			v.Totals.Read = 0
		}
		c.Vertices = append(c.Vertices, v)
	}
	return c
}

// run steps from one minute to another and returns the last result.
func (j *job) run(t *testing.T, o settings.Options, s autoscale.State, in autoscale.Inputs, from, to int) (autoscale.State, autoscale.Result) {
	t.Helper()
	var r autoscale.Result
	for minute := from; minute <= to; minute++ {
		s, r = autoscale.Step(o, s, j.at(minute), in)
	}
	return s, r
}

func codes(reasons []autoscale.Reason) []autoscale.Code {
	list := []autoscale.Code{}
	for _, r := range reasons {
		list = append(list, r.Code)
	}
	return list
}

func find(t *testing.T, r autoscale.Result, id string) autoscale.VertexResult {
	t.Helper()
	i := slices.IndexFunc(r.Vertices, func(v autoscale.VertexResult) bool { return v.ID == id })
	if i < 0 {
		t.Fatalf("vertex %s is not evaluated: %v", id, r.Reasons)
	}
	return r.Vertices[i]
}

func reason(reasons []autoscale.Reason, code autoscale.Code) autoscale.Reason {
	for _, r := range reasons {
		if r.Code == code {
			return r
		}
	}
	return autoscale.Reason{}
}

func TestWaitsForTheWindow(t *testing.T) {
	t.Parallel()
	o := plain()
	o.Window.Stabilization = 3 * time.Minute
	j := pair()
	var s autoscale.State
	var got [][]autoscale.Code
	var until []time.Time
	for minute := 1; minute <= 6; minute++ {
		var r autoscale.Result
		s, r = autoscale.Step(o, s, j.at(minute), autoscale.Inputs{})
		got = append(got, codes(r.Reasons))
		until = append(until, r.Reasons[0].Until)
		if ready := minute >= 5; r.Ready != ready || (find2(r, "map").Recommended > 0) != ready {
			t.Errorf("minute %d: ready is %v, want %v", minute, r.Ready, ready)
		}
	}
	want := [][]autoscale.Code{
		{autoscale.Stabilizing, autoscale.FewSamples},
		{autoscale.Stabilizing},
		{autoscale.WindowFilling},
		{autoscale.WindowFilling},
		{autoscale.AllAtTarget},
		{autoscale.AllAtTarget},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons mismatch (-want +got):\n%s", diff)
	}
	if want := start.Add(3 * time.Minute); !until[1].Equal(want) {
		t.Errorf("stabilizing until %v, want %v", until[1], want)
	}
	if want := start.Add(5 * time.Minute); !until[3].Equal(want) {
		t.Errorf("the window is full at %v, want %v", until[3], want)
	}
	// Three samples are within the two minutes.
	if len(s.Samples) != 3 {
		t.Errorf("%d samples are kept, want 3", len(s.Samples))
	}
}

// find2 returns an empty result for a vertex that is not evaluated.
func find2(r autoscale.Result, id string) autoscale.VertexResult {
	for _, v := range r.Vertices {
		if v.ID == id {
			return v
		}
	}
	return autoscale.VertexResult{}
}

func TestScales(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		change  func(*job, *settings.Options)
		want    map[string]int // Recommended.
		act     bool
		reasons map[string][]autoscale.Code
		job     autoscale.Code
	}{
		{
			name: "nothing at the target",
			want: map[string]int{"source": 2, "map": 4}, job: autoscale.AllAtTarget,
			reasons: map[string][]autoscale.Code{"map": {autoscale.AtTarget}},
		},
		{
			name:   "up when one vertex is always busy",
			change: func(j *job, _ *settings.Options) { j.busy[1] = 1000; j.lag = growing },
			// 1,600 records arrive and 40 catch up; 1,000 are all that 4 subtasks can do: 4 × 2.326.
			want: map[string]int{"source": 4, "map": 10}, act: true, job: autoscale.Scaled,
			reasons: map[string][]autoscale.Code{"map": {autoscale.ScaleUp}},
		},
		{
			name:   "within the band nothing alone",
			change: func(j *job, _ *settings.Options) { j.busy[1] = 900 },
			want:   map[string]int{"source": 2, "map": 4}, job: autoscale.AllWithinBand,
			reasons: map[string][]autoscale.Code{"map": {autoscale.WithinBand}},
		},
		{
			name:   "down when idle, at most by the factor",
			change: func(j *job, _ *settings.Options) { j.busy[1] = 10; j.vertices[1].Parallelism = 10 },
			want:   map[string]int{"source": 2, "map": 4}, act: true, job: autoscale.Scaled,
			reasons: map[string][]autoscale.Code{"map": {autoscale.StepLimited, autoscale.ScaleDown}},
		},
		{
			name: "down to the minimum without records",
			change: func(j *job, o *settings.Options) {
				j.rates, j.written, j.busy = []float64{0, 0}, []float64{0, 0}, []float64{0, 0}
				o.Parallelism.Min, o.Limits.DownFactor = 3, 1
			},
			want: map[string]int{"source": 2, "map": 3}, act: true, job: autoscale.Scaled,
			reasons: map[string][]autoscale.Code{"map": {autoscale.ParallelismLimited, autoscale.ScaleDown}},
		},
		{
			name: "up to the maximum",
			change: func(j *job, o *settings.Options) {
				j.busy[1], j.lag, o.Parallelism.Max = 1000, growing, 6
			},
			want: map[string]int{"source": 3, "map": 6}, act: true, job: autoscale.Scaled,
			reasons: map[string][]autoscale.Code{
				"map": {autoscale.ParallelismLimited, autoscale.ScaleUp}, "source": {autoscale.Bottleneck, autoscale.ScaleUp},
			},
		},
		{
			name: "up to the key groups",
			change: func(j *job, _ *settings.Options) {
				j.busy[1], j.lag, j.vertices[1].MaxParallelism = 1000, growing, 7
			},
			want: map[string]int{"source": 3, "map": 7}, act: true, job: autoscale.Scaled,
			reasons: map[string][]autoscale.Code{"map": {autoscale.ParallelismLimited, autoscale.ScaleUp}},
		},
		{
			name: "aligned to key groups",
			change: func(j *job, _ *settings.Options) {
				j.busy[1], j.lag, j.vertices[1].Inputs[0].Ship = 1000, growing, "HASH"
				j.vertices[1].MaxParallelism = 66
			},
			want: map[string]int{"source": 4, "map": 11}, act: true, job: autoscale.Scaled,
			reasons: map[string][]autoscale.Code{"map": {autoscale.Aligned, autoscale.ScaleUp}},
		},
		{
			name: "aligned to partitions",
			change: func(j *job, _ *settings.Options) {
				j.busy[0], j.lag, j.vertices[0].Partitions = 1000, growing, 16
			},
			// With 5 subtasks one has 4 partitions, with 6 none has more than 3.
			want: map[string]int{"source": 6, "map": 7}, act: true, job: autoscale.Scaled,
			reasons: map[string][]autoscale.Code{"source": {autoscale.Aligned, autoscale.ScaleUp}},
		},
		{
			name:   "not a finished vertex",
			change: func(j *job, _ *settings.Options) { j.busy[1] = 1000; j.lag = growing; j.vertices[1].Finished = true },
			want:   map[string]int{"source": 4, "map": 4}, act: true, job: autoscale.Scaled,
			reasons: map[string][]autoscale.Code{"map": {autoscale.Finished}},
		},
		{
			name: "not an excluded vertex",
			change: func(j *job, o *settings.Options) {
				j.busy[1], j.lag, o.Parallelism.Exclude = 1000, growing, []string{"map"}
			},
			want: map[string]int{"source": 2, "map": 4}, job: autoscale.AllAtTarget,
			reasons: map[string][]autoscale.Code{"map": {autoscale.Excluded}, "source": {autoscale.Bottleneck, autoscale.AtTarget}},
		},
		{
			name:   "not a vertex without busy time",
			change: func(j *job, _ *settings.Options) { j.busy[1] = math.NaN(); j.lag = growing },
			want:   map[string]int{"source": 4, "map": 4}, act: true, job: autoscale.Scaled,
			reasons: map[string][]autoscale.Code{"map": {autoscale.NoBusyTime}},
		},
		{
			name:   "only a recommendation",
			change: func(j *job, o *settings.Options) { j.busy[1] = 1000; j.lag = growing; o.Act = false },
			want:   map[string]int{"source": 4, "map": 10}, job: autoscale.RecommendOnly,
		},
		{
			name: "not in an excluded period",
			change: func(j *job, o *settings.Options) {
				j.busy[1], j.lag, o.Excluded = 1000, growing, periods("23:00-12:02:30")
			},
			want: map[string]int{"source": 4, "map": 10}, job: autoscale.ExcludedPeriod,
		},
		{
			name: "not under garbage collection",
			change: func(j *job, o *settings.Options) {
				j.busy[1], j.lag, o.Memory.GC = 1000, growing, 0.5
				j.slots.GC = autoscale.Of(501)
			},
			want: map[string]int{"source": 2, "map": 4}, job: autoscale.GCPressure,
		},
		{
			name: "not with a full heap",
			change: func(j *job, o *settings.Options) {
				j.busy[1], j.lag, o.Memory.Heap = 1000, growing, 0.5
				j.slots.HeapUsed, j.slots.HeapMax = autoscale.Of(60), autoscale.Of(100)
			},
			want: map[string]int{"source": 2, "map": 4}, job: autoscale.HeapUsage,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j, o := pair(), plain()
			if c.change != nil {
				c.change(j, &o)
			}
			_, r := j.run(t, o, autoscale.State{}, autoscale.Inputs{}, 0, 2)
			got := map[string]int{}
			for _, v := range r.Vertices {
				got[v.ID] = v.Recommended
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("recommended mismatch (-want +got):\n%s", diff)
			}
			if r.Act != c.act {
				t.Errorf("Act is %v, want %v: %v", r.Act, c.act, r.Reasons)
			}
			if got := codes(r.Reasons); got[len(got)-1] != c.job {
				t.Errorf("the job's reasons are %v, want %s last", got, c.job)
			}
			for id, want := range c.reasons {
				if diff := cmp.Diff(want, codes(find(t, r, id).Reasons)); diff != "" {
					t.Errorf("reasons of %s mismatch (-want +got):\n%s", id, diff)
				}
			}
		})
	}
}

// growing is a lag that grows by 600 records per second and is small.
func growing(minute int) float64 { return float64(minute) * 36000 }

func periods(list ...string) calendar.Periods {
	p, err := calendar.Parse(list, nil)
	if err != nil {
		panic(err)
	}
	return p
}

func TestTwoUnequalInputs(t *testing.T) {
	t.Parallel()
	j := &job{
		vertices: []autoscale.Vertex{
			vertex("a", 1), vertex("b", 1),
			vertex("join", 2, autoscale.Input{ID: "a", Ship: "HASH"}, autoscale.Input{ID: "b", Ship: "HASH"}),
		},
		// Each record of a makes two, every tenth of b one.
		rates: []float64{100, 1000, 300}, written: []float64{200, 100, 0}, busy: []float64{500, 500, 600}, running: start,
	}
	_, r := j.run(t, plain(), autoscale.State{}, autoscale.Inputs{}, 0, 2)
	v := find(t, r, "join")
	if got := v.TargetRate.Float(); got != 300 {
		t.Errorf("the target rate of the join is %v, want 2 × 100 + 0.1 × 1000", got)
	}
	if got := v.TrueRate.Float(); got != 500 {
		t.Errorf("its true rate is %v, want 300 / 0.6", got)
	}
}

// TestBottleneck passes back what a vertex cannot be scaled to: to its sources, and from there to all
// that they feed, but not to others, and not so far that anything shrinks.
func TestBottleneck(t *testing.T) {
	t.Parallel()
	j := &job{
		vertices: []autoscale.Vertex{
			vertex("a", 4), vertex("b", 4),
			vertex("narrow", 4, autoscale.Input{ID: "a", Ship: "REBALANCE"}),
			vertex("beside", 4, autoscale.Input{ID: "a", Ship: "REBALANCE"}),
			vertex("apart", 4, autoscale.Input{ID: "b", Ship: "REBALANCE"}),
		},
		rates: []float64{1000, 1000, 1000, 1000, 1000}, written: []float64{2000, 1000, 0, 0, 0},
		busy: []float64{1000, 1000, 1000, 1000, 1000}, running: start,
	}
	o := plain()
	o.Parallelism.Max, o.Utilization.Target, o.Utilization.Max = 100, 0.5, 0.8
	_, r := j.run(t, o, autoscale.State{}, autoscale.Inputs{}, 0, 2)
	for _, v := range r.Vertices {
		if v.Recommended != 8 {
			t.Errorf("without a bottleneck %s gets %d, want 8", v.ID, v.Recommended)
		}
	}
	j.vertices[2].MaxParallelism = 6
	_, r = j.run(t, o, autoscale.State{}, autoscale.Inputs{}, 0, 2)
	got := map[string]int{}
	for _, v := range r.Vertices {
		got[v.ID] = v.Recommended
	}
	if diff := cmp.Diff(map[string]int{"a": 6, "b": 8, "narrow": 6, "beside": 6, "apart": 8}, got); diff != "" {
		t.Errorf("recommended mismatch (-want +got):\n%s", diff)
	}
	want := autoscale.Reason{Code: autoscale.Bottleneck, Vertex: "narrow", Actual: autoscale.Of(2), Limit: autoscale.Of(1.5)}
	for _, id := range []string{"a", "beside"} {
		if diff := cmp.Diff(want, reason(find(t, r, id).Reasons, autoscale.Bottleneck)); diff != "" {
			t.Errorf("reason of %s mismatch (-want +got):\n%s", id, diff)
		}
	}
	// An excluded vertex that can do half of it shrinks nothing.
	j.vertices[2].MaxParallelism, j.busy[2] = 128, 2000
	o.Parallelism.Exclude = []string{"narrow"}
	_, r = j.run(t, o, autoscale.State{}, autoscale.Inputs{}, 0, 2)
	for _, id := range []string{"a", "beside"} {
		if v := find(t, r, id); v.Recommended != 4 {
			t.Errorf("%s gets %d, want 4 as now", id, v.Recommended)
		}
	}
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	j, o := pair(), plain()
	// A constant lag of 10 minutes.
	j.busy, j.lag = []float64{100, 100}, func(int) float64 { return 600_000 }
	_, r := j.run(t, o, autoscale.State{}, autoscale.Inputs{}, 0, 2)
	if !r.Job.Backlog || r.Act {
		t.Errorf("backlog %v, act %v: idle vertices must not be scaled down while there is a backlog", r.Job.Backlog, r.Act)
	}
	v := find(t, r, "map")
	if got := v.CatchUpRate.Float(); math.Abs(got-600_000.0/1800) > 0.001 {
		t.Errorf("the catch-up rate is %v, want the lag in 30 minutes", got)
	}
	want := autoscale.Reason{
		Code: autoscale.Backlog, Option: "job.autoscaler.backlog-processing.lag-threshold", Actual: autoscale.Of(600), Limit: autoscale.Of(300),
	}
	if diff := cmp.Diff(want, reason(find(t, r, "source").Reasons, autoscale.Backlog)); diff != "" {
		t.Errorf("reason mismatch (-want +got):\n%s", diff)
	}
	if !math.IsInf(v.DownThreshold.Float(), 1) {
		t.Errorf("the down threshold is %v, want none", v.DownThreshold)
	}
}

func TestObservedRate(t *testing.T) {
	t.Parallel()
	j, o := pair(), plain()
	// The source says it is hardly busy, and yet it lags behind at 1,000 records per second.
	j.busy[0], j.lag = 100, func(int) float64 { return 40_000 }
	o.Observed.Lag = 30 * time.Second
	_, r := j.run(t, o, autoscale.State{}, autoscale.Inputs{}, 0, 2)
	v := find(t, r, "source")
	if !v.Observed || v.TrueRate.Float() != 1000 {
		t.Errorf("the true rate is %v (observed: %v), want the observed 1000", v.TrueRate, v.Observed)
	}
}

func TestDelayedScaleDown(t *testing.T) {
	t.Parallel()
	o := plain()
	o.Limits.DownInterval = 4 * time.Minute
	j := pair()
	j.vertices[1].Parallelism = 20
	var s autoscale.State
	var acted []int
	wanted := map[int]int{}
	for minute := 0; minute <= 8; minute++ {
		// 10 subtasks' worth of work at first, later less and less.
		j.busy[1] = 350 - 25*float64(minute)
		var r autoscale.Result
		s, r = autoscale.Step(o, s, j.at(minute), autoscale.Inputs{})
		if r.Act {
			acted = append(acted, minute)
			if got := r.Parallelism["map"]; got != wanted[2] {
				t.Errorf("minute %d: scaled to %d, want the largest of the last interval, %d", minute, got, wanted[2])
			}
			if reasons := find(t, r, "map").Reasons; !slices.Contains(codes(reasons), autoscale.WindowLargest) {
				t.Errorf("reasons %v", reasons)
			}
			if len(s.Delays) != 0 {
				t.Error("a step must end all delays")
			}
			break
		}
		if v := find2(r, "map"); v.Wanted > 0 {
			wanted[minute] = v.Wanted
			if d := reason(v.Reasons, autoscale.Delayed); !d.Until.Equal(start.Add(6 * time.Minute)) {
				t.Errorf("minute %d: delayed until %v, want minute 6", minute, d.Until)
			}
		}
	}
	// Ready in minute 2, which is still in the interval at minute 6.
	if diff := cmp.Diff([]int{6}, acted); diff != "" || wanted[2] <= wanted[5] {
		t.Errorf("acted in minutes %v, want 6; wanted were %v", acted, wanted)
	}
}

func TestDelayEndsWithTheLoad(t *testing.T) {
	t.Parallel()
	o := plain()
	o.Limits.DownInterval = 10 * time.Minute
	j := pair()
	j.busy[1] = 100
	s, _ := j.run(t, o, autoscale.State{}, autoscale.Inputs{}, 0, 3)
	if _, waits := s.Delays["map"]; !waits {
		t.Fatal("the scale-down must wait")
	}
	j.busy[1] = 700
	if s, _ = j.run(t, o, s, autoscale.Inputs{}, 4, 8); len(s.Delays) != 0 {
		t.Errorf("the delay is still there: %v", s.Delays)
	}
}

func TestRestartClearsTheHistory(t *testing.T) {
	t.Parallel()
	j, o := pair(), plain()
	s, r := j.run(t, o, autoscale.State{}, autoscale.Inputs{}, 0, 3)
	if !r.Ready {
		t.Fatal("the window must be full")
	}
	j.running = start.Add(4 * time.Minute)
	s, r = j.run(t, o, s, autoscale.Inputs{}, 5, 5)
	if r.Ready || len(s.Samples) != 1 {
		t.Errorf("ready %v with %d samples after a restart", r.Ready, len(s.Samples))
	}
}

func TestMissingMetrics(t *testing.T) {
	t.Parallel()
	j, o := pair(), plain()
	c := j.at(1)
	c.Vertices[0].Metrics.SourceInPerSecond = autoscale.Value{}
	s, r := autoscale.Step(o, autoscale.State{}, c, autoscale.Inputs{})
	want := []autoscale.Reason{{Code: autoscale.MetricMissing, Vertex: "source", Metric: "Source__*.numRecordsInPerSecond"}}
	if diff := cmp.Diff(want, r.Reasons); diff != "" || len(s.Samples) != 0 {
		t.Errorf("reasons mismatch (-want +got), %d samples:\n%s", len(s.Samples), diff)
	}
	c = j.at(1)
	c.Vertices[1].Inputs[0].ID = "nobody"
	if _, r = autoscale.Step(o, autoscale.State{}, c, autoscale.Inputs{}); codes(r.Reasons)[0] != autoscale.BadPlan {
		t.Errorf("reasons %v, want a bad plan", r.Reasons)
	}
}

func TestIneffective(t *testing.T) {
	t.Parallel()
	for _, block := range []bool{false, true} {
		j, o := pair(), plain()
		o.Effect.Block = block
		j.busy[1], j.lag = 1000, growing
		j.slots = autoscale.TaskManagers{}
		s, r := j.run(t, o, autoscale.State{}, autoscale.Inputs{}, 0, 2)
		if !r.Act {
			t.Fatal("the job must be scaled up")
		}
		// Twice the subtasks do no more, and one of them does it all.
		for i := range j.vertices {
			j.vertices[i].Parallelism = r.Parallelism[j.vertices[i].ID]
		}
		j.running = start.Add(3 * time.Minute)
		_, r = j.run(t, o, s, autoscale.Inputs{}, 4, 6)
		v := find(t, r, "map")
		if got := reason(v.Reasons, autoscale.Ineffective); got.Code == "" || (got.Option != "") != block {
			t.Errorf("block %v: reasons %v", block, v.Reasons)
		}
		if (v.Recommended > v.Parallelism) == block {
			t.Errorf("block %v: from %d to %d", block, v.Parallelism, v.Recommended)
		}
	}
}

func TestSkewIsNamed(t *testing.T) {
	t.Parallel()
	j, o := pair(), plain()
	var s autoscale.State
	var r autoscale.Result
	for minute := range 3 {
		c := j.at(minute)
		c.Vertices[1].Metrics.Busy = autoscale.Aggregate{Min: autoscale.Of(100), Max: autoscale.Of(990), Avg: autoscale.Of(320)}
		s, r = autoscale.Step(o, s, c, autoscale.Inputs{})
	}
	want := autoscale.Reason{Code: autoscale.Skewed, Metric: "busyTimeMsPerSecond", Actual: autoscale.Of(990), Limit: autoscale.Of(320)}
	if diff := cmp.Diff(want, reason(find(t, r, "map").Reasons, autoscale.Skewed)); diff != "" {
		t.Errorf("skew mismatch (-want +got):\n%s", diff)
	}
}

func TestTrackedRestart(t *testing.T) {
	t.Parallel()
	j, o := pair(), plain()
	o.Restart = settings.RestartOptions{Time: 5 * time.Minute, Tracked: true, Limit: time.Minute}
	j.busy[1], j.lag = 1000, growing
	s, r := j.run(t, o, autoscale.State{}, autoscale.Inputs{}, 0, 2)
	if r.Job.Restart != 5*time.Minute || !r.Act {
		t.Fatalf("the first restart is assumed to take %v", r.Job.Restart)
	}
	for i := range j.vertices {
		j.vertices[i].Parallelism = r.Parallelism[j.vertices[i].ID]
	}
	j.running = start.Add(2*time.Minute + 42*time.Second)
	s, r = j.run(t, o, s, autoscale.Inputs{}, 3, 6)
	if r.Job.Restart != 42*time.Second {
		t.Errorf("the restart took %v, want 42s", r.Job.Restart)
	}
	// One that takes longer counts up to the limit.
	s.Restarts = append(s.Restarts, autoscale.Restart{At: start.Add(5 * time.Minute), Took: time.Hour, Done: true})
	if _, r = j.run(t, o, s, autoscale.Inputs{}, 7, 7); r.Job.Restart != time.Minute {
		t.Errorf("the restart is assumed to take %v, want the limit", r.Job.Restart)
	}
}

func TestObservedScalability(t *testing.T) {
	t.Parallel()
	j, o := pair(), plain()
	o.Scalability.Enabled = true
	j.busy[1], j.lag = 1000, growing
	at := start.Add(-time.Hour)
	s := autoscale.State{Steps: map[string][]autoscale.VertexStep{"map": {
		// 100 records each at first, 70 with twice as many: Σ P·R / (Σ P² × 100) = 136/160.
		{At: at, From: 4, To: 8, Rate: autoscale.Of(400)},
		{At: at.Add(time.Minute), From: 8, To: 4, Rate: autoscale.Of(560)},
		{At: at.Add(2 * time.Minute), From: 8, To: 4, Rate: autoscale.Of(680)},
	}}}
	_, r := j.run(t, o, s, autoscale.Inputs{}, 0, 2)
	v := find(t, r, "map")
	got := reason(v.Reasons, autoscale.Sublinear).Actual.Float()
	if want := math.Ceil((4*400+8*560+8*680)/(144.0*100)*100) / 100; got != want {
		t.Errorf("the coefficient is %v, want %v", got, want)
	}
	if want := int(math.Ceil(4 * (math.Round(1600/0.7) / 1000) / got)); v.Recommended != want {
		t.Errorf("recommended is %d, want %d", v.Recommended, want)
	}
}

func TestStepChangesNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(len(classes)) {
		x, err := newSubject(seed)
		if err != nil {
			t.Fatal(err)
		}
		var s autoscale.State
		for n := range x.s.ticks {
			c := x.s.tick(n)
			before, collected := render(s), render(c)
			next, r := autoscale.Step(x.o, s, c, x.in)
			again, r2 := autoscale.Step(x.o, s, c, x.in)
			if render(s) != before || render(c) != collected {
				t.Fatalf("seed %d: Step changed what it was given", seed)
			}
			if render(next) != render(again) || render(r) != render(r2) {
				t.Fatalf("seed %d: Step gave two results for one input", seed)
			}
			// What is stored is all that is needed.
			var loaded autoscale.State
			if err := json.Unmarshal([]byte(render(next)), &loaded); err != nil {
				t.Fatal(err)
			}
			if render(loaded) != render(next) {
				t.Fatalf("seed %d: the state is read back as another one", seed)
			}
			s = loaded
			if r.Act {
				x.s.obey(r.Parallelism)
			}
		}
	}
}

// TestKeepsItsLimits holds what must be true of every decision.
func TestKeepsItsLimits(t *testing.T) {
	t.Parallel()
	taken := 0
	for seed := range uint64(len(classes) * 10) {
		x, err := newSubject(seed)
		if err != nil {
			t.Fatal(err)
		}
		x.in.TaskManager.Slots, x.in.RoomKnown, x.in.Room = 2, seed%2 == 0, 5+int(seed%7)
		var s autoscale.State
		for n := range x.s.ticks {
			var r autoscale.Result
			s, r = autoscale.Step(x.o, s, x.s.tick(n), x.in)
			now, planned := map[string]int{}, map[string]int{}
			for _, v := range r.Vertices {
				if v.Recommended == 0 {
					continue
				}
				p := x.o.Parallelism
				if v.Recommended < min(v.Parallelism, p.Min) || v.Recommended > min(v.MaxParallelism, max(v.Parallelism, p.Max)) {
					t.Fatalf("seed %d: %d is beyond the limits: %s", seed, v.Recommended, render(v))
				}
				if v.Recommended == v.Parallelism && v.Planned != v.Parallelism || v.Recommended < v.Parallelism && v.Planned != v.Recommended ||
					v.Recommended > v.Parallelism && (v.Planned < v.Parallelism || v.Planned > v.Recommended) {
					t.Fatalf("seed %d: planned is not between what is and what is recommended: %s", seed, render(v))
				}
				if slices.Contains(p.Exclude, v.ID) && v.Planned != v.Parallelism {
					t.Fatalf("seed %d: an excluded vertex changes", seed)
				}
				group := x.s.find(v.ID).SlotSharingGroup
				now[group], planned[group] = max(now[group], v.Parallelism), max(planned[group], v.Planned)
			}
			if need := (sum(planned) + 1) / 2; r.Act && x.in.RoomKnown && need > max(x.in.Room, (sum(now)+1)/2) {
				t.Fatalf("seed %d: %d TaskManagers are needed, there is room for %d", seed, need, x.in.Room)
			}
			if !r.Act {
				continue
			}
			taken++
			if len(r.Parallelism) != len(r.Vertices) || len(s.Delays) != 0 {
				t.Fatalf("seed %d: a step names every vertex and ends all delays: %s", seed, render(r))
			}
			x.s.obey(r.Parallelism)
		}
	}
	if taken < 50 {
		t.Errorf("only %d steps were taken", taken)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	j, o := pair(), plain()
	var s autoscale.State
	var r autoscale.Result
	o.Window.Length = 10 * time.Second
	for n := range 2200 {
		c := j.at(0)
		c.At = start.Add(time.Duration(n) * 5 * time.Millisecond)
		s, r = autoscale.Step(o, s, c, autoscale.Inputs{})
	}
	if n := len(s.Samples); n < 400 || n > 502 || !r.Ready {
		t.Errorf("%d samples are kept, ready %v", len(s.Samples), r.Ready)
	}
}

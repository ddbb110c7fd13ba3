package autoscaler

import (
	"context"
	"fmt"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// optionPrefix is what the options of the autoscaler begin with.
const optionPrefix = "job.autoscaler."

func explainRun(ctx context.Context, o *Options) error {
	a, done, err := read(ctx, o)
	if done {
		return err
	}
	if a.Message != "" {
		o.Streams.Outf("%s\n", a.Message)
	}
	found := false
	for _, j := range a.Jobs {
		for _, v := range j.Vertices {
			if o.Vertex == "" || v.ID == o.Vertex || strings.Contains(v.Name, o.Vertex) {
				found = true
				o.Streams.Outf("%s", explain(v))
			}
		}
		o.Streams.Outf("Job %s: %s\n", j.ID, messages(j.Reasons))
		for _, b := range j.Blocked {
			o.Streams.Outf("  blocked by %s\n", b)
		}
	}
	if o.Vertex != "" && !found {
		return command.Errorf(command.ExitNotFound, "cluster %s has no evaluated vertex %q", o.Cluster, o.Vertex)
	}
	return nil
}

// explain tells how the recommended parallelism of a vertex was derived.
func explain(v report.Vertex) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	fmt.Fprintf(&b, "%s (%s)\n", v.Name, v.ID)
	line("parallelism           %d of at most %d", v.Parallelism, v.MaxParallelism)
	if v.Partitions > 0 {
		line("partitions            %d", v.Partitions)
	}
	line("busy                  %s", share(v.Load))
	how := "records in / busy share"
	if v.Observed {
		how = "observed while there was lag"
	}
	line("true processing rate  %s/s (%s)", report.Number(v.TrueRate), how)
	line("target rate           %s/s", report.Number(v.TargetRate))
	if v.Lag.Known() {
		line("lag                   %s records", report.Number(v.Lag))
	}
	line("catch-up rate         %s/s", report.Number(v.CatchUpRate))
	line("scale up below        %s/s", report.Number(v.UpThreshold))
	line("scale down above      %s/s", report.Number(v.DownThreshold))
	if v.Wanted > 0 {
		line("wanted parallelism    %d", v.Wanted)
	}
	if v.Recommended > 0 {
		line("recommended           %s, expected rate %s/s", recommended(v), report.Number(v.Expected))
	}
	for _, r := range v.Reasons {
		line("- %s", r.Message)
	}
	return b.String()
}

func replayRun(ctx context.Context, o *Options) error {
	if len(o.Set) == 0 {
		return command.Flagf("set the options to replay with, such as --set utilization.target=0.6")
	}
	request := report.ReplayRequest{Job: o.Job, Options: map[string]string{}}
	for _, pair := range o.Set {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return command.Flagf("--set %q: use NAME=VALUE", pair)
		}
		if !strings.HasPrefix(name, optionPrefix) {
			name = optionPrefix + name
		}
		request.Options[name] = value
	}
	c, err := o.Client()
	if err != nil {
		return err
	}
	replay, err := c.ReplayAutoscaler(ctx, o.Cluster, request)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(replay)
	}
	now := o.Clock.Now()
	if replay.Collections > 0 {
		o.Streams.Outf("%d collections of job %s, from %s to %s: %d decisions differ\n", replay.Collections, replay.Job,
			o.Streams.Time(replay.From, now), o.Streams.Time(replay.To, now), len(replay.Differences))
	} else {
		o.Streams.Outf("no metrics of job %s are recorded yet\n", replay.Job)
	}
	if len(replay.Differences) == 0 {
		return nil
	}
	table := o.Streams.Table("SINCE", "TIMES", "VERTEX", "PARALLELISM", "NOW", "THEN", "WHY").Spare("PARALLELISM", "TIMES")
	for _, r := range runs(replay.Differences) {
		table.Row(o.Streams.Time(r.At, now), fmt.Sprint(r.times), r.Name, number(r.Now), outcome(r.Before, r.ActBefore), outcome(r.After, r.ActAfter), messages(r.ReasonsAfter))
	}
	return table.Print()
}

// run is the same difference several times in a row.
type run struct {
	report.Difference
	times int
}

// runs joins the differences of each vertex that are the same in a row.
func runs(list []report.Difference) []*run {
	var all []*run
	last := map[string]*run{}
	for _, d := range list {
		if r := last[d.Vertex]; r != nil && r.Now == d.Now && r.Before == d.Before && r.After == d.After && r.ActBefore == d.ActBefore && r.ActAfter == d.ActAfter {
			r.times++
			continue
		}
		r := &run{Difference: d, times: 1}
		last[d.Vertex] = r
		all = append(all, r)
	}
	return all
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// outcome is what was decided: a parallelism, and whether the step is taken.
func outcome(parallelism int, act bool) string {
	text := number(parallelism)
	if text == "" {
		text = "nothing"
	}
	if act {
		text += ", step"
	}
	return text
}

package autoscaler

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
)

func statusRun(ctx context.Context, o *Options) error {
	a, done, err := read(ctx, o)
	if done {
		return err
	}
	if a.Message != "" {
		o.Streams.Outf("%s\n", a.Message)
	}
	for i, j := range a.Jobs {
		if i > 0 {
			o.Streams.Outf("\n")
		}
		if err := printJob(o, a, j); err != nil {
			return err
		}
	}
	return nil
}

// printJob prints a job with its vertices.
func printJob(o *Options, a report.Autoscaler, j report.Job) error {
	if err := jobFields(o, a, j); err != nil {
		return err
	}
	if len(j.Vertices) == 0 {
		return nil
	}
	o.Streams.Outf("\n")
	table := o.Streams.Table("VERTEX", "PARALLELISM", "RECOMMENDED", "BUSY", "TRUE RATE", "TARGET RATE", "THRESHOLDS", "LAG", "WHY").
		Spare("LAG", "THRESHOLDS", "TARGET RATE", "BUSY")
	for _, v := range j.Vertices {
		table.Row(v.Name, strconv.Itoa(v.Parallelism), recommended(v), share(v.Load), report.Number(v.TrueRate), report.Number(v.TargetRate),
			report.Number(v.UpThreshold)+" to "+report.Number(v.DownThreshold), lag(v), messages(v.Reasons))
	}
	return table.Print()
}

// jobFields prints what is about the job as a whole.
func jobFields(o *Options, a report.Autoscaler, j report.Job) error {
	now := o.Clock.Now()
	f := o.Streams.Fields()
	f.Add("Job", j.ID)
	mode := "recommends only"
	if a.Acts {
		mode = "scales the job"
	}
	f.Add("Mode", mode)
	if !j.At.IsZero() {
		f.Add("Evaluated", o.Streams.Time(j.At, now)+", every "+a.Interval)
	}
	f.Add("Problem", j.Problem)
	if n := len(j.Reasons); n > 0 {
		f.Add("Result", j.Reasons[n-1].Message)
		f.Add("Beside", messages(j.Reasons[:n-1]))
	}
	if j.TaskManagers > 0 {
		text := strconv.Itoa(j.TaskManagers)
		if j.Needed > 0 && j.Needed != j.TaskManagers {
			text += fmt.Sprintf(", %d recommended", j.Needed)
		}
		f.Add("TaskManagers", text)
	}
	f.Add("Blocked", strings.Join(j.Blocked, "; "))
	if s := j.LastStep; s != nil {
		f.Add("Last step", o.Streams.Time(s.At, now)+": "+changes(s.Changes))
	}
	f.Add("Memory", settings(j.Memory))
	return f.Print()
}

// recommended is the recommended parallelism of a vertex, with what there is room for.
func recommended(v report.Vertex) string {
	switch {
	case v.Recommended == 0:
		return "-"
	case v.Planned != v.Recommended:
		return fmt.Sprintf("%d (room for %d)", v.Recommended, v.Planned)
	}
	return strconv.Itoa(v.Recommended)
}

// share writes a share in percent.
func share(v autoscale.Value) string {
	if !v.Finite() {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", 100*v.Float())
}

// lag is empty for a vertex that has none.
func lag(v report.Vertex) string {
	if !v.Lag.Known() {
		return ""
	}
	return report.Number(v.Lag)
}

// messages joins the words of reasons.
func messages(list []report.Reason) string {
	texts := make([]string, 0, len(list))
	for _, r := range list {
		texts = append(texts, r.Message)
	}
	return strings.Join(texts, "; ")
}

// changes lists what a decision changed.
func changes(list []report.Change) string {
	texts := make([]string, 0, len(list))
	for _, c := range list {
		text := fmt.Sprintf("%s %d to %d", c.Name, c.From, c.To)
		if c.Recommended != c.To {
			text += fmt.Sprintf(" (%d recommended)", c.Recommended)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

// settings lists options of Flink.
func settings(m map[string]string) string {
	var texts []string
	for name, value := range m {
		texts = append(texts, name+"="+value)
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

func historyRun(ctx context.Context, o *Options) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	h, err := c.AutoscalerHistory(ctx, o.Cluster)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(h)
	}
	now := o.Clock.Now()
	heading := "TIME"
	if o.Streams.OutTerminal {
		heading = "AGE"
	}
	table := o.Streams.Table(heading, "STEP", "CHANGES", "RESULT").Spare("STEP")
	for _, d := range h.Decisions {
		step := "no"
		if d.Acted {
			step = "yes"
		}
		what := changes(d.Changes)
		if what == "" {
			what = "none"
		}
		table.Row(o.Streams.Time(d.At, now), step, what, d.Message)
	}
	return table.Print()
}

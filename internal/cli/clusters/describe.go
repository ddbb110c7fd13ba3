package clusters

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// lastEvents is how many events `cluster describe` shows; `cluster events` shows all.
const lastEvents = 10

// DescribeOptions are what `cluster describe` was told.
type DescribeOptions struct {
	*command.Factory
	Name   string
	Output command.Output
}

// NewDescribe returns the command `cluster describe`; run replaces its work in tests.
func NewDescribe(f *command.Factory, run func(context.Context, *DescribeOptions) error) *cobra.Command {
	o := &DescribeOptions{Factory: f}
	if run == nil {
		run = describeRun
	}
	cmd := &cobra.Command{
		Use:     "describe NAME",
		Aliases: []string{"show"},
		Short:   "Show a cluster: state, tasks, pending tasks and reasons, recent events",
		Long:    "Show a cluster: its state, its tasks and where they run, which tasks wait for an offer and why, and its last events.",
		Example: `  dcos flink cluster describe demo
  dcos flink cluster describe demo --json`,
		Args: command.Args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	o.Output.RegisterJSON(cmd)
	return cmd
}

// describeRun shows the cluster.
func describeRun(ctx context.Context, o *DescribeOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	if o.Output.JSON {
		raw, err := c.Raw(ctx, "clusters", o.Name)
		if err != nil {
			return err
		}
		return o.Streams.JSON(raw)
	}
	d, err := c.Cluster(ctx, o.Name)
	if err != nil {
		return err
	}
	if err := describeStatus(o.Factory, c, d); err != nil {
		return err
	}
	now := o.Clock.Now()
	if len(d.Tasks) > 0 {
		o.Streams.Outf("\n")
		if err := PrintTasks(o.Streams, d.Tasks, now); err != nil {
			return err
		}
	}
	if err := printFailures(o.Streams, d.Status.Failures, now); err != nil {
		return err
	}
	if err := printRecoveries(o.Streams, d.Status.Recoveries, now); err != nil {
		return err
	}
	if len(d.Status.Savepoints) > 0 {
		o.Streams.Outf("\n")
		if err := printSavepoints(o.Factory, d.Status.Savepoints); err != nil {
			return err
		}
	}
	if len(d.Waiting) > 0 {
		o.Streams.Outf("\n")
		if err := printWaiting(o.Streams, d.Waiting, now); err != nil {
			return err
		}
	}
	if events := d.Events; len(events) > 0 {
		o.Streams.Outf("\n")
		return printEvents(o.Streams, events[max(0, len(events)-lastEvents):], now)
	}
	return nil
}

// printWaiting lists the tasks without a place; those of one kind that wait for the same are one line.
func printWaiting(s *terminal.Streams, waiting []wire.Waiting, now time.Time) error {
	type line struct {
		wire.Waiting
		count int
	}
	var lines []*line
	for _, w := range waiting {
		i := slices.IndexFunc(lines, func(l *line) bool { return l.Kind == w.Kind && l.Reason == w.Reason && l.NotBefore.Equal(w.NotBefore) })
		if i < 0 {
			lines = append(lines, &line{w, 1})
			continue
		}
		lines[i].count++
		if w.Since.Before(lines[i].Since) {
			lines[i].Since = w.Since
		}
	}
	table := s.Table("WAITING", "ROLE", "SINCE", "REASON").Spare("ROLE")
	for _, l := range lines {
		name, reason := l.ID, l.Reason
		if l.count > 1 {
			name = fmt.Sprintf("%s and %d more", l.ID, l.count-1)
		}
		if l.NotBefore.After(now) {
			reason = strings.TrimPrefix(reason+"; held back for "+terminal.Duration(l.NotBefore.Sub(now)), "; ")
		}
		table.Row(name, string(l.Kind), s.Time(l.Since, now), reason)
	}
	return table.Print()
}

// printFailures lists the tasks that ended without being asked to; their files can still be read as if they ran.
func printFailures(s *terminal.Streams, failures []wire.Failure, now time.Time) error {
	if len(failures) == 0 {
		return nil
	}
	s.Outf("\n")
	table := s.Table("FAILED", "ROLE", "STATE", "HOST", "AGENT", "ENDED", "MESSAGE").Spare("AGENT", "ENDED", "ROLE")
	for _, f := range failures {
		message := f.Message
		if f.Reason != "" {
			message = strings.TrimSpace(message + " (" + f.Reason + ")")
		}
		if f.LogError != "" {
			message += "; its log: " + f.LogError
		}
		table.Row(f.TaskID, string(f.Kind), string(f.State), f.Hostname, f.AgentID, s.Time(f.Ended, now), message)
	}
	return table.Print()
}

// printRecoveries lists how long the jobs took to get over losses.
func printRecoveries(s *terminal.Streams, recoveries []wire.JobRecovery, now time.Time) error {
	if len(recoveries) == 0 {
		return nil
	}
	s.Outf("\n")
	table := s.Table("RECOVERED", "TOOK", "CAUSE")
	for _, r := range recoveries {
		took := time.Duration(r.Seconds * float64(time.Second)).Round(100 * time.Millisecond)
		table.Row(s.Time(r.Began, now), took.String(), r.Cause)
	}
	return table.Print()
}

// describeStatus prints the cluster itself.
func describeStatus(f *command.Factory, c *client.Client, d wire.Description) error {
	s, now := d.Status, f.Clock.Now()
	fields := f.Streams.Fields()
	fields.Add("Name", d.Name)
	fields.Add("Kind", string(d.Kind))
	state := string(s.State)
	if s.Phase != "" && s.Phase != wire.PhaseReady {
		state += " (" + string(s.Phase) + ")"
	}
	fields.Add("State", state)
	if s.Result == nil || s.Result.Diagnostics != s.Message { // Else it stands below, without its stack trace.
		fields.Add("Message", s.Message)
	}
	version := d.Spec.FlinkVersion
	if s.Flink != nil && s.Flink.Version != "" {
		version = s.Flink.Version
	}
	if ch := s.Change; ch != nil {
		what := "upgrade to generation " + strconv.FormatInt(ch.Generation, 10)
		if ch.Suspend {
			what = "suspension"
		}
		fields.Add("Change", fmt.Sprintf("%s, since %s: %s", what, f.Streams.Time(ch.Since, now), stopping(d)))
	}
	fields.Add("Given up", s.ChangeFailure)
	fields.Add("Rollback", rollbackWords(s.Rollback))
	if name, sha := spec.SplitDistribution(d.Spec.FlinkDistribution); sha != "" {
		version += fmt.Sprintf(" (%s, archive %.12s)", name, sha)
	}
	fields.Add("Flink", version)
	fields.Add("Created", f.Streams.Time(s.Created, now))
	fields.Add("Generation", generation(s))
	fields.Add("TaskManagers", allocation(d.Spec))
	if fl := s.Flink; fl != nil {
		fields.Add("Slots", fmt.Sprintf("%d of %d used, on %d TaskManagers", fl.SlotsTotal-fl.SlotsAvailable, fl.SlotsTotal, fl.TaskManagers))
		waits := ""
		if n := fl.SlotWait.Jobs; n > 0 {
			waits = fmt.Sprintf(" (%d without slots)", n)
		}
		fields.Add("Jobs", fmt.Sprintf("%d running%s, %d finished, %d cancelled, %d failed",
			fl.JobsRunning, waits, fl.JobsFinished, fl.JobsCancelled, fl.JobsFailed))
	}
	if s.Restarts > 0 {
		fields.Add("Restarts", strconv.Itoa(s.Restarts))
	}
	if r := s.Result; r != nil {
		fields.Add("Result", r.Status)
		fields.Add("Ended", f.Streams.Time(r.Ended, now))
		if r.Diagnostics != "" { // A job that succeeded needs no reason.
			fields.Add("Diagnostics", client.Reason(r.Diagnostics))
		}
	}
	if n := s.NextRestore; n != nil {
		fields.Add("Next restore", restoreWords(*n))
	}
	if h := s.Health; h != nil {
		fields.Add("Job restarts", fmt.Sprintf("%d in a row, the last %s: %s", h.Restarts, f.Streams.Time(h.Last, now), h.Reason))
	}
	if s.Paused {
		fields.Add("Launches", "paused: resume them with dcos flink plan resume deploy "+d.Name)
	}
	fields.Add("UI", c.UIURL(d.Name))
	return fields.Print()
}

// rollbackWords says how a change fares that is watched.
func rollbackWords(r *wire.Rollback) string {
	switch {
	case r == nil:
		return ""
	case r.State == wire.RollbackWatching:
		return fmt.Sprintf("%s: revision %d is watched; revision %d takes its place if it is bad", r.State, r.Revision, r.To)
	case r.State == wire.RollbackHeld:
		return fmt.Sprintf("%s: revision %d is bad: %s", r.State, r.Revision, r.Reason)
	}
	text := fmt.Sprintf("%s: revision %d was asked for, and revision %d takes its place: %s", r.State, r.Revision, r.To, r.Reason)
	if changes := changed(r.Changes); len(changes) > 0 {
		text += "; " + strings.Join(changes, "; ")
	}
	return text
}

// generation says which spec is wanted and which one runs.
func generation(s wire.Status) string {
	if s.Generation == s.ObservedGeneration {
		return strconv.FormatInt(s.Generation, 10)
	}
	return fmt.Sprintf("%d (running: %d)", s.Generation, s.ObservedGeneration)
}

// allocation says how many TaskManagers there are to be.
func allocation(sp spec.Spec) string {
	t := sp.TaskManagers
	switch {
	case sp.Allocation == spec.Static:
		return fmt.Sprintf("%d, static", t.Count)
	case t.Max > 0:
		return fmt.Sprintf("%d to %d, dynamic", t.Min, t.Max)
	case t.Min > 0:
		return fmt.Sprintf("%d or more, dynamic", t.Min)
	default:
		return "as Flink asks, dynamic"
	}
}

// PrintTasks prints tasks as a table.
func PrintTasks(s *terminal.Streams, tasks []wire.TaskStatus, now time.Time) error {
	table := s.Table("TASK", "ROLE", "STATE", "HOST", "CPUS", "MEMORY", "SLOTS", "SINCE", "MESSAGE").Spare("MEMORY", "CPUS", "SLOTS", "ROLE")
	for _, t := range tasks {
		slots := ""
		if t.Slots > 0 {
			slots = strconv.Itoa(t.Slots)
		}
		state := string(t.State)
		if t.Goal == task.Released && !t.State.Terminal() {
			state += " (released)"
		}
		cpus, memory := "", ""
		if t.CPUs > 0 {
			cpus, memory = strconv.FormatFloat(t.CPUs, 'f', -1, 64), t.Memory.String()
		}
		table.Row(t.ID, string(t.Kind), state, t.Hostname, cpus, memory, slots, s.Time(t.Changed, now), t.Message)
	}
	return table.Print()
}

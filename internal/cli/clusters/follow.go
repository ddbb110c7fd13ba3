package clusters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// patience is how long the service may be away while a cluster is followed. It is longer
// than a restart under Marathon takes.
const patience = 2 * time.Minute

// Follower tells on the error output how a cluster comes up.
type Follower struct {
	f        *command.Factory
	c        *client.Client
	name     string
	progress *terminal.Progress
	begun    time.Time
	// way is the way up as it was first seen: a phase that the cluster falls back to later, when a job ends or
	// asks for more TaskManagers, is not told again, and what ran meanwhile does not count as a phase before it.
	way     []wire.PhaseTime
	told    int
	reason  string
	excused bool
	// waits is since when tasks wait for a place; zero while none does.
	waits time.Time
	// doing is what goes on when the following ends early.
	doing string
	// changing says that the change which is followed may be given up, which is an error.
	changing bool
	// change is the generation that the change makes; 0 when none is followed.
	change   int64
	stopping string
}

// NewFollower returns a follower of the named cluster; a quiet one says nothing.
func NewFollower(f *command.Factory, c *client.Client, name string, quiet bool) *Follower {
	return &Follower{f: f, c: c, name: name, progress: f.Streams.Progress(quiet), begun: f.Clock.Now(), doing: "coming up"}
}

// Change has what is followed be a change of the cluster d, which runs already.
func (w *Follower) Change(d wire.Description, doing string) {
	w.changing, w.doing = true, doing
	w.see(d)
	w.told = len(w.way)
}

// Until looks at the cluster again and again until done says so, and returns what it saw
// last. A cluster that failed is an error, unless done wants it.
func (w *Follower) Until(ctx context.Context, done func(wire.Description) bool) (wire.Description, error) {
	defer w.progress.Clear()
	var last wire.Description
	err := w.f.Follow(ctx, patience, w.Excuse, func(ctx context.Context) (bool, error) {
		d, err := w.c.Cluster(ctx, w.name)
		if err != nil {
			return false, err
		}
		last, w.excused = d, false
		if w.changing && d.Status.Change == nil && d.Status.ChangeFailure != "" {
			return false, command.Errorf(command.ExitFailure, "the upgrade of cluster %s was aborted, the previous spec is kept: %s", w.name, d.Status.ChangeFailure)
		}
		w.tell(d)
		if r := d.Status.Rollback; r != nil && w.change > 0 && r.Revision == w.change && r.State != wire.RollbackWatching {
			return false, command.Errorf(command.ExitFailure, "the change of cluster %s is bad: %s; see dcos flink cluster describe %s", w.name, r.Reason, w.name)
		}
		if done(d) {
			return true, nil
		}
		if d.Status.State == wire.Failed {
			return false, command.Errorf(command.ExitClusterFailed, "cluster %s failed: %s", w.name, Why(d))
		}
		return false, nil
	})
	switch {
	case errors.Is(err, command.ErrTimeout):
		err = command.Errorf(command.ExitTimeout, "timed out waiting for cluster %s (%s): it is still %s, see dcos flink cluster describe %s",
			w.name, Why(last), w.doing, w.name)
	case errors.Is(err, context.Canceled):
		err = command.Errorf(command.ExitInterrupted, "interrupted: cluster %s is still %s, see dcos flink cluster describe %s", w.name, w.doing, w.name)
	}
	return last, err
}

// Excuse tells of an error that may pass.
func (w *Follower) Excuse(err error) {
	if !w.excused {
		w.progress.Say("%s: %v; trying again", w.name, err)
		w.excused = true
	}
}

// Ready says that a cluster can be used: it is up, or its job is over already.
func Ready(d wire.Description) bool {
	return d.Status.State == wire.Stable || d.Status.State == wire.Finished || d.Status.State == wire.Suspended ||
		d.Status.Phase == wire.PhaseReady && d.Status.State == wire.Deployed
}

// Why is the best short answer to why a cluster is not ready.
func Why(d wire.Description) string {
	if d.Status.Message != "" {
		return d.Status.Message
	}
	if text := stopping(d); text != "" {
		return text
	}
	for _, w := range d.Waiting {
		if w.Reason != "" {
			return fmt.Sprintf("a %s is %s", w.Kind, waits(w.Reason))
		}
	}
	if d.Status.Phase != "" {
		return "phase " + string(d.Status.Phase)
	}
	return "no reason given"
}

// tell shows what has changed since the last look.
func (w *Follower) tell(d wire.Description) {
	if text := stopping(d); text != "" {
		if w.progress.Live() {
			w.progress.Show("%s  %s", w.name, text)
		} else if text != w.stopping {
			w.progress.Say("%s: %s", w.name, text)
		}
		w.stopping = text
		return
	}
	if d.Status.State == wire.Suspended {
		return
	}
	w.see(d)
	if w.progress.Live() {
		w.progress.Show("%s  %s", w.name, w.line(d))
		return
	}
	for _, p := range w.way[w.told:] {
		w.progress.Say("%s: %s", w.name, w.phase(d, p.Phase))
	}
	w.told = len(w.way)
	reason := ""
	if !Ready(d) {
		reason = w.waiting(d)
	}
	if reason != "" && reason != w.reason {
		w.progress.Say("%s: %s", w.name, waits(reason))
	}
	w.reason = reason
}

// see adds the phases that are new. A cluster that was restarted begins anew.
func (w *Follower) see(d wire.Description) {
	phases := d.Status.Phases
	if len(w.way) > 0 && len(phases) > 0 && !phases[0].Since.Equal(w.way[0].Since) {
		w.way, w.told = nil, 0
	}
	for _, p := range phases {
		if !slices.ContainsFunc(w.way, func(s wire.PhaseTime) bool { return s.Phase == p.Phase }) && !w.ready() {
			w.way = append(w.way, p)
		}
	}
}

// ready says that the way up is over.
func (w *Follower) ready() bool {
	return len(w.way) > 0 && w.way[len(w.way)-1].Phase == wire.PhaseReady
}

// stopping says how far the jobs of a cluster are stopped for a change; empty without one.
func stopping(d wire.Description) string {
	ch := d.Status.Change
	switch {
	case ch == nil && d.Status.State == wire.Suspended && len(d.Tasks) > 0:
		return fmt.Sprintf("stopping %d tasks", len(d.Tasks))
	case ch == nil:
		return ""
	case ch.Stopped:
		return fmt.Sprintf("jobs stopped (%s); waiting for the JobManager to exit", savepoints(len(ch.Savepoints)))
	}
	return fmt.Sprintf("stopping jobs (%s so far)", savepoints(len(ch.Savepoints)))
}

func savepoints(n int) string {
	if n == 1 {
		return "1 savepoint"
	}
	return fmt.Sprintf("%d savepoints", n)
}

// line is the whole way up on one line, each phase with the time it took.
func (w *Follower) line(d wire.Description) string {
	now := w.f.Clock.Now()
	var parts []string
	for i, p := range w.way {
		switch {
		case p.Phase == wire.PhaseReady && d.Spec.Job != nil && d.Status.Result == nil:
			parts = append(parts, "job runs "+terminal.Duration(now.Sub(p.Since)))
		case p.Phase == wire.PhaseReady:
			parts = append(parts, "ready")
		case i+1 < len(w.way):
			parts = append(parts, string(p.Phase)+" "+terminal.Duration(w.way[i+1].Since.Sub(p.Since)))
		default:
			parts = append(parts, w.phase(d, p.Phase)+" "+terminal.Duration(now.Sub(p.Since)))
		}
	}
	text := strings.Join(parts, " > ")
	if reason := w.waiting(d); reason != "" && !Ready(d) {
		text += "  (" + reason + ")"
	}
	return text
}

// phase names a phase with what is known of it now.
func (w *Follower) phase(d wire.Description, p wire.Phase) string {
	running, hosts := 0, []string(nil)
	for _, t := range d.Tasks {
		switch {
		case t.Goal == task.Released:
		case t.Kind == spec.JobManagerTask:
			hosts = append(hosts, t.Hostname)
		case t.State == task.Running:
			running++
		}
	}
	switch {
	case p == wire.PhaseFetch && len(hosts) > 0:
		return fmt.Sprintf("%s on %s", p, strings.Join(slices.Compact(hosts), ", "))
	case p == wire.PhaseTaskManagers && d.Spec.TaskManagers.Count > 0:
		return fmt.Sprintf("%s %d/%d", p, running, d.Spec.TaskManagers.Count)
	case p == wire.PhaseSlots && d.Status.Flink != nil:
		return fmt.Sprintf("%s %d", p, d.Status.Flink.SlotsTotal)
	default:
		return string(p)
	}
}

// waits says that something waits, once.
func waits(reason string) string {
	if strings.HasPrefix(reason, "waiting ") {
		return reason
	}
	return "waiting: " + reason
}

// offerGrace is how long a task may wait for a place before that is told: Mesos sends its first offers within about a
// second.
const offerGrace = 3 * time.Second

// waiting is why the cluster is not up: why tasks are not placed, once for each reason, or else why its job gets no slots.
func (w *Follower) waiting(d wire.Description) string {
	now := w.f.Clock.Now()
	if w.waits.IsZero() {
		w.waits = now
	}
	if len(d.Waiting) == 0 {
		w.waits = time.Time{}
		if d.Status.Flink != nil && d.Status.Flink.SlotWait.Job != "" {
			return d.Status.Message
		}
	}
	failing := slices.ContainsFunc(d.Waiting, func(t wire.Waiting) bool { return !t.NotBefore.IsZero() })
	if now.Sub(w.waits) < offerGrace && !failing {
		return ""
	}
	var reasons []string
	for _, t := range d.Waiting {
		if t.Reason != "" && !slices.Contains(reasons, t.Reason) {
			reasons = append(reasons, t.Reason)
		}
	}
	return strings.Join(reasons, "; ")
}

// Summary tells how long the way up took, phase by phase, and for a cluster of one job, how long that took after it.
func (w *Follower) Summary(d wire.Description) {
	w.see(d)
	var parts []string
	for i, p := range w.way {
		if i+1 < len(w.way) {
			parts = append(parts, string(p.Phase)+" "+terminal.Duration(w.way[i+1].Since.Sub(p.Since)))
		}
	}
	if r := d.Status.Result; r != nil && w.ready() {
		parts = append(parts, "job "+terminal.Duration(r.Ended.Sub(w.way[len(w.way)-1].Since)))
	}
	state := string(d.Status.State)
	if r := d.Status.Result; r != nil {
		state = r.Status
	}
	text := fmt.Sprintf("%s: %s after %s", w.name, strings.ToLower(state), terminal.Duration(w.f.Clock.Now().Sub(w.begun)))
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	w.progress.Say("%s", text)
}

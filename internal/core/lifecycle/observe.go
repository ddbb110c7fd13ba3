package lifecycle

import (
	"fmt"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// FlinkObserved takes what a JobManager's REST API says.
func FlinkObserved(tx *state.Tx, e state.FlinkObserved) {
	c, ok := tx.ClusterOfLiveJobManager(e.Cluster, e.JobManager)
	if !ok {
		return
	}
	first, waited := c.Flink == nil, c.Flink != nil && c.Flink.SlotWait.Job != ""
	f := e.Flink
	c.Flink, c.NeedsObservation = &f, false
	if c.Spec.Kind == spec.Session && c.Recovering != nil {
		recoverySeen(tx, c, f.JobsRunning >= c.Recovering.Jobs, -1)
	}
	if first {
		tx.RecordEvent(c, "JobManagerReady", "the JobManager %s answers", e.JobManager)
	}
	switch waits := f.SlotWait.Job != ""; {
	case waits && !waited:
		tx.RecordEvent(c, "SlotsMissing", "%s", DescribeSlotWait(c))
	case waited && !waits:
		tx.RecordEvent(c, "SlotsFound", "no job waits for slots any more")
	}
	if c.Spec.Kind == spec.Session && c.SessionJobs == nil && f.JobsRunning+f.JobsFinished+f.JobsCancelled+f.JobsFailed == 0 {
		c.SessionJobs = map[string]string{}
	}
}

// DescribeSlotWait says which job of a cluster waits for slots, and what gives it some; empty when none does.
func DescribeSlotWait(c *state.Cluster) string {
	if c.Flink == nil || c.Flink.SlotWait.Job == "" || !c.Active() {
		return ""
	}
	w, f := c.Flink.SlotWait, c.Flink
	job := "job " + w.Job
	if w.Name != "" {
		job += " (" + w.Name + ")"
	}
	needs := "slots"
	if w.Slots > 0 {
		needs = plural(w.Slots, "slot")
	}
	text := fmt.Sprintf("%s waits for %s; %d of %d slots are free", job, needs, f.SlotsAvailable, f.SlotsTotal)
	if w.Failed {
		text += ", and Flink has restarted it for that (NoResourceAvailableException)"
	}
	if w.Jobs > 1 {
		text += fmt.Sprintf("; %s more wait", plural(w.Jobs-1, "job"))
	}
	return text + ": " + moreSlots(c, w)
}

// moreSlots says what to do about missing slots.
func moreSlots(c *state.Cluster, w wire.SlotWait) string {
	per := max(1, c.Spec.TaskManager.Slots)
	count := (w.AllSlots + per - 1) / per
	t := c.Spec.TaskManagers
	switch {
	case c.Pending.Len() > c.PendingJobManagers:
		return plural(c.Pending.Len()-c.PendingJobManagers, "TaskManager") + " wait for an offer of Mesos"
	case c.Running < c.TaskManagers || c.Flink.TaskManagers < c.TaskManagers:
		return "TaskManagers are being started"
	case c.Spec.Allocation == spec.Static && count > t.Count:
		return fmt.Sprintf("set taskManagers.count to %d (it is %d), or lower the parallelism", count, t.Count)
	case c.Spec.Allocation == spec.Static:
		return fmt.Sprintf("raise taskManagers.count (it is %d), or lower the parallelism", t.Count)
	case t.Max > 0 && count > t.Max:
		return fmt.Sprintf("set taskManagers.max to %d (it is %d), or lower the parallelism", count, t.Max)
	}
	return "Flink has asked for no more TaskManagers; the JobManager's log says why"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

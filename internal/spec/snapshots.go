package spec

import (
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/calendar"
)

// Snapshots say when savepoints and checkpoints of the job are taken by themselves, and how long they are kept.
type Snapshots struct {
	// Periodic is when savepoints are taken: a duration such as 6h, or a Quartz cron expression of 6 or 7 fields;
	// empty for never (kubernetes.operator.periodic.savepoint.interval).
	Periodic string `json:"periodic,omitempty"`
	// PeriodicCheckpoint is when full checkpoints are taken beside Flink's own
	// (kubernetes.operator.periodic.checkpoint.interval).
	PeriodicCheckpoint string `json:"periodicCheckpoint,omitempty"`
	// TimeZone is that of the hours, such as Europe/Berlin; empty means UTC.
	TimeZone string `json:"timeZone,omitempty"`
	// Blackout are times at which none is begun: daily ranges such as 8:00-18:00, or cron expressions.
	Blackout []string `json:"blackout,omitempty"`
	// Format is canonical or native; empty means canonical.
	Format string `json:"format,omitempty"`
	// Directory is where savepoints go; empty for Flink's own default.
	Directory string    `json:"directory,omitempty"`
	Retention Retention `json:"retention,omitzero"`
	// Retries is how often a snapshot that failed is tried again; nil means 3.
	Retries *int `json:"retries,omitempty"`
	// OnDeletion has the job stopped with a savepoint before its cluster is deleted, unless the deletion says otherwise
	// (kubernetes.operator.job.savepoint-on-deletion, and .drain-on-savepoint-deletion).
	OnDeletion bool `json:"onDeletion,omitempty"`
}

// Retention says which of the savepoints that the service took by itself, or for upgrades, are kept. The newest one,
// pinned ones and those that something needs always are.
type Retention struct {
	// Count is how many are kept; 0 means 10 (kubernetes.operator.savepoint.history.max.count).
	Count int `json:"count,omitempty"`
	// Age is how long they are kept, such as 72h; empty means 24h (kubernetes.operator.savepoint.history.max.age).
	Age string `json:"age,omitempty"`
	// Disabled keeps all of them (kubernetes.operator.savepoint.cleanup.enabled: false).
	Disabled bool `json:"disabled,omitempty"`
}

// The formats of savepoints.
const (
	Canonical = "canonical"
	Native    = "native"
)

// The defaults of snapshots, which are those of the Flink Kubernetes operator but for the retries.
const (
	defaultKept    = 10
	defaultAge     = 24 * time.Hour
	defaultRetries = 3
)

// SnapshotPolicy is what job.snapshots and the operator's options say together.
type SnapshotPolicy struct {
	// Savepoints and Checkpoints are when they are taken; nil for never.
	Savepoints, Checkpoints *calendar.Schedule
	Blackout                calendar.Periods
	Format, Directory       string
	// Count and Age bound what is kept, unless KeepAll.
	Count   int
	Age     time.Duration
	KeepAll bool
	Retries int
	// OnDeletion has the job stopped with a savepoint before its cluster is deleted; DrainOnDeletion ends its sources
	// then as if their input did.
	OnDeletion, DrainOnDeletion bool
}

// SnapshotPolicy returns how snapshots of the job are taken and kept. What cannot be read counts as absent: Validate
// refuses it before.
func (s Spec) SnapshotPolicy() SnapshotPolicy {
	var o Snapshots
	if s.Job != nil && s.Job.Snapshots != nil {
		o = *s.Job.Snapshots
	}
	p := SnapshotPolicy{Format: o.Format, Directory: o.Directory, Count: o.Retention.Count, KeepAll: o.Retention.Disabled, Retries: defaultRetries}
	if o.Retries != nil {
		p.Retries = *o.Retries
	}
	zone := o.zone()
	p.Savepoints = s.schedule(o.Periodic, "kubernetes.operator.periodic.savepoint.interval", zone)
	p.Checkpoints = s.schedule(o.PeriodicCheckpoint, "kubernetes.operator.periodic.checkpoint.interval", zone)
	if periods, err := calendar.Parse(o.Blackout, zone); err == nil {
		p.Blackout = periods
	}
	if p.Format == "" {
		p.Format = strings.ToLower(s.firstOption("kubernetes.operator.savepoint.format.type"))
	}
	if p.Format != Native {
		p.Format = Canonical
	}
	if n, err := strconv.Atoi(s.firstOption("kubernetes.operator.savepoint.history.max.count")); err == nil && p.Count == 0 {
		p.Count = n
	}
	if p.Count <= 0 {
		p.Count = defaultKept
	}
	if d, err := time.ParseDuration(o.Retention.Age); err == nil {
		p.Age = d
	} else {
		p.Age = FlinkDuration(s.firstOption("kubernetes.operator.savepoint.history.max.age"))
	}
	if p.Age <= 0 {
		p.Age = defaultAge
	}
	if s.Job != nil {
		p.OnDeletion = o.OnDeletion || s.firstOption("kubernetes.operator.job.savepoint-on-deletion") == "true"
		p.DrainOnDeletion = p.OnDeletion && s.firstOption("kubernetes.operator.job.drain-on-savepoint-deletion") == "true"
	}
	p.KeepAll = p.KeepAll || s.firstOption("kubernetes.operator.savepoint.cleanup.enabled") == "false"
	return p
}

// schedule reads when snapshots are taken: the field, or else the operator's option, in which 0 is never.
func (s Spec) schedule(field, option string, zone *time.Location) *calendar.Schedule {
	text := field
	if text == "" {
		text = s.firstOption(option)
		if d := FlinkDuration(text); d > 0 {
			text = d.String()
		}
	}
	if text == "" || text == "0" {
		return nil
	}
	schedule, err := calendar.ParseSchedule(text, zone)
	if err != nil {
		return nil
	}
	return &schedule
}

// ScheduledSnapshots says whether the job's snapshots are taken by themselves.
func (s Spec) ScheduledSnapshots() bool {
	if s.Job == nil {
		return false
	}
	if o := s.Job.Snapshots; o != nil && (o.Periodic != "" || o.PeriodicCheckpoint != "") {
		return true
	}
	return s.firstOption("kubernetes.operator.periodic.savepoint.interval", "kubernetes.operator.periodic.checkpoint.interval") != ""
}

func (o Snapshots) zone() *time.Location {
	if zone, err := time.LoadLocation(o.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

// ClaimsState says whether the job owns the snapshot that it was restored from, so that later ones may share its files
// (execution.state-recovery.claim-mode CLAIM, and LEGACY of 1.x).
func (s Spec) ClaimsState() bool {
	mode := strings.ToUpper(s.firstOption("execution.state-recovery.claim-mode", "execution.savepoint-restore-mode"))
	return mode == "CLAIM" || mode == "LEGACY"
}

// checkSnapshots holds the checks of job.snapshots.
func (s Spec) checkSnapshots() []problem {
	if s.Job == nil || s.Job.Snapshots == nil {
		return nil
	}
	o := s.Job.Snapshots
	const field = "job.snapshots"
	_, zoneErr := time.LoadLocation(o.TimeZone)
	problems := []problem{
		{zoneErr != nil, field + ".timeZone", quote(o.TimeZone) + " is not a time zone: use a name such as Europe/Berlin, or leave it out for UTC"},
		{o.Format != "" && o.Format != Canonical && o.Format != Native, field + ".format", quote(o.Format) + " is not a format of savepoints: use canonical or native"},
		{
			o.Periodic != "" && o.Directory == "" && s.SavepointDirectory() == "", field + ".periodic",
			"needs a directory that every agent reaches: set job.snapshots.directory, or flinkConfiguration execution.checkpointing.savepoint-dir",
		},
		{
			o.OnDeletion && o.Directory == "" && s.SavepointDirectory() == "", field + ".onDeletion",
			"needs a directory that every agent reaches: set job.snapshots.directory, or flinkConfiguration execution.checkpointing.savepoint-dir",
		},
		{o.Retention.Count < 0, field + ".retention.count", "is negative: use the number of savepoints to keep, or 0 for 10"},
		{o.Retries != nil && *o.Retries < 0, field + ".retries", "is negative: use 0 for no further try"},
	}
	if age := o.Retention.Age; age != "" {
		d, err := time.ParseDuration(age)
		problems = append(problems, problem{err != nil || d <= 0, field + ".retention.age", quote(age) + " is not a duration: use one such as 72h"})
	}
	for _, f := range []struct{ name, text string }{{"periodic", o.Periodic}, {"periodicCheckpoint", o.PeriodicCheckpoint}} {
		if f.text == "" {
			continue
		}
		if _, err := calendar.ParseSchedule(f.text, o.zone()); err != nil {
			problems = append(problems, problem{true, field + "." + f.name, err.Error()})
		}
	}
	if _, err := calendar.Parse(o.Blackout, o.zone()); err != nil {
		problems = append(problems, problem{true, field + ".blackout", err.Error()})
	}
	return problems
}

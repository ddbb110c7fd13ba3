package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/flinkconf"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Submission is one start of the program of an application or job cluster. Each has a namespace in
// ZooKeeper and a job id of its own, so that Flink can confuse it with no other: the graph of an
// earlier one is never recovered in its place. Records of releases that had none have a nil Submission
// until the program changes.
type Submission struct {
	// Number counts the submissions of the cluster from 1 on.
	Number int64 `json:"number"`
	// Identity is the number whose namespace and job id it has: its own, unless it continues from
	// the high-availability data of an earlier one.
	Identity int64 `json:"identity"`
	// Generation is that of the spec that it was made from.
	Generation int64 `json:"generation"`
	// Restore is where its state comes from.
	Restore wire.Restore `json:"restore"`
	// Lookup is set until the newest checkpoint of the submission before it is known. No JobManager is
	// launched before.
	Lookup *Lookup `json:"lookup,omitempty"`
}

// Lookup asks ZooKeeper for the newest checkpoint of a submission that has been stopped.
type Lookup struct {
	// Spec is what the stopped tasks were launched from: it says where the data is.
	Spec spec.Spec `json:"spec"`
	// Identity is that of the stopped submission.
	Identity int64 `json:"identity"`
	// JobID is Flink's id of its job; empty for the only one in the namespace.
	JobID string `json:"jobId,omitempty"`
	// Ran says that the job was observed, so that ZooKeeper must know it.
	Ran bool `json:"ran,omitempty"`
	// Known is the newest state that was observed, which is used when ZooKeeper knows of none.
	Known wire.Restore `json:"known"`
	// Checkpoint and Savepoint are the last ones that were observed.
	Checkpoint *wire.Checkpoint `json:"checkpoint,omitempty"`
	Savepoint  *wire.Checkpoint `json:"savepoint,omitempty"`
}

// OldNamespace is the namespace of an earlier submission, which is kept until a later one is stable.
type OldNamespace struct {
	// Submission is its number.
	Submission int64 `json:"submission"`
	// Spec has the options that say where it is.
	Spec spec.Spec `json:"spec"`
}

const (
	haClusterID   = "high-availability.cluster-id"
	optionJobID   = "$internal.pipeline.job-id"
	optionRefresh = "web.refresh-interval" // Milliseconds in 1.20, a duration in 2.x, which reads a bare number alike.
	optionResults = "job-result-store.delete-on-commit"
	// MissingState is a savepoint path that does not exist. A job whose state is in ZooKeeper gets it,
	// so that its start fails when ZooKeeper has lost the state, instead of beginning without it.
	MissingState = "/state-of-this-job-is-missing-in-zookeeper"
)

// ShownRestore is a restore as people see it: without the path that stands for state in ZooKeeper.
func ShownRestore(r wire.Restore) wire.Restore {
	if r.Path == MissingState {
		r.Path = ""
	}
	return r
}

// JobID is Flink's id of the job of a submission: 32 hexadecimal digits that follow from the cluster and
// the number, so that a start that is tried again has the same.
func (c *Cluster) JobID(identity int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", c.Spec.Name, c.Nonce, identity))
	return hex.EncodeToString(sum[:16])
}

// LaunchSpec is the spec from which tasks are launched: what was asked for, with the namespace, the job
// id and the state of the submission.
func (c *Cluster) LaunchSpec() spec.Spec {
	s := c.Spec
	if warm, added := s.WarmOptions(), flinkconf.Added(s.FlinkConfiguration); len(warm)+len(added) > 0 {
		config := maps.Clone(s.FlinkConfiguration)
		if config == nil {
			config = map[string]string{}
		}
		for _, o := range warm {
			config[o.Key] = o.Value
		}
		maps.Copy(config, added)
		s.FlinkConfiguration = config
	}
	if s.Kind == spec.Session || s.Job == nil {
		return s
	}
	job := *s.Job
	s.Job = &job
	if restore := c.NewestState(); restore.Path != "" || c.Submission != nil {
		job.InitialSavepointPath = restore.Path
	}
	if c.Submission == nil {
		return s
	}
	config := maps.Clone(s.FlinkConfiguration)
	if config == nil {
		config = map[string]string{}
	}
	fill := func(value, key string, others ...string) {
		for _, k := range append(others, key) {
			if _, ok := config[k]; ok {
				return
			}
		}
		config[key] = value
	}
	if s.HighAvailability() {
		config[haClusterID] = c.namespace(config)
		fill("false", optionResults)
	}
	if job.JobGraphURI == "" {
		config[optionJobID] = c.JobID(c.Submission.Identity)
	}
	if s.Mode() != spec.Stateless {
		fill("500", optionRefresh)
	}
	for _, o := range s.RetentionOptions() {
		config[o.Key] = o.Value
	}
	if c.Scaling != nil && len(c.Scaling.Overrides) > 0 {
		config[flinkconf.Overrides] = flinkconf.Join(config[flinkconf.Overrides], c.Scaling.Overrides)
	}
	s.FlinkConfiguration = config
	return s
}

// namespace is the node of the submission in ZooKeeper: /NAME-NONCE-sNUMBER, with the name that the spec has in
// high-availability.cluster-id, or else that of the cluster. Two submissions below one node would be confused.
func (c *Cluster) namespace(config map[string]string) string {
	name := c.Spec.Name
	for _, key := range []string{"recovery.zookeeper.path.namespace", "high-availability.zookeeper.path.namespace", haClusterID} {
		if v := strings.Trim(config[key], "/ "); v != "" {
			name = v
		}
		delete(config, key)
	}
	return "/" + name + "-" + c.Nonce + "-s" + strconv.FormatInt(c.Submission.Identity, 10)
}

// NewestState is where a JobManager that is launched now restores its job from: the newest state that was
// observed of this submission, or else the one that it began with. With high availability Flink prefers
// what ZooKeeper knows, which is never older.
func (c *Cluster) NewestState() wire.Restore {
	if known, ok := Observed(c.Job); ok && (c.Submission == nil || c.Submission.Lookup == nil) {
		return known
	}
	switch {
	case c.Submission != nil:
		return c.Submission.Restore
	case len(c.Savepoints) > 0:
		return wire.Restore{Kind: wire.RestoreSavepoint, Path: c.Savepoints[0].Path, Time: c.Savepoints[0].Time}
	case c.Spec.Job != nil && c.Spec.Job.InitialSavepointPath != "":
		return wire.Restore{Kind: wire.RestoreInitial, Path: c.Spec.Job.InitialSavepointPath}
	}
	return wire.Restore{Kind: wire.RestoreNone}
}

// Observed is the newest state that was observed of a job; false for none that can be restored from.
func Observed(j *wire.Job) (wire.Restore, bool) {
	var r wire.Restore
	if j == nil {
		return r, false
	}
	if c := j.Checkpoint; c != nil && c.Path != "" {
		r = wire.Restore{Kind: wire.RestoreCheckpoint, Path: c.Path, Time: c.Time}
	}
	if p := j.Savepoint; p != nil && p.Path != "" && (r.Path == "" || p.Time.After(r.Time)) {
		r = wire.Restore{Kind: wire.RestoreSavepoint, Path: p.Path, Time: p.Time}
	}
	return r, r.Path != ""
}

// Submit begins a submission that restores from somewhere. The caller saves the cluster and has its tasks
// replaced.
func (c *Cluster) Submit(restore wire.Restore, lookup *Lookup) {
	var number int64 = 1
	if c.Submission != nil {
		number = c.Submission.Number + 1
	}
	c.Submission = &Submission{Number: number, Identity: number, Generation: c.Generation, Restore: restore, Lookup: lookup}
	c.Job, c.JobSince = nil, time.Time{}
}

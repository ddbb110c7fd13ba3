package runner

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/flinkconf"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Prefix begins the keys of the records of the autoscaler. CLUSTER-NONCE/JOB follows, where JOB is
// "job" for that of an application, and for a part of its recorded metrics a dot and its number.
const Prefix = "autoscaler/"

// schema is the stored form of the records.
var schema = store.Schema{Kind: "autoscaler", Version: 1} //nolint:gochecknoglobals // A constant.

// errSave says that the history could not be saved.
var errSave = errors.New("save the history of the autoscaler")

// stored is a record: either what is remembered of a job, or a part of its recorded metrics. Both
// are compressed JSON.
type stored struct {
	Cluster string `json:"cluster"`
	Nonce   string `json:"nonce"`
	// Job is Flink's id for a job of a session.
	Job string `json:"job,omitempty"`
	// Remembered is a compressed remembered.
	Remembered []byte `json:"remembered,omitempty"`
	// Metrics is a compressed list of autoscale.Record, Part its place in the order of time.
	Metrics []byte `json:"metrics,omitempty"`
	Part    int64  `json:"part,omitempty"`
}

// remembered is what a restart of the service goes on with.
type remembered struct {
	State     autoscale.State   `json:"state"`
	Report    report.Job        `json:"report"`
	Decisions []report.Decision `json:"decisions,omitempty"`
	// Reset is the job.autoscalerResetNonce that the state is of.
	Reset int64 `json:"reset,omitempty"`
	// Pending is a step that the core may not have taken yet.
	Pending *wire.ScalingRequest `json:"pending,omitempty"`
}

// recordKey is the key of a job's record.
func (k key) recordKey() string {
	job := k.job
	if job == "" {
		job = "job"
	}
	return Prefix + k.cluster + "-" + k.nonce + "/" + job
}

// save makes durable what is known of a job.
func (r *Runner) save(ctx context.Context, j *job) error {
	r.mu.Lock()
	what := remembered{State: j.state, Report: j.report, Decisions: j.decisions, Reset: j.reset, Pending: j.pending}
	parts := j.recorded.unsaved()
	r.mu.Unlock()
	packed, err := pack(what)
	if err != nil {
		return err
	}
	record := stored{Cluster: j.cluster, Nonce: j.nonce, Job: j.job, Remembered: packed}
	value, err := schema.Encode(record)
	if err != nil {
		return err
	}
	changes := []store.Record{{Key: j.recordKey(), Value: value}}
	for _, p := range parts {
		value, err := schema.Encode(stored{Cluster: j.cluster, Nonce: j.nonce, Job: j.job, Metrics: p.packed, Part: p.number})
		if err != nil {
			return err
		}
		changes = append(changes, store.Record{Key: p.key(j.key), Value: value})
	}
	if err := r.o.Store.Apply(context.WithoutCancel(ctx), changes); err != nil {
		return fmt.Errorf("%w: %w", errSave, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	j.recorded.saved(parts)
	j.unsaved = 0
	return nil
}

// forget removes what is known of jobs that are gone: their clusters were deleted or made anew, have the
// autoscaler off, or, of a session's, do not run any more.
func (r *Runner) forget(ctx context.Context, s *state.State, found map[key]bool) error {
	var changes []store.Record
	r.mu.Lock()
	for k, j := range r.jobs {
		c, ok := s.Clusters.Get([]byte(k.cluster))
		here := ok && c.Nonce == k.nonce && flinkconf.On(c.Spec.FlinkConfiguration)
		if found[k] || j.busy || here && (k.job == "" || !c.Active() || c.SessionJobs == nil) {
			continue
		}
		if here {
			if state, known := c.SessionJobs[k.job]; known && !terminal(state) {
				continue
			}
		}
		changes = append(changes, store.Record{Key: k.recordKey()})
		for _, p := range j.recorded.parts {
			changes = append(changes, store.Record{Key: p.key(k)})
		}
		delete(r.jobs, k)
	}
	for name := range r.parsed {
		if c, ok := s.Clusters.Get([]byte(name)); !ok || !flinkconf.On(c.Spec.FlinkConfiguration) {
			delete(r.parsed, name)
		}
	}
	r.mu.Unlock()
	if len(changes) == 0 {
		return nil
	}
	if err := r.o.Store.Apply(context.WithoutCancel(ctx), changes); err != nil {
		return fmt.Errorf("%w: %w", errSave, err)
	}
	return nil
}

// terminal says that a job of Flink is in a state that it does not leave.
func terminal(state string) bool {
	return state == "FINISHED" || state == "FAILED" || state == "CANCELED"
}

// load takes what was stored.
func (r *Runner) load(records []store.Record) error {
	for _, record := range records {
		var s stored
		if err := schema.Decode(record.Key, record.Value, &s); err != nil {
			return err
		}
		k := key{cluster: s.Cluster, nonce: s.Nonce, job: s.Job}
		j := r.jobs[k]
		if j == nil {
			j = &job{key: k}
			r.jobs[k] = j
		}
		if len(s.Metrics) > 0 {
			j.recorded.restore(s.Part, s.Metrics)
			continue
		}
		var what remembered
		if err := unpack(s.Remembered, &what); err != nil {
			return fmt.Errorf("record %s: %w", record.Key, err)
		}
		j.state, j.report, j.decisions, j.reset, j.pending = what.State, what.Report, what.Decisions, what.Reset, what.Pending
	}
	for _, j := range r.jobs {
		j.recorded.order()
	}
	return nil
}

// Owns says that a stored record is one of the autoscaler's.
func Owns(record store.Record) bool { return strings.HasPrefix(record.Key, Prefix) }

// pack is compressed JSON.
func pack(v any) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// maxUnpacked bounds what a record may unpack to, in bytes.
const maxUnpacked = 256 << 20

func unpack(packed []byte, v any) error {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	return json.NewDecoder(io.LimitReader(r, maxUnpacked)).Decode(v)
}

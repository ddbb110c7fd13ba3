package rest

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Checkpoint is a checkpoint or savepoint of a job.
type Checkpoint struct {
	ID int64 `json:"id"`
	// Path is where a job can be restored from; empty for one that lies in the JobManager's memory.
	Path string `json:"external_path"`
	// Triggered and Acknowledged are milliseconds since 1970.
	Triggered    int64 `json:"trigger_timestamp"`
	Acknowledged int64 `json:"latest_ack_timestamp"`
	// Size is in bytes.
	Size      int64  `json:"state_size"`
	Savepoint bool   `json:"is_savepoint"`
	Status    string `json:"status"`
}

// notAddressable is what Flink shows for a checkpoint without a path (CheckpointStatsTracker).
const notAddressable = "<checkpoint-not-externally-addressable>"

// Time is when the checkpoint was triggered, Completed when the last subtask acknowledged it.
func (c *Checkpoint) Time() time.Time { return time.UnixMilli(c.Triggered) }

// Completed is when the last subtask acknowledged the checkpoint.
func (c *Checkpoint) Completed() time.Time { return time.UnixMilli(c.Acknowledged) }

// Checkpoints are the newest checkpoints of a job.
type Checkpoints struct {
	// Completed is the last completed checkpoint, and Savepoint the last completed savepoint; nil for none.
	Completed, Savepoint *Checkpoint
	// Restored is what the job was last restored from; nil for nothing.
	Restored *Checkpoint
	// Pending is the newest one under way; nil for none.
	Pending *Checkpoint
}

// Checkpoints asks for the newest checkpoints of a job. Flink answers from a cache that is up to
// web.refresh-interval old (3 s by default).
func (c *Client) Checkpoints(ctx context.Context, id string) (Checkpoints, error) {
	var answer struct {
		Latest struct {
			Completed *Checkpoint `json:"completed"`
			Savepoint *Checkpoint `json:"savepoint"`
			Restored  *Checkpoint `json:"restored"`
		} `json:"latest"`
		History []Checkpoint `json:"history"`
	}
	if err := c.call(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id)+"/checkpoints", nil, &answer); err != nil {
		return Checkpoints{}, err
	}
	all := Checkpoints{Completed: answer.Latest.Completed, Savepoint: answer.Latest.Savepoint, Restored: answer.Latest.Restored}
	for i := range answer.History {
		if h := &answer.History[i]; h.Status == "IN_PROGRESS" && (all.Pending == nil || h.ID > all.Pending.ID) {
			all.Pending = h
		}
	}
	for _, p := range []*Checkpoint{all.Completed, all.Savepoint, all.Restored} {
		if p != nil && p.Path == notAddressable {
			p.Path = ""
		}
	}
	return all, nil
}

// Restarts asks how often a job was restarted (the metric numRestarts); -1 when Flink does not say.
func (c *Client) Restarts(ctx context.Context, id string) (int64, error) {
	var list []struct{ ID, Value string }
	if err := c.call(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id)+"/metrics?get=numRestarts", nil, &list); err != nil {
		return -1, err
	}
	for _, m := range list {
		if n, err := strconv.ParseInt(m.Value, 10, 64); err == nil && m.ID == "numRestarts" {
			return n, nil
		}
	}
	return -1, nil
}

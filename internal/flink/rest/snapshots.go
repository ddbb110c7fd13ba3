package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// SavepointAs starts a savepoint under an id of the caller's own, 32 hexadecimal digits: asked for again under the same
// id, it is taken once. Directory is Flink's default when it is empty, format CANONICAL or NATIVE.
func (c *Client) SavepointAs(ctx context.Context, id, request, directory, format string) error {
	_, err := c.trigger(ctx, "/jobs/"+url.PathEscape(id)+"/savepoints", struct {
		Directory string `json:"target-directory,omitempty"`
		Format    string `json:"formatType,omitempty"`
		Request   string `json:"triggerId"`
	}{directory, strings.ToUpper(format), request})
	return err
}

// CheckpointAs starts a full checkpoint under an id of the caller's own.
func (c *Client) CheckpointAs(ctx context.Context, id, request string) error {
	_, err := c.trigger(ctx, "/jobs/"+url.PathEscape(id)+"/checkpoints", struct {
		Type    string `json:"checkpointType"`
		Request string `json:"triggerId"`
	}{"FULL", request})
	return err
}

// operation is an answer about something that Flink does in the background.
type operation struct {
	Status    struct{ ID string }
	Operation struct {
		CheckpointID int64           `json:"checkpointId"`
		Failure      json.RawMessage `json:"failure-cause"`
		// Of checkpoints it has another name.
		CheckpointFailure json.RawMessage `json:"failureCause"`
	}
}

func (o operation) failure() string {
	for _, raw := range []json.RawMessage{o.Operation.Failure, o.Operation.CheckpointFailure} {
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		var cause struct {
			Trace string `json:"stack-trace"`
		}
		if err := json.Unmarshal(raw, &cause); err != nil || cause.Trace == "" {
			cause.Trace = string(raw)
		}
		return Reason(cause.Trace)
	}
	return ""
}

// CheckpointStatus asks about a checkpoint that CheckpointAs started. Location is empty for one that is not stored
// outside of the JobManager.
func (c *Client) CheckpointStatus(ctx context.Context, id, request string) (SavepointStatus, error) {
	var o operation
	path := "/jobs/" + url.PathEscape(id) + "/checkpoints/"
	if err := c.call(ctx, http.MethodGet, path+url.PathEscape(request), nil, &o); err != nil {
		return SavepointStatus{}, err
	}
	s := SavepointStatus{Completed: o.Status.ID == "COMPLETED", Failure: o.failure()}
	if !s.Completed || s.Failure != "" {
		return s, nil
	}
	var details Checkpoint
	if err := c.call(ctx, http.MethodGet, path+"details/"+strconv.FormatInt(o.Operation.CheckpointID, 10), nil, &details); err != nil {
		return SavepointStatus{}, err
	}
	if details.Path != notAddressable {
		s.Location = details.Path
	}
	return s, nil
}

// Dispose has Flink remove the files of a savepoint or checkpoint, and returns the id to ask DisposalStatus with.
func (c *Client) Dispose(ctx context.Context, path string) (string, error) {
	return c.trigger(ctx, "/savepoint-disposal", map[string]string{"savepoint-path": path})
}

// DisposalStatus says whether a disposal is over, and why it failed.
func (c *Client) DisposalStatus(ctx context.Context, request string) (over bool, failure string, err error) {
	var o operation
	if err := c.call(ctx, http.MethodGet, "/savepoint-disposal/"+url.PathEscape(request), nil, &o); err != nil {
		return false, "", err
	}
	return o.Status.ID == "COMPLETED", o.failure(), nil
}

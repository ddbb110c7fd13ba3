package lifecycle

import (
	"fmt"

	"github.com/flink-on-mesos/flink-service/internal/core/revision"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// serviceActor is who asks for what the service does by itself.
const serviceActor = "service"

// operationOf is the operation that a put begins; c is the cluster before it, nil for none.
func operationOf(tx *state.Tx, c *state.Cluster, e state.PutCluster) wire.Operation {
	o := wire.Operation{Kind: wire.OperationCreate, By: e.By, To: 1, Reason: e.Reason, State: wire.OperationRunning}
	if c == nil {
		return o
	}
	before := c.RequestedSpec()
	o.Kind, o.From = kindOf(before, e.Spec), c.RequestedGeneration()
	o.To, o.Changes = tx.State.NextGeneration(c), redact.Changes(before, e.Spec)
	if e.Revert > 0 {
		o.Kind, o.Subject = wire.OperationRevert, fmt.Sprintf("revision %d", e.Revert)
	}
	return o
}

// kindOf names the change from one spec to another by what differs.
func kindOf(before, after spec.Spec) wire.OperationKind {
	switch {
	case after.Suspended && !before.Suspended:
		return wire.OperationSuspend
	case before.Suspended && !after.Suspended:
		return wire.OperationResume
	}
	same := before
	same.RestartNonce = after.RestartNonce
	if before.RestartNonce != after.RestartNonce && same.Equal(after) {
		return wire.OperationRestart
	}
	same = before
	same.TaskManagers = after.TaskManagers
	if same.Job != nil && after.Job != nil {
		job := *same.Job
		job.Parallelism = after.Job.Parallelism
		same.Job = &job
	}
	if same.Equal(after) && !before.Equal(after) {
		return wire.OperationScale
	}
	return wire.OperationUpdate
}

// UpdateOperation ends the operation that runs for a cluster once what it asked for is so, or was given up.
func UpdateOperation(tx *state.Tx, c *state.Cluster) {
	if c.Operation == 0 || c.Rollout != nil {
		return
	}
	o, ok := tx.State.Operations.Get(c.Operation)
	end, message := wire.OperationState(""), ""
	switch {
	case ok && o.Kind == wire.OperationAutoscale && c.Scaling.Busy():
		return
	case !ok:
		end = wire.OperationFailed // It was dropped: only the reference is left.
	case c.RolloutFailure != "" && c.Generation < o.To:
		end, message = wire.OperationFailed, c.RolloutFailure
	case c.State == wire.Failed:
		end, message = wire.OperationFailed, c.Message
	case c.State == wire.Finished:
		end, message = wire.OperationSucceeded, "the job ended"
	case c.State == wire.Suspended && len(c.JobManagers) == 0 && c.TaskManagers == 0 && c.Releasing == 0, c.State == wire.Stable && revision.OnTrial(&tx.State, c) == nil:
		end = wire.OperationSucceeded
	}
	if end != "" {
		tx.EndOperation(c, end, message)
		tx.SaveCluster(c)
	}
}

package lifecycle

import (
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// UpdatePhase notes on which step of its way up the cluster is, and its state.
func UpdatePhase(tx *state.Tx, c *state.Cluster) {
	if !c.Active() {
		return // What is over, or going, is on no way up.
	}
	p := phaseOf(tx, c)
	if n := len(c.Phases); n == 0 || c.Phases[n-1].Phase != p {
		at := slices.IndexFunc(c.Phases, func(t wire.PhaseTime) bool { return t.Phase == p })
		if at >= 0 {
			// It fell back: what came after is to be measured again.
			c.Phases = slices.Clone(c.Phases[:at])
		}
		c.Phases = append(slices.Clip(c.Phases), wire.PhaseTime{Phase: p, Since: tx.Now})
	}
	was := c.State
	c.State = stateAt(c, p)
	if p != wire.PhaseReady {
		return
	}
	if was != wire.Stable && c.State == wire.Stable {
		removeOldNamespaces(tx, c)
		retainSnapshots(tx, c)
	}
	tx.ForgetLostPods(c)
}

// stateAt is the state of an active cluster in a phase. One that waits for a JobManager is upgrading until the one of
// its new program is placed; a JobManager that is lost later makes it CREATED.
func stateAt(c *state.Cluster, p wire.Phase) wire.State {
	switch {
	case c.Rollout != nil && !c.Rollout.Delete:
		return wire.Upgrading
	case p == wire.PhaseOffer && c.State == wire.Upgrading:
		return wire.Upgrading
	case p == wire.PhaseOffer:
		return wire.Created
	case p == wire.PhaseReady:
		return wire.Stable
	}
	return wire.Deployed
}

// runUnseen counts the TaskManagers of a cluster that run though Mesos does not hear their agents.
func runUnseen(tx *state.Tx, c *state.Cluster) (n int) {
	tx.Unreachable.Root().WalkPrefix([]byte(c.Prefix()), func(id []byte, p state.Probing) bool {
		if t, ok := tx.Tasks.Get(id); ok && p.Alive && t.Goal == task.Launched && t.Kind == spec.TaskManagerTask {
			n++
		}
		return false
	})
	return n
}

func phaseOf(tx *state.Tx, c *state.Cluster) wire.Phase {
	jm, ok := tx.NewestJobManager(c.Spec.Name)
	switch {
	case !ok:
		return wire.PhaseOffer
	case jm.State == task.Staging:
		return wire.PhaseFetch
	case c.Flink == nil:
		return wire.PhaseJobManager
	}
	wanted := c.TaskManagers + c.Pending.Len() - c.PendingJobManagers
	switch {
	case c.Running+runUnseen(tx, c) < wanted:
		return wire.PhaseTaskManagers
	case c.Flink.TaskManagers < wanted:
		return wire.PhaseSlots
	case c.Spec.Kind != spec.Session && (c.Job == nil || !c.Job.Running):
		return wire.PhaseJob
	}
	return wire.PhaseReady
}

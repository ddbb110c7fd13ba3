// Package naming says which savepoints and checkpoints clusters name, so that they are not removed.
package naming

import (
	"path"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// By says what of a cluster names the path of a snapshot.
func By(c *state.Cluster, path string) string {
	name := c.Spec.Name
	for _, s := range []spec.Spec{c.Spec, c.RequestedSpec()} {
		if s.Job != nil && s.Job.InitialSavepointPath == path {
			return "the spec of cluster " + name + " names it"
		}
	}
	if s := c.Submission; s != nil && (s.Restore.Path == path || s.Lookup != nil && s.Lookup.Known.Path == path) {
		return "the job of cluster " + name + " was restored from it"
	}
	saved := c.Savepoints
	if c.Rollout != nil {
		saved = slices.Concat(saved, c.Rollout.Savepoints)
	}
	if (c.Spec.Suspended || c.Rollout != nil) && slices.ContainsFunc(saved, func(p wire.Savepoint) bool { return p.Path == path }) {
		return "cluster " + name + " is to be started from it"
	}
	if c.NewestState().Path == path {
		return "it is the newest state of cluster " + name
	}
	return ""
}

// LastOfJob says that a retained checkpoint stands for all that its job has left: the job has ended, and nothing names
// another checkpoint of it. Flink lays them out as …/<job id>/chk-<number>.
func LastOfJob(tx *state.Tx, n *wire.Snapshot) bool {
	folder := path.Dir(n.Path)
	if n.Trigger != wire.TriggerRetained || n.Job == "" || path.Base(folder) != n.Job {
		return false
	}
	below := func(p string) bool { return strings.Contains(p, "/"+n.Job+"/") }
	for _, o := range tx.State.Snapshots.Of("") {
		if o.ID != n.ID && below(o.Path) {
			return false
		}
	}
	it := tx.Clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		if c.Job != nil && c.Job.ID == n.Job || slices.ContainsFunc(named(tx, c), below) {
			return false
		}
	}
	return true
}

// named are the paths of state that a cluster names, or a revision of it that can be gone back to.
func named(tx *state.Tx, c *state.Cluster) []string {
	paths := []string{c.NewestState().Path}
	for _, s := range []spec.Spec{c.Spec, c.RequestedSpec()} {
		if s.Job != nil {
			paths = append(paths, s.Job.InitialSavepointPath)
		}
	}
	if s := c.Submission; s != nil {
		paths = append(paths, s.Restore.Path)
		if s.Lookup != nil {
			paths = append(paths, s.Lookup.Known.Path)
		}
	}
	for _, s := range c.Savepoints {
		paths = append(paths, s.Path)
	}
	for _, r := range tx.State.RevisionsOf(c.Spec.Name) {
		if r.Tag != "" && r.End != nil {
			paths = append(paths, r.End.Path)
		}
		if r.Trial != nil {
			paths = append(paths, r.Trial.Own.Path)
		}
	}
	return paths
}

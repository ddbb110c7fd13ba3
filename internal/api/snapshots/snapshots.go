// Package snapshots answers what savepoints and checkpoints there are, and takes what is to be done about them.
package snapshots

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/flink/savepoint"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Snapshots answers requests. It is safe for use by several goroutines.
type Snapshots struct {
	// View returns the state as last published.
	View func() *state.State
	// Write posts an event and waits until what it asks for was saved.
	Write func(ctx context.Context, build func(request uint64) state.Event) error
}

// List answers the snapshots of a cluster, or of all, the newest first.
func (s Snapshots) List(cluster string) wire.Snapshots {
	out := wire.Snapshots{Snapshots: []wire.Snapshot{}}
	for _, n := range s.View().Snapshots.Of(cluster) {
		out.Snapshots = append(out.Snapshots, shown(*n))
	}
	slices.SortFunc(out.Snapshots, func(a, b wire.Snapshot) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(len(b.ID), len(a.ID)), cmp.Compare(b.ID, a.ID))
	})
	return out
}

// shown is a snapshot as it may be shown.
func shown(n wire.Snapshot) wire.Snapshot {
	n.Path, n.Directory = redact.URI(n.Path), redact.URI(n.Directory)
	return n
}

// Get answers one snapshot.
func (s Snapshots) Get(id string) (wire.Snapshot, error) {
	n, ok := s.View().Snapshots.Get(id)
	if !ok {
		return wire.Snapshot{}, fault.New(fault.NotFound, "there is no snapshot %q", query.Shorten(id))
	}
	return shown(*n), nil
}

// Create takes or adopts a snapshot and answers it.
func (s Snapshots) Create(ctx context.Context, cluster string, r wire.SnapshotRequest) (wire.Snapshot, error) {
	if err := check(r); err != nil {
		return wire.Snapshot{}, err
	}
	err := s.Write(ctx, func(request uint64) state.Event {
		return state.CreateSnapshot{Request: request, Cluster: cluster, Snapshot: r}
	})
	if err != nil {
		return wire.Snapshot{}, err
	}
	list := s.List(cluster).Snapshots
	if len(list) == 0 {
		return wire.Snapshot{}, fault.New(fault.NotFound, "the snapshot is gone already")
	}
	return list[0], nil
}

// check refuses a request that makes no sense.
func check(r wire.SnapshotRequest) error {
	var l fault.List
	if r.Kind != "" && r.Kind != wire.RestoreSavepoint && r.Kind != wire.RestoreCheckpoint {
		l.Add("kind", "%q is not a kind of snapshot: use savepoint or checkpoint", query.Shorten(string(r.Kind)))
	}
	if r.Format != "" && r.Format != spec.Canonical && r.Format != spec.Native {
		l.Add("format", "%q is not a format of savepoints: use canonical or native", query.Shorten(r.Format))
	}
	if r.Path != "" {
		if u, err := url.Parse(r.Path); err != nil || u.Path == "" || path.Clean(u.Path) == "/" || u.Scheme == "" && !strings.HasPrefix(r.Path, "/") {
			l.Add("path", "%q is not the path of a savepoint: use a URI such as s3://bucket/savepoint-1, or an absolute path", query.Shorten(r.Path))
		}
		if r.Directory != "" || r.Job != "" {
			l.Add("path", "names an existing snapshot: directory and job are for new ones")
		}
	}
	return l.Err("the request is not valid")
}

// Change pins, unpins or deletes a snapshot.
func (s Snapshots) Change(ctx context.Context, id string, change state.SnapshotChange) error {
	return s.Write(ctx, func(request uint64) state.Event {
		return state.ChangeSnapshot{Request: request, ID: id, Change: change}
	})
}

// Verify looks at the files of a snapshot, as far as the service can see them.
func (s Snapshots) Verify(id string) (wire.Verification, error) {
	n, ok := s.View().Snapshots.Get(id)
	if !ok {
		return wire.Verification{}, fault.New(fault.NotFound, "there is no snapshot %q", query.Shorten(id))
	}
	if n.State != wire.SnapshotCompleted {
		return wire.Verification{}, fault.New(fault.Conflict, "snapshot %q is %s: there is nothing to verify", id, n.State)
	}
	v := wire.Verification{ID: id, FlinkVersion: n.FlinkVersion}
	h, err := savepoint.ReadHeader(n.Path)
	switch {
	case errors.Is(err, savepoint.ErrOutOfReach):
		v.Message = "the service cannot see its files: it verifies what lies in a file system that is mounted where it runs"
	case err != nil:
		v.Reachable, v.Message = true, err.Error()
	default:
		v.Reachable, v.Readable, v.MetadataVersion, v.CheckpointID = true, true, h.Version, h.CheckpointID
	}
	return v, nil
}

// From has a spec start from the snapshot that the query names in fromSnapshot, whatever newer state there is. Stored is
// the spec that the cluster has.
func (s Snapshots) From(r *http.Request, sp, stored spec.Spec) (spec.Spec, error) {
	id := r.URL.Query().Get("fromSnapshot")
	if id == "" {
		return sp, nil
	}
	n, ok := s.View().Snapshots.Get(id)
	switch {
	case sp.Job == nil:
		return sp, query.Invalid("fromSnapshot", "is for application and job clusters")
	case !ok:
		return sp, query.Invalid("fromSnapshot", "there is no snapshot %q", query.Shorten(id))
	case n.State != wire.SnapshotCompleted || n.Path == "":
		return sp, query.Invalid("fromSnapshot", "snapshot %s is %s, and a job starts from a completed one", id, n.State)
	}
	job := *sp.Job
	job.InitialSavepointPath = n.Path
	job.SavepointRedeployNonce++
	if stored.Job != nil {
		job.SavepointRedeployNonce = stored.Job.SavepointRedeployNonce + 1
	}
	sp.Job = &job
	return sp, nil
}

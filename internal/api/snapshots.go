package api

import (
	"cmp"
	"net/http"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/lifecycle"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

func (a *API) listSnapshots(w http.ResponseWriter, r *http.Request) error {
	return answer(w, http.StatusOK, a.snapshots.List(r.URL.Query().Get("cluster")))
}

func (a *API) clusterSnapshots(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	list := a.snapshots.List(name)
	if _, err := a.describe(name); err != nil && len(list.Snapshots) == 0 {
		return err
	}
	return answer(w, http.StatusOK, list)
}

func (a *API) createSnapshot(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if _, err := a.describe(name); err != nil {
		return err
	}
	request, err := readDocument[wire.SnapshotRequest](a, w, r, "the snapshot")
	if err != nil {
		return err
	}
	n, err := a.snapshots.Create(r.Context(), name, request)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, n)
}

func (a *API) describeSnapshot(w http.ResponseWriter, r *http.Request) error {
	n, err := a.snapshots.Get(r.PathValue("snapshot"))
	return answerOr(w, n, err)
}

// deleteSnapshot removes a snapshot with its files, when they are the service's; with keepFiles only the record.
func (a *API) deleteSnapshot(w http.ResponseWriter, r *http.Request) error {
	keep, err := query.Flag(r, "keepFiles")
	if err != nil {
		return err
	}
	change := state.DeleteSnapshot
	if keep {
		change = state.ForgetSnapshot
	}
	id := r.PathValue("snapshot")
	n, err := a.snapshots.Get(id)
	if err != nil {
		return err
	}
	if err := a.snapshots.Change(r.Context(), id, change); err != nil {
		return err
	}
	if now, err := a.snapshots.Get(id); err == nil {
		n = now
	}
	return answer(w, http.StatusAccepted, n)
}

func (a *API) commandSnapshot(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("snapshot")
	changes := map[string]state.SnapshotChange{"pin": state.PinSnapshot, "unpin": state.UnpinSnapshot}
	command := r.PathValue("command")
	if command == "verify" {
		v, err := a.snapshots.Verify(id)
		return answerOr(w, v, err)
	}
	change, ok := changes[command]
	if !ok {
		return noRoute(w, r)
	}
	if err := a.snapshots.Change(r.Context(), id, change); err != nil {
		return err
	}
	return a.describeSnapshot(w, r)
}

// plan answers what a spec would do, and does nothing.
func (a *API) planChange(w http.ResponseWriter, sp spec.Spec, notes []string) error {
	p := lifecycle.Plan(a.o.Core.View(), sp, time.Now())
	p.Notes, p.Spec = notes, redact.Spec(sp)
	return answer(w, http.StatusOK, p)
}

// stopToDelete says how the jobs of a cluster are stopped before it is deleted; nil is without savepoints. A request
// that does not say whether there are to be savepoints leaves that to the spec.
func (a *API) stopToDelete(r *http.Request, name string, sp spec.Spec) (*state.StopRequest, error) {
	savepoint, err := query.Flag(r, "savepoint")
	if err != nil {
		return nil, err
	}
	values := r.URL.Query()
	stop := &state.StopRequest{Directory: values.Get("directory")}
	if stop.Drain, err = query.Flag(r, "drain"); err != nil {
		return nil, err
	}
	if p := sp.SnapshotPolicy(); p.OnDeletion && values.Get("savepoint") == "" {
		savepoint = true
		stop.Directory = cmp.Or(stop.Directory, p.Directory)
		stop.Drain = stop.Drain || p.DrainOnDeletion
	}
	if !savepoint {
		if stop.Drain || stop.Directory != "" {
			return nil, query.Invalid("savepoint", "is not true: directory and drain are for a deletion with savepoints")
		}
		return nil, nil
	}
	return stop, a.savepointPossible(name, sp, *stop)
}

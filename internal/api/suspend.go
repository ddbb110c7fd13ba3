package api

import (
	"context"
	"net/http"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// suspendCluster keeps a cluster's spec, and by default its jobs' savepoints, and frees everything that it uses.
func (a *API) suspendCluster(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	stop, err := stopOf(r)
	if err != nil {
		return err
	}
	err = a.change(r.Context(), name, func(spec *spec.Spec) (*state.StopRequest, error) {
		spec.Suspended = true
		if stop == nil {
			return nil, nil
		}
		return stop, a.savepointPossible(name, *spec, *stop)
	}, stop == nil)
	if err != nil {
		return err
	}
	return a.accepted(w, name)
}

// resumeCluster starts a suspended cluster again.
func (a *API) resumeCluster(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	d, err := a.describe(name)
	if err != nil {
		return err
	}
	if d.Status.State == wire.Deleting || !d.Spec.Suspended {
		return fault.New(fault.Conflict, "cluster %q is not suspended", name)
	}
	err = a.change(r.Context(), name, func(spec *spec.Spec) (*state.StopRequest, error) {
		// Where jobs are being stopped, it starts again from there.
		spec.Suspended = false
		return nil, nil
	}, false)
	if err != nil {
		return err
	}
	return a.accepted(w, name)
}

// stopOf reads how the jobs are to be stopped; nil is without savepoints.
func stopOf(r *http.Request) (*state.StopRequest, error) {
	values := r.URL.Query()
	stop := state.StopRequest{Directory: values.Get("directory")}
	var err error
	if stop.Drain, err = query.Flag(r, "drain"); err != nil {
		return nil, err
	}
	if values.Get("savepoint") == "" {
		return &stop, nil
	}
	savepoint, err := query.Flag(r, "savepoint")
	switch {
	case err != nil:
		return nil, err
	case !savepoint && (stop.Drain || stop.Directory != ""):
		return nil, query.Invalid("savepoint", "is false: directory and drain cannot be set without savepoints")
	case !savepoint:
		return nil, nil
	}
	return &stop, nil
}

// savepointPossible refuses savepoints that would have nowhere to go. A cluster without running jobs needs none.
func (a *API) savepointPossible(name string, sp spec.Spec, stop state.StopRequest) error {
	if stop.Directory != "" || sp.SavepointDirectory() != "" {
		return nil
	}
	d, err := a.describe(name)
	if err != nil {
		return err
	}
	if f := d.Status.Flink; len(d.Tasks) == 0 || f != nil && f.JobsRunning == 0 && sp.Kind == spec.Session {
		return nil
	}
	return query.Invalid("directory", "is missing, and Flink's execution.checkpointing.savepoint-dir is not set: set a directory for savepoints "+
		"that every agent can reach, or use savepoint=false to stop without savepoints")
}

// change puts a changed copy of a cluster's spec back. Of two at a time the second sees what the first left. With now it
// does not wait for jobs that are being stopped.
func (a *API) change(ctx context.Context, name string, how func(*spec.Spec) (*state.StopRequest, error), now bool) error {
	release, err := a.exclusive(ctx)
	if err != nil {
		return err
	}
	defer release()
	spec, ok := view.Spec(a.o.Core.View(), name)
	if !ok {
		return noCluster(name)
	}
	stop, err := how(&spec)
	if err != nil {
		return err
	}
	return a.write(ctx, func(request uint64) state.Event {
		return state.PutCluster{Request: request, Spec: spec, Nonce: a.o.Nonce(), UpdateOnly: true, Stop: stop, Now: now}
	})
}

// stopFor says how the jobs of a cluster are stopped when its spec changes; nil is without savepoints.
func stopFor(spec spec.Spec) *state.StopRequest {
	if spec.UpgradesFromSavepoint() {
		return &state.StopRequest{}
	}
	return nil
}

package api

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/api/asked"
	"github.com/flink-on-mesos/flink-service/internal/api/attempt"
	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/offers"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

func (a *API) listClusters(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, map[string]any{"clusters": view.Summaries(a.o.Core.View())})
}

// describedEvents is how many events the description of a cluster has at most.
const describedEvents = 100

// describe returns a cluster as it may be shown.
func (a *API) describe(name string) (wire.Description, error) {
	d, ok := view.Describe(a.o.Core.View(), name)
	if !ok {
		return d, noCluster(name)
	}
	d.Events = a.happened.Last(name, d.Status.Created, describedEvents)
	d.Spec, d.Status = redact.Spec(d.Spec), redact.Status(d.Status)
	return d, nil
}

func noCluster(name string) error {
	return fault.New(fault.NotFound, "there is no cluster %q", query.Shorten(name))
}

func (a *API) describeCluster(w http.ResponseWriter, r *http.Request) error {
	d, err := a.describe(r.PathValue("name"))
	if err != nil {
		return err
	}
	return answerCluster(w, http.StatusOK, d)
}

// answerCluster answers a cluster, with the generation of its spec as ETag.
func answerCluster(w http.ResponseWriter, status int, d wire.Description) error {
	w.Header().Set("ETag", `"`+strconv.FormatInt(d.Status.Generation, 10)+`"`)
	return answer(w, status, d)
}

func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	found, err := a.happened.Of(r, r.PathValue("name"))
	return answerOr(w, found, err)
}

func (a *API) allEvents(w http.ResponseWriter, r *http.Request) error {
	found, err := a.happened.Events(r)
	return answerOr(w, found, err)
}

func (a *API) operations(w http.ResponseWriter, r *http.Request) error {
	found, err := a.happened.Operations(r, r.PathValue("name"))
	return answerOr(w, found, err)
}

func (a *API) operation(w http.ResponseWriter, r *http.Request) error {
	found, err := a.happened.Operation(r.PathValue("operation"))
	return answerOr(w, found, err)
}

func (a *API) createCluster(w http.ResponseWriter, r *http.Request) error {
	sp, err := a.readSpec(w, r)
	if err != nil {
		return err
	}
	attempt.Of(r.Context()).Cluster = sp.Name
	sp, notes, err := a.o.Admit(sp, spec.Spec{})
	if err != nil {
		return err
	}
	if sp, err = a.snapshots.From(r, sp, spec.Spec{}); err != nil {
		return err
	}
	err = a.write(r.Context(), func(request uint64) state.Event {
		return state.PutCluster{Request: request, Spec: sp, Nonce: a.o.Nonce(), CreateOnly: true, Notes: append(notes, offers.TooLarge(a.o.Core.View(), sp)...)}
	})
	if err != nil {
		return err
	}
	d, err := a.describe(sp.Name)
	if err != nil {
		return err
	}
	// Relative to the request's own path, so that it is right below any prefix.
	w.Header().Set("Location", "clusters/"+url.PathEscape(sp.Name))
	return answerCluster(w, http.StatusCreated, d)
}

func (a *API) putCluster(w http.ResponseWriter, r *http.Request) error {
	sp, err := a.readSpec(w, r)
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	switch sp.Name {
	case "":
		sp.Name = name
	case name:
	default:
		return query.Invalid("name", "the path names cluster %q, the spec %q: a cluster cannot be renamed", query.Shorten(name), query.Shorten(sp.Name))
	}
	release, err := a.exclusive(r.Context())
	if err != nil {
		return err
	}
	defer release()
	stored, exists := view.Spec(a.o.Core.View(), name)
	sp, notes, err := a.o.Admit(sp, stored)
	if err != nil {
		return err
	}
	if sp, err = a.snapshots.From(r, sp, stored); err != nil {
		return err
	}
	if dry, err := query.Flag(r, "dryRun"); err != nil {
		return err
	} else if dry {
		return a.planChange(w, sp, notes)
	}
	err = a.write(r.Context(), func(request uint64) state.Event {
		return state.PutCluster{Request: request, Spec: sp, Nonce: a.o.Nonce(), Notes: append(notes, offers.TooLarge(a.o.Core.View(), sp)...), Stop: stopFor(sp), Now: sp.Job != nil && sp.Job.UpgradeMode == spec.Stateless}
	})
	if err != nil {
		return err
	}
	d, err := a.describe(name)
	if err != nil {
		return err
	}
	if exists {
		return answerCluster(w, http.StatusOK, d)
	}
	return answerCluster(w, http.StatusCreated, d)
}

func (a *API) deleteCluster(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	force, err := query.Flag(r, "force")
	if err != nil {
		return err
	}
	d, err := a.describe(name)
	if err != nil {
		return err
	}
	stop, err := a.stopToDelete(r, name, d.Spec)
	if err != nil {
		return err
	}
	if f := d.Status.Flink; !force && stop == nil && d.Kind == spec.Session && d.Status.State != wire.Deleting && f != nil && f.JobsRunning > 0 {
		return fault.New(fault.Conflict, "cluster %q has %d running %s: stop or cancel them first, or delete the cluster with ?force=true",
			name, f.JobsRunning, plural(f.JobsRunning, "job", "jobs"))
	}
	err = a.write(r.Context(), func(request uint64) state.Event {
		return state.DeleteCluster{Request: request, Name: name, Stop: stop}
	})
	if err != nil {
		return err
	}
	if now, err := a.describe(name); err == nil {
		return answer(w, http.StatusAccepted, now)
	}
	d.Status.State = wire.Deleting // It had no tasks and is gone already.
	return answer(w, http.StatusAccepted, d)
}

// restartCluster changes the spec's nonce, which replaces all tasks.
func (a *API) restartCluster(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if err := a.restart(r.Context(), name); err != nil {
		return err
	}
	return a.accepted(w, name)
}

// restart replaces all tasks of a cluster.
func (a *API) restart(ctx context.Context, name string) error {
	return a.change(ctx, name, func(spec *spec.Spec) (*state.StopRequest, error) {
		spec.RestartNonce++
		return stopFor(*spec), nil
	}, false)
}

func (a *API) restartTask(w http.ResponseWriter, r *http.Request) error {
	return a.newTask(w, r, false)
}

func (a *API) replaceTask(w http.ResponseWriter, r *http.Request) error {
	return a.newTask(w, r, true)
}

func (a *API) newTask(w http.ResponseWriter, r *http.Request, replace bool) error {
	name, task := r.PathValue("name"), r.PathValue("task")
	if _, err := a.describe(name); err != nil {
		return err
	}
	if err := a.restartOne(r.Context(), name, task, replace); err != nil {
		return err
	}
	return a.accepted(w, name)
}

// restartOne has a new task take the place of another; replace gives up what is reserved for that one on its agent.
func (a *API) restartOne(ctx context.Context, name, task string, replace bool) error {
	return a.write(ctx, func(request uint64) state.Event {
		return state.RestartTask{Request: request, Cluster: name, TaskID: task, Replace: replace}
	})
}

func (a *API) accepted(w http.ResponseWriter, name string) error {
	d, err := a.describe(name)
	if err != nil {
		return err
	}
	return answerCluster(w, http.StatusAccepted, d)
}

// write posts an event and waits until it was saved.
func (a *API) write(ctx context.Context, build func(uint64) state.Event) error {
	ctx, cancel := context.WithTimeout(ctx, a.o.CallTimeout)
	defer cancel()
	q, err := asked.Of(ctx)
	if err != nil {
		return err
	}
	return a.o.Core.Do(ctx, func(request uint64) state.Event { return q.In(state.By(build(request), attempt.Of(ctx).By)) })
}

// exclusive waits for the token that lets one request at a time read a spec and put it back.
func (a *API) exclusive(ctx context.Context) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, a.o.CallTimeout)
	defer cancel()
	select {
	case a.writes <- struct{}{}:
		return func() { <-a.writes }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Nonce is what sets the task ids of a new cluster apart from those of an earlier one of its name:
// 4 random lower-case letters and digits, about 20 bits.
func Nonce() string { return strings.ToLower(rand.Text()[:4]) }

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

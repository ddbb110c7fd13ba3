package e2e_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// application is a cluster of its own for one job of the demo jar.
func application(t *testing.T, w *world.World, name, class string, d disttest.Distribution, args ...string) spec.Spec {
	t.Helper()
	a, err := w.Client.UploadArtifact(t.Context(), w.Jar())
	if err != nil {
		t.Fatal(err)
	}
	s := dynamic(name, d, 2)
	s.Kind = spec.Application
	s.Job = &spec.JobSpec{JarURI: a.URI, EntryClass: "org.flinkonmesos.demo." + class, Args: args, Parallelism: 2}
	return s
}

// ended waits until an application is over and everything of it is gone but its history.
func ended(w *world.World, name string) wire.Description {
	return w.Until(name, "has ended and left nothing", func(d wire.Description) bool {
		over := d.Status.State == wire.Finished || d.Status.State == wire.Failed
		return over && d.Status.Result != nil && len(d.Tasks) == 0
	})
}

// TestApplicationEnds runs applications to the ends that are no success: with either allocation the service is told
// how and why they ended.
func TestApplicationEnds(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		for _, allocation := range []spec.Allocation{spec.Dynamic, spec.Static} {
			for _, where := range []string{"main", "task"} {
				t.Run(string(allocation)+", failed in "+where, func(t *testing.T) {
					s := application(t, w, string(allocation)+"-in-"+where, "Fail", d, "--where", where, "--message", "canary went silent")
					s.FlinkConfiguration["restart-strategy.type"] = "none"
					w.Make(allocated(s, allocation))
					r := ended(w, s.Name).Status.Result
					if r.Status != "FAILED" || !strings.Contains(r.Diagnostics, "canary went silent") {
						t.Errorf("the result is %+v, want FAILED with the exception's text", r)
					}
				})
			}
			t.Run(string(allocation)+", cancelled", func(t *testing.T) {
				s := application(t, w, string(allocation)+"-cancelled", "Endless", d, "--parallelism", "2")
				w.Create(allocated(s, allocation))
				w.JobState(s.Name, job(t, w, s.Name), "RUNNING")
				if err := w.Client.Flink(s.Name).Cancel(t.Context(), job(t, w, s.Name)); err != nil {
					t.Fatal(err)
				}
				if r := ended(w, s.Name).Status.Result; r.Status != "CANCELED" {
					t.Errorf("the result is %+v, want CANCELED", r)
				}
			})
		}
	})
}

// job waits for the only job of a cluster and returns its id.
func job(t *testing.T, w *world.World, name string) (id string) {
	t.Helper()
	w.Eventually("there is a job", func() error {
		jobs, err := w.Client.Flink(name).Jobs(t.Context())
		if err != nil {
			return err
		}
		if len(jobs.Jobs) != 1 {
			return errNone
		}
		id = jobs.Jobs[0].ID
		return nil
	})
	return id
}

var errNone = errors.New("there is none")

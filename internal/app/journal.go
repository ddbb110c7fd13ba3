package app

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/decide"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/journal"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// journalDir is where the journal of an instance lies.
func journalDir(c config.Config) string { return filepath.Join(c.State.DataDir, "journal") }

// withoutSecrets is a spec for the journal: what the API masks is masked, and values of the environment, arguments of programs and
// commands, which may hold secrets without a name that says so, are left out altogether.
func withoutSecrets(s spec.Spec) spec.Spec {
	s = api.Masked(s, flink.IsSecret)
	if len(s.Environment) > 0 {
		hidden := make(map[string]string, len(s.Environment))
		for name := range s.Environment {
			hidden[name] = ""
		}
		s.Environment = hidden
	}
	if s.Job != nil {
		job := *s.Job
		job.Args = nil
		s.Job = &job
	}
	for _, o := range []*spec.TaskOptions{&s.TaskOptions, &s.JobManager.TaskOptions, &s.TaskManager.TaskOptions} {
		o.Bootstrap, o.Container = "", containerWithoutSecrets(o.Container)
	}
	return s
}

// containerWithoutSecrets leaves out what may be told to docker and to volume drivers.
func containerWithoutSecrets(c *spec.Container) *spec.Container {
	if c == nil {
		return nil
	}
	bare := *c
	bare.Parameters = make([]spec.Parameter, len(c.Parameters))
	for i, p := range c.Parameters {
		bare.Parameters[i].Key = p.Key
	}
	bare.Volumes = slices.Clone(c.Volumes)
	for i, v := range c.Volumes {
		if v.External != nil {
			external := *v.External
			external.Options = nil
			bare.Volumes[i].External = &external
		}
	}
	return &bare
}

// decideOptions are the knobs of the decisions.
func decideOptions(c config.Config) decide.Options {
	return decide.Options{
		Refuse: c.Timing.OfferRefuse, ReconcileInterval: c.Timing.Reconcile, UnreachableTimeout: c.Timing.Unreachable, Uninstall: c.Marathon.Uninstall,
		UninstallSavepoints: c.Marathon.UninstallSavepoints, Principal: c.Mesos.Principal,
	}
}

// replay folds the journal in again and says where the record and the replay part.
func replay(c config.Config, dir string, out io.Writer) error {
	if dir == "" {
		dir = journalDir(c)
	}
	entries, err := journal.Read(dir, 0)
	if err != nil {
		return err
	}
	r, err := journal.Replay(entries, decideOptions(c))
	fmt.Fprintf(out, "%d entries, %d events replayed, %d differences\n", len(entries), r.Events, len(r.Differences))
	for _, d := range r.Differences {
		fmt.Fprintf(out, "%s %s\n  recorded: %q\n  replayed: %q\n", d.Entry.Time.Format("15:04:05.000"), d.Entry.Event, d.Entry.Actions, d.Got)
	}
	for _, name := range decide.Names(&r.State) {
		if d, ok := decide.Describe(&r.State, name); ok {
			fmt.Fprintf(out, "%s: %s, %d tasks, %d waiting\n", name, d.Status.State, len(d.Tasks), len(d.Waiting))
		}
	}
	return err
}

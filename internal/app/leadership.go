package app

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/ha"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/tasklog"
)

// flinkSide performs the actions that concern Flink: those of the conversations, and those about what Flink's high
// availability leaves in ZooKeeper.
type flinkSide struct {
	*jobmanager.Watcher
	p    *components
	logs *tasklog.Reader
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup
}

func newFlinkSide(p *components, w *jobmanager.Watcher, logs *tasklog.Reader) *flinkSide {
	ctx, stop := context.WithCancel(context.Background())
	return &flinkSide{Watcher: w, p: p, logs: logs, ctx: ctx, stop: stop}
}

// Close ends the conversations and the work under way.
func (f *flinkSide) Close() error {
	f.stop()
	f.Watcher.Close()
	f.wg.Wait()
	return nil
}

// wait returns when no work is under way.
func (f *flinkSide) wait() { f.wg.Wait() }

// leadershipTimeout bounds one piece of work in ZooKeeper. Without it Flink waits for its own session timeout, as
// it does without us.
const leadershipTimeout = 20 * time.Second

// locate is where a cluster's high-availability data is; false when it has none in ZooKeeper.
func (p *components) locate(s spec.Spec, nonce string) (ha.Location, bool, error) {
	l, ok, err := ha.Locate(p.planner.Configuration(s, nonce))
	// The login goes to no other ensemble that a spec may name.
	if c := p.service.c; c.HA.User != "" && l.On(c.Flink.ZooKeeper) {
		l.SASL = &ha.SASL{User: c.HA.User, Password: string(c.HA.Password.Reveal())}
	}
	return l, ok, err
}

func (f *flinkSide) locate(s spec.Spec, nonce string, log *slog.Logger) (ha.Location, bool) {
	l, ok, err := f.p.locate(s, nonce)
	if err != nil { // The specs of earlier releases were not checked.
		log.Warn("the cluster's high-availability data cannot be located", "error", err)
	}
	return l, ok
}

// Depose implements loop.Flink. It does not wait.
func (f *flinkSide) Depose(d state.RevokeLeadership) {
	log := f.p.service.log.With("part", "leadership", "cluster", d.Spec.Name, "task", d.JobManager.ID)
	l, ok := f.locate(d.Spec, d.Nonce, log)
	if !ok {
		return
	}
	f.wg.Go(func() {
		ctx, cancel := context.WithTimeout(f.ctx, leadershipTimeout)
		defer cancel()
		removed, err := l.RevokeLeadership(ctx, task.HostOf(d.Spec, &d.JobManager), d.JobManager.Ports[flink.PortRPC], d.Alone)
		if err != nil {
			log.Warn("the dead JobManager's leadership is not removed; its successor waits until its session ends", "error", err)
			return
		}
		log.Info("the dead JobManager's leadership is removed", "candidates", removed)
	})
}

// Forget implements loop.Flink. It does not wait.
func (f *flinkSide) Forget(d state.DeleteHAData) {
	log := f.p.service.log.With("part", "leadership", "cluster", d.Spec.Name)
	l, ok := f.locate(d.Spec, d.Nonce, log)
	f.wg.Go(func() {
		done := state.HADataDeleted{Name: d.Spec.Name, Nonce: d.Nonce, Submission: d.Submission}
		if !ok {
			f.p.loop.Post(done)
			return
		}
		ctx, cancel := context.WithTimeout(f.ctx, leadershipTimeout)
		defer cancel()
		if err := l.Remove(ctx); err != nil {
			log.Warn("the deleted cluster's high-availability data is not removed from ZooKeeper yet", "path", l.Path, "error", err)
			return
		}
		log.Info("the deleted cluster's high-availability data is removed", "path", l.Path)
		if removed, err := ha.RemoveResults(f.p.planner.Configuration(d.Spec, d.Nonce)); err != nil {
			log.Warn("job results are left behind", "error", err)
		} else if removed {
			log.Info("the job results are removed", "path", l.Path)
		}
		removeEmptyDirectories(f.p.planner.Configuration(d.Spec, d.Nonce))
		f.p.loop.Post(done)
	})
}

// removeEmptyDirectories removes the directories that Flink leaves empty of a deleted cluster in
// high-availability.storageDir, where that is one that this machine can reach. Files stay: no other cluster's state is
// touched, and what could not be removed is of no account.
func removeEmptyDirectories(config map[string]string) {
	storage, ok := strings.CutPrefix(config["high-availability.storageDir"], "file:")
	id := strings.TrimLeft(config["high-availability.cluster-id"], "/")
	storage = "/" + strings.TrimLeft(storage, "/")
	if !ok || storage == "/" || !filepath.IsLocal(id) || id == "." {
		return
	}
	var directories []string
	_ = filepath.WalkDir(filepath.Join(storage, id), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			directories = append(directories, path)
		}
		return nil
	})
	for _, path := range slices.Backward(directories) {
		_ = os.Remove(path) // It removes nothing that has content.
	}
}

// FindLogError implements loop.Jobs. It does not wait.
func (f *flinkSide) FindLogError(a state.FindLogError) {
	f.wg.Go(func() {
		text, err := f.logs.LastError(f.ctx, a.Endpoint, a.Sandbox)
		if err != nil || text == "" {
			f.p.service.log.Debug("the last error of a task was not found", "cluster", a.Cluster, "task", a.TaskID, "error", err)
			return
		}
		if f.ctx.Err() == nil {
			f.p.loop.Post(state.LogErrorFound{Cluster: a.Cluster, TaskID: a.TaskID, Error: text})
		}
	})
}

// FindCheckpoint implements loop.Flink. It does not wait.
func (f *flinkSide) FindCheckpoint(a state.FindCheckpoint) {
	log := f.p.service.log.With("part", "leadership", "cluster", a.Cluster)
	l, ok := f.locate(a.Lookup.Spec, a.Nonce, log)
	f.wg.Go(func() {
		found := state.CheckpointFound{Cluster: a.Cluster, Submission: a.Submission}
		if ok {
			ctx, cancel := context.WithTimeout(f.ctx, leadershipTimeout)
			defer cancel()
			newest, known, err := newestCheckpoint(ctx, l, a)
			if err != nil {
				found.Error = err.Error()
			}
			found.Newest, found.JobKnown = newest, known
		}
		if f.ctx.Err() == nil {
			f.p.loop.Post(found)
		}
	})
}

// newestCheckpoint is the id of the newest checkpoint of a job in ZooKeeper, 0 for none, and whether ZooKeeper knows
// the job at all. The graphs beside it are removed where a JobManager is to continue from there with another program.
func newestCheckpoint(ctx context.Context, l ha.Location, a state.FindCheckpoint) (newest int64, known bool, err error) {
	job := a.Lookup.JobID
	jobs, err := l.Jobs(ctx)
	if err != nil {
		return 0, false, err
	}
	if !slices.Contains(jobs, job) && len(jobs) == 1 {
		job = jobs[0]
	}
	known = slices.Contains(jobs, job)
	ids, err := l.Checkpoints(ctx, job)
	if err != nil || len(ids) == 0 {
		return 0, known, err
	}
	if a.RemoveGraphs {
		if _, err := l.RemoveGraphs(ctx); err != nil {
			return 0, known, err
		}
	}
	return slices.Max(ids), known, nil
}

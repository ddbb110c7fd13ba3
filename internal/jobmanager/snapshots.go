package jobmanager

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/flink/savepoint"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// snapshotPatience is how long one look after a snapshot lasts: the core asks again.
	snapshotPatience = 10 * time.Minute
	// disposalPatience bounds one removal.
	disposalPatience = 50 * time.Second
)

// TakeSnapshot has Flink take a snapshot and posts what became of it. It does not wait. One under way goes on.
func (w *Watcher) TakeSnapshot(a state.TakeSnapshot) {
	w.work(a.Snapshot.Request, snapshotPatience, func(ctx context.Context) {
		client, err := w.o.REST(a.JobManager)
		if err != nil {
			return // The core asks again.
		}
		status, err := takeSnapshot(ctx, client, a.Snapshot)
		if err != nil || ctx.Err() != nil {
			return
		}
		e := state.SnapshotTaken{ID: a.Snapshot.ID, FlinkRequest: a.Snapshot.Request, Path: status.Location, Failure: status.Failure}
		if all, err := client.Checkpoints(ctx, a.Snapshot.Job); err == nil {
			for _, c := range []*rest.Checkpoint{all.Savepoint, all.Completed} {
				if c != nil && c.Path == e.Path && e.Path != "" {
					e.Size = c.Size
				}
			}
		}
		w.o.Post(e)
	})
}

// work does something in the background, once at a time for a key.
func (w *Watcher) work(key string, patience time.Duration, do func(context.Context)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.working[key] != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	w.working[key] = cancel
	w.wg.Go(func() {
		defer cancel()
		do(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.working, key)
	})
}

// takeSnapshot asks Flink for a snapshot until it is over. An error says that the JobManager did not answer.
func takeSnapshot(ctx context.Context, client *rest.Client, n wire.Snapshot) (rest.SavepointStatus, error) {
	look, begin := client.SavepointStatus, func() error { return client.SavepointAs(ctx, n.Job, n.Request, n.Directory, n.Format) }
	if n.Kind == wire.RestoreCheckpoint {
		look, begin = client.CheckpointStatus, func() error { return client.CheckpointAs(ctx, n.Job, n.Request) }
	}
	for {
		status, err := look(ctx, n.Job, n.Request)
		if rest.IsNotFound(err) {
			err = begin()
		}
		if e, ok := errors.AsType[*rest.Error](err); ok && e.Status >= 400 && e.Status < 500 {
			return rest.SavepointStatus{Failure: e.Message}, nil
		}
		if err == nil && status.Completed {
			return status, nil
		}
		if err != nil && ctx.Err() == nil {
			return status, err
		}
		select {
		case <-time.After(stopPoll):
		case <-ctx.Done():
			return status, ctx.Err()
		}
	}
}

// DisposeSnapshot removes the files of a snapshot, by a JobManager where there is one and otherwise in the file system,
// and posts what became of that. It does not wait.
func (w *Watcher) DisposeSnapshot(a state.DisposeSnapshot) {
	w.work("dispose "+a.Snapshot.ID, disposalPatience, func(ctx context.Context) {
		e := state.SnapshotDisposed{ID: a.Snapshot.ID}
		failure, asked := "", false
		if a.JobManager != nil {
			if client, err := w.o.REST(*a.JobManager); err == nil {
				failure, err = dispose(ctx, client, a.Snapshot.Path)
				asked = err == nil
			}
		}
		if ctx.Err() != nil {
			return // The core asks again.
		}
		if !asked {
			switch err := savepoint.Remove(a.Snapshot.Path); {
			case errors.Is(err, savepoint.ErrOutOfReach):
				e.Waits = true
			case err != nil:
				failure = err.Error()
			}
		}
		if e.Failure = failure; failure == "" && !e.Waits && a.Siblings {
			if err := savepoint.RemoveSiblings(a.Snapshot.Path); err != nil && !errors.Is(err, savepoint.ErrOutOfReach) {
				e.Failure = err.Error()
			}
		}
		w.o.Post(e)
	})
}

// dispose has a JobManager remove a snapshot. One that is gone already, because an earlier answer was lost, is removed.
func dispose(ctx context.Context, client *rest.Client, path string) (failure string, err error) {
	request, err := client.Dispose(ctx, path)
	for err == nil {
		var over bool
		if over, failure, err = client.DisposalStatus(ctx, request); err != nil || over {
			break
		}
		select {
		case <-time.After(stopPoll):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	if strings.Contains(failure, "Cannot find checkpoint or savepoint file/directory") || strings.Contains(failure, "Cannot find meta data file") {
		failure = ""
	}
	return failure, err
}

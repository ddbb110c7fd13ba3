package jobmanager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// startPatience is how long a job whose tasks do not all run yet is waited for: until then Flink takes no savepoint.
	startPatience = time.Minute
	// stopPoll is the time between two looks at a savepoint, and between two tries while the JobManager does not answer.
	stopPoll = 250 * time.Millisecond
	// endPatience is how long a job that was stopped may take to end once its savepoint is there.
	endPatience = 20 * time.Second
)

// StopJobs has every job stopped with a savepoint and posts how far that is. It does not wait. What is under way
// already goes on; without a conversation with the JobManager nothing is done: the core asks again.
func (w *Watcher) StopJobs(a state.StopJobs) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.conversations[a.Cluster][a.JobManager.ID]
	if w.closed || c == nil || c.stopping == a.Number {
		return
	}
	c.stopping = a.Number
	w.wg.Go(func() {
		w.stopJobs(c.ctx, a)
		w.mu.Lock()
		defer w.mu.Unlock()
		if c.stopping == a.Number {
			c.stopping = 0
		}
	})
}

// stopJobs tries until the JobManager has answered everything, or the conversation ends.
func (w *Watcher) stopJobs(ctx context.Context, a state.StopJobs) {
	client, err := w.o.REST(a.JobManager)
	if err != nil {
		w.o.Log.Error("no client of the JobManager", "cluster", a.Cluster, "error", err)
		return
	}
	s := stop{a: a, client: client, begun: time.Now()}
	said := ""
	for ctx.Err() == nil {
		err := s.pass(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			w.o.Post(state.JobsStopped{
				Cluster: a.Cluster, Number: a.Number, Savepoints: s.savepoints, Done: s.failure == "", Failure: s.failure,
			})
			return
		}
		if len(s.savepoints) > s.told || s.news {
			s.told, s.news = len(s.savepoints), false
			w.o.Post(state.JobsStopped{Cluster: a.Cluster, Number: a.Number, Savepoints: slices.Clone(s.savepoints)})
		}
		if text := err.Error(); text != said && !errors.Is(err, errUnderWay) {
			said = text
			w.o.Log.Warn("the jobs are not stopped yet", "cluster", a.Cluster, "error", err)
		}
		select {
		case <-time.After(stopPoll):
		case <-ctx.Done():
		}
	}
}

// errUnderWay says that savepoints are being taken.
var errUnderWay = errors.New("savepoints are under way")

// stop is the stopping of the jobs of one cluster.
type stop struct {
	a          state.StopJobs
	client     *rest.Client
	begun      time.Time
	savepoints []wire.Savepoint
	told       int
	failures   []string
	failure    string
	// ended are jobs that are over and were not stopped here, by how they ended.
	ended []string
	// news says that a newer checkpoint of a job was seen than was told; over is since when a cancelled job has ended, by id.
	news bool
	over map[string]time.Time
	// ending is since when a job whose savepoint is known is waited for.
	ending time.Time
}

// pass goes once through the jobs: each is asked to stop, or how far that is. It returns nil when there is nothing left to
// ask; failure then says why a job goes on.
func (s *stop) pass(ctx context.Context) error {
	jobs, err := s.client.Jobs(ctx)
	if err != nil {
		return err
	}
	s.failures, s.ended = nil, nil
	live := 0
	for _, j := range jobs {
		if !j.Terminal() {
			live++
		}
	}
	if s.a.Single && live > 1 {
		s.failure = fmt.Sprintf("the application runs %d jobs at once, and a start restores one: suspend it without savepoints, or stop them first", live)
		return nil
	}
	underWay := false
	for _, j := range jobs {
		done, err := s.advance(ctx, j)
		if err != nil {
			return err
		}
		underWay = underWay || !done
	}
	if underWay {
		return errUnderWay
	}
	switch {
	case s.a.Stop.Cancel:
	case len(s.failures) > 0:
		s.failure = strings.Join(s.failures, "; ")
	case s.a.Single && len(s.savepoints) == 0 && len(s.a.Known) == 0 && len(s.ended) > 0:
		s.failure = "there was no job to stop any more: " + strings.Join(s.ended, ", ")
	}
	return nil
}

// advance does for one job what is to be done next, and says whether nothing is left.
func (s *stop) advance(ctx context.Context, j rest.JobSummary) (done bool, err error) {
	switch {
	case s.a.Stop.Cancel:
		return s.cancelOne(ctx, j)
	case s.known(j.ID):
		return !s.awaited(j), nil
	}
	return s.one(ctx, j)
}

func (s *stop) known(id string) bool {
	return slices.Contains(s.a.Known, id) || slices.ContainsFunc(s.savepoints, func(p wire.Savepoint) bool { return p.Job == id })
}

// awaited says whether a job of a session whose savepoint is known is to be waited for: its high availability forgets it
// when it ends. An application's JobManager leaves with its job.
func (s *stop) awaited(j rest.JobSummary) bool {
	if s.a.Single || j.Terminal() && !endedNow(j) {
		return false
	}
	if s.ending.IsZero() {
		s.ending = time.Now()
	}
	return time.Since(s.ending) < endPatience
}

// one asks a job to stop, or how far that is, and says whether nothing is left to ask.
func (s *stop) one(ctx context.Context, j rest.JobSummary) (done bool, err error) {
	id := s.request(j.ID)
	status, err := s.client.SavepointStatus(ctx, j.ID, id)
	switch {
	case rest.IsNotFound(err) && j.Terminal():
		return true, s.endedBefore(ctx, j)
	case rest.IsNotFound(err) && !j.Running() && time.Since(s.begun) < startPatience:
		return false, nil
	case rest.IsNotFound(err):
		_, err = s.client.StopAs(ctx, j.ID, id, s.a.Stop.Directory, s.a.Stop.Drain)
		if e, ok := errors.AsType[*rest.Error](err); ok && e.Status >= 400 && e.Status < 500 && !rest.IsNotFound(err) {
			s.failures = append(s.failures, fmt.Sprintf("job %s (%s) cannot be stopped with a savepoint: %s", j.ID, j.Name, e.Message))
			return true, nil
		}
		return false, err
	case err != nil:
		return false, err
	case !status.Completed:
		return false, nil
	case status.Failure != "":
		s.failures = append(s.failures, fmt.Sprintf("the savepoint of job %s (%s) failed: %s", j.ID, j.Name, status.Failure))
		return true, nil
	}
	s.savepoints = append(s.savepoints, wire.Savepoint{Job: j.ID, Name: j.Name, Path: status.Location})
	return !s.awaited(j), nil
}

// endedBefore looks at a job that has ended and of whose stop Flink knows nothing (any more): one that ended with a savepoint
// of this change was stopped for it.
func (s *stop) endedBefore(ctx context.Context, j rest.JobSummary) error {
	if j.State == "FINISHED" && time.UnixMilli(j.End).After(s.a.Since) {
		path, triggered, err := s.client.LastSavepoint(ctx, j.ID)
		if err != nil && !rest.IsNotFound(err) {
			return err
		}
		// The clocks of the two machines may differ a little.
		if path != "" && triggered.After(s.a.Since.Add(-time.Second)) {
			s.savepoints = append(s.savepoints, wire.Savepoint{Job: j.ID, Name: j.Name, Path: path})
			return nil
		}
	}
	s.ended = append(s.ended, fmt.Sprintf("job %s (%s) is %s", j.ID, j.Name, j.State))
	return nil
}

// request is the id under which a job is asked to stop: it follows from the change and the JobManager, so that a
// service that was started anew asks under the same.
func (s *stop) request(job string) string {
	h := sha256.Sum256([]byte(strings.Join([]string{s.a.Cluster, s.a.Nonce, strconv.FormatInt(s.a.Number, 10), s.a.JobManager.ID, job}, "\x00")))
	return hex.EncodeToString(h[:16])
}

package jobmanager

import (
	"context"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// cacheAge is how long a job that was cancelled is asked for its last checkpoint: Flink answers from a cache that
// is up to web.refresh-interval old, 3 s by default.
const cacheAge = time.Second

// cancelOne cancels a job, keeps the path of its last completed checkpoint, and says whether nothing is left to ask.
// No checkpoint is completed after Flink has taken the request (CheckpointCoordinatorDeActivator).
func (s *stop) cancelOne(ctx context.Context, j rest.JobSummary) (done bool, err error) {
	if j.Terminal() && j.End < s.a.Since.UnixMilli() {
		return true, nil
	}
	c, err := s.client.Checkpoints(ctx, j.ID)
	if err != nil && !rest.IsNotFound(err) {
		return false, err
	}
	newest := c.Completed
	if newest == nil || c.Savepoint != nil && c.Savepoint.ID > newest.ID {
		newest = c.Savepoint
	}
	if newest == nil {
		newest = c.Restored
	}
	if newest != nil && newest.Path != "" {
		s.keep(j, newest.Path)
	}
	switch {
	case !j.Terminal() && j.State != "CANCELLING":
		if err := s.client.Cancel(ctx, j.ID); err != nil && !rest.IsNotFound(err) {
			return false, err
		}
		return false, nil
	case !j.Terminal():
		return false, nil
	}
	if s.over == nil {
		s.over = map[string]time.Time{}
	}
	if s.over[j.ID].IsZero() {
		s.over[j.ID] = time.Now()
	}
	return time.Since(s.over[j.ID]) >= cacheAge, nil
}

// keep remembers the newest checkpoint of a job.
func (s *stop) keep(j rest.JobSummary, path string) {
	p := wire.Savepoint{Job: j.ID, Name: j.Name, Path: path}
	at := slices.IndexFunc(s.savepoints, func(o wire.Savepoint) bool { return o.Job == j.ID })
	switch {
	case at < 0:
		s.savepoints = append(s.savepoints, p)
	case s.savepoints[at].Path != path:
		s.savepoints[at], s.news = p, true
	}
}

package runner

import (
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/flinkconf"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// target is a running job that is to be watched.
type target struct {
	key
	// id is Flink's id of the job.
	id         string
	jobManager task.Task
	spec       spec.Spec
	options    settings.Options
}

// reset is job.autoscalerResetNonce.
func (t target) reset() int64 {
	if t.spec.Job == nil {
		return 0
	}
	return t.spec.Job.AutoscalerResetNonce
}

// session says that the job is one of a session.
func (t target) session() bool { return t.spec.Kind == spec.Session }

// targets lists the running jobs of clusters whose autoscaler is enabled.
func (r *Runner) targets(s *state.State) []target {
	var list []target
	it := s.Clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		if !c.Active() || !flinkconf.On(c.Spec.FlinkConfiguration) {
			continue
		}
		jm, ok := view.JobManagerOf(s, c.Spec.Name)
		if !ok {
			continue
		}
		o, err := r.options(c)
		if err != nil {
			continue // Status says why.
		}
		for _, id := range runningJobs(c) {
			t := target{key: key{cluster: c.Spec.Name, nonce: c.Nonce}, id: id, jobManager: jm, spec: c.Spec, options: o}
			if t.session() {
				t.job = id
			}
			list = append(list, t)
		}
	}
	return list
}

// runningJobs are Flink's ids of the jobs of a cluster that run.
func runningJobs(c *state.Cluster) []string {
	if c.Spec.Kind != spec.Session {
		if c.Job == nil || !c.Job.Running {
			return nil
		}
		return []string{c.Job.ID}
	}
	var ids []string
	for id, state := range c.SessionJobs {
		if state == "RUNNING" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// options parses the options of a cluster once for each generation.
func (r *Runner) options(c *state.Cluster) (settings.Options, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.parsed[c.Spec.Name]
	if !ok || p.nonce != c.Nonce || p.generation != c.Generation {
		p = parsed{nonce: c.Nonce, generation: c.Generation}
		p.options, p.err = settings.Parse(c.Spec.FlinkConfiguration, r.o.Zone)
		r.parsed[c.Spec.Name] = p
	}
	return p.options, p.err
}

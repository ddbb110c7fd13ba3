package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TeamLabel is the label of a spec whose value is the label "team" of metrics and targets.
const TeamLabel = "team"

// Options configure a Collector. View is required.
type Options struct {
	// View returns the state as last published.
	View func() *state.State
	// MaxSeries is the most series of all clusters together. Clusters that would exceed it are left out whole, in the
	// order of their names.
	MaxSeries int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Collector makes the metrics of the clusters when they are asked for. It is a prometheus.Collector.
type Collector struct{ o Options }

// NewCollector returns a Collector.
func NewCollector(o Options) *Collector {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Collector{o}
}

// family is a metric of the clusters, with the labels behind "cluster".
type family struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(name, help string, labels ...string) family {
	return family{prometheus.NewDesc("flink_mesos_"+name, help, append([]string{"cluster"}, labels...), nil), prometheus.GaugeValue}
}

func counter(name, help string, labels ...string) family {
	f := gauge(name, help, labels...)
	f.kind = prometheus.CounterValue
	return f
}

// The metrics of a cluster.
var (
	clusterInfo  = gauge("cluster_info", "1; the labels say what the cluster is.", "kind", "flink_version", "mesos_role", "allocation", "team")
	clusterState = gauge("cluster_state", "1 for the state that the cluster has.", "state")
	tasks        = gauge("cluster_tasks", "Tasks that have not ended, by role and Mesos' state.", "role", "state")
	wanted       = gauge("cluster_taskmanagers_wanted", "TaskManagers that the cluster is to have.")
	waiting      = gauge("cluster_tasks_waiting", "Tasks that wait for a place, by role.", "role")
	waitingSince = gauge("cluster_waiting_seconds", "How long the task has waited that waits longest for a place; 0 when none waits.")
	slots        = gauge("cluster_slots", "Slots that are registered with the JobManager: used or free.", "state")
	jobs         = gauge("cluster_jobs", "Jobs as the JobManager counts them: running, finished, cancelled or failed.", "state")
	cpus         = gauge("cluster_cpus", "CPUs of the tasks that have not ended.")
	memory       = gauge("cluster_memory_bytes", "Memory of the tasks that have not ended.")
	disk         = gauge("cluster_disk_bytes", "Disk of the tasks that have not ended.")
	gpus         = gauge("cluster_gpus", "GPUs of the tasks that have not ended.")
	restarts     = counter("cluster_jobmanager_restarts_total", "JobManagers that were replaced without being asked to.")
	recovery     = gauge("cluster_last_recovery_seconds", "Time of the last recovery: from the loss until the jobs ran again.")
	rollout      = gauge("cluster_rollout_seconds", "How long the change of the spec has been under way; 0 when there is none.")
)

// The metrics of a job. Those of a session's jobs are their states alone.
var (
	jobState       = gauge("job_state", "1 for the state that the job has, in Flink's words.", "job_id", "state")
	jobRunning     = gauge("job_running", "1 when the job runs with all of its subtasks, else 0.", "job_id", "job_name")
	jobRestarts    = counter("job_restarts_total", "Restarts of the job by Flink since its last start.", "job_id")
	checkpointAge  = gauge("job_checkpoint_age_seconds", "Time since the last checkpoint was completed.", "job_id")
	checkpointTime = gauge("job_checkpoint_duration_seconds", "Time from the trigger of the last completed checkpoint to its end.", "job_id")
	checkpointSize = gauge("job_checkpoint_size_bytes", "Size of the last completed checkpoint.", "job_id")
	checkpointStep = gauge("job_checkpoint_interval_seconds", "Time between two checkpoints, as the spec says it.", "job_id")
)

// omitted counts clusters without metrics of their own.
var omitted = prometheus.NewDesc("flink_mesos_clusters_omitted",
	"Clusters that are left out of these metrics: unlisted by their spec, or beyond the limit of series.", []string{"reason"}, nil)

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range []family{
		clusterInfo, clusterState, tasks, wanted, waiting, waitingSince, slots, jobs, cpus, memory, disk, gpus, restarts, recovery, rollout,
		jobState, jobRunning, jobRestarts, checkpointAge, checkpointTime, checkpointSize, checkpointStep,
	} {
		out <- f.desc
	}
	out <- omitted
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	s, now, left := c.o.View(), c.o.Now(), c.o.MaxSeries
	used := usages(s)
	unlisted, beyond := 0, 0
	it := s.Clusters.Root().Iterator()
	for name, cl, ok := it.Next(); ok; name, cl, ok = it.Next() {
		if cl.RequestedSpec().Metrics.Unlisted {
			unlisted++
			continue
		}
		of := series{name: string(name)}
		of.cluster(cl, used[string(name)], now)
		of.job(cl, now)
		if len(of.all) > left {
			beyond++
			continue
		}
		left -= len(of.all)
		for _, m := range of.all {
			out <- m
		}
	}
	out <- prometheus.MustNewConstMetric(omitted, prometheus.GaugeValue, float64(unlisted), "unlisted")
	out <- prometheus.MustNewConstMetric(omitted, prometheus.GaugeValue, float64(beyond), "limit")
}

// usage is what the tasks of a cluster take.
type usage struct {
	tasks        map[[2]string]int
	cpus         float64
	memory, disk spec.Memory
	gpus         int
}

// usages reads the tasks of all clusters.
func usages(s *state.State) map[string]*usage {
	all := map[string]*usage{}
	it := s.Tasks.Root().Iterator()
	for _, t, ok := it.Next(); ok; _, t, ok = it.Next() {
		if !t.Live() {
			continue
		}
		u := all[t.Cluster]
		if u == nil {
			u = &usage{tasks: map[[2]string]int{}}
			all[t.Cluster] = u
		}
		u.tasks[[2]string{string(t.Kind), string(t.State)}]++
		u.cpus += t.Resources.CPUs
		u.memory += t.Resources.Memory
		u.disk += t.Resources.Disk
		u.gpus += t.Resources.GPUs
	}
	return all
}

// series are those of one cluster.
type series struct {
	name string
	all  []prometheus.Metric
}

func (s *series) add(f family, value float64, labels ...string) {
	s.all = append(s.all, prometheus.MustNewConstMetric(f.desc, f.kind, value, append([]string{s.name}, labels...)...))
}

func (s *series) cluster(c *state.Cluster, u *usage, now time.Time) {
	sp := c.Spec
	s.add(clusterInfo, 1, string(sp.Kind), sp.FlinkVersion, sp.Role, string(sp.Allocation), sp.Labels[TeamLabel])
	s.add(clusterState, 1, string(c.State))
	s.add(wanted, float64(c.TaskManagers+c.Pending.Len()-c.PendingJobManagers))
	s.add(waiting, float64(c.PendingJobManagers), string(spec.JobManagerTask))
	s.add(waiting, float64(c.Pending.Len()-c.PendingJobManagers), string(spec.TaskManagerTask))
	oldest := now
	it := c.Pending.Root().Iterator()
	for _, w, ok := it.Next(); ok; _, w, ok = it.Next() {
		if w.Since.Before(oldest) {
			oldest = w.Since
		}
	}
	s.add(waitingSince, now.Sub(oldest).Seconds())
	s.add(restarts, float64(c.Restarts))
	if u == nil {
		u = &usage{}
	}
	for of, n := range u.tasks {
		s.add(tasks, float64(n), of[0], of[1])
	}
	s.add(cpus, u.cpus)
	s.add(memory, float64(u.memory))
	s.add(disk, float64(u.disk))
	s.add(gpus, float64(u.gpus))
	if f := c.Flink; f != nil {
		s.add(slots, float64(f.SlotsTotal-f.SlotsAvailable), "used")
		s.add(slots, float64(f.SlotsAvailable), "free")
		s.add(jobs, float64(f.JobsRunning), "running")
		s.add(jobs, float64(f.JobsFinished), "finished")
		s.add(jobs, float64(f.JobsCancelled), "cancelled")
		s.add(jobs, float64(f.JobsFailed), "failed")
	}
	if n := len(c.Recoveries); n > 0 {
		s.add(recovery, c.Recoveries[n-1].Seconds)
	}
	under := 0.0
	if c.Rollout != nil {
		under = now.Sub(c.Rollout.Since).Seconds()
	}
	s.add(rollout, under)
}

func (s *series) job(c *state.Cluster, now time.Time) {
	if !c.Active() {
		return
	}
	for id, word := range c.SessionJobs {
		if j := (wire.Job{State: word}); !j.Terminal() {
			s.add(jobState, 1, id, word)
		}
	}
	j := c.Job
	if c.Submission == nil || j == nil {
		return
	}
	s.add(jobState, 1, j.ID, j.State)
	runs := 0.0
	if j.Running {
		runs = 1
	}
	s.add(jobRunning, runs, j.ID, j.Name)
	if j.Restarts >= 0 {
		s.add(jobRestarts, float64(j.Restarts), j.ID)
	}
	if step := c.Spec.CheckpointInterval(); step > 0 {
		s.add(checkpointStep, step.Seconds(), j.ID)
	}
	if cp := j.Checkpoint; cp != nil && !cp.Completed.IsZero() {
		s.add(checkpointAge, now.Sub(cp.Completed).Seconds(), j.ID)
		s.add(checkpointTime, cp.Completed.Sub(cp.Time).Seconds(), j.ID)
		s.add(checkpointSize, float64(cp.Size), j.ID)
	}
}

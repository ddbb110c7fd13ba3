package runner

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/flinkconf"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Status is what is known of the jobs of a cluster. It returns false when there is no such cluster.
func (r *Runner) Status(name string) (report.Autoscaler, bool) {
	c, ok := r.o.View().Clusters.Get([]byte(name))
	if !ok {
		return report.Autoscaler{}, false
	}
	a := report.Autoscaler{Cluster: name, Enabled: flinkconf.On(c.Spec.FlinkConfiguration), Jobs: []report.Job{}}
	if !a.Enabled {
		a.Message = "the autoscaler is off: set job.autoscaler.enabled: true in flinkConfiguration"
		return a, true
	}
	o, err := r.options(c)
	if err != nil {
		a.Message = "the options of the autoscaler are not valid: " + strings.ReplaceAll(err.Error(), "\n", "; ")
		return a, true
	}
	a.Acts, a.Interval = o.Act, Interval(o).String()
	for _, j := range r.of(c) {
		if j.report.ID != "" {
			a.Jobs = append(a.Jobs, j.report)
		}
	}
	slices.SortFunc(a.Jobs, func(a, b report.Job) int { return cmp.Compare(a.ID, b.ID) })
	switch {
	case len(a.Jobs) > 0:
	case !c.Active():
		a.Message = "the cluster is " + string(c.State)
	case len(runningJobs(c)) == 0:
		a.Message = "no job of the cluster runs yet"
	default:
		a.Message = "the metrics of the job are collected for the first time"
	}
	return a, true
}

// of are the jobs that are known of a cluster. What they hold is never changed, only replaced.
func (r *Runner) of(c *state.Cluster) []job {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []job
	for k, j := range r.jobs {
		if k.cluster == c.Spec.Name && k.nonce == c.Nonce {
			list = append(list, job{key: k, report: j.report, decisions: j.decisions, recorded: j.recorded})
		}
	}
	return list
}

// History are the last decisions about the jobs of a cluster, the newest first. It returns false when
// there is no such cluster.
func (r *Runner) History(name string) (report.History, bool) {
	c, ok := r.o.View().Clusters.Get([]byte(name))
	if !ok {
		return report.History{}, false
	}
	h := report.History{Cluster: name, Decisions: []report.Decision{}}
	for _, j := range r.of(c) {
		h.Decisions = append(h.Decisions, j.decisions...)
	}
	slices.SortStableFunc(h.Decisions, func(a, b report.Decision) int { return b.At.Compare(a.At) })
	return h, true
}

// Replay decides the recorded metrics of a job again with the options in force and with others, and
// lists where that differs. The error is a fault for the user.
func (r *Runner) Replay(name string, request report.ReplayRequest) (report.Replay, error) {
	c, ok := r.o.View().Clusters.Get([]byte(name))
	if !ok {
		return report.Replay{}, fault.New(fault.NotFound, "there is no cluster %q", name)
	}
	before, err := settings.Parse(c.Spec.FlinkConfiguration, r.o.Zone)
	if err != nil {
		return report.Replay{}, fault.New(fault.Conflict, "the options of the autoscaler in the spec of cluster %q are not valid: %v", name, err)
	}
	after, err := r.others(c, request.Options)
	if err != nil {
		return report.Replay{}, err
	}
	list := slices.DeleteFunc(r.of(c), func(j job) bool { return request.Job != "" && j.report.ID != request.Job })
	switch {
	case len(list) == 0:
		return report.Replay{}, fault.New(fault.NotFound, "no metrics are recorded of cluster %q: its autoscaler must be enabled and its job run", name)
	case len(list) > 1:
		return report.Replay{}, fault.New(fault.Invalid, "cluster %q has several jobs: name one of them", name)
	}
	records, err := list[0].recorded.records()
	if err != nil {
		return report.Replay{}, err
	}
	out := report.Replay{Cluster: name, Job: list[0].report.ID, Collections: len(records), Differences: []report.Difference{}}
	if len(records) > 0 {
		out.From, out.To = records[0].Collection.At, records[len(records)-1].Collection.At
	}
	names := vertexNames(records)
	for _, d := range autoscale.Replay(records, before, after) {
		one := report.Difference{Difference: d, ReasonsBefore: report.Reasons(d.ReasonsBefore, names), ReasonsAfter: report.Reasons(d.ReasonsAfter, names)}
		if d.Vertex != "" {
			one.Name = names(d.Vertex)
		}
		out.Differences = append(out.Differences, one)
	}
	return out, nil
}

// others are the options of a cluster with some of them changed.
func (r *Runner) others(c *state.Cluster, changed map[string]string) (settings.Options, error) {
	var l fault.List
	if len(changed) == 0 {
		l.Add("options", "is empty: name the options to replay with, such as job.autoscaler.utilization.target")
	}
	config := maps.Clone(c.Spec.FlinkConfiguration)
	for name, value := range changed {
		if !strings.HasPrefix(name, settings.Prefix) {
			l.Add("options."+name, "is not an option of the autoscaler: their names begin with %s", settings.Prefix)
			continue
		}
		config[name] = value
	}
	o, err := settings.Parse(config, r.o.Zone)
	for _, e := range settings.Errors(err) {
		l.Add("options."+e.Option, "%s", e.Message)
	}
	return o, l.Err("the options are not valid")
}

// vertexNames are the names of all vertices in recorded metrics.
func vertexNames(records []autoscale.Record) report.Names {
	var list []autoscale.VertexResult
	for _, r := range records {
		for _, v := range r.Collection.Vertices {
			list = append(list, autoscale.VertexResult{ID: v.ID, Name: v.Name})
		}
	}
	return report.NamesOf(list)
}

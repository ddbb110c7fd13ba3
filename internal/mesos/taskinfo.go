package mesos

import (
	"maps"
	"math"
	"slices"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// taskInfo builds the Mesos task of a launch.
func taskInfo(l state.Launch, p task.Template) mesosgo.TaskInfo {
	shell := true
	command := p.Command
	info := mesosgo.TaskInfo{
		Name:    l.Task.Pod,
		TaskID:  mesosgo.TaskID{Value: l.Task.ID},
		AgentID: mesosgo.AgentID{Value: l.Task.AgentID},
		Command: &mesosgo.CommandInfo{
			Shell: &shell, Value: &command, Environment: environment(p.Environment, p.Secrets), URIs: uris(p.URIs),
		},
		Labels: labels(p.Labels), Container: container(p), Discovery: discoveryInfo(p.Discovery), HealthCheck: healthCheck(p.Check),
	}
	info.Resources = resourcesTo(l.Pieces)
	info.Limits = limits(l)
	if p.User != "" {
		user := p.User
		info.Command.User = &user
	}
	if p.KillGrace > 0 {
		info.KillPolicy = killPolicy(p.KillGrace)
	}
	return info
}

// limits are at least what the task takes, which of a worker of Flink's own choice may be more than the spec's.
func limits(l state.Launch) map[string]mesosgo.Value_Scalar {
	limits, r := l.Spec.TaskManager.Limits, l.Task.Resources
	if l.Task.Kind == spec.JobManagerTask {
		limits = l.Spec.JobManager.Limits
	}
	if limits == nil {
		return nil
	}
	out := map[string]mesosgo.Value_Scalar{}
	if limits.CPUs != 0 {
		out["cpus"] = mesosgo.Value_Scalar{Value: max(float64(limits.CPUs), r.CPUs)}
	}
	switch {
	case limits.Memory == spec.UnlimitedMemory:
		out["mem"] = mesosgo.Value_Scalar{Value: math.Inf(1)}
	case limits.Memory != 0:
		out["mem"] = mesosgo.Value_Scalar{Value: float64(max(spec.Memory(limits.Memory), r.Memory).MiBCeil())}
	}
	return out
}

func killPolicy(grace time.Duration) *mesosgo.KillPolicy {
	return &mesosgo.KillPolicy{GracePeriod: &mesosgo.DurationInfo{Nanoseconds: grace.Nanoseconds()}}
}

func environment(env map[string]string, secrets []task.Secret) *mesosgo.Environment {
	out := &mesosgo.Environment{}
	for _, key := range slices.Sorted(maps.Keys(env)) {
		value := env[key]
		out.Variables = append(out.Variables, mesosgo.Environment_Variable{Name: key, Value: &value})
	}
	for _, s := range secrets {
		if s.Environment != "" {
			out.Variables = append(out.Variables, mesosgo.Environment_Variable{Name: s.Environment, Type: mesosgo.Environment_Variable_SECRET.Enum(), Secret: secret(s)})
		}
	}
	if len(out.Variables) == 0 {
		return nil
	}
	return out
}

func labels(in map[string]string) *mesosgo.Labels {
	if len(in) == 0 {
		return nil
	}
	out := &mesosgo.Labels{}
	for _, key := range slices.Sorted(maps.Keys(in)) {
		value := in[key]
		out.Labels = append(out.Labels, mesosgo.Label{Key: key, Value: &value})
	}
	return out
}

func uris(in []spec.URI) []mesosgo.CommandInfo_URI {
	out := make([]mesosgo.CommandInfo_URI, 0, len(in))
	for _, u := range in {
		extract, executable, cache := u.Extract, u.Executable, u.Cache
		v := mesosgo.CommandInfo_URI{Value: u.Value, Extract: &extract, Executable: &executable, Cache: &cache}
		if u.OutputFile != "" {
			file := u.OutputFile
			v.OutputFile = &file
		}
		out = append(out, v)
	}
	return out
}

package kubernetes

import (
	"cmp"
	"maps"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// role is one of the two roles of a cluster, as a translation sees it.
type role struct {
	pod       *pod
	options   *spec.TaskOptions
	resources *spec.Resources
}

// finish puts what was read of different fields together.
func (t *translation) finish() {
	sp := &t.spec
	roles := []role{
		{&t.jobManager, &sp.JobManager.TaskOptions, &sp.JobManager.Resources},
		{&t.taskManager, &sp.TaskManager.TaskOptions, &sp.TaskManager.Resources},
	}
	for _, v := range t.base.env {
		if sp.Environment == nil {
			sp.Environment = map[string]string{}
		}
		sp.Environment[v.name] = v.value
	}
	sp.Container = t.box(nil, &t.base)
	t.common(&sp.TaskOptions, &t.base)
	for _, r := range roles {
		if box := t.box(sp.Container, r.pod); len(r.pod.mounts)+len(r.pod.pull) > 0 || r.pod.image != "" {
			r.options.Container = box
		}
		r.options.Bootstrap = exports(r.pod.env)
		t.common(r.options, r.pod)
		r.resources.Constraints = append(append([][]string(nil), t.base.constraints...), r.pod.constraints...)
		r.resources.Disk = cmp.Or(r.resources.Disk, r.pod.disk, t.base.disk)
		r.resources.GPUs = cmp.Or(r.resources.GPUs, r.pod.gpus, t.base.gpus)
	}
	for _, p := range []*pod{&t.base, &t.jobManager, &t.taskManager} {
		t.unused(p)
	}
	t.count()
	sp.FlinkConfiguration = nil
	if len(t.config) > 0 {
		sp.FlinkConfiguration = t.config
	}
}

// common puts what a template says beside the container into the options of the tasks.
func (t *translation) common(o *spec.TaskOptions, p *pod) {
	o.Secrets = append(o.Secrets, p.secrets...)
	o.KillGracePeriod = spec.Duration(p.grace)
	if len(p.labels) > 0 {
		if o.Labels == nil {
			o.Labels = map[string]string{}
		}
		maps.Copy(o.Labels, p.labels)
	}
}

// box makes the container of a template, with what the one for both roles says; nil when there is nothing to say.
func (t *translation) box(under *spec.Container, p *pod) *spec.Container {
	box := &spec.Container{}
	if under != nil {
		box = spec.Spec{TaskOptions: spec.TaskOptions{Container: under}}.Clone().Container
	}
	box.Image = cmp.Or(p.image, box.Image)
	for _, pull := range p.pull {
		pull(box)
	}
	for _, m := range p.mounts {
		volume, ok := t.found(m, p)
		if !ok {
			m.refuse("names a volume that its template does not have")
			continue
		}
		t.mount(m, p, volume, box)
	}
	if box.Image == "" && len(box.Volumes) == 0 {
		return nil
	}
	return box
}

// count says how many TaskManagers there are, or how parallel a native application is.
func (t *translation) count() {
	sp := &t.spec
	slots := max(sp.TaskManager.Slots, 1)
	if t.mode != Standalone {
		if sp.Job != nil && t.replicas > 0 {
			sp.Job.Parallelism = t.replicas * slots
		}
		return
	}
	sp.Allocation = spec.Static
	sp.TaskManagers.Count = t.replicas
	if t.replicas == 0 {
		sp.TaskManagers.Count = 1
		if sp.Job != nil {
			sp.TaskManagers.Count = (max(sp.Job.Parallelism, 1) + slots - 1) / slots
		}
	}
}

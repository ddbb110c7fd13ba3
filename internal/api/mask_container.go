package api

import (
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// container is one of the containers that a spec describes.
type container struct {
	field string
	at    **spec.Container
}

// containers lists the places for containers in a spec, always in the same order.
func containers(spec *spec.Spec) []container {
	return []container{
		{"container", &spec.Container}, {"jobManager.container", &spec.JobManager.Container}, {"taskManager.container", &spec.TaskManager.Container},
	}
}

// own gives a spec containers of its own, so that changing them changes no other spec.
func own(spec *spec.Spec) {
	for _, c := range containers(spec) {
		if *c.at == nil {
			continue
		}
		copied := **c.at
		copied.Parameters = slices.Clone(copied.Parameters)
		copied.Volumes = slices.Clone(copied.Volumes)
		for i, v := range copied.Volumes {
			if v.External != nil {
				external := *v.External
				copied.Volumes[i].External = &external
			}
		}
		*c.at = &copied
	}
}

// maskContainers hides what Docker's parameters and the options of volumes hold.
func (a *API) maskContainers(spec *spec.Spec) {
	own(spec)
	for _, c := range containers(spec) {
		if *c.at == nil {
			continue
		}
		for i, p := range (*c.at).Parameters {
			(*c.at).Parameters[i].Value = a.maskParameter(p)
		}
		for _, v := range (*c.at).Volumes {
			if v.External != nil {
				v.External.Options = hide(v.External.Options, a.secretVariable)
			}
		}
	}
}

// maskParameter is a parameter's value as it may be shown: NAME=value (env, label, build arguments) keeps its name.
func (a *API) maskParameter(p spec.Parameter) string {
	name, value, pair := strings.Cut(p.Value, "=")
	switch {
	case p.Value != "" && a.secretVariable(p.Key):
		return mask
	case pair && value != "" && a.secretVariable(name):
		return name + "=" + mask
	}
	return p.Value
}

// unmaskContainers puts the stored values where the mask is.
func (a *API) unmaskContainers(l *fault.List, sp *spec.Spec, stored spec.Spec) {
	own(sp)
	before := containers(&stored)
	for i, c := range containers(sp) {
		if *c.at == nil {
			continue
		}
		was := *before[i].at
		if was == nil {
			was = &spec.Container{}
		}
		for j := range (*c.at).Parameters {
			a.revealParameter(l, indexed(c.field+".parameters", j)+".value", &(*c.at).Parameters[j], was.Parameters)
		}
		for j, v := range (*c.at).Volumes {
			if v.External == nil {
				continue
			}
			var options map[string]string
			for _, o := range was.Volumes {
				if o.External != nil && o.ContainerPath == v.ContainerPath {
					options = o.External.Options
				}
			}
			v.External.Options = reveal(l, indexed(c.field+".volumes", j)+".external.options", v.External.Options, options, a.secretVariable)
		}
	}
}

// revealParameter gives a parameter the value of the stored one with the same key and name.
func (a *API) revealParameter(l *fault.List, field string, p *spec.Parameter, stored []spec.Parameter) {
	// What is masked stays as it is when it is masked again; what is no secret would be shown with another value too.
	other := spec.Parameter{Key: p.Key, Value: strings.TrimSuffix(p.Value, mask) + "x"}
	if !strings.HasSuffix(p.Value, mask) || a.maskParameter(other) != p.Value {
		return
	}
	for _, s := range stored {
		if s.Key == p.Key && s.Value != p.Value && a.maskParameter(s) == p.Value {
			p.Value = s.Value
			return
		}
	}
	l.Add(field, "is masked (%s) and no value is stored: write the value itself", mask)
}

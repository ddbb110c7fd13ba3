package redact

import (
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Spec returns a copy of a spec that may be shown: the values of secret options, variables and parameters, those of the
// spec's own secrets, and the secret parts of URIs are masked. Masking twice is masking once.
func Spec(spec spec.Spec) spec.Spec {
	s := spec.Clone()
	s.FlinkConfiguration = Options(s.FlinkConfiguration)
	s.Environment = hide(s.Environment, Variable)
	for _, c := range containers(&s) {
		for i, p := range c.Parameters {
			c.Parameters[i].Value = parameter(p)
		}
		for _, v := range c.Volumes {
			if v.External != nil {
				v.External.Options = hide(v.External.Options, Variable)
			}
		}
	}
	for _, l := range secretLists(&s) {
		for i := range l.secrets {
			if l.secrets[i].Value != "" {
				l.secrets[i].Value = Mask
			}
		}
	}
	for _, l := range s.Locations() {
		*l.URI = URI(*l.URI)
	}
	return s
}

// ForJournal returns a copy of a spec for the journal. It hides more than Spec does: the values of all variables, the
// arguments of programs, commands and what Docker and volume drivers are told may hold secrets whose name does not say so.
func ForJournal(sp spec.Spec) spec.Spec {
	s := Spec(sp)
	for name := range s.Environment {
		s.Environment[name] = ""
	}
	if s.Job != nil {
		s.Job.Args = nil
	}
	for _, o := range []*spec.TaskOptions{&s.TaskOptions, &s.JobManager.TaskOptions, &s.TaskManager.TaskOptions} {
		o.Bootstrap = ""
	}
	for _, c := range containers(&s) {
		for i := range c.Parameters {
			c.Parameters[i].Value = ""
		}
		for _, v := range c.Volumes {
			if v.External != nil {
				v.External.Options = nil
			}
		}
	}
	return s
}

// parameter is the value of a parameter of docker run as it may be shown. NAME=value (env, label, build arguments) keeps its
// name.
func parameter(p spec.Parameter) string {
	name, value, pair := strings.Cut(p.Value, "=")
	switch {
	case p.Value != "" && Variable(p.Key):
		return Mask
	case pair && value != "" && Variable(name):
		return name + "=" + Mask
	}
	return p.Value
}

// containers has the containers of a spec by their fields.
func containers(s *spec.Spec) map[string]*spec.Container {
	all := map[string]*spec.Container{}
	for field, c := range map[string]*spec.Container{
		"container": s.Container, "jobManager.container": s.JobManager.Container, "taskManager.container": s.TaskManager.Container,
	} {
		if c != nil {
			all[field] = c
		}
	}
	return all
}

// secretList is one of the lists of secrets in a spec.
type secretList struct {
	field   string
	secrets []spec.TaskSecret
}

// secretLists are always in the same order.
func secretLists(s *spec.Spec) []secretList {
	return []secretList{{"secrets", s.Secrets}, {"jobManager.secrets", s.JobManager.Secrets}, {"taskManager.secrets", s.TaskManager.Secrets}}
}

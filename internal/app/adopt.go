package app

import (
	"errors"
	"fmt"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flinkmesos"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// adopt moves what Flink's configuration says into the fields of the spec that mean the same: first the options of
// flink-mesos, then sizes. The notes are for the cluster's history.
func adopt(s spec.Spec) (spec.Spec, []string, error) {
	s, lines, err := flinkmesos.Adopt(s)
	if err != nil {
		return s, nil, err
	}
	var notes []string
	for _, line := range lines {
		notes = append(notes, string(line.Outcome)+": "+line.Note)
	}
	s, err = flink.Adopt(s)
	var l fault.List
	problems(&l, err)
	return s, notes, l.Err("the cluster's spec is not valid")
}

// problems adds those that package flink found, each with its option.
func problems(l *fault.List, err error) {
	if err == nil {
		return
	}
	list, ok := errors.AsType[flink.Problems](err)
	if !ok {
		l.Add("flinkConfiguration", "%v", err)
		return
	}
	for _, p := range list {
		l.Add("flinkConfiguration."+p.Option, "%s", p.Message)
	}
}

// checkPortOptions refuses ports for options that only the service can set.
func checkPortOptions(l *fault.List, s spec.Spec) {
	for _, role := range []struct {
		field string
		ports []spec.Port
	}{{"jobManager", s.JobManager.Ports}, {"taskManager", s.TaskManager.Ports}} {
		for i, port := range role.ports {
			if port.Option == "" {
				continue
			}
			list, _ := errors.AsType[flink.Problems](flink.CheckConfiguration(map[string]string{port.Option: "1"}))
			for _, p := range list {
				l.Add(fmt.Sprintf("%s.ports[%d].option", role.field, i), "%s", p.Message)
			}
		}
	}
}

package service

import (
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flinkmesos"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// adopt moves what Flink's configuration says into the fields of the spec.
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
	return s, notes, err
}

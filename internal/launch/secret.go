package launch

import (
	"bytes"
	"fmt"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// secrets are those of a task, with the values of files read now: one that was changed is used from the next start on. A secret
// that cannot be had fails the start, and the message names the secret.
func (p *Planner) secrets(l state.Launch) ([]task.Secret, error) {
	var all []task.Secret
	for _, s := range l.Spec.OptionsOf(l.Task.Kind).Secrets {
		plan := task.Secret{Environment: s.Environment, File: s.File, Reference: s.Reference}
		switch {
		case s.Reference != nil:
		case s.ValueFrom == "":
			plan.Value = []byte(s.Value)
		default:
			value, err := p.o.Secret(s.ValueFrom)
			if err != nil {
				return nil, fmt.Errorf("secret for the %s of %s: %w", s.Place(), l.Task.ID, err)
			}
			if s.Environment != "" {
				value = bytes.TrimRight(value, "\r\n") // The end of the file's last line is no part of a variable.
			}
			if s.Environment != "" && bytes.IndexByte(value, 0) >= 0 {
				return nil, fmt.Errorf("secret for the %s of %s: %s has a NUL byte, which no variable can hold", s.Place(), l.Task.ID, s.ValueFrom)
			}
			plan.Value = value
		}
		all = append(all, plan)
	}
	return all, nil
}

package redact

import "github.com/flink-on-mesos/flink-service/internal/wire"

// Status hides what lets its bearer in from the paths in a cluster's status.
func Status(s wire.Status) wire.Status {
	if s.Restore != nil {
		r := restoredFrom(*s.Restore)
		s.Restore = &r
	}
	if s.NextRestore != nil {
		n := *s.NextRestore
		n.Restore = restoredFrom(n.Restore)
		s.NextRestore = &n
	}
	if s.Job != nil {
		j := *s.Job
		j.Checkpoint, j.Savepoint = checkpoint(j.Checkpoint), checkpoint(j.Savepoint)
		s.Job = &j
	}
	return s
}

func restoredFrom(r wire.Restore) wire.Restore {
	r.Path = URI(r.Path)
	return r
}

func checkpoint(c *wire.Checkpoint) *wire.Checkpoint {
	if c == nil {
		return nil
	}
	own := *c
	own.Path = URI(c.Path)
	return &own
}

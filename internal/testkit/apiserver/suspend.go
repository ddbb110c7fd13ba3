package apiserver

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// suspend answers POST /v1/clusters/{name}/suspend. A directory whose name has "full" in it takes no savepoint.
func (s *Server) suspend(r *http.Request) (int, any, error) {
	c, err := s.find(r)
	if err != nil {
		return 0, nil, err
	}
	query := r.URL.Query()
	spec := c.spec
	spec.Suspended = true
	switch {
	case c.result != nil:
		return 0, nil, fault.New(fault.Conflict, "the job of cluster %q is over; there is nothing to suspend", c.spec.Name)
	case query.Get("savepoint") == "false" || !c.ready():
		c.savepoints = nil
		s.replace(c, spec)
	case query.Get("directory") == "" && c.spec.SavepointDirectory() == "" && c.running() > 0:
		var l fault.List
		l.Add("directory", "is missing, and Flink's execution.checkpointing.savepoint-dir is not set")
		return 0, nil, l.Err("the request is not valid")
	default:
		s.change(c, spec, query.Get("directory"))
	}
	return http.StatusAccepted, s.description(c), nil
}

// resume answers POST /v1/clusters/{name}/resume.
func (s *Server) resume(r *http.Request) (int, any, error) {
	c, err := s.find(r)
	if err != nil {
		return 0, nil, err
	}
	if !c.spec.Suspended {
		return 0, nil, fault.New(fault.Conflict, "cluster %q is not suspended", c.spec.Name)
	}
	spec := c.spec
	spec.Suspended = false
	s.replace(c, spec)
	return http.StatusAccepted, s.description(c), nil
}

// change begins a change for which jobs are stopped.
func (s *Server) change(c *state, spec spec.Spec, directory string) {
	c.next, c.directory = spec, directory
	c.given = ""
	c.pending = &wire.Change{Generation: c.generation + 1, Suspend: spec.Suspended, Since: s.now, Savepoints: []wire.Savepoint{}}
}

// advanceChange moves a change one step on: a job is stopped with each look.
func (s *Server) advanceChange(c *state) {
	for i, j := range c.jobs {
		if j.over() {
			continue
		}
		if strings.Contains(c.directory, "full") {
			c.pending, c.given = nil, fmt.Sprintf("the savepoint of job %s (%s) failed: No space left on device", j.id, j.program)
			return
		}
		j.state, j.end = "FINISHED", s.now
		c.pending.Savepoints = append(c.pending.Savepoints, wire.Savepoint{
			Job: j.id, Name: j.program, Time: s.now, Path: fmt.Sprintf("file:/savepoints/savepoint-%s-%d", j.id[:6], i+1),
		})
		return
	}
	if !c.pending.Stopped && c.spec.Job != nil {
		c.pending.Stopped = true
		return
	}
	c.savepoints, c.pending = c.pending.Savepoints, nil
	s.replace(c, c.next)
}

// replace gives a cluster another spec, and starts it anew or ends it.
func (s *Server) replace(c *state, spec spec.Spec) {
	c.spec, c.pending, c.given = spec, nil, ""
	c.generation++
	c.epoch++
	c.phases, c.jobs, c.jars = nil, nil, nil
	c.note(s.now, "changed", fmt.Sprintf("generation %d was accepted", c.generation))
}

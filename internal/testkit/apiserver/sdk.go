package apiserver

import (
	"net/http"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// sdkRoutes adds what the tools of DC/OS SDK services ask for.
func (s *Server) sdkRoutes(handle func(string, func(*http.Request) (int, any, error))) {
	handle("GET /v1/plans", func(*http.Request) (int, any, error) { return http.StatusOK, []string{"deploy"}, nil })
	handle("GET /v1/plans/{plan}", s.plan)
	handle("POST /v1/plans/{plan}/{command}", s.commandPlan)
	handle("GET /v1/pod", func(*http.Request) (int, any, error) {
		names := []string{}
		s.eachTask(func(_ *state, t wire.TaskStatus) { names = append(names, t.ID) })
		return http.StatusOK, names, nil
	})
	handle("GET /v1/pod/status", s.podStatuses)
	handle("GET /v1/pod/{pod}/status", func(r *http.Request) (int, any, error) {
		t, err := s.pod(r)
		return http.StatusOK, podOf(t), err
	})
	handle("GET /v1/pod/{pod}/info", func(r *http.Request) (int, any, error) {
		t, err := s.pod(r)
		id := map[string]string{"value": t.ID}
		return http.StatusOK, []any{map[string]any{
			"info":   map[string]any{"name": t.ID, "taskId": id, "slaveId": map[string]string{"value": t.AgentID}},
			"status": map[string]any{"taskId": id, "state": "TASK_" + string(t.State)},
		}}, err
	})
	for _, command := range []string{"restart", "replace"} {
		handle("POST /v1/pod/{pod}/"+command, func(r *http.Request) (int, any, error) {
			t, err := s.pod(r)
			return http.StatusOK, map[string]any{"pod": t.ID, "tasks": []string{t.ID}}, err
		})
	}
	handle("GET /v1/endpoints", func(*http.Request) (int, any, error) { return http.StatusOK, sorted(s.endpoints()), nil })
	handle("GET /v1/endpoints/{endpoint}", func(r *http.Request) (int, any, error) {
		address, ok := s.endpoints()[r.PathValue("endpoint")]
		if !ok {
			return 0, nil, fault.New(fault.NotFound, "there is no endpoint %q; GET /v1/endpoints lists them", r.PathValue("endpoint"))
		}
		return http.StatusOK, map[string]any{"address": []string{address}}, nil
	})
}

// eachTask goes through the tasks of all clusters.
func (s *Server) eachTask(do func(*state, wire.TaskStatus)) {
	for _, name := range sorted(s.clusters) {
		for _, t := range s.tasks(s.clusters[name]) {
			do(s.clusters[name], t)
		}
	}
}

// pod finds the pod that a path names.
func (s *Server) pod(r *http.Request) (found wire.TaskStatus, err error) {
	name := r.PathValue("pod")
	err = fault.New(fault.NotFound, "there is no pod %q", name)
	s.eachTask(func(_ *state, t wire.TaskStatus) {
		if t.ID == name {
			found, err = t, nil
		}
	})
	return found, err
}

func podOf(t wire.TaskStatus) map[string]any {
	return map[string]any{"name": t.ID, "tasks": []map[string]string{{"name": t.ID, "id": t.ID, "status": string(t.State)}}}
}

// podStatuses lists the pods by cluster and role.
func (s *Server) podStatuses(*http.Request) (int, any, error) {
	var kinds []map[string]any
	at := map[string]int{}
	s.eachTask(func(c *state, t wire.TaskStatus) {
		name := c.spec.Name + "-" + string(t.Kind)
		if _, ok := at[name]; !ok {
			at[name] = len(kinds)
			kinds = append(kinds, map[string]any{"name": name, "instances": []any{}})
		}
		kind := kinds[at[name]]
		kind["instances"] = append(kind["instances"].([]any), podOf(t))
	})
	return http.StatusOK, map[string]any{"service": "flink", "pods": kinds}, nil
}

// endpoints are where things can be reached.
func (s *Server) endpoints() map[string]string {
	all := map[string]string{"api": "10.0.0.9:8080"}
	s.eachTask(func(c *state, t wire.TaskStatus) {
		if t.Kind == spec.JobManagerTask {
			all[c.spec.Name+"-rest"] = t.Hostname + ":31001"
			all[c.spec.Name+"-rpc"] = t.Hostname + ":31000"
		}
	})
	return all
}

// plan describes the plan.
func (s *Server) plan(r *http.Request) (int, any, error) {
	if name := r.PathValue("plan"); name != "deploy" {
		return 0, nil, fault.New(fault.NotFound, "there is no plan %q: the one there is is deploy", name)
	}
	code, status, phases, errs := http.StatusOK, "COMPLETE", []any{}, []string{}
	for _, name := range sorted(s.clusters) {
		c := s.clusters[name]
		d := s.description(c)
		steps, phase := []any{}, "COMPLETE"
		add := func(id, status, message string) {
			steps = append(steps, map[string]string{"id": "id-of-" + id, "name": id, "status": status, "message": message})
		}
		for _, t := range d.Tasks {
			add(t.ID, "COMPLETE", "runs on "+t.Hostname)
		}
		for _, w := range d.Waiting {
			add(w.ID, "PENDING", w.Reason)
			phase, status, code = "PENDING", "IN_PROGRESS", http.StatusAccepted
		}
		if c.failed != "" {
			phase, status, code = "ERROR", "ERROR", http.StatusExpectationFailed
			errs = append(errs, name+": "+c.failed)
		}
		phases = append(phases, map[string]any{"id": "id-of-" + name, "name": name, "steps": steps, "strategy": "parallel", "status": phase})
	}
	return code, map[string]any{"phases": phases, "errors": errs, "strategy": "parallel", "status": status}, nil
}

// commandPlan takes a command on the plan.
func (s *Server) commandPlan(r *http.Request) (int, any, error) {
	command, phase := r.PathValue("command"), r.URL.Query().Get("phase")
	c, ok := s.clusters[phase]
	switch {
	case phase != "" && !ok:
		return 0, nil, fault.New(fault.NotFound, "the plan has no phase %q", phase)
	case !slices.Contains([]string{"interrupt", "continue", "restart"}, command):
		return 0, nil, fault.New(fault.Conflict, "%s is not possible: a step is complete when its task runs, and not before", command)
	case command == "restart" && !ok:
		return 0, nil, fault.New(fault.Invalid, "phase: is missing")
	case command == "restart":
		c.note(s.now, "restarted", "the tasks were restarted on request")
	default:
		for name, c := range s.clusters {
			if phase == "" || phase == name {
				c.paused = command == "interrupt"
			}
		}
	}
	return http.StatusOK, map[string]string{"message": "Received cmd: " + command}, nil
}

package apiserver

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// The size of each of the three agents.
const (
	agentCPUs   = 8
	agentMemory = 16 * spec.GiB
)

// state is a cluster.
type state struct {
	spec       spec.Spec
	generation int64
	created    time.Time
	// epoch counts restarts; task ids carry it.
	epoch int
	// phases are those reached since the last start, one more with each look.
	phases   []wire.PhaseTime
	replaced map[string]int
	notes    []wire.Event
	// pending is a change to next that waits for jobs to be stopped into directory; given says why the last was given up.
	pending    *wire.Change
	next       spec.Spec
	directory  string
	given      string
	savepoints []wire.Savepoint
	// paused says that the plan was interrupted.
	paused bool
	// deleting counts the looks since the deletion; 0 means not deleted.
	deleting int
	failed   string
	result   *wire.JobResult
	jobs     []*job
	jars     []jar
}

// way is the phases that a cluster passes.
func (c *state) way() []wire.Phase {
	if c.spec.Allocation == spec.Static && c.spec.TaskManagers.Count > 0 {
		return wire.Phases()
	}
	return []wire.Phase{wire.PhaseOffer, wire.PhaseFetch, wire.PhaseJobManager, wire.PhaseReady}
}

// ready says that the cluster is up.
func (c *state) ready() bool {
	n := len(c.phases)
	return n > 0 && c.phases[n-1].Phase == wire.PhaseReady && c.result == nil && c.failed == ""
}

// reached says that a phase has begun.
func (c *state) reached(p wire.Phase) bool {
	return slices.ContainsFunc(c.phases, func(t wire.PhaseTime) bool { return t.Phase == p })
}

// blocked says why no offer will ever do.
func (c *state) blocked() string {
	jm := c.spec.JobManager.Resources
	switch {
	case jm.CPUs > agentCPUs:
		return fmt.Sprintf("cpus: %v needed, at most %d offered on 3 agents", jm.CPUs, agentCPUs)
	case jm.Memory > agentMemory:
		return fmt.Sprintf("mem: %s needed, at most %s offered on 3 agents", jm.Memory, agentMemory)
	}
	return ""
}

// advance moves a cluster one step on.
func (s *Server) advance(c *state) {
	if c.pending != nil {
		s.advanceChange(c)
		return
	}
	if c.spec.Suspended || c.result != nil || c.failed != "" || c.deleting > 0 || c.paused && len(c.phases) < 2 {
		return
	}
	way := c.way()
	switch n := len(c.phases); {
	case n == 1 && c.blocked() != "":
	case n < len(way):
		c.phases = append(c.phases, wire.PhaseTime{Phase: way[n], Since: s.now})
		c.note(s.now, "phase", string(way[n]))
		if way[n] == wire.PhaseFetch && c.spec.Job != nil && path.Base(c.spec.Job.JarURI) == "missing.jar" {
			c.failed = "the agent did not get " + c.spec.Job.JarURI
		}
	case c.spec.Job != nil:
		s.advanceApplication(c)
	}
}

// advanceApplication runs the job of an application cluster to its end.
func (s *Server) advanceApplication(c *state) {
	if len(c.jobs) == 0 {
		s.startJob(c, path.Base(c.spec.Job.JarURI), 1)
		return
	}
	j := c.jobs[0]
	j.look(s.now)
	if !j.over() {
		return
	}
	r := &wire.JobResult{Status: "SUCCEEDED", Ended: s.now}
	switch j.state {
	case "FAILED":
		r.Status, r.Diagnostics = "FAILED", failure
	case "CANCELED":
		r.Status = "CANCELED"
	}
	c.result = r
	c.note(s.now, "ended", "the job ended: "+r.Status)
}

// note adds an event.
func (c *state) note(t time.Time, kind, text string) {
	c.notes = append(c.notes, wire.Event{Time: t, Type: kind, Message: text})
}

// find returns the cluster that a path names.
func (s *Server) find(r *http.Request) (*state, error) {
	name := r.PathValue("name")
	c, ok := s.clusters[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no cluster %q", name)
	}
	return c, nil
}

// list answers GET /v1/clusters.
func (s *Server) list(*http.Request) (int, any, error) {
	list := []wire.Summary{}
	for _, name := range sorted(s.clusters) {
		d := s.description(s.clusters[name])
		row := wire.Summary{
			Name: d.Name, Kind: d.Kind, State: d.Status.State, Phase: d.Status.Phase, FlinkVersion: "2.3.0",
			Wanted: d.Spec.TaskManagers.Count, Created: d.Status.Created,
		}
		if f := d.Status.Flink; f != nil {
			row.TaskManagers, row.SlotsTotal, row.SlotsFree, row.JobsRunning = f.TaskManagers, f.SlotsTotal, f.SlotsAvailable, f.JobsRunning
		}
		list = append(list, row)
	}
	return http.StatusOK, map[string]any{"clusters": list}, nil
}

// clusterName is what a name may be.
var clusterName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// readSpec reads and checks a spec.
func readSpec(r *http.Request) (spec.Spec, error) {
	var sp spec.Spec
	if ct := r.Header.Get("Content-Type"); ct != "application/json" {
		return sp, fault.New(fault.Malformed, "content type %q is not application/json", ct)
	}
	d := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(&sp); err != nil {
		return sp, fault.New(fault.Malformed, "the spec cannot be read: %v", err)
	}
	var problems fault.List
	if !clusterName.MatchString(sp.Name) {
		problems.Add("name", "%q: use lower-case letters, digits and hyphens, 1 to 40 of them, starting with a letter", sp.Name)
	}
	if sp.Kind != spec.Session && sp.Job == nil {
		problems.Add("job", "a cluster of kind %s needs a job", sp.Kind)
	}
	if m := sp.TaskManager.Memory; m != 0 && m < 100*spec.MiB {
		problems.Add("taskManager.memory", "%s is too small for a TaskManager: give at least 1g", m)
	}
	return sp, problems.Err("the spec is not valid")
}

// create answers POST /v1/clusters.
func (s *Server) create(r *http.Request) (int, any, error) {
	spec, err := readSpec(r)
	if err != nil {
		return 0, nil, err
	}
	if _, ok := s.clusters[spec.Name]; ok {
		return 0, nil, fault.New(fault.Conflict, "cluster %q exists: change it with PUT /v1/clusters/%s", spec.Name, spec.Name)
	}
	return http.StatusCreated, s.description(s.add(spec)), nil
}

// add takes a new cluster.
func (s *Server) add(spec spec.Spec) *state {
	c := &state{spec: spec, generation: 1, created: s.now, epoch: 1, replaced: map[string]int{}}
	c.note(s.now, "created", "the cluster was accepted")
	s.clusters[spec.Name] = c
	return c
}

// put answers PUT /v1/clusters/{name}.
func (s *Server) put(r *http.Request) (int, any, error) {
	spec, err := readSpec(r)
	if err != nil {
		return 0, nil, err
	}
	if spec.Name != r.PathValue("name") {
		return 0, nil, fault.New(fault.Invalid, "name: the path says %q, the spec %q", r.PathValue("name"), spec.Name)
	}
	c, ok := s.clusters[spec.Name]
	if !ok {
		return http.StatusCreated, s.description(s.add(spec)), nil
	}
	if spec.UpgradesFromSavepoint() && c.running() > 0 {
		s.change(c, spec, spec.SavepointDirectory())
		return http.StatusOK, s.description(c), nil
	}
	c.spec = spec
	c.generation++
	c.note(s.now, "changed", fmt.Sprintf("generation %d was accepted", c.generation))
	return http.StatusOK, s.description(c), nil
}

// describe answers GET /v1/clusters/{name} and moves the cluster on.
func (s *Server) describe(r *http.Request) (int, any, error) {
	c, err := s.find(r)
	if err != nil {
		return 0, nil, err
	}
	if c.deleting > 0 {
		if c.deleting++; c.deleting > 3 {
			delete(s.clusters, c.spec.Name)
			_, err := s.find(r)
			return 0, nil, err
		}
	}
	s.advance(c)
	return http.StatusOK, s.description(c), nil
}

// remove answers DELETE /v1/clusters/{name}.
func (s *Server) remove(r *http.Request) (int, any, error) {
	c, err := s.find(r)
	if err != nil {
		return 0, nil, err
	}
	if n := c.running(); n > 0 && c.spec.Kind == spec.Session && r.URL.Query().Get("force") != "true" {
		return 0, nil, fault.New(fault.Conflict, "cluster %q has %d running jobs: stop them, or delete it with force", c.spec.Name, n)
	}
	c.deleting = 1
	return http.StatusAccepted, s.description(c), nil
}

// restart answers POST /v1/clusters/{name}/restart.
func (s *Server) restart(r *http.Request) (int, any, error) {
	c, err := s.find(r)
	if err != nil {
		return 0, nil, err
	}
	c.epoch++
	c.phases, c.jobs, c.jars = nil, nil, nil
	c.note(s.now, "restarted", "the cluster was restarted on request")
	return http.StatusAccepted, s.description(c), nil
}

// events answers GET /v1/clusters/{name}/events.
func (s *Server) events(r *http.Request) (int, any, error) {
	c, err := s.find(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"events": c.notes}, nil
}

// restartTask answers POST /v1/clusters/{name}/tasks/{task}/restart.
func (s *Server) restartTask(r *http.Request) (int, any, error) {
	c, err := s.find(r)
	if err != nil {
		return 0, nil, err
	}
	id := r.PathValue("task")
	if !slices.ContainsFunc(s.tasks(c), func(t wire.TaskStatus) bool { return t.ID == id }) {
		return 0, nil, fault.New(fault.NotFound, "cluster %s has no task %s", c.spec.Name, id)
	}
	c.note(s.now, "replaced", "task "+id+" is replaced on request")
	return http.StatusAccepted, s.description(c), nil
}

// description is a cluster as the API answers it.
func (s *Server) description(c *state) wire.Description {
	d := wire.Description{
		Name: c.spec.Name, Kind: c.spec.Kind, Spec: c.spec, Tasks: s.tasks(c), Waiting: []wire.Waiting{}, Events: c.notes,
		Status: wire.Status{
			State: wire.Created, Generation: c.generation, ObservedGeneration: c.generation, Created: c.created,
			Phases: slices.Clone(c.phases), Result: c.result, Paused: c.paused,
			Change: c.pending, ChangeFailure: c.given, Savepoints: c.savepoints,
		},
	}
	if c.pending != nil {
		d.Spec, d.Status.Generation = c.next, c.pending.Generation
	}
	if n := len(c.phases); n > 0 {
		d.Status.State, d.Status.Phase = wire.Deployed, c.phases[n-1].Phase
	}
	slots := max(c.spec.TaskManager.Slots, 1)
	switch {
	case c.deleting > 0:
		d.Status.State = wire.Deleting
	case c.spec.Suspended:
		d.Status.State, d.Status.Phase = wire.Suspended, ""
	case c.failed != "":
		d.Status.State, d.Status.Message = wire.Failed, c.failed
		d.Status.Failures = []wire.Failure{{
			TaskID: c.spec.Name + "-jm-1", Kind: spec.JobManagerTask, AgentID: "agent-1", Hostname: "agent1.example", State: task.Failed,
			Message: "Failed to fetch all URIs", Reason: "REASON_CONTAINER_LAUNCH_FAILED", Launched: c.created, Ended: c.phases[len(c.phases)-1].Since,
		}}
	case c.result != nil:
		d.Status.State = wire.Finished
	case c.ready():
		d.Status.State = wire.Stable
		busy := min(c.running(), c.spec.TaskManagers.Count*slots)
		d.Status.Flink = &wire.Flink{
			Version: "2.3.0", TaskManagers: c.spec.TaskManagers.Count, SlotsTotal: c.spec.TaskManagers.Count * slots,
			SlotsAvailable: c.spec.TaskManagers.Count*slots - busy, JobsRunning: c.running(), Observed: s.now,
		}
	case len(c.phases) <= 1:
		reason := c.blocked()
		if reason == "" {
			reason = "no offer yet from 3 agents"
		}
		d.Waiting = append(d.Waiting, wire.Waiting{
			ID: fmt.Sprintf("%s-jm-%d", c.spec.Name, c.epoch), Kind: spec.JobManagerTask, Since: c.created, Reason: reason,
		})
	}
	return d
}

// tasks lists the tasks that a cluster has in its present phase.
func (s *Server) tasks(c *state) []wire.TaskStatus {
	tasks := []wire.TaskStatus{}
	if !c.reached(wire.PhaseFetch) {
		return tasks
	}
	since := c.phases[1].Since
	add := func(id string, role spec.TaskKind, host int, r spec.Resources) {
		t := wire.TaskStatus{
			ID: id, Kind: role, Goal: task.Launched, State: task.Running, AgentID: fmt.Sprintf("agent-%d", host),
			Hostname: fmt.Sprintf("agent%d.example", host), CPUs: max(r.CPUs, 1), Memory: max(r.Memory, spec.GiB), Launched: since, Changed: since,
		}
		if role == spec.TaskManagerTask {
			t.Slots = max(c.spec.TaskManager.Slots, 1)
		}
		if c.result != nil || c.deleting > 0 {
			t.Goal, t.State = task.Released, task.Finished
		}
		tasks = append(tasks, t)
	}
	add(fmt.Sprintf("%s-jm-%d", c.spec.Name, c.epoch), spec.JobManagerTask, 1, c.spec.JobManager.Resources)
	if c.reached(wire.PhaseTaskManagers) {
		for i := range c.spec.TaskManagers.Count {
			add(fmt.Sprintf("%s-tm-%d-%d", c.spec.Name, c.epoch, i+1), spec.TaskManagerTask, i%3+1, c.spec.TaskManager.Resources)
		}
	}
	return tasks
}

// running counts the jobs that are not over.
func (c *state) running() int {
	n := 0
	for _, j := range c.jobs {
		if !j.over() {
			n++
		}
	}
	return n
}

// program is the part of a jar's file name that decides what it does.
func program(name string) string {
	if _, after, ok := strings.Cut(name, "_"); ok {
		name = after
	}
	return strings.TrimSuffix(name, ".jar")
}

package core_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/check"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// site is agents in racks in zones that come and go, and the tasks that the core has put on them.
type site struct {
	t      *rapid.T
	state  state.State
	now    time.Time
	rules  []string
	count  int
	serial int
	agents map[string]*siteAgent
	tasks  map[string]*siteTask
	// planned are the inverse offers of agents with planned maintenance.
	planned map[string]string
	ends    []state.Updated
	// told is what the master was told of the offers that are of use.
	told []state.RoleConstraints
	// calledOff says that planned maintenance was taken back.
	calledOff bool
}

type siteAgent struct {
	id, rack, zone string
	room           int
}

type siteTask struct {
	agent    *siteAgent
	running  bool
	released bool
}

// value is what the rule's field is on an agent.
func (a *siteAgent) value(field string) string {
	switch field {
	case "hostname":
		return "host-" + a.id
	case "@zone":
		return a.zone
	}
	return a.rack
}

func (s *site) do(e state.Event) {
	next, actions := core.Step(s.state, e, s.now)
	if wrong := check.Step(&s.state, e, actions, &next); len(wrong) > 0 {
		s.t.Fatalf("Step(%T): %s", e, strings.Join(wrong, "; "))
	}
	s.state = next
	for _, a := range actions {
		switch a := a.(type) {
		case state.Accept:
			for _, l := range a.Launches {
				if l.Task.Kind == spec.TaskManagerTask {
					s.allowed(s.agents[a.AgentID], l.Task.ID)
				}
				s.tasks[l.Task.ID] = &siteTask{agent: s.agents[a.AgentID]}
			}
		case state.Constrain:
			s.told = a.Roles
		case state.Kill:
			if t := s.tasks[a.TaskID]; t != nil {
				t.released = true
				s.ends = append(s.ends, state.Updated{TaskID: a.TaskID, AgentID: t.agent.id, State: task.Killed, UUID: []byte("u")})
			}
		}
	}
}

// allowed checks a launch against the rules, apart from the code under test: what counts are the TaskManagers that
// shall stay.
func (s *site) allowed(a *siteAgent, id string) {
	if s.planned[a.id] != "" {
		s.t.Fatalf("%s is launched on %s, for which maintenance is planned", id, a.id)
	}
	for _, rule := range constraints(s.rules) {
		per := map[string]int{}
		for id, t := range s.tasks {
			if !t.released && s.planned[t.agent.id] == "" && isTaskManager(id) {
				per[t.agent.value(rule[0])]++
			}
		}
		v := a.value(rule[0])
		limit := s.count
		switch rule[1] {
		case "UNIQUE":
			limit = 1
		case "MAX_PER":
			limit, _ = strconv.Atoi(rule[2])
		case "GROUP_BY":
			values, _ := strconv.Atoi(rule[2])
			limit = (s.count + values - 1) / values
			if per[v] == 0 && len(per) >= values {
				s.t.Fatalf("%v: %s is launched in %s, and %v have tasks", rule, id, v, per)
			}
		case "UNLIKE":
			if v == rule[2] {
				s.t.Fatalf("%v: %s is launched in %s", rule, id, v)
			}
		case "IS":
			if v != rule[2] {
				s.t.Fatalf("%v: %s is launched in %s", rule, id, v)
			}
		}
		if per[v] >= limit {
			s.t.Fatalf("%v: of %d %s is launched in %s, and %v have tasks", rule, s.count, id, v, per)
		}
	}
}

func isTaskManager(id string) bool { return id != "" && id[:7] == "demo-aa" && id[10:12] == "tm" }

func (s *site) come() {
	s.serial++
	rack := rapid.IntRange(0, 5).Draw(s.t, "rack")
	a := &siteAgent{
		id: fmt.Sprintf("a%d", s.serial), rack: fmt.Sprintf("r%d", rack), zone: fmt.Sprintf("z%d", rack/2),
		room: rapid.IntRange(0, 3).Draw(s.t, "room"),
	}
	s.agents[a.id] = a
}

// offer offers what is free of some agents, in any order.
func (s *site) offer(all bool) {
	var offers []offer.Offer
	for _, id := range slices.Sorted(maps.Keys(s.agents)) {
		a := s.agents[id]
		if !all && rapid.Bool().Draw(s.t, "offered") || !s.ofUse(a) {
			continue
		}
		free := a.room
		for _, t := range s.tasks {
			if t.agent == a {
				free--
			}
		}
		o := offer.Offer{
			ID: "o", AgentID: a.id, Hostname: a.value("hostname"), Zone: a.zone, Attributes: map[string]string{"rack": a.rack},
			Resources: []offer.Resource{
				{Name: "cpus", Scalar: offer.Milli(free) * 1000, AllocationRole: "*"},
				{Name: "mem", Scalar: 8 << 20, AllocationRole: "*"},
				{Name: "ports", Ranges: []offer.Range{{Begin: 31000, End: 31999}}, AllocationRole: "*"},
			},
		}
		if a.id == "jm" {
			o.Resources[1].Scalar = 1 << 40
		}
		if s.planned[a.id] != "" {
			o.Unavailable = s.now.Add(time.Hour)
		}
		offers = append(offers, o)
	}
	if !all {
		offers = rapid.Permutation(offers).Draw(s.t, "order")
	}
	s.do(state.Offered{Offers: offers})
}

// ofUse says whether the master offers an agent.
func (s *site) ofUse(a *siteAgent) bool {
	for _, r := range s.told {
		if !slices.ContainsFunc(r.Groups, func(g []constraint.Condition) bool {
			return !slices.ContainsFunc(g, func(c constraint.Condition) bool {
				v := a.value(strings.Replace(c.Field, "@hostname", "hostname", 1))
				return c.Test == constraint.Exists && v == "" || c.Test == constraint.TextEquals && v != c.Value || c.Test == constraint.TextNotEquals && v == c.Value
			})
		}) {
			return false
		}
	}
	return true
}

func (s *site) put() {
	spec := fitSpec(s.count, s.rules)
	spec.Role = "*"
	spec.JobManager.Memory = 1 << 40 // Only one agent has so much, and nothing else.
	s.do(state.PutCluster{Nonce: "aaaa", Spec: spec})
}

// deliver hands over the ends of killed tasks.
func (s *site) deliver() {
	for _, u := range s.ends {
		delete(s.tasks, u.TaskID)
		s.do(u)
	}
	s.ends = nil
}

func (s *site) end(id string, st task.State, reason string) {
	agent := s.tasks[id].agent.id
	delete(s.tasks, id)
	s.do(state.Updated{TaskID: id, AgentID: agent, State: st, Reason: reason, UUID: []byte("u")})
}

// run has every task that was launched run and be registered.
func (s *site) run() {
	running := 0
	for _, id := range slices.Sorted(maps.Keys(s.tasks)) {
		if t := s.tasks[id]; !t.released && !t.running {
			t.running = true
			s.do(state.Updated{TaskID: id, AgentID: t.agent.id, State: task.Running, UUID: []byte("u")})
		}
		running++
	}
	s.do(state.FlinkObserved{Cluster: "demo", JobManager: "demo-aaaa-jm-1", Flink: wire.Flink{TaskManagers: running - 1}})
}

// one draws something that happens.
func (s *site) one() {
	workers := slices.DeleteFunc(slices.Sorted(maps.Keys(s.tasks)), func(id string) bool { return !isTaskManager(id) || s.tasks[id].released })
	agents := slices.DeleteFunc(slices.Sorted(maps.Keys(s.agents)), func(id string) bool { return id == "jm" })
	switch rapid.IntRange(0, 9).Draw(s.t, "what") {
	case 0:
		s.come()
	case 1:
		if len(agents) == 0 {
			return
		}
		lost := s.agents[rapid.SampledFrom(agents).Draw(s.t, "lost")]
		delete(s.agents, lost.id)
		s.do(state.AgentLost{AgentID: lost.id})
		delete(s.planned, lost.id)
		for _, id := range slices.Sorted(maps.Keys(s.tasks)) {
			if s.tasks[id].agent == lost {
				s.ends = slices.DeleteFunc(s.ends, func(u state.Updated) bool { return u.TaskID == id })
				s.end(id, task.Lost, "REASON_AGENT_REMOVED")
			}
		}
	case 2:
		if len(workers) > 0 {
			s.end(rapid.SampledFrom(workers).Draw(s.t, "failed"), task.Failed, "")
		}
	case 3:
		s.count = rapid.IntRange(0, 8).Draw(s.t, "count")
		s.put()
	case 4:
		if len(agents) > 0 {
			s.maintain(rapid.SampledFrom(agents).Draw(s.t, "agent"))
		}
	case 5:
		s.run()
	case 6:
		s.deliver()
	case 7:
		s.now = s.now.Add(time.Duration(rapid.IntRange(0, 400).Draw(s.t, "seconds")) * time.Second)
		for _, id := range slices.Sorted(maps.Keys(s.planned)) { // Mesos says it again every minute.
			s.do(state.InverseOffered{Offers: []state.InverseOffer{{ID: s.planned[id], AgentID: id, Unavailable: s.now}}})
		}
		s.do(state.Ticked{})
	default:
		s.offer(false)
	}
}

func (s *site) maintain(agent string) {
	if id := s.planned[agent]; id != "" {
		delete(s.planned, agent)
		s.calledOff = true
		s.do(state.InverseRescinded{OfferID: id})
		return
	}
	s.serial++
	s.planned[agent] = fmt.Sprintf("i%d", s.serial)
	s.do(state.InverseOffered{Offers: []state.InverseOffer{{ID: s.planned[agent], AgentID: agent, Unavailable: s.now.Add(time.Hour)}}})
}

// settle lets Mesos offer everything until nothing changes.
func (s *site) settle() {
	for _, id := range slices.Sorted(maps.Keys(s.planned)) {
		s.maintain(id)
	}
	for range 12 {
		s.now = s.now.Add(10 * time.Minute)
		s.do(state.Ticked{})
		s.deliver()
		s.offer(true)
		s.run()
	}
}

// room is how many TaskManagers the rules and the agents leave room for. Hosts lie in racks and racks in zones, so taking
// the agents in any order finds the most.
func (s *site) room() int {
	per := map[string]map[string]int{}
	placed := 0
	for _, id := range slices.Sorted(maps.Keys(s.agents)) {
		a := s.agents[id]
		for range a.room {
			ok := a.id != "jm"
			for _, rule := range constraints(s.rules) {
				n := per[rule[0]][a.value(rule[0])]
				limit := 1 << 30
				switch rule[1] {
				case "UNIQUE":
					limit = 1
				case "MAX_PER":
					limit, _ = strconv.Atoi(rule[2])
				case "IS":
					ok = ok && a.value(rule[0]) == rule[2]
				case "UNLIKE":
					ok = ok && a.value(rule[0]) != rule[2]
				}
				ok = ok && n < limit
			}
			if !ok {
				break
			}
			placed++
			for _, rule := range constraints(s.rules) {
				if per[rule[0]] == nil {
					per[rule[0]] = map[string]int{}
				}
				per[rule[0]][a.value(rule[0])]++
			}
		}
	}
	return placed
}

// TestRulesHold plays histories in which agents come and go, are taken away, and tasks fail, while the number of
// TaskManagers changes: no launch violates a rule, and at rest as many TaskManagers run as are wanted or
// there is room for.
func TestRulesHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s := &site{
			t: t, now: now, state: core.New(state.Options{}, state.Stored{}, now),
			agents: map[string]*siteAgent{"jm": {id: "jm", room: 1}}, tasks: map[string]*siteTask{}, planned: map[string]string{},
			rules: rapid.SampledFrom([][]string{
				{"hostname:UNIQUE"},
				{"rack:UNIQUE"},
				{"@zone:MAX_PER:2"},
				{"hostname:MAX_PER:2", "@zone:MAX_PER:3"},
				{"rack:IS:r1"},
				{"@zone:UNLIKE:z1", "rack:MAX_PER:2"},
				{"hostname:UNIQUE", "@zone:IS:z1"},
				{"@zone:GROUP_BY:3"},
				{"@zone:GROUP_BY:2", "hostname:MAX_PER:1"},
			}).Draw(t, "rules"),
			count: rapid.IntRange(0, 8).Draw(t, "count"),
		}
		s.do(state.Subscribed{FrameworkID: "f", Version: "1.12.0"})
		s.put()
		s.offer(true)
		for range rapid.IntRange(0, 5).Draw(t, "agents") {
			s.come()
		}
		for range rapid.IntRange(0, 50).Draw(t, "length") {
			s.one()
		}
		s.settle()
		workers := 0
		for id := range s.tasks {
			if isTaskManager(id) {
				workers++
			}
		}
		shared := slices.ContainsFunc(constraints(s.rules), func(rule []string) bool { return rule[1] == "GROUP_BY" })
		// What came up in the place of a TaskManager that was to go stays beside it when the maintenance is called off: rules are
		// for launches, and nothing that runs is ended for one.
		room := s.room()
		more := workers > room && workers <= s.count && s.calledOff
		if workers > s.count || !shared && !more && workers != min(s.count, room) {
			t.Fatalf("%v: %d TaskManagers run, wanted are %d, there is room for %d", s.rules, workers, s.count, room)
		}
	})
}

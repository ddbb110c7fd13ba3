package localmesos_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"pgregory.net/rapid"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
)

// ledger is what a test of accounting knows: its own sums beside the master's.
type ledger struct {
	*world
	clients []*client
	agents  []string
	scripts map[string]*executor.Scripted
	lost    map[string]bool
	// offers are those that each client holds; tasks are those that run, by id.
	offers map[*client][]mesos.Offer
	tasks  map[string]mesos.TaskInfo
	owner  map[string]*client
	next   int
}

// sync takes all events in: offers are held, rescinded ones dropped, ended tasks forgotten.
func (l *ledger) sync() {
	for _, c := range l.clients {
		for again := true; again; {
			again = false
			for _, e := range c.take() {
				switch e.GetType() {
				case scheduler.Event_OFFERS:
					l.offers[c] = append(l.offers[c], e.Offers.Offers...)
				case scheduler.Event_RESCIND:
					l.offers[c] = slices.DeleteFunc(l.offers[c], func(o mesos.Offer) bool { return o.ID == e.Rescind.OfferID })
				case scheduler.Event_UPDATE:
					s := e.Update.Status
					if len(s.UUID) > 0 {
						c.ack(s)
						again = true
					}
					switch s.GetState() {
					case mesos.TASK_FINISHED, mesos.TASK_KILLED, mesos.TASK_FAILED, mesos.TASK_ERROR, mesos.TASK_LOST, mesos.TASK_DROPPED:
						delete(l.tasks, s.TaskID.Value)
					default: // It runs on.
					}
				default: // Says nothing about resources.
				}
			}
		}
	}
}

// check compares the sums: no agent gives away more than it has, in offers and tasks together.
func (l *ledger) check(t *rapid.T) {
	for _, id := range l.agents {
		cpus, mem, ports := 0.0, 0.0, 0
		add := func(rs []mesos.Resource) {
			for _, r := range rs {
				switch r.Name {
				case "cpus":
					cpus += r.GetScalar().GetValue()
				case "mem":
					mem += r.GetScalar().GetValue()
				case "ports":
					for _, x := range r.GetRanges().GetRange() {
						ports += int(x.End - x.Begin + 1)
					}
				}
			}
		}
		for _, c := range l.clients {
			for _, o := range l.offers[c] {
				if o.AgentID.Value == id {
					add(o.Resources)
				}
			}
		}
		for _, info := range l.tasks {
			if info.AgentID.Value == id {
				add(info.Resources)
			}
		}
		if cpus > 4+1e-6 || mem > 4096+1e-6 || ports > 100 {
			t.Fatalf("agent %s gives %v of 4 cpus, %v of 4096 MiB, %d of 100 ports", id, cpus, mem, ports)
		}
	}
}

// pick draws one of a list; ok is false when it is empty.
func pick[T any](t *rapid.T, name string, from []T) (one T, ok bool) {
	if len(from) == 0 {
		return one, false
	}
	return from[rapid.IntRange(0, len(from)-1).Draw(t, name)], true
}

// Whatever frameworks do and whatever fails, no agent is over-committed; and when all have let go, every
// agent offers all it has, in the pieces that it had.
func TestResourcesAreAccountedExactly(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var stopped any // rapid ends a run by a panic, which must not leave the bubble of synctest.
		defer func() {
			if stopped != nil {
				panic(stopped)
			}
		}()
		synctest.Test(t, func(t *testing.T) {
			defer func() { stopped = recover() }()
			l := &ledger{
				world: newWorld(t, localmesos.Options{}), scripts: make(map[string]*executor.Scripted), lost: make(map[string]bool),
				offers: make(map[*client][]mesos.Offer), tasks: make(map[string]mesos.TaskInfo), owner: make(map[string]*client),
			}
			for range 2 {
				id, s := l.agent(small())
				l.agents = append(l.agents, id)
				l.scripts[id] = s
			}
			l.clients = []*client{l.subscribe(ledgerFramework(0)), l.subscribe(ledgerFramework(1))}
			rt.Repeat(l.actions())
			l.settle(rt)
		})
	})
}

// ledgerFramework is one of the two: the second has two roles, and tasks that outlive their agent's process.
func ledgerFramework(n int) *mesos.FrameworkInfo {
	if n == 0 {
		return framework("a")
	}
	info := framework("a", "b")
	info.Checkpoint = new(true)
	return info
}

func (l *ledger) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"": l.check,
		"allocate": func(*rapid.T) {
			l.Allocate()
			l.sync()
		},
		"decline": func(t *rapid.T) {
			c, _ := pick(t, "client", l.clients)
			o, ok := pick(t, "offer", l.offers[c])
			if !ok {
				t.Skip("no offer")
			}
			c.decline(filters(time.Duration(rapid.IntRange(0, 3).Draw(t, "refuse"))*time.Second), o)
			l.offers[c] = slices.DeleteFunc(l.offers[c], func(x mesos.Offer) bool { return x.ID == o.ID })
		},
		"launch":  l.launch,
		"reserve": l.reserve,
		"kill": func(t *rapid.T) {
			id, ok := pick(t, "task", sortedNames(l.tasks))
			if !ok {
				t.Skip("no task")
			}
			l.owner[id].do(&scheduler.Call{Type: scheduler.Call_KILL, Kill: &scheduler.Call_Kill{TaskID: mesos.TaskID{Value: id}}})
			l.sync()
		},
		"end": func(t *rapid.T) {
			id, ok := pick(t, "task", sortedNames(l.tasks))
			if !ok {
				t.Skip("no task")
			}
			l.scripts[l.tasks[id].AgentID.Value].End(id, mesos.TASK_FAILED, "")
			l.sync()
		},
		"lose": func(t *rapid.T) {
			id, _ := pick(t, "agent", l.agents)
			if l.lost[id] {
				_ = l.ReturnAgent(id) // It is lost.
			} else {
				_ = l.LoseAgent(id) // It is there.
			}
			l.lost[id] = !l.lost[id]
			l.sync()
		},
		"revive": func(t *rapid.T) {
			c, _ := pick(t, "client", l.clients)
			c.do(&scheduler.Call{Type: scheduler.Call_REVIVE})
			l.sync()
		},
		"failover": func(*rapid.T) {
			l.Failover()
			for i, c := range l.clients {
				info := ledgerFramework(i)
				info.ID = &mesos.FrameworkID{Value: c.id}
				again := l.subscribe(info)
				for id, owner := range l.owner {
					if owner == c {
						l.owner[id] = again
					}
				}
				delete(l.offers, c)
				l.clients[i] = again
			}
			l.sync()
		},
		"wait": func(*rapid.T) {
			time.Sleep(time.Second)
			l.sync()
		},
	}
}

func (l *ledger) launch(t *rapid.T) {
	c, _ := pick(t, "client", l.clients)
	o, ok := pick(t, "offer", l.offers[c])
	if !ok {
		t.Skip("no offer")
	}
	var tasks []mesos.TaskInfo
	for range rapid.IntRange(1, 3).Draw(t, "tasks") {
		l.next++
		// Tenths and sizes that may be too large: those are refused.
		info := task(o, fmt.Sprintf("t%03d", l.next), float64(rapid.IntRange(1, 25).Draw(t, "cpus"))/10, float64(rapid.IntRange(1, 2000).Draw(t, "mem")))
		if n := rapid.IntRange(0, 3).Draw(t, "ports"); n > 0 {
			first := uint64(31000 + rapid.IntRange(0, 97).Draw(t, "first"))
			ports := resources.Build().Name(resources.NamePorts).Ranges(resources.BuildRanges().Span(first, first+uint64(n)-1).Ranges).Resource
			info.Resources = append(info.Resources, mesos.Resources{ports}.Allocate(o.AllocationInfo.GetRole())...)
		}
		tasks = append(tasks, info)
		l.tasks[info.TaskID.Value], l.owner[info.TaskID.Value] = info, c
	}
	l.offers[c] = slices.DeleteFunc(l.offers[c], func(x mesos.Offer) bool { return x.ID == o.ID })
	c.accept([]mesos.Offer{o}, launchOf(tasks...))
	l.sync()
}

func (l *ledger) reserve(t *rapid.T) {
	c, _ := pick(t, "client", l.clients)
	o, ok := pick(t, "offer", l.offers[c])
	if !ok {
		t.Skip("no offer")
	}
	l.offers[c] = slices.DeleteFunc(l.offers[c], func(x mesos.Offer) bool { return x.ID == o.ID })
	op := reserve(o, float64(rapid.IntRange(1, 20).Draw(t, "cpus"))/10, o.AllocationInfo.GetRole())
	if rapid.Bool().Draw(t, "unreserve") {
		op.Type, op.Unreserve, op.Reserve = mesos.Offer_Operation_UNRESERVE, &mesos.Offer_Operation_Unreserve{Resources: op.Reserve.Resources}, nil
	}
	c.accept([]mesos.Offer{o}, op)
	l.sync()
}

// settle lets go of everything and wants every agent whole again.
func (l *ledger) settle(t *rapid.T) {
	for _, id := range l.agents {
		if l.lost[id] {
			_ = l.ReturnAgent(id) // It is lost.
		}
	}
	l.sync()
	for _, c := range l.clients {
		c.do(&scheduler.Call{Type: scheduler.Call_TEARDOWN})
	}
	c := l.subscribe(framework("a/all", "b/all"))
	l.Allocate()
	cpus, mem, ports := make(map[string]float64), make(map[string]float64), make(map[string]uint64)
	for _, o := range c.offers() {
		cpus[o.AgentID.Value] += amount(o, "cpus")
		mem[o.AgentID.Value] += amount(o, "mem")
		for _, r := range o.Resources {
			for _, x := range r.GetRanges().GetRange() {
				ports[o.AgentID.Value] += x.End - x.Begin + 1
			}
		}
	}
	for _, id := range l.agents {
		if math.Abs(cpus[id]-4) > 1e-6 || math.Abs(mem[id]-4096) > 1e-6 || ports[id] != 100 {
			t.Fatalf("agent %s offers %v of 4 cpus, %v of 4096 MiB, %d of 100 ports when all is over", id, cpus[id], mem[id], ports[id])
		}
	}
}

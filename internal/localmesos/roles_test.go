package localmesos_test

import (
	"math"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
)

// Who holds less is offered more, until both have the same.
func TestFrameworksShareByDominantShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		w.agent(small())
		w.agent(small())
		rich := w.subscribe(framework())
		for i, o := range rich.allocate() {
			rich.accept([]mesos.Offer{o}, launchOf(task(o, "task"+string(rune('a'+i)), 4, 4096)))
		}
		rich.acknowledge()
		poor := w.subscribe(framework())
		for range 4 {
			w.agent(small())
		}
		w.Allocate()
		if a, b := 8+cpusOf(rich.offers()), cpusOf(poor.offers()); a != 12 || b != 12 {
			t.Errorf("the frameworks have %v and %v cpus, want 12 each", a, b)
		}
	})
}

func cpusOf(offers []mesos.Offer) float64 {
	sum := 0.0
	for _, o := range offers {
		sum += amount(o, "cpus")
	}
	return sum
}

// Memory counts as well as cpus: the larger part decides.
func TestDominantShareIsOfAnyResource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		w.agent(small())
		memory, cpu := w.subscribe(framework("memory")), w.subscribe(framework("cpu"), "cpu")
		o := memory.allocate()[0]
		memory.accept([]mesos.Offer{o}, launchOf(task(o, "m", 0.5, 3000)))
		memory.acknowledge()
		cpu.do(&scheduler.Call{Type: scheduler.Call_REVIVE})
		o = cpu.offers()[0]
		cpu.accept([]mesos.Offer{o}, launchOf(task(o, "c", 2, 100)))
		cpu.acknowledge()
		w.agent(small())
		w.Allocate()
		// 3000 of 8192 MiB are more than 2 of 8 cpus: the rest of the first agent is for the second framework,
		// which then holds 3.5 of 8 cpus, and the next agent is for the first.
		if a, b := cpusOf(memory.offers()), cpusOf(cpu.offers()); a != 4 || b != 1.5 {
			t.Errorf("offers of %v and %v cpus, want 4 and 1.5", a, b)
		}
	})
}

func TestOffersOfRoles(t *testing.T) {
	reserved := func(name resources.Name, value float64, role string) mesos.Resource {
		r := scalar(name, value)
		r.Reservations = []mesos.Resource_ReservationInfo{{Type: mesos.Resource_ReservationInfo_STATIC.Enum(), Role: &role}}
		return r
	}
	agentResources := mesos.Resources{
		scalar(resources.NameCPUs, 2), scalar(resources.NameMem, 1024),
		reserved(resources.NameCPUs, 4, "web"), reserved(resources.NameCPUs, 8, "dev"),
	}
	tests := []struct {
		role string
		cpus float64
	}{
		{"*", 2},
		{"other", 2},
		{"web", 6},
		{"dev", 10},
		{"dev/team", 10}, // What is reserved for a parent may go to a child,
		{"devil", 2},     // which is not whoever has a name that begins like it,
		{"web/sub", 6},
		{"team", 2}, // and never the other way round.
	}
	for _, tt := range tests {
		t.Run(tt.role, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, localmesos.Options{})
				w.agent(localmesos.AgentOptions{Resources: agentResources})
				c := w.subscribe(framework(tt.role))
				offers := c.allocate()
				if len(offers) != 1 || amount(offers[0], "cpus") != tt.cpus {
					t.Fatalf("offers %v, want %v cpus", offers, tt.cpus)
				}
				for _, r := range offers[0].Resources {
					if r.AllocationInfo.GetRole() != tt.role {
						t.Errorf("%v is not allocated to the role", r)
					}
				}
			})
		})
	}
}

func reserve(o mesos.Offer, cpus float64, role string) mesos.Offer_Operation {
	r := scalar(resources.NameCPUs, cpus)
	r.Reservations = []mesos.Resource_ReservationInfo{{Type: mesos.Resource_ReservationInfo_DYNAMIC.Enum(), Role: &role}}
	return mesos.Offer_Operation{Type: mesos.Offer_Operation_RESERVE, Reserve: &mesos.Offer_Operation_Reserve{
		Resources: mesos.Resources{r}.Allocate(o.AllocationInfo.GetRole()),
	}}
}

// reservedCPUs sums the reserved cpus of offers.
func reservedCPUs(offers []mesos.Offer) float64 {
	sum := 0.0
	for _, o := range offers {
		for _, r := range o.Resources {
			if r.Name == "cpus" && len(r.Reservations) > 0 {
				sum += r.GetScalar().GetValue()
			}
		}
	}
	return sum
}

func TestReserveLaunchUnreserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		w.agent(small())
		c, other := w.subscribe(framework("web")), w.subscribe(framework("batch"), "batch")
		offer := c.allocate()[0]
		// Reserve and use the reserved part in one ACCEPT.
		info := task(offer, "a", 1, 256)
		op := reserve(offer, 3, "web")
		info.Resources = append(slices.Clone(op.Reserve.Resources), info.Resources[1:]...)
		info.Resources[0].Scalar = &mesos.Value_Scalar{Value: 1}
		op = reserve(offer, 3, "web")
		c.accept([]mesos.Offer{offer}, op, launchOf(info))
		if diff := cmp.Diff([]string{"a=TASK_STARTING", "a=TASK_RUNNING"}, states(c.acknowledge())); diff != "" {
			t.Fatalf("states (-want +got):\n%s", diff)
		}
		// The rest of the reservation is for this role alone.
		other.do(&scheduler.Call{Type: scheduler.Call_REVIVE})
		if offers := other.offers(); len(offers) != 1 || amount(offers[0], "cpus") != 1 || reservedCPUs(offers) != 0 {
			t.Fatalf("the other role is offered %v, want 1 cpu", offers)
		}
		offers := c.allocate()
		if len(offers) != 1 || reservedCPUs(offers) != 2 {
			t.Fatalf("offers %v, want 2 reserved cpus", offers)
		}
		un := reserve(offers[0], 2, "web")
		c.accept(offers, mesos.Offer_Operation{Type: mesos.Offer_Operation_UNRESERVE, Unreserve: &mesos.Offer_Operation_Unreserve{Resources: un.Reserve.Resources}})
		offers = c.allocate()
		if len(offers) != 1 || reservedCPUs(offers) != 0 || amount(offers[0], "cpus") != 2 {
			t.Fatalf("offers %v, want 2 cpus without a reservation", offers)
		}
		// The task ends: what it used is still reserved.
		c.do(&scheduler.Call{Type: scheduler.Call_KILL, Kill: &scheduler.Call_Kill{TaskID: mesos.TaskID{Value: "a"}}})
		c.acknowledge()
		if offers = c.allocate(); reservedCPUs(offers) != 1 {
			t.Errorf("offers %v, want the reserved cpu of the task", offers)
		}
	})
}

func TestReservationsThatAreRefused(t *testing.T) {
	tests := []struct {
		name string
		cpus float64
		role string
	}{
		{"more than offered", 5, "web"},
		{"for another role", 1, "other"},
		{"for a child", 1, "web/sub"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, localmesos.Options{})
				w.agent(small())
				c := w.subscribe(framework("web"))
				offers := c.allocate()
				c.accept(offers, reserve(offers[0], tt.cpus, tt.role))
				offers = c.allocate()
				if len(offers) != 1 || reservedCPUs(offers) != 0 || math.Abs(amount(offers[0], "cpus")-4) > 1e-9 {
					t.Errorf("offers %v, want 4 cpus without a reservation", offers)
				}
			})
		})
	}
}

// The older form of resources is for frameworks that do not know reservations as a stack.
func TestOldFormOfResources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		w.agent(small())
		info := framework()
		info.Capabilities = info.Capabilities[:2]
		c := w.subscribe(info)
		offers := c.allocate()
		for _, r := range offers[0].Resources {
			if r.GetRole() != "*" || r.Role == nil {
				t.Errorf("%v has no role", r)
			}
		}
		// It sends them back in this form.
		tk := task(offers[0], "a", 1, 256)
		for i := range tk.Resources {
			tk.Resources[i].Role = new("*")
		}
		c.accept(offers, launchOf(tk))
		if diff := cmp.Diff([]string{"a=TASK_STARTING", "a=TASK_RUNNING"}, states(c.acknowledge())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	})
}

func TestGPUsAreForThoseWhoAskOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		o := small()
		o.GPUs = 1
		w.agent(o)
		if n := w.subscribe(framework()).allocate(); len(n) != 0 {
			t.Errorf("offers %v: a framework without GPU_RESOURCES is not offered agents with gpus", n)
		}
		info := framework()
		info.Capabilities = append(info.Capabilities, mesos.FrameworkInfo_Capability{Type: mesos.FrameworkInfo_Capability_GPU_RESOURCES})
		if n := w.subscribe(info).allocate(); len(n) != 1 || amount(n[0], "gpus") != 1 {
			t.Errorf("offers %v, want one with a gpu", n)
		}
	})
}

package localmesos_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpsched"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
)

// crowd is a master of 1,000 scripted agents with 10,000 tasks.
func crowd(b *testing.B) (*localmesos.Master, *crowdClient) {
	b.Helper()
	m, err := localmesos.New(localmesos.Options{AllocationInterval: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := m.Close(); err != nil {
			b.Error(err)
		}
	})
	for range 1000 {
		o := small()
		o.CPUs, o.MemMiB, o.Runtime = 16, 65536, executor.NewScripted(nil)
		if _, err := m.AddAgent(o); err != nil {
			b.Fatal(err)
		}
	}
	c := newCrowdClient(b, m)
	m.Allocate()
	n := 0
	for _, o := range c.next(scheduler.Event_OFFERS).Offers.Offers {
		var tasks []mesos.TaskInfo
		for range 10 {
			tasks = append(tasks, task(o, fmt.Sprintf("t%05d", n), 1, 1024))
			n++
		}
		c.call(&scheduler.Call{Type: scheduler.Call_ACCEPT, Accept: &scheduler.Call_Accept{
			OfferIDs: []mesos.OfferID{o.ID}, Operations: []mesos.Offer_Operation{launchOf(tasks...)}, Filters: filters(0),
		}})
	}
	for running := 0; running < n; {
		s := c.next(scheduler.Event_UPDATE).Update.Status
		if s.GetState() == mesos.TASK_RUNNING {
			running++
		}
		c.call(&scheduler.Call{Type: scheduler.Call_ACKNOWLEDGE, Acknowledge: &scheduler.Call_Acknowledge{AgentID: *s.AgentID, TaskID: s.TaskID, UUID: s.UUID}})
	}
	return m, c
}

func BenchmarkTenThousandTasks(b *testing.B) {
	start := time.Now()
	m, c := crowd(b)
	b.Logf("10,000 tasks were launched and acknowledged in %s", time.Since(start).Round(time.Millisecond))
	b.Run("allocate", func(b *testing.B) {
		for b.Loop() {
			m.Allocate()
			var ids []mesos.OfferID
			for _, o := range c.next(scheduler.Event_OFFERS).Offers.Offers {
				ids = append(ids, o.ID)
			}
			c.call(&scheduler.Call{Type: scheduler.Call_DECLINE, Decline: &scheduler.Call_Decline{OfferIDs: ids, Filters: filters(0)}})
		}
	})
	b.Run("allocate, all filtered", func(b *testing.B) {
		m.Allocate()
		var ids []mesos.OfferID
		for _, o := range c.next(scheduler.Event_OFFERS).Offers.Offers {
			ids = append(ids, o.ID)
		}
		c.call(&scheduler.Call{Type: scheduler.Call_DECLINE, Decline: &scheduler.Call_Decline{OfferIDs: ids, Filters: filters(1000 * time.Hour)}})
		for b.Loop() {
			m.Allocate()
		}
	})
	b.Run("state", func(b *testing.B) {
		for b.Loop() {
			response, err := http.Get(m.URL() + "/state")
			if err != nil {
				b.Fatal(err)
			}
			response.Body.Close()
		}
	})
	b.Run("reconcile", func(b *testing.B) {
		for b.Loop() {
			c.call(&scheduler.Call{Type: scheduler.Call_RECONCILE, Reconcile: &scheduler.Call_Reconcile{}})
			for range 10000 {
				c.next(scheduler.Event_UPDATE)
			}
		}
	})
	b.Run("lose and return 100 agents", func(b *testing.B) {
		for b.Loop() {
			for i := range 100 {
				if err := m.LoseAgent(fmt.Sprint(i)); err != nil {
					b.Fatal(err)
				}
			}
			for i := range 100 {
				if err := m.ReturnAgent(fmt.Sprint(i)); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// crowdClient is a scheduler on mesos-go's own HTTP client.
type crowdClient struct {
	testing.TB
	caller calls.Caller
	id     *mesos.FrameworkID
	stream mesos.Response
}

func newCrowdClient(t testing.TB, m *localmesos.Master) *crowdClient {
	t.Helper()
	c := &crowdClient{TB: t, caller: httpsched.NewCaller(httpcli.New(
		httpcli.Endpoint(m.URL()+"/api/v1/scheduler"), httpcli.Codec(codecs.ByMediaType[codecs.MediaTypeProtobuf]),
	))}
	ctx, stop := context.WithCancel(context.Background())
	var err error
	if c.stream, err = c.caller.Call(ctx, &scheduler.Call{Type: scheduler.Call_SUBSCRIBE, Subscribe: &scheduler.Call_Subscribe{FrameworkInfo: framework()}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = c.stream.Close() })
	c.id = c.next(scheduler.Event_SUBSCRIBED).Subscribed.FrameworkID
	return c
}

// next reads until an event of a type.
func (c *crowdClient) next(kind scheduler.Event_Type) scheduler.Event {
	c.Helper()
	for {
		var e scheduler.Event
		if err := c.stream.Decode(&e); err != nil {
			c.Fatal(err)
		}
		if e.Type == kind {
			return e
		}
	}
}

func (c *crowdClient) call(call *scheduler.Call) {
	c.Helper()
	call.FrameworkID = c.id
	response, err := c.caller.Call(context.Background(), call)
	if err != nil {
		c.Fatal(err)
	}
	if response != nil {
		if err := response.Close(); err != nil {
			c.Fatal(err)
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gogo/protobuf/proto"
	mesosgo "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// endpoint is the scheduler API of a master that does what the bench says, and nothing by itself: so that what is
// measured is the service and not a master's allocator.
type endpoint struct {
	address string
	server  *http.Server
	call    func(c *scheduler.Call, at time.Time)

	mu         sync.Mutex
	stream     http.ResponseWriter
	subscribed chan struct{}
	ended      chan struct{}
}

// newEndpoint serves one framework. Call is told of each call but SUBSCRIBE and when it had been read.
func newEndpoint(call func(c *scheduler.Call, at time.Time)) (*endpoint, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &endpoint{address: l.Addr().String(), call: call, subscribed: make(chan struct{}), ended: make(chan struct{})}
	e.server = &http.Server{Handler: http.HandlerFunc(e.serve), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = e.server.Serve(l) }() // It ends with close.
	return e, nil
}

func (e *endpoint) close() {
	close(e.ended)
	_ = e.server.Close() // What is left are connections that nobody needs.
}

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	at := time.Now()
	call := new(scheduler.Call)
	if err == nil {
		err = proto.Unmarshal(body, call)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if call.GetType() != scheduler.Call_SUBSCRIBE {
		w.WriteHeader(http.StatusAccepted)
		e.call(call, at)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.Header().Set("Mesos-Stream-Id", "bench")
	e.mu.Lock()
	e.stream = w
	e.mu.Unlock()
	silence := time.Hour.Seconds()
	subscribed := &scheduler.Event{Type: scheduler.Event_SUBSCRIBED, Subscribed: &scheduler.Event_Subscribed{
		FrameworkID: &mesosgo.FrameworkID{Value: "bench-0000"}, HeartbeatIntervalSeconds: &silence,
	}}
	if _, err := e.send(frame(subscribed)); err != nil {
		return
	}
	close(e.subscribed)
	select {
	case <-e.ended:
	case <-r.Context().Done():
	}
	e.mu.Lock()
	e.stream = nil
	e.mu.Unlock()
}

// ready waits for the subscription.
func (e *endpoint) ready(ctx context.Context) error {
	select {
	case <-e.subscribed:
		return nil
	case <-time.After(10 * time.Second):
		return errors.New("the service did not subscribe")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// frame is an event as it stands on the stream.
func frame(event *scheduler.Event) []byte {
	data, err := proto.Marshal(event)
	if err != nil {
		panic(fmt.Sprintf("an event of the bench's own making: %v", err))
	}
	return append(append(strconv.AppendInt(nil, int64(len(data)), 10), '\n'), data...)
}

// send writes a frame and returns when it began to.
func (e *endpoint) send(frame []byte) (time.Time, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	began := time.Now()
	if e.stream == nil {
		return began, errors.New("the service is not subscribed")
	}
	if _, err := e.stream.Write(frame); err != nil {
		return began, err
	}
	return began, http.NewResponseController(e.stream).Flush()
}

// update reports the state of a task, as the master does by itself: without an acknowledgement.
func (e *endpoint) update(task, agent string, state mesosgo.TaskState) error {
	_, err := e.send(frame(&scheduler.Event{Type: scheduler.Event_UPDATE, Update: &scheduler.Event_Update{Status: mesosgo.TaskStatus{
		TaskID: mesosgo.TaskID{Value: task}, AgentID: &mesosgo.AgentID{Value: agent}, State: &state, Source: mesosgo.SOURCE_MASTER.Enum(),
	}}}))
	return err
}

// offers is an OFFERS event with the offers of as many agents, as a real master writes them. The first of every so
// many agents is large enough for one worker of benchSpec, the others for none. Serial makes the ids new.
func offers(n, every, serial int) []byte {
	event := &scheduler.Event{Type: scheduler.Event_OFFERS, Offers: &scheduler.Event_Offers{Offers: make([]mesosgo.Offer, n)}}
	role := "*"
	for i := range n {
		cpus := 1.5
		if i%every == 0 {
			cpus = 2.5
		}
		host := fmt.Sprintf("agent-%d.example", i)
		ip, path := "127.0.0.1", "/slave(1)"
		event.Offers.Offers[i] = mesosgo.Offer{
			ID:          mesosgo.OfferID{Value: fmt.Sprintf("5d8f6a0e-0000-4000-8000-000000000000-O%d-%d", serial, i)},
			FrameworkID: mesosgo.FrameworkID{Value: "bench-0000"},
			AgentID:     mesosgo.AgentID{Value: fmt.Sprintf("5d8f6a0e-0000-4000-8000-000000000000-S%d", i)},
			Hostname:    host, AllocationInfo: &mesosgo.Resource_AllocationInfo{Role: &role},
			URL: &mesosgo.URL{Scheme: "http", Address: mesosgo.Address{Hostname: &host, IP: &ip, Port: 5051}, Path: &path},
			Attributes: []mesosgo.Attribute{
				{Name: "rack", Type: mesosgo.TEXT, Text: &mesosgo.Value_Text{Value: fmt.Sprintf("r%d", i%40)}},
			},
			Resources: []mesosgo.Resource{
				amount("cpus", cpus), amount("mem", 8192), amount("disk", 65536),
				{
					Name: "ports", Type: mesosgo.RANGES.Enum(), AllocationInfo: &mesosgo.Resource_AllocationInfo{Role: &role},
					Ranges: &mesosgo.Value_Ranges{Range: []mesosgo.Value_Range{{Begin: 31000, End: 32000}}},
				},
			},
		}
	}
	return frame(event)
}

func amount(name string, v float64) mesosgo.Resource {
	role := "*"
	return mesosgo.Resource{
		Name: name, Type: mesosgo.SCALAR.Enum(), Scalar: &mesosgo.Value_Scalar{Value: v}, AllocationInfo: &mesosgo.Resource_AllocationInfo{Role: &role},
	}
}

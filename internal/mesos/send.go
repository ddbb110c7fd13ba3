package mesos

import (
	"context"
	"errors"
	"sync"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/flink-on-mesos/flink-service/internal/decide"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// queue is an unbounded first-in, first-out queue, so that the owner of the state never waits
// for the master.
type queue struct {
	mu    sync.Mutex
	items []decide.Action
	ready chan struct{}
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

func (q *queue) push(a decide.Action) {
	q.mu.Lock()
	q.items = append(q.items, a)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *queue) take() []decide.Action {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = nil
	return items
}

// Send queues an action for the master: Accept, Decline, AnswerInverse, Constrain, Revive, Suppress, Kill, Reconcile, Ack
// Teardown or Resubscribe. It never waits. Actions are sent in order.
func (s *Scheduler) Send(a decide.Action) {
	if _, ok := a.(decide.Resubscribe); ok {
		select {
		case s.resubscribe <- struct{}{}:
		default:
		}
		return
	}
	s.queue.push(a)
}

// startSending starts the goroutine that sends the calls of this connection.
func (c *connection) startSending(ctx context.Context) {
	ctx, c.stop = context.WithCancel(ctx)
	c.sent = make(chan struct{})
	c.s.constraints = nil // A subscription begins without.
	go func() {
		defer close(c.sent)
		for {
			for _, a := range c.s.queue.take() {
				c.send(ctx, a)
			}
			select {
			case <-c.s.queue.ready:
			case <-ctx.Done():
				return
			}
		}
	}()
}

func (c *connection) stopSending() {
	if c.stop != nil {
		c.stop()
		<-c.sent
	}
	// What is left was meant for this subscription; reconciliation closes the gap after the next.
	for _, a := range c.s.queue.take() {
		c.failedCall(a, "the connection to the master ended")
	}
}

// send performs one action. A call that the master does not take becomes an event.
func (c *connection) send(ctx context.Context, a decide.Action) {
	call := c.s.call(a)
	if call == nil {
		return
	}
	if id := c.s.o.FrameworkID(); id != "" && c.provisional {
		c.provisional = false
		if err := c.call(ctx, calls.UpdateFramework(*c.s.frameworkInfo())); err != nil {
			c.s.o.Log.Info("the master does not update the framework; subscribing again", "error", err)
			c.end(errors.New("the failover timeout is announced anew"))
		}
	}
	if err := c.call(ctx, call); err != nil {
		c.failedCall(a, err.Error())
		return
	}
	if _, ok := a.(decide.Teardown); ok {
		// The master ends the stream now, and would not take the id again.
		c.s.tornDown.Store(true)
		c.s.o.Post(decide.TornDown{})
	}
}

// call makes one call.
func (c *connection) call(ctx context.Context, call *scheduler.Call) error {
	if id := c.s.o.FrameworkID(); id != "" {
		call.FrameworkID = &mesosgo.FrameworkID{Value: id}
	}
	resp, err := c.caller.Call(ctx, call)
	if resp != nil {
		_ = resp.Close()
	}
	c.s.metrics.call(call.GetType(), err)
	return err
}

func (c *connection) failedCall(a decide.Action, why string) {
	e := decide.CallFailed{Call: name(a), Error: why}
	switch a := a.(type) {
	case decide.Accept:
		e.AgentID = a.AgentID
		for _, l := range a.Launches {
			e.TaskIDs = append(e.TaskIDs, l.Task.ID)
		}
	case decide.Kill:
		e.TaskIDs = []string{a.TaskID}
	}
	c.s.o.Log.Warn("call not taken by the master", "call", e.Call, "error", why)
	c.s.o.Post(e)
}

func name(a decide.Action) string {
	switch a.(type) {
	case decide.Accept:
		return "ACCEPT"
	case decide.Decline:
		return "DECLINE"
	case decide.AnswerInverse:
		return "ANSWER_INVERSE_OFFERS"
	case decide.Constrain:
		return "UPDATE_FRAMEWORK"
	case decide.Revive:
		return "REVIVE"
	case decide.Suppress:
		return "SUPPRESS"
	case decide.Kill:
		return "KILL"
	case decide.Reconcile:
		return "RECONCILE"
	case decide.Ack:
		return "ACKNOWLEDGE"
	case decide.Teardown:
		return "TEARDOWN"
	}
	return ""
}

// call translates an action, nil when there is nothing to send.
func (s *Scheduler) call(a decide.Action) *scheduler.Call {
	switch a := a.(type) {
	case decide.Accept:
		return s.accept(a)
	case decide.Decline:
		return calls.Decline(offerIDs(a.OfferIDs)...).With(calls.RefuseSeconds(a.Refuse))
	case decide.AnswerInverse:
		if a.Accept {
			return calls.AcceptInverseOffers(offerIDs(a.OfferIDs)...).With(calls.RefuseSeconds(a.Refuse))
		}
		return calls.DeclineInverseOffers(offerIDs(a.OfferIDs)...).With(calls.RefuseSeconds(a.Refuse))
	case decide.Constrain:
		s.constraints = a.Roles
		return calls.UpdateFramework(*s.frameworkInfo())
	case decide.Revive:
		return calls.Revive()
	case decide.Suppress:
		return calls.Suppress()
	case decide.Kill:
		return kill(a)
	case decide.Reconcile:
		tasks := make(map[string]string, len(a.Tasks))
		for _, t := range a.Tasks {
			tasks[t.TaskID] = t.AgentID
		}
		return calls.Reconcile(calls.ReconcileTasks(tasks))
	case decide.Ack:
		return calls.Acknowledge(a.AgentID, a.TaskID, a.UUID)
	case decide.Teardown:
		return &scheduler.Call{Type: scheduler.Call_TEARDOWN}
	}
	return nil
}

// accept builds the one ACCEPT of an agent. A task that cannot be planned is reported as one
// that Mesos refused; the others are launched all the same. The master performs the operations in their order, each
// on what the ones before it left.
func (s *Scheduler) accept(a decide.Accept) *scheduler.Call {
	var tasks []mesosgo.TaskInfo
	var reserve, create []offer.Piece
	for _, l := range a.Launches {
		plan, err := s.o.Plan(l)
		if err != nil {
			s.o.Post(decide.Updated{TaskID: l.Task.ID, AgentID: l.Task.AgentID, State: task.Error, Message: err.Error()})
			continue
		}
		tasks = append(tasks, taskInfo(l, plan))
		reserve, create = append(reserve, l.Reserve...), append(create, l.Create...)
	}
	var ops calls.OfferOperations
	add := func(pieces []offer.Piece, op func(...mesosgo.Resource) mesosgo.Offer_Operation) {
		if len(pieces) > 0 {
			ops = append(ops, op(resourcesTo(pieces)...))
		}
	}
	add(a.Destroy, calls.OpDestroy)
	add(a.Unreserve, calls.OpUnreserve)
	add(reserve, calls.OpReserve)
	add(create, calls.OpCreate)
	if len(tasks) > 0 {
		ops = append(ops, calls.OpLaunch(tasks...))
	}
	if len(ops) == 0 {
		return calls.Decline(offerIDs(a.OfferIDs)...).With(calls.RefuseSeconds(a.Refuse))
	}
	return calls.Accept(ops.WithOffers(offerIDs(a.OfferIDs)...)).With(calls.RefuseSeconds(a.Refuse))
}

func kill(a decide.Kill) *scheduler.Call {
	call := calls.Kill(a.TaskID, a.AgentID)
	if a.Grace > 0 {
		call.Kill.KillPolicy = killPolicy(a.Grace)
	}
	return call
}

func offerIDs(ids []string) []mesosgo.OfferID {
	out := make([]mesosgo.OfferID, len(ids))
	for i, id := range ids {
		out[i] = mesosgo.OfferID{Value: id}
	}
	return out
}

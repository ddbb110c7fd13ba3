package mesos

import (
	"context"
	"errors"
	"sync"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// queue is an unbounded first-in, first-out queue, so that the owner of the state never waits
// for the master.
type queue struct {
	mu    sync.Mutex
	items []state.Action
	ready chan struct{}
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

func (q *queue) push(a state.Action) {
	q.mu.Lock()
	q.items = append(q.items, a)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *queue) take() []state.Action {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = nil
	return items
}

// Send queues an action for the master: Accept, Decline, AnswerInverse, Constrain, Revive, Suppress, Kill, Reconcile, Ack
// Teardown or Resubscribe. It never waits. Actions are sent in order.
func (s *Scheduler) Send(a state.Action) {
	if _, ok := a.(state.Resubscribe); ok {
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
func (c *connection) send(ctx context.Context, a state.Action) {
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
	if _, ok := a.(state.Teardown); ok {
		// The master ends the stream now, and would not take the id again.
		c.s.tornDown.Store(true)
		c.s.o.Post(state.TornDown{})
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

func (c *connection) failedCall(a state.Action, why string) {
	e := state.CallFailed{Call: name(a), Error: why}
	switch a := a.(type) {
	case state.Accept:
		e.AgentID = a.AgentID
		for _, l := range a.Launches {
			e.TaskIDs = append(e.TaskIDs, l.Task.ID)
		}
	case state.Kill:
		e.TaskIDs = []string{a.TaskID}
	}
	c.s.o.Log.Warn("call not taken by the master", "call", e.Call, "error", why)
	c.s.o.Post(e)
}

func name(a state.Action) string {
	switch a.(type) {
	case state.Accept:
		return "ACCEPT"
	case state.Decline:
		return "DECLINE"
	case state.AnswerInverse:
		return "ANSWER_INVERSE_OFFERS"
	case state.Constrain:
		return "UPDATE_FRAMEWORK"
	case state.Revive:
		return "REVIVE"
	case state.Suppress:
		return "SUPPRESS"
	case state.Kill:
		return "KILL"
	case state.Reconcile:
		return "RECONCILE"
	case state.Ack:
		return "ACKNOWLEDGE"
	case state.Teardown:
		return "TEARDOWN"
	}
	return ""
}

// call translates an action, nil when there is nothing to send.
func (s *Scheduler) call(a state.Action) *scheduler.Call {
	switch a := a.(type) {
	case state.Accept:
		return s.accept(a)
	case state.Decline:
		return calls.Decline(offerIDs(a.OfferIDs)...).With(calls.RefuseSeconds(a.Refuse))
	case state.AnswerInverse:
		if a.Accept {
			return calls.AcceptInverseOffers(offerIDs(a.OfferIDs)...).With(calls.RefuseSeconds(a.Refuse))
		}
		return calls.DeclineInverseOffers(offerIDs(a.OfferIDs)...).With(calls.RefuseSeconds(a.Refuse))
	case state.Constrain:
		s.constraints = a.Roles
		return calls.UpdateFramework(*s.frameworkInfo())
	case state.Revive:
		return calls.Revive()
	case state.Suppress:
		return calls.Suppress()
	case state.Kill:
		return kill(a)
	case state.Reconcile:
		tasks := make(map[string]string, len(a.Tasks))
		for _, t := range a.Tasks {
			tasks[t.TaskID] = t.AgentID
		}
		return calls.Reconcile(calls.ReconcileTasks(tasks))
	case state.Ack:
		return calls.Acknowledge(a.AgentID, a.TaskID, a.UUID)
	case state.Teardown:
		return &scheduler.Call{Type: scheduler.Call_TEARDOWN}
	}
	return nil
}

// accept builds the one ACCEPT of an agent. A task that cannot be planned is reported as one
// that Mesos refused; the others are launched all the same. The master performs the operations in their order, each
// on what the ones before it left.
func (s *Scheduler) accept(a state.Accept) *scheduler.Call {
	var tasks []mesosgo.TaskInfo
	var reserve, create []offer.Piece
	for _, l := range a.Launches {
		plan, err := s.o.Plan(l)
		if err != nil {
			s.o.Post(state.Updated{TaskID: l.Task.ID, AgentID: l.Task.AgentID, State: task.Error, Message: err.Error()})
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

func kill(a state.Kill) *scheduler.Call {
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

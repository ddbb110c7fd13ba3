package mesos

import (
	"context"
	"strings"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/eventrules"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
)

// connection is one subscription, from SUBSCRIBED to the end of its stream.
type connection struct {
	s          *Scheduler
	caller     calls.Caller
	watchdog   *watchdog
	subscribed bool
	fatal      error
	// end ends the subscription, for a new one to follow.
	end context.CancelCauseFunc
	// provisional says that the master has the short failover timeout of a framework whose id is not saved; for the
	// goroutine that sends.
	provisional bool
	// stop ends the sender of this connection; sent is closed when it has ended.
	stop context.CancelFunc
	sent chan struct{}
}

// beat feeds the watchdog: every event is a sign of life.
func (c *connection) beat(ctx context.Context, e *scheduler.Event, err error, chain eventrules.Chain) (context.Context, *scheduler.Event, error) {
	c.watchdog.feed()
	return chain(ctx, e, err)
}

// HandleEvent translates an event of the master.
func (c *connection) HandleEvent(ctx context.Context, e *scheduler.Event) error {
	post := c.s.o.Post
	switch e.GetType() {
	case scheduler.Event_SUBSCRIBED:
		sub := e.GetSubscribed()
		interval := time.Duration(sub.GetHeartbeatIntervalSeconds() * float64(time.Second))
		if interval <= 0 {
			interval = 15 * time.Second
		}
		c.watchdog.start(interval * time.Duration(c.s.o.HeartbeatIntervals))
		c.subscribed = true
		info := sub.GetMasterInfo()
		post(state.Subscribed{
			FrameworkID: sub.GetFrameworkID().GetValue(), Master: masterAddress(info), Version: info.GetVersion(),
			Region: info.GetDomain().GetFaultDomain().GetRegion().Name,
		})
		c.startSending(ctx)
	case scheduler.Event_OFFERS:
		if offers := e.GetOffers().GetOffers(); len(offers) > 0 {
			post(state.Offered{Offers: offersFrom(offers)})
		}
	case scheduler.Event_RESCIND:
		post(state.Rescinded{OfferID: e.GetRescind().OfferID.Value})
	case scheduler.Event_INVERSE_OFFERS:
		if offers := e.GetInverseOffers().GetInverseOffers(); len(offers) > 0 {
			post(inverseFrom(offers))
		}
	case scheduler.Event_RESCIND_INVERSE_OFFER:
		post(state.InverseRescinded{OfferID: e.GetRescindInverseOffer().InverseOfferID.Value})
	case scheduler.Event_UPDATE:
		status := e.GetUpdate().GetStatus()
		post(updateFrom(&status))
	case scheduler.Event_FAILURE:
		f := e.GetFailure()
		if f.ExecutorID == nil && f.AgentID != nil {
			post(state.AgentLost{AgentID: f.AgentID.Value})
		}
	case scheduler.Event_ERROR:
		return c.failed(e.GetError().GetMessage())
	case scheduler.Event_HEARTBEAT, scheduler.Event_MESSAGE, scheduler.Event_UPDATE_OPERATION_STATUS, scheduler.Event_UNKNOWN:
	}
	return nil
}

// failed takes an ERROR event, after which the master ends the stream.
func (c *connection) failed(message string) error {
	switch {
	case removed(message):
		c.fatal = errRemoved
		c.s.o.Post(state.FrameworkRemoved{Message: message})
	case strings.Contains(strings.ToLower(message), "failed over"):
		c.fatal = ErrReplaced
	default:
		c.fatal = masterError(message)
	}
	return c.fatal
}

// masterError is what the master says is wrong with our framework.
type masterError string

func (e masterError) Error() string {
	return "the master refuses the framework: " + string(e)
}

// watchdog calls expired when it is not fed for its timeout.
type watchdog struct {
	timer   *time.Timer
	timeout time.Duration
	expired func()
}

func newWatchdog(expired func()) *watchdog { return &watchdog{expired: expired} }

// start and feed are called by the goroutine that reads the stream.
func (w *watchdog) start(timeout time.Duration) {
	w.stop()
	w.timeout = timeout
	w.timer = time.AfterFunc(timeout, w.expired)
}

func (w *watchdog) feed() {
	if w.timer != nil {
		w.timer.Reset(w.timeout)
	}
}

func (w *watchdog) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

package localmesos

import (
	"fmt"
	"net/http"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/registry"
)

// scheduler serves /api/v1/scheduler.
func (m *Master) scheduler(w http.ResponseWriter, r *http.Request) {
	if m.notReady(w, r) {
		return
	}
	if _, ok := m.principal(r); !ok {
		m.unauthorized(w, "mesos-master-scheduler")
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		protocol.Plain(w, http.StatusMethodNotAllowed, fmt.Sprintf("405 Method Not Allowed. Expecting one of { 'POST' }, but received '%s'.", r.Method))
		return
	}
	call := new(scheduler.Call)
	constraints, status, text := protocol.ReadSchedulerCall(r, call)
	if status != 0 {
		protocol.Plain(w, status, text)
		return
	}
	if text := protocol.ValidateCall(call); text != "" {
		protocol.Plain(w, http.StatusBadRequest, "Failed to validate scheduler::Call: "+text)
		return
	}
	if call.GetType() == scheduler.Call_SUBSCRIBE {
		m.subscribe(w, r, call, constraints)
		return
	}
	m.call(w, r, call, constraints)
}

// call performs a call of a subscribed framework.
func (m *Master) call(w http.ResponseWriter, r *http.Request, c *scheduler.Call, constraints *protocol.OfferConstraints) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.registry.Frameworks[c.FrameworkID.Value]
	if f == nil {
		protocol.Plain(w, http.StatusBadRequest, "Framework cannot be found")
		return
	}
	if text := m.checkPrincipal(r, &f.Info); text != "" {
		protocol.Plain(w, http.StatusBadRequest, text)
		return
	}
	id, ok := r.Header["Mesos-Stream-Id"]
	switch {
	case f.Stream == nil:
		protocol.Plain(w, http.StatusForbidden, "Framework is not subscribed")
		return
	case !ok:
		protocol.Plain(w, http.StatusBadRequest, "All non-subscribe calls should include the 'Mesos-Stream-Id' header")
		return
	case id[0] != f.Stream.ID:
		protocol.Plain(w, http.StatusBadRequest, fmt.Sprintf("The stream ID '%s' included in this request didn't match the stream ID currently associated with framework ID %s", id[0], f.ID))
		return
	}
	switch status, text := m.perform(f, c, constraints); status {
	case 0:
		w.WriteHeader(http.StatusAccepted)
	case http.StatusOK:
		w.WriteHeader(status)
	default:
		protocol.Plain(w, status, text)
	}
}

// perform changes the state for a sound call.
func (m *Master) perform(f *registry.Framework, c *scheduler.Call, constraints *protocol.OfferConstraints) (int, string) {
	switch c.GetType() {
	case scheduler.Call_TEARDOWN:
		m.removeFramework(f)
	case scheduler.Call_ACCEPT:
		m.accept(f, c.Accept)
	case scheduler.Call_DECLINE:
		m.decline(f, c.Decline)
	case scheduler.Call_REVIVE:
		m.revive(f, c.GetRevive().GetRoles())
	case scheduler.Call_SUPPRESS:
		m.suppress(f, c.GetSuppress().GetRoles())
	case scheduler.Call_KILL:
		m.kill(f, c.Kill)
	case scheduler.Call_ACKNOWLEDGE:
		m.acknowledge(f, c.Acknowledge)
	case scheduler.Call_RECONCILE:
		m.reconcile(f, c.Reconcile)
	case scheduler.Call_UPDATE_FRAMEWORK:
		if status, text := m.updateFramework(f, c.UpdateFramework, constraints); status != 0 {
			return status, text
		}
		return http.StatusOK, ""
	case scheduler.Call_ACCEPT_INVERSE_OFFERS:
		m.answerInverse(f, c.GetAcceptInverseOffers().GetInverseOfferIDs(), c.GetAcceptInverseOffers().GetFilters())
	case scheduler.Call_DECLINE_INVERSE_OFFERS:
		m.answerInverse(f, c.GetDeclineInverseOffers().GetInverseOfferIDs(), c.GetDeclineInverseOffers().GetFilters())
	case scheduler.Call_REQUEST, scheduler.Call_MESSAGE, scheduler.Call_SHUTDOWN,
		scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS, scheduler.Call_RECONCILE_OPERATIONS:
		// Taken and without effect: nothing here keeps operations.
	default:
		return http.StatusNotImplemented, ""
	}
	return 0, ""
}

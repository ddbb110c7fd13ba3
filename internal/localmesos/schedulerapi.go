package localmesos

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gogo/protobuf/proto"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// maxCall bounds the body of a call.
const maxCall = 64 << 20

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
		plain(w, http.StatusMethodNotAllowed, fmt.Sprintf("405 Method Not Allowed. Expecting one of { 'POST' }, but received '%s'.", r.Method))
		return
	}
	call := new(scheduler.Call)
	constraints, status, text := readCall(r, call)
	if status != 0 {
		plain(w, status, text)
		return
	}
	if text := validate(call); text != "" {
		plain(w, http.StatusBadRequest, "Failed to validate scheduler::Call: "+text)
		return
	}
	if call.GetType() == scheduler.Call_SUBSCRIBE {
		m.subscribe(w, r, call, constraints)
		return
	}
	m.call(w, r, call, constraints)
}

// readCall decodes the body, or says which status and text the real master answers.
func readCall(r *http.Request, call *scheduler.Call) (*offerConstraints, int, string) {
	types, ok := r.Header["Content-Type"]
	if !ok || len(types) == 0 || types[0] == "" {
		return nil, http.StatusBadRequest, "Expecting 'Content-Type' to be present"
	}
	media := types[0]
	if media != mediaJSON && media != mediaProtobuf {
		return nil, http.StatusUnsupportedMediaType, "Expecting 'Content-Type' of application/json or application/x-protobuf"
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCall))
	if err != nil {
		return nil, http.StatusBadRequest, "Failed to read body: " + err.Error()
	}
	if media == mediaProtobuf {
		if err := proto.Unmarshal(body, call); err != nil {
			return nil, http.StatusBadRequest, "Failed to parse body into Call protobuf"
		}
		return withConstraints(body, media, call)
	}
	if text := checkJSON(body); text != "" {
		return nil, http.StatusBadRequest, text
	}
	if err := json.Unmarshal(body, call); err != nil {
		if unknownType(err) {
			call.Type = scheduler.Call_UNKNOWN
			return nil, 0, ""
		}
		return nil, http.StatusBadRequest, "Failed to convert JSON into Call protobuf: " + err.Error()
	}
	return withConstraints(body, media, call)
}

// withConstraints adds what mesos-go does not read.
func withConstraints(body []byte, media string, call *scheduler.Call) (*offerConstraints, int, string) {
	if t := call.GetType(); t != scheduler.Call_SUBSCRIBE && t != scheduler.Call_UPDATE_FRAMEWORK {
		return nil, 0, ""
	}
	c, err := readConstraints(body, media)
	if err != nil {
		return nil, http.StatusBadRequest, "Failed to parse body: " + err.Error()
	}
	return c, 0, ""
}

// unknownType says whether decoding met a call type that is not known, which Mesos takes for
// a missing one.
func unknownType(err error) bool {
	return strings.Contains(err.Error(), "Call_Type")
}

// checkJSON finds what Mesos' own conversion of JSON refuses before it looks at the meaning.
func checkJSON(body []byte) string {
	var tree any
	if err := json.Unmarshal(body, &tree); err != nil {
		return "Failed to parse body into JSON: syntax error at line 1 near: "
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return "Failed to convert JSON into Call protobuf: Expecting a JSON object"
	}
	var missing []string
	if kill, ok := object["kill"].(map[string]any); ok {
		switch kill["task_id"].(type) {
		case nil:
			missing = append(missing, "kill.task_id")
		case string:
			return "Failed to convert JSON into Call protobuf: Not expecting a JSON string for field 'task_id'"
		}
	}
	if sub, ok := object["subscribe"].(map[string]any); ok {
		if info, ok := sub["framework_info"].(map[string]any); ok {
			for _, field := range []string{"user", "name"} {
				if _, ok := info[field]; !ok {
					missing = append(missing, "subscribe.framework_info."+field)
				}
			}
		}
	}
	if len(missing) > 0 {
		return "Failed to convert JSON into Call protobuf: Missing required fields: " + strings.Join(missing, ", ")
	}
	return ""
}

// validate finds what is wrong with a call by itself (scheduler::Call validation of the master).
func validate(c *scheduler.Call) string {
	present := func(ok bool, field string) string {
		if ok {
			return ""
		}
		return "Expecting '" + field + "' to be present"
	}
	if c.GetType() == scheduler.Call_UNKNOWN {
		return present(false, "type")
	}
	if c.GetType() == scheduler.Call_SUBSCRIBE {
		if c.Subscribe == nil {
			return present(false, "subscribe")
		}
		inner, outer := "", ""
		if id := c.Subscribe.FrameworkInfo.ID; id != nil {
			inner = id.Value
		}
		if c.FrameworkID != nil {
			outer = c.FrameworkID.Value
		}
		if inner != outer {
			return "'framework_id' differs from 'subscribe.framework_info.id'"
		}
		return ""
	}
	if c.FrameworkID == nil {
		return present(false, "framework_id")
	}
	switch c.GetType() {
	case scheduler.Call_ACCEPT:
		return present(c.Accept != nil, "accept")
	case scheduler.Call_DECLINE:
		return present(c.Decline != nil, "decline")
	case scheduler.Call_ACCEPT_INVERSE_OFFERS:
		return present(c.AcceptInverseOffers != nil, "accept_inverse_offers")
	case scheduler.Call_DECLINE_INVERSE_OFFERS:
		return present(c.DeclineInverseOffers != nil, "decline_inverse_offers")
	case scheduler.Call_KILL:
		return present(c.Kill != nil, "kill")
	case scheduler.Call_ACKNOWLEDGE:
		return present(c.Acknowledge != nil, "acknowledge")
	case scheduler.Call_RECONCILE:
		return present(c.Reconcile != nil, "reconcile")
	case scheduler.Call_UPDATE_FRAMEWORK:
		return present(c.UpdateFramework != nil, "update_framework")
	case scheduler.Call_SHUTDOWN:
		return present(c.Shutdown != nil, "shutdown")
	case scheduler.Call_MESSAGE:
		return present(c.Message != nil, "message")
	default:
		return ""
	}
}

// accepts says in which media type a stream is answered.
func accepts(r *http.Request) (string, error) {
	accept := r.Header.Get("Accept")
	switch {
	case accept == "" || strings.Contains(accept, "*/*") || strings.Contains(accept, mediaJSON):
		return mediaJSON, nil
	case strings.Contains(accept, mediaProtobuf):
		return mediaProtobuf, nil
	}
	return "", errors.New("Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'") //nolint:staticcheck,revive // The master's words.
}

// call performs a call of a subscribed framework.
func (m *Master) call(w http.ResponseWriter, r *http.Request, c *scheduler.Call, constraints *offerConstraints) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.frameworks[c.FrameworkID.Value]
	if f == nil {
		plain(w, http.StatusBadRequest, "Framework cannot be found")
		return
	}
	if text := m.checkPrincipal(r, &f.info); text != "" {
		plain(w, http.StatusBadRequest, text)
		return
	}
	id, ok := r.Header["Mesos-Stream-Id"]
	switch {
	case f.stream == nil:
		plain(w, http.StatusForbidden, "Framework is not subscribed")
		return
	case !ok:
		plain(w, http.StatusBadRequest, "All non-subscribe calls should include the 'Mesos-Stream-Id' header")
		return
	case id[0] != f.stream.id:
		plain(w, http.StatusBadRequest, fmt.Sprintf("The stream ID '%s' included in this request didn't match the stream ID currently associated with framework ID %s", id[0], f.id))
		return
	}
	switch status, text := m.perform(f, c, constraints); status {
	case 0:
		w.WriteHeader(http.StatusAccepted)
	case http.StatusOK:
		w.WriteHeader(status)
	default:
		plain(w, status, text)
	}
}

// perform changes the state for a sound call.
func (m *Master) perform(f *framework, c *scheduler.Call, constraints *offerConstraints) (int, string) {
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

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // The client may be gone.
}

package protocol

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gogo/protobuf/proto"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// maxCall bounds the body of a call.
const maxCall = 64 << 20

// ReadSchedulerCall decodes the body, or says which status and text the real master answers.
func ReadSchedulerCall(r *http.Request, call *scheduler.Call) (*OfferConstraints, int, string) {
	types, ok := r.Header["Content-Type"]
	if !ok || len(types) == 0 || types[0] == "" {
		return nil, http.StatusBadRequest, "Expecting 'Content-Type' to be present"
	}
	media := types[0]
	if media != MediaJSON && media != mediaProtobuf {
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
func withConstraints(body []byte, media string, call *scheduler.Call) (*OfferConstraints, int, string) {
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

// ValidateCall finds what is wrong with a call by itself (scheduler::Call validation of the master).
func ValidateCall(c *scheduler.Call) string {
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

// Accepts says in which media type a stream is answered.
func Accepts(r *http.Request) (string, error) {
	accept := r.Header.Get("Accept")
	switch {
	case accept == "" || strings.Contains(accept, "*/*") || strings.Contains(accept, MediaJSON):
		return MediaJSON, nil
	case strings.Contains(accept, mediaProtobuf):
		return mediaProtobuf, nil
	}
	return "", errors.New("Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'") //nolint:staticcheck,revive // The master's words.
}

// ReadOperatorCall decodes a call in either media type, or answers why not.
func ReadOperatorCall(w http.ResponseWriter, r *http.Request, call proto.Message) bool {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		Plain(w, http.StatusMethodNotAllowed, "405 Method Not Allowed. Expecting one of { 'POST' }, but received '"+r.Method+"'.")
		return false
	}
	media := r.Header.Get("Content-Type")
	switch media {
	case "":
		Plain(w, http.StatusBadRequest, "Expecting 'Content-Type' to be present")
		return false
	case MediaJSON, mediaProtobuf:
	default:
		Plain(w, http.StatusUnsupportedMediaType, "Expecting 'Content-Type' of application/json or application/x-protobuf")
		return false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCall))
	if err != nil {
		Plain(w, http.StatusBadRequest, "Failed to read body: "+err.Error())
		return false
	}
	if media == mediaProtobuf {
		if err := proto.Unmarshal(body, call); err != nil {
			Plain(w, http.StatusBadRequest, "Failed to parse body into Call protobuf")
			return false
		}
		return true
	}
	if text := checkJSON(body); text != "" {
		Plain(w, http.StatusBadRequest, text)
		return false
	}
	if err := json.Unmarshal(body, call); err != nil {
		if unknownType(err) {
			return true // The type stays UNKNOWN.
		}
		Plain(w, http.StatusBadRequest, "Failed to convert JSON into Call protobuf: "+err.Error())
		return false
	}
	return true
}

// Answer writes a response in the media type that the request accepts.
func Answer(w http.ResponseWriter, r *http.Request, response proto.Message) {
	media, err := Accepts(r)
	if err != nil {
		Plain(w, http.StatusNotAcceptable, err.Error())
		return
	}
	data, err := Encode(response, media)
	if err != nil {
		Plain(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", media)
	_, _ = w.Write(data) // The client may be gone.
}

// Plain answers with a status and a text.
func Plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // The client may be gone.
}

// WriteJSON answers with a value as JSON.
func WriteJSON(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		Plain(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", MediaJSON)
	_, _ = w.Write(data) // The client may be gone.
}

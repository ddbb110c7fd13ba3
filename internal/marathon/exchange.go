package marathon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 16 << 20

// exchange is the http.RoundTripper of one operation.
type exchange struct {
	ctx  context.Context
	next http.RoundTripper
	// document replaces the body of the request; nil leaves it.
	document []byte

	status int
	body   []byte
	err    error
}

// concealed is what go-marathon gets for a request that failed: a status that it neither repeats nor takes for the
// loss of a server.
const concealed = http.StatusTeapot

// RoundTrip implements http.RoundTripper.
func (x *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(x.ctx)
	if x.document != nil {
		r.Body = io.NopCloser(bytes.NewReader(x.document))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.document)), nil }
		r.ContentLength = int64(len(x.document))
		query := r.URL.Query()
		query.Set("partialUpdate", "false") // What the document does not name is to go.
		r.URL.RawQuery = query.Encode()
	}
	resp, err := x.next.RoundTrip(r)
	if err == nil {
		x.status = resp.StatusCode
		x.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
		_ = resp.Body.Close()
		if err == nil && len(x.body) > maxAnswer {
			err = fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
		}
	}
	answer := &http.Response{
		StatusCode: x.status, Status: http.StatusText(x.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(x.body)), Request: r,
	}
	if x.err = err; err != nil || x.status >= http.StatusInternalServerError {
		answer.StatusCode = concealed
	}
	return answer, nil
}

// failure is why the operation failed; nil when it did not.
func (x *exchange) failure() error {
	switch {
	case x.err != nil:
		return x.err
	case x.status == 0, x.status >= 200 && x.status < 300:
		return nil
	}
	var e struct {
		Message     string       `json:"message"`
		Deployments []Deployment `json:"deployments"`
		Details     []struct {
			Path   string   `json:"path"`
			Errors []string `json:"errors"`
		} `json:"details"`
	}
	if json.Unmarshal(x.body, &e) != nil || e.Message == "" {
		e.Message = strings.TrimSpace(fmt.Sprintf("%.200s", x.body))
	}
	if x.status == http.StatusConflict && len(e.Deployments) > 0 {
		locked := &Locked{}
		for _, d := range e.Deployments {
			locked.Deployments = append(locked.Deployments, d.ID)
		}
		return locked
	}
	refused := &Refused{Status: x.status, Message: e.Message}
	for _, d := range e.Details {
		refused.Details = append(refused.Details, d.Path+": "+strings.Join(d.Errors, ", "))
	}
	return refused
}

// deployment reads the id of the deployment that an operation began.
func (x *exchange) deployment() (string, error) {
	var answer struct {
		ID string `json:"deploymentId"`
	}
	if err := json.Unmarshal(x.body, &answer); err != nil || answer.ID == "" {
		return "", errors.New("the answer of Marathon names no deployment")
	}
	return answer.ID, nil
}

// Locked says that a deployment of the app is under way. The same call with force replaces it.
type Locked struct{ Deployments []string }

// Error implements error.
func (l *Locked) Error() string {
	return "a deployment of the app is under way (" + strings.Join(l.Deployments, ", ") + "): wait for it, or use force"
}

// Refused is an answer of Marathon that is no success.
type Refused struct {
	// Status is the one of HTTP.
	Status  int
	Message string
	// Details name each wrong field and what is wrong with it.
	Details []string
}

// Error implements error.
func (r *Refused) Error() string {
	text := fmt.Sprintf("Marathon answered %d %s", r.Status, http.StatusText(r.Status))
	if r.Message != "" {
		text += ": " + r.Message
	}
	if len(r.Details) > 0 {
		text += " (" + strings.Join(r.Details, "; ") + ")"
	}
	return text
}

// passing says whether the same call may succeed in a moment.
func passing(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	r, ok := errors.AsType[*Refused](err)
	return !ok || r.Status >= http.StatusInternalServerError
}

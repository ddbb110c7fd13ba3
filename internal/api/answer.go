package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/api/access"
	"github.com/flink-on-mesos/flink-service/internal/api/attempt"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// statusError is an error whose status is not the one of its code.
type statusError struct {
	status int
	err    *fault.Error
}

// Error implements error.
func (e *statusError) Error() string { return e.err.Error() }

// Unwrap returns the error that the client sees.
func (e *statusError) Unwrap() error { return e.err }

// statusOf is the HTTP status of a code.
func statusOf(code fault.Code) int {
	switch code {
	case fault.Invalid:
		return http.StatusUnprocessableEntity
	case fault.Malformed:
		return http.StatusBadRequest
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Precondition:
		return http.StatusPreconditionFailed
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.Unauthorized:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Upstream:
		return http.StatusBadGateway
	case fault.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// retryAfter is how many seconds a client is asked to wait after "unavailable".
const retryAfter = 5

// refuse answers an error. What has no code is told to the log and not to the client.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e, known := errors.AsType[*fault.Error](err)
	status := http.StatusInternalServerError
	switch {
	case known:
		status = statusOf(e.Code)
	case errors.Is(err, context.DeadlineExceeded):
		e = fault.New(fault.Unavailable, "timed out after %s; the change may have been applied: check before retrying", a.o.CallTimeout)
		status = http.StatusServiceUnavailable
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return // Nobody is there to read it.
	default:
		e = fault.New(fault.Internal, "internal error; see the log of the service")
	}
	if own, ok := errors.AsType[*statusError](err); ok {
		status = own.status
	}
	if n := len(e.Details); n > maxProblems {
		e = &fault.Error{Code: e.Code, Message: fmt.Sprintf("%s (the first %d of %d problems)", e.Message, maxProblems, n), Details: e.Details[:maxProblems]}
	}
	if e.Code == fault.Internal {
		a.o.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	if err := answer(w, status, e); err != nil {
		a.o.Log.Error("error cannot be encoded", "path", r.URL.Path, "error", err)
	}
}

// maxProblems is how many problems one answer tells.
const maxProblems = 50

// answerTime is how long a client may take to read an answer that was made in one piece.
const answerTime = 30 * time.Second

// within bounds the time that a client has for an answer: one that does not read holds neither a goroutine nor
// the answer for longer. The next request of the connection starts without a bound, see guard.
func within(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime)) // A writer without deadlines has its own rules.
}

// answer writes v as JSON. Nothing was written when it returns an error.
func answer(w http.ResponseWriter, status int, v any) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	within(w)
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // The client may be gone; what was asked for is done.
	return nil
}

// answerOr writes v as JSON, unless there is an error instead.
func answerOr(w http.ResponseWriter, v any, err error) error {
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, v)
}

// answering makes a handler an http.Handler that answers its error.
func (a *API) answering(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			attempt.Record(r, a.o.Core, a.o.Log, err)
			a.refuse(w, r, err)
		}
	})
}

// guard stands before everything: it turns a panic into an answer, and requests that another
// site's page makes into a refusal.
func (a *API) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause) // The proxy's way to cut a connection.
			}
			a.refuse(w, r, fmt.Errorf("panic: %v", cause))
		}()
		// The deadline of the connection's last answer is not this one's: net/http leaves it in place.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // A writer without deadlines has its own rules.
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if access.Foreign(r) {
			a.refuse(w, r, fault.New(fault.Forbidden, "cross-site request rejected"))
			return
		}
		next.ServeHTTP(w, a.withActor(r))
	})
}

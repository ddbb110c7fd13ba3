// Package fault owns the errors that users see: a closed set of codes and, for
// bad input, the fields that are wrong. It does not know how an error travels
// (HTTP status, exit code); the packages that carry it map the codes.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Code names a class of failure. It is part of the API: clients compare it.
type Code string

// The codes. Each has one HTTP status (package api) and one exit code (package cli).
const (
	// Invalid says that the input is well formed but means nothing we can do; see Details.
	Invalid Code = "invalid"
	// Malformed says that the input could not be read at all: syntax, a field that is there twice, a media type
	// that is not read here. A field that is not known is Invalid.
	Malformed Code = "malformed"
	// NotFound says that the named thing does not exist.
	NotFound Code = "not_found"
	// Conflict says that the request contradicts what is so, for example a name already taken.
	Conflict Code = "conflict"
	// Precondition says that what the request expects (If-Match) is not so any more.
	Precondition Code = "precondition_failed"
	// TooLarge says that the input is over a documented limit.
	TooLarge Code = "too_large"
	// Unauthorized says that the caller has not proved who it is.
	Unauthorized Code = "unauthorized"
	// Forbidden says that the caller is known and may not do this.
	Forbidden Code = "forbidden"
	// Unavailable says that the request was sound and may be repeated later.
	Unavailable Code = "unavailable"
	// Upstream says that Flink or Mesos refused or did not answer; the message quotes it.
	Upstream Code = "upstream"
	// Internal says that we failed; the log has the cause.
	Internal Code = "internal"
)

// Codes lists every code, in the order of their declaration.
func Codes() []Code {
	return []Code{
		Invalid, Malformed, NotFound, Conflict, Precondition, TooLarge,
		Unauthorized, Forbidden, Unavailable, Upstream, Internal,
	}
}

// Detail says what is wrong with one field and what to do about it.
type Detail struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Error is a failure that may be shown to a user as it is.
type Error struct {
	Code    Code     `json:"code"`
	Message string   `json:"message"`
	Details []Detail `json:"details,omitempty"`
}

// Error returns the message, followed by the details when there are any.
func (e *Error) Error() string {
	if len(e.Details) == 0 {
		return e.Message
	}
	parts := make([]string, 0, len(e.Details))
	for _, d := range e.Details {
		parts = append(parts, d.Field+": "+d.Message)
	}
	if e.Message == "" {
		return strings.Join(parts, "; ")
	}
	return e.Message + ": " + strings.Join(parts, "; ")
}

// New returns an error with a code and a formatted message.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of the first Error in err's chain, and Internal when there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// List collects the problems of one input, so that a user meets all of them at once.
// The zero value is ready to use.
type List struct {
	details []Detail
}

// Add records a problem of one field.
func (l *List) Add(field, format string, args ...any) {
	l.details = append(l.details, Detail{Field: field, Message: fmt.Sprintf(format, args...)})
}

// AddErr records the problems of an error that another List made, or the error itself when it has none of their fields.
// Nil adds nothing. Only an *Error can be added: anything else may hold what is not for users.
func (l *List) AddErr(e *Error) {
	switch {
	case e == nil:
	case len(e.Details) == 0:
		l.details = append(l.details, Detail{Message: e.Message})
	default:
		l.details = append(l.details, e.Details...)
	}
}

// Err returns nil when nothing was added, and an Invalid error with every detail otherwise.
func (l *List) Err(message string) error {
	if len(l.details) == 0 {
		return nil
	}
	return &Error{Code: Invalid, Message: message, Details: l.details}
}

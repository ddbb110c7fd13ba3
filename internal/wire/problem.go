package wire

import (
	"strings"
	"time"
)

// Problem is something about the options of the service that an operator must correct. The service runs all the same.
type Problem struct {
	// Time is when it was found: at the start of the process.
	Time time.Time `json:"time"`
	// Option is the name of an environment variable.
	Option string `json:"option"`
	// Message says what is wrong and what to do.
	Message string `json:"message"`
}

// String returns the problem in one sentence.
func (p Problem) String() string { return p.Option + ": " + p.Message }

// Problems returns several of them as one text; empty for none.
func Problems(list []Problem) string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.String()
	}
	return strings.Join(texts, "; ")
}

// Package query reads the parameters of a request: what is missing has a default, and what makes no sense is an error
// that names the parameter.
package query

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Flag reads a parameter that is true or false; absent is false.
func Flag(r *http.Request, name string) (bool, error) {
	switch value := r.URL.Query().Get(name); value {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, Invalid(name, "%q is not a boolean: use true or false", Shorten(value))
	}
}

// Number reads a whole number from low to high.
func Number(r *http.Request, name string, absent, low, high int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		return 0, Invalid(name, "%q is out of range: use an integer from %d to %d", Shorten(text), low, high)
	}
	return n, nil
}

// Duration reads a time such as 30s, from 0 to most; absent is 0.
func Duration(r *http.Request, name string, most time.Duration) (time.Duration, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > most {
		return 0, Invalid(name, "%q is out of range: use a duration from 0s to %s, such as 30s", Shorten(text), most)
	}
	return d, nil
}

// List reads a parameter that is there any number of times, each with names between commas.
func List(r *http.Request, name string) []string {
	var all []string
	for _, value := range r.URL.Query()[name] {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				all = append(all, part)
			}
		}
	}
	return all
}

// Invalid is the error of one bad field.
func Invalid(field, format string, args ...any) error {
	var l fault.List
	l.Add(field, format, args...)
	return l.Err("the request is not valid")
}

// Shorten keeps a hostile text from filling an answer or the log.
func Shorten(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most]
		for len(s) > 0 && !utf8.ValidString(s) && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		s += "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

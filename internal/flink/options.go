package flink

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Problem says what is wrong with one option of a Flink configuration and what to do.
type Problem struct {
	// Option is the key in flinkConfiguration.
	Option string
	// Message is a sentence without the key.
	Message string
}

// Problems is an error that lists every problem found. It is nil or not empty.
type Problems []Problem

// Error joins the problems, each with its option.
func (p Problems) Error() string {
	parts := make([]string, 0, len(p))
	for _, one := range p {
		parts = append(parts, one.Option+": "+one.Message)
	}
	return strings.Join(parts, "; ")
}

func problem(option, format string, args ...any) error {
	return Problems{{Option: option, Message: fmt.Sprintf(format, args...)}}
}

// parseMemory reads a memory size as Flink's MemorySize does: a whole number and, after
// optional blanks, one of b, bytes, k, kb, kibibytes and so on up to t, in any case.
func parseMemory(text string) (spec.Memory, error) {
	s := strings.ToLower(strings.TrimSpace(text))
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	if end == 0 {
		return 0, fmt.Errorf("%q is not a memory size: write a whole number and a unit, such as 1728m or 2g", text)
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is more bytes than there are: write a smaller number", text)
	}
	var shift uint
	switch strings.TrimLeft(s[end:], " \t\n\v\f\r") {
	case "", "b", "bytes":
	case "k", "kb", "kibibytes":
		shift = 10
	case "m", "mb", "mebibytes":
		shift = 20
	case "g", "gb", "gibibytes":
		shift = 30
	case "t", "tb", "tebibytes":
		shift = 40
	default:
		return 0, fmt.Errorf("%q has a unit that Flink does not know: use b, k, m, g or t", text)
	}
	if n > (1<<63-1)>>shift {
		return 0, fmt.Errorf("%q is more bytes than there are: write a smaller number", text)
	}
	return spec.Memory(n << shift), nil
}

// readable writes a size for an error message: rounded, and exact behind it where that differs.
func readable(m spec.Memory) string {
	if m < 0 {
		return fmt.Sprintf("-%s", readable(-m))
	}
	switch {
	case m >= spec.MiB && m%spec.MiB != 0:
		return fmt.Sprintf("%.1fm (%d bytes)", float64(m)/float64(spec.MiB), int64(m))
	default:
		return m.String()
	}
}

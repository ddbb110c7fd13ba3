package tasklog

import (
	"regexp"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/redact"
)

// MaxError bounds what is said of an error, in bytes.
const MaxError = 600

var (
	// entry is the beginning of a line that log4j wrote by Flink's own pattern or ours: date, time, level.
	entry = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}\S*\s+\[?(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b\]?\s*(.*)$`)
	// logger is the name of the logger that comes before the message.
	logger = regexp.MustCompile(`^\S+\s+(\[[^\]]*\]\s+)?-\s+`)
	// thrown is the first line of a stack trace: a class of Java, and perhaps a message.
	thrown = regexp.MustCompile(`^(?:[A-Za-z_$][\w$]*\.)+[A-Za-z_$][\w$]*(?:Exception|Error|Throwable|Failure)(?::|$)`)
	// assigned is a name with a value behind it, as in key=value and key: value.
	assigned = regexp.MustCompile(`([A-Za-z][A-Za-z0-9_.-]*)(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;}\]]+)`)
)

// fatal are what the fetcher of Mesos, the start script and the JVM write to the standard error when nothing follows.
func fatal() []string {
	return []string{
		"Failed to fetch ", "flink: ", "Error: Could not ", "Error occurred during initialization of VM", "Exception in thread ",
		"java.lang.OutOfMemoryError", "There is insufficient memory for the Java Runtime Environment",
	}
}

// starting is what the start script says when all is well.
const starting = "flink: starting "

// Find returns the last error of a task: what its standard error ends with, or else the last entry of level ERROR or FATAL
// of its output with its innermost cause. It is one line of at most MaxError bytes without secrets; empty for none.
func Find(stderr, stdout string) string {
	if text := fromStderr(stderr); text != "" {
		return clean(text)
	}
	if text := fromLog(stdout); text != "" {
		return clean(text)
	}
	return clean(fromLog(stderr))
}

// fromStderr finds the last line that says why a process did not start, or ended; the reason that stands on the next line
// belongs to it.
func fromStderr(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range slices.Backward(lines) {
		for _, mark := range fatal() {
			at := strings.Index(line, mark)
			// The fetcher writes the time and its source line before what it says.
			if at < 0 || at > 0 && mark != "Failed to fetch " || strings.HasPrefix(line, starting) {
				continue
			}
			found := strings.TrimSpace(line[at:])
			switch {
			case mark == "Exception in thread ":
				return withCause(found, lines[i+1:])
			case mark == "Error occurred during initialization of VM" && i+1 < len(lines):
				found += ": " + strings.TrimSpace(lines[i+1])
			}
			return strings.TrimPrefix(found, "flink: ")
		}
	}
	return ""
}

// fromLog finds the last entry of level ERROR or FATAL.
func fromLog(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range slices.Backward(lines) {
		m := entry.FindStringSubmatch(line)
		if m == nil || m[1] != "ERROR" && m[1] != "FATAL" {
			continue
		}
		message := m[2]
		if at := logger.FindStringIndex(message); at != nil {
			message = message[at[1]:]
		}
		return withCause(message, lines[i+1:])
	}
	return ""
}

// withCause adds the innermost cause of the stack trace that follows a message.
func withCause(message string, trace []string) string {
	first, cause := "", ""
	for _, line := range trace {
		if entry.MatchString(line) {
			break
		}
		line = strings.TrimSpace(line)
		switch c, is := strings.CutPrefix(line, "Caused by: "); {
		case is:
			cause = c
		case first == "" && thrown.MatchString(line):
			first = line
		}
	}
	if cause == "" {
		cause = first
	}
	message = strings.TrimSpace(message)
	if cause == "" || strings.Contains(message, cause) {
		return message
	}
	return strings.TrimRight(message, ".:") + ": " + cause
}

// clean makes one bounded line of a text and hides what must not be shown: credentials in URIs, and values of names that
// look like secrets.
func clean(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	text = redact.Text(text)
	text = assigned.ReplaceAllStringFunc(text, func(pair string) string {
		m := assigned.FindStringSubmatch(pair)
		if !redact.Variable(m[1]) {
			return pair
		}
		return m[1] + m[2] + redact.Mask
	})
	if len(text) > MaxError {
		text = strings.ToValidUTF8(text[:MaxError-len("…")], "") + "…"
	}
	return text
}

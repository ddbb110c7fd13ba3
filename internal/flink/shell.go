package flink

import (
	"errors"
	"strings"
)

// quote makes one word of a POSIX shell.
func quote(s string) string {
	if s != "" && strings.IndexFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_./:=+,@%", c)
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// commandLine quotes and joins words.
func commandLine(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

// splitOptions cuts JVM options (env.java.opts.*) into words at blanks; single and double
// quotes keep a word together and a backslash takes the next character as it is, as in a
// shell. Nothing is expanded.
func splitOptions(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	started := false
	var open rune
	escaped := false
	for _, c := range s {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && open != '\'':
			escaped, started = true, true
		case open != 0 && c == open:
			open = 0
		case open != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			open, started = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		case c == 0:
			return nil, errors.New("has a NUL character, which no command line can carry")
		default:
			started = true
			word.WriteRune(c)
		}
	}
	if open != 0 || escaped {
		return nil, errors.New("has a quote that is not closed")
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}

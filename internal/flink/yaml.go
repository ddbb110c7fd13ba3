package flink

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// ConfigYAML writes a configuration as conf/config.yaml, which Flink reads as YAML 1.2 since
// 1.19. Each option is one line, key and value double-quoted, so that nothing in a value
// (a colon, a #, a line break, a leading asterisk) means anything but itself; Flink turns
// the strings into numbers, lists and durations by the type of each option.
func ConfigYAML(config map[string]string) []byte {
	var b strings.Builder
	b.WriteString("# Written by the Flink service; changes are lost.\n")
	if len(config) == 0 {
		b.WriteString("{}\n")
	}
	for _, key := range slices.Sorted(maps.Keys(config)) {
		quoteYAML(&b, key)
		b.WriteString(": ")
		quoteYAML(&b, config[key])
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// quoteYAML writes a double-quoted scalar. What is not plainly printable is escaped: YAML
// allows neither control characters nor the special spaces as they are.
func quoteYAML(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == ' ' || c < 0x10000 && unicode.IsPrint(c) && c != 0xFEFF:
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(b, `\x%02x`, c)
		case c < 0x10000:
			fmt.Fprintf(b, `\u%04x`, c)
		default:
			fmt.Fprintf(b, `\U%08x`, c)
		}
	}
	b.WriteByte('"')
}

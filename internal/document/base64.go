package document

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// FromBase64 returns what a text stands for that is base64 of another, with or without padding and line breaks; ok says
// whether it is. The YAML editor of the DC/OS UI stores specs in this form. A spec in JSON or YAML is never base64: it
// is a mapping, and the colon is not in the alphabet. Bytes that are not UTF-8 are taken for Latin-1, which is what
// a browser's btoa writes.
func FromBase64(text []byte) (decoded []byte, ok bool) {
	compact := string(bytes.Join(bytes.Fields(text), nil))
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(compact, "="))
	if err != nil || len(decoded) == 0 {
		return nil, false
	}
	if !utf8.Valid(decoded) {
		latin := make([]rune, len(decoded))
		for i, b := range decoded {
			latin[i] = rune(b)
		}
		decoded = []byte(string(latin))
	}
	return decoded, true
}

// UnmarshalText reads a document as Unmarshal does, in JSON or YAML, or base64 of one of them.
func UnmarshalText[T any](data []byte, what string, out *T) error {
	if decoded, ok := FromBase64(data); ok {
		data, what = decoded, what+" (read as base64)"
	}
	return Unmarshal(data, FormatOf(data), what, out)
}

package document_test

import (
	"encoding/base64"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/document"
)

func TestFromBase64(t *testing.T) {
	t.Parallel()
	const text = "name: first\nkind: session\nlabels: \"???>>>\"\n"
	padded := base64.StdEncoding.EncodeToString([]byte(text))
	for _, tt := range []struct {
		name, in, want string
		ok             bool
	}{
		{"padded", padded, text, true},
		{"not padded", base64.RawStdEncoding.EncodeToString([]byte(text)), text, true},
		{"in lines", " " + padded[:20] + "\r\n" + padded[20:] + "\n", text, true},
		{"Latin-1 of a browser", base64.StdEncoding.EncodeToString([]byte("a: \xfc")), "a: ü", true},
		{"UTF-8", base64.StdEncoding.EncodeToString([]byte("a: ü")), "a: ü", true},
		{"a mapping", "name: first", "", false},
		{"a mapping without blanks", `{"name":1}`, "", false},
		{"nothing", "  ", "", false},
		{"cut short", padded[:21], "", false},
	} {
		got, ok := document.FromBase64([]byte(tt.in))
		if string(got) != tt.want || ok != tt.ok {
			t.Errorf("%s: FromBase64() = %q, %v, want %q, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

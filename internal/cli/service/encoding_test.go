package service

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEncoded(t *testing.T) {
	t.Parallel()
	text := func(media map[string]any) map[string]any { return map[string]any{"type": "string", "media": media} }
	schema := map[string]any{"properties": map[string]any{"session": map[string]any{"properties": map[string]any{
		"spec": text(map[string]any{"type": "application/x-yaml", "binaryEncoding": "base64"}), "name": text(nil),
	}}}}
	options := func(spec string) map[string]any {
		return map[string]any{"session": map[string]any{"spec": spec, "name": "c2Vzc2lvbg==", "slots": 1.0}, "other": "bmFtZTogeAo="}
	}
	for _, tt := range []struct{ name, text, base64 string }{
		{"a text", "name: x\n", "bmFtZTogeAo="},
		{"beyond ASCII", "name: \u00fc\n", "bmFtZTogw7wK"},
		{"nothing", "", ""},
	} {
		if diff := cmp.Diff(options(tt.base64), stored(schema, options(tt.text))); diff != "" {
			t.Errorf("%s: stored() mismatch (-want +got):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(options(tt.base64), stored(schema, options(tt.base64))); diff != "" {
			t.Errorf("%s: stored() of what is stored mismatch (-want +got):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(options(tt.text), readable(schema, options(tt.base64))); diff != "" {
			t.Errorf("%s: readable() mismatch (-want +got):\n%s", tt.name, diff)
		}
	}
	if diff := cmp.Diff(options("name: x"), readable(nil, options("name: x"))); diff != "" {
		t.Errorf("readable() without a schema mismatch (-want +got):\n%s", diff)
	}
}

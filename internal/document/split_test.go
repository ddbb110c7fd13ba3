package document_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/document"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	type part struct {
		Text string
		Line int
	}
	tests := []struct {
		name, text string
		want       []part
	}{
		{"nothing", "", nil},
		{"comments", "# a\n---\n\n# b\n---", nil},
		{"one", "name: a\n", []part{{"name: a", 1}}},
		{"two", "name: a\n---\nname: b\n", []part{{"name: a", 1}, {"name: b", 2}}},
		{"marks at both ends", "---\r\nname: a\r\n...\n---\nname: b\n---\n", []part{{"name: a", 1}, {"name: b", 4}}},
		{"on the line of the mark", "--- {name: a}\n--- # c\nname: b", []part{{"{name: a}", 1}, {"# c\nname: b", 2}}},
		{"inside a text", "a: |\n  ---\n  b\nc: ----\n---x: 1\n", []part{{"a: |\n  ---\n  b\nc: ----\n---x: 1", 1}}},
		{"JSON", "{\n\"name\": \"a\"}", []part{{"{\n\"name\": \"a\"}", 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []part
			for _, p := range document.Split([]byte(tt.text)) {
				got = append(got, part{strings.TrimSpace(string(p.Text)), p.Line})
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Split() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSplitLines has the error of a later document name the line of the whole text.
func TestSplitLines(t *testing.T) {
	t.Parallel()
	parts := document.Split([]byte("name: a\n---\nname: b\nbad: [\n"))
	var s spec.Spec
	err := document.Unmarshal(parts[1].Text, document.YAML, "the spec", &s)
	if err == nil || !strings.Contains(err.Error(), "line 4") && !strings.Contains(err.Error(), "line 5") {
		t.Errorf("Unmarshal() error = %v, want one about line 4 or 5", err)
	}
}

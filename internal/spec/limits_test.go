package spec_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

func TestLimitsJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want spec.Limits
		// written is what becomes of the text; empty for itself.
		written string
	}{
		{`{"cpus":"unlimited","memory":"unlimited"}`, spec.Limits{CPUs: spec.CPULimit(math.Inf(1)), Memory: spec.UnlimitedMemory}, ""},
		{`{"cpus":2.5,"memory":"4096m"}`, spec.Limits{CPUs: 2.5, Memory: spec.MemoryLimit(4 * spec.GiB)}, `{"cpus":2.5,"memory":"4g"}`},
		{`{}`, spec.Limits{}, ""},
	}
	for _, tt := range tests {
		var got spec.Limits
		if err := json.Unmarshal([]byte(tt.text), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
		out, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		want := tt.written
		if want == "" {
			want = tt.text
		}
		if string(out) != want {
			t.Errorf("written is %s, want %s", out, want)
		}
	}
	for _, text := range []string{`{"cpus":"two"}`, `{"memory":"lots"}`, `{"memory":-1}`} {
		if err := json.Unmarshal([]byte(text), new(spec.Limits)); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

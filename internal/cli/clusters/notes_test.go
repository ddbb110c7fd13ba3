package clusters

import (
	"bytes"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// What the service remarks about a spec is printed, and not what it remarked about earlier ones.
func TestTellNotes(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	f := &command.Factory{Streams: &terminal.Streams{Out: &said, Err: &said}}
	d := wire.Description{Events: []wire.Event{
		{Type: "Created", Message: "created"},
		{Type: "Spec", Message: "an earlier remark"},
		{Type: "Updated", Message: "changed"},
		{Type: "Spec", Message: "did you mean a?"},
		{Type: "Spec", Message: "did you mean b?"},
		{Type: "Waiting", Message: "x"},
	}}
	tellNotes(f, d, command.Output{Quiet: true})
	if said.Len() > 0 {
		t.Errorf("with --quiet it says %q", said.String())
	}
	tellNotes(f, d, command.Output{})
	if want := "Note: did you mean a?\nNote: did you mean b?\n"; said.String() != want {
		t.Errorf("it says %q, want %q", said.String(), want)
	}
}

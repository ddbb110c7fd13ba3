package terminal_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
)

// streams returns streams into buffers.
func streams(tty bool) (*terminal.Streams, *bytes.Buffer, *bytes.Buffer) {
	var out, errs bytes.Buffer
	return &terminal.Streams{Out: &out, Err: &errs, OutTerminal: tty, ErrTerminal: tty, Width: 20}, &out, &errs
}

// TestTable aligns on a terminal and separates by tabs otherwise.
func TestTable(t *testing.T) {
	t.Parallel()
	for tty, want := range map[bool]string{
		true:  "NAME   STATE\ndemo   up\nlängd  -\na b    c d\n",
		false: "NAME\tSTATE\ndemo\tup\nlängd\t-\na b\tc d\n",
	} {
		s, out, _ := streams(tty)
		table := s.Table("NAME", "STATE")
		table.Row("demo", "up")
		table.Row("längd", "")
		table.Row("a\tb", "c\nd\x1b")
		if err := table.Print(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("table on a terminal %v mismatch (-want +got):\n%s", tty, diff)
		}
	}
}

// TestFields leaves out what is empty.
func TestFields(t *testing.T) {
	t.Parallel()
	for tty, want := range map[bool]string{true: "Name:   demo\nState:  up\n", false: "Name\tdemo\nState\tup\n"} {
		s, out, _ := streams(tty)
		f := s.Fields()
		f.Add("Name", "demo")
		f.Add("None", "")
		f.Add("State", "up")
		if err := f.Print(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("fields on a terminal %v mismatch (-want +got):\n%s", tty, diff)
		}
	}
}

// TestDuration uses the two largest units.
func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 999 * time.Millisecond: "0s", 59 * time.Second: "59s", time.Minute: "1m", 61 * time.Second: "1m1s",
		time.Hour: "1h", 90 * time.Minute: "1h30m", 24 * time.Hour: "1d", 50 * time.Hour: "2d2h",
	} {
		if got := terminal.Duration(d); got != want {
			t.Errorf("Duration(%v): want %s, got %s", d, want, got)
		}
	}
}

// TestSize uses the largest unit that leaves at least 1.
func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536 << 10: "1.5 MiB", 1 << 30: "1.0 GiB", 5 << 40: "5.0 TiB", 2 << 50: "2048.0 TiB",
	} {
		if got := terminal.Size(n); got != want {
			t.Errorf("Size(%d): want %s, got %s", n, want, got)
		}
	}
}

// TestJSON indents and leaves what is not HTML alone.
func TestJSON(t *testing.T) {
	t.Parallel()
	s, out, _ := streams(true)
	if err := s.JSON(json.RawMessage(`{"a":"<b> & c","n":[1]}`)); err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"a\": \"<b> & c\",\n  \"n\": [\n    1\n  ]\n}\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("JSON() mismatch (-want +got):\n%s", diff)
	}
}

// TestProgress rewrites on a terminal only, and never wraps.
func TestProgress(t *testing.T) {
	t.Parallel()
	s, _, errs := streams(true)
	p := s.Progress(false)
	p.Show("%s", strings.Repeat("x", 40))
	p.Say("done")
	p.Clear()
	if want := "\r\x1b[K" + strings.Repeat("x", 18) + "…\r\x1b[Kdone\n"; errs.String() != want {
		t.Errorf("on a terminal: want %q, got %q", want, errs.String())
	}
	s, _, errs = streams(false)
	p = s.Progress(false)
	p.Show("working")
	p.Say("done")
	if want := "done\n"; errs.String() != want {
		t.Errorf("off a terminal: want %q, got %q", want, errs.String())
	}
	s, _, errs = streams(true)
	p = s.Progress(true)
	p.Show("working")
	p.Say("done")
	b := s.Bar("uploading", 10, true)
	b.Add(10)
	b.Done()
	if errs.Len() != 0 {
		t.Errorf("quiet: got %q", errs.String())
	}
}

// TestBar draws on a terminal and says one line otherwise.
func TestBar(t *testing.T) {
	t.Parallel()
	s, _, errs := streams(true)
	b := s.Bar("uploading app.jar", 100, false)
	b.Add(100)
	b.Done()
	if !strings.Contains(errs.String(), "uploading app.jar") || !strings.Contains(errs.String(), "\r") {
		t.Errorf("on a terminal: got %q", errs.String())
	}
	s, _, errs = streams(false)
	b = s.Bar("uploading app.jar", 2048, false)
	b.Add(2048)
	b.Done()
	if want := "uploading app.jar (2.0 KiB)\n"; errs.String() != want {
		t.Errorf("off a terminal: want %q, got %q", want, errs.String())
	}
}

// TestNarrowTable keeps tables within the terminal: text is folded; where too little room is left for it, empty spare columns go, and then
// the others in their order.
func TestNarrowTable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		width int
		want  string
	}{
		{"wide", 90, "NAME   ZONE  HOST     MESSAGE\ndemo   -     agent-1  the task ended with status 1 on this agent\nother  -     agent-2  up\n"},
		{"text is folded", 60, "NAME   ZONE  HOST     MESSAGE\ndemo   -     agent-1  the task ended with status 1 on this\n                      agent\nother  -     agent-2  up\n"},
		{"an empty column goes", 50, "NAME   HOST     MESSAGE\ndemo   agent-1  the task ended with status 1 on\n                this agent\nother  agent-2  up\n"},
		{"a spare column goes", 42, "NAME   MESSAGE\ndemo   the task ended with status 1 on\n       this agent\nother  up\n"},
		{"every column is needed", 32, "NAME   MESSAGE\ndemo   the task ended with\n       status 1 on this agent\nother  up\n"},
		{"text stands below", 24, "NAME\n  MESSAGE\ndemo\n  the task ended with\n  status 1 on this agent\nother\n  up\n"},
	} {
		s, out, _ := streams(true)
		s.Width = tt.width
		table := s.Table("NAME", "ZONE", "HOST", "MESSAGE").Spare("HOST", "ZONE")
		table.Row("demo", "", "agent-1", "the task ended with status 1 on this agent")
		table.Row("other", "", "agent-2", "up")
		if err := table.Print(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, out.String()); diff != "" {
			t.Errorf("%s: table in %d columns mismatch (-want +got):\n%s", tt.name, tt.width, diff)
		}
	}
	s, out, _ := streams(false) // Programs get everything.
	table := s.Table("NAME", "HOST").Spare("HOST")
	table.Row("demo", strings.Repeat("a long name ", 20))
	if err := table.Print(); err != nil || !strings.Contains(out.String(), "HOST") || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("off a terminal the table is %q: %v", out.String(), err)
	}
}

// TestNarrowTableKeepsWords leaves ids and paths whole, also when they are wider than the terminal.
func TestNarrowTableKeepsWords(t *testing.T) {
	t.Parallel()
	s, out, _ := streams(true)
	id := strings.Repeat("0123456789abcdef", 2)
	table := s.Table("JOB", "NAME")
	table.Row(id, "count words of hdfs:///a/very/long/path/of/a/file")
	if err := table.Print(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{id, "hdfs:///a/very/long/path/of/a/file"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table breaks %s:\n%s", want, out.String())
		}
	}
}

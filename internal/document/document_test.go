package document_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/document"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// TestTextsStay reads numbers into fields that hold text as they are written, in both formats.
func TestTextsStay(t *testing.T) {
	t.Parallel()
	want := spec.Spec{
		Name: "demo", FlinkVersion: "1.20", User: "007",
		FlinkConfiguration: map[string]string{"a": "0.50", "b": "true", "c": "1e3", "d": "", "e": "2026-01-01", "f": "yes", "g": "0x10"},
		Job:                &spec.JobSpec{Args: []string{"1.0", "-3"}},
	}
	for format, document := range map[document.Format]string{
		document.YAML: "name: demo\nflinkVersion: 1.20\nuser: 007\njob: {args: [1.0, -3]}\n" +
			"flinkConfiguration: {a: 0.50, b: true, c: 1e3, d: null, e: 2026-01-01, f: yes, g: 0x10}\n",
		document.JSON: `{"name": "demo", "flinkVersion": 1.20, "user": "007", "job": {"args": [1.0, "-3"]},
			"flinkConfiguration": {"a": 0.50, "b": true, "c": 1e3, "d": null, "e": "2026-01-01", "f": "yes", "g": "0x10"}}`,
	} {
		if diff := cmp.Diff(want, read(t, format, document)); diff != "" {
			t.Errorf("format %d mismatch (-want +got):\n%s", format, diff)
		}
	}
}

func read(t *testing.T, f document.Format, text string) spec.Spec {
	t.Helper()
	var s spec.Spec
	if err := document.Unmarshal([]byte(text), f, "the spec", &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTypesThatReadThemselves has sizes and limits in every form that they know.
func TestTypesThatReadThemselves(t *testing.T) {
	t.Parallel()
	s := read(t, document.YAML, `
taskManager:
  cpus: .5
  slots: 0x2
  memory: 2 gb
  disk: 1048576
  resourceLimits: {cpus: unlimited, memory: 4g}
container:
  volumes: /data:/data:RO
`)
	tm := s.TaskManager
	if tm.CPUs != 0.5 || tm.Slots != 2 || tm.Memory != 2*spec.GiB || tm.Disk != spec.MiB || tm.Limits == nil || spec.Memory(tm.Limits.Memory) != 4*spec.GiB {
		t.Errorf("taskManager is %+v, limits %+v", tm, tm.Limits)
	}
	if len(s.Container.Volumes) != 1 || s.Container.Volumes[0].Mode != spec.ReadOnly {
		t.Errorf("volumes are %+v", s.Container.Volumes)
	}
	s = read(t, document.JSON, `{"taskManager": {"cpus": 1e0, "resourceLimits": {"cpus": 2.5, "memory": "unlimited"}}, "container": {"volumes": [{"containerPath": "/a", "hostPath": "/b"}]}}`)
	if s.TaskManager.Limits.CPUs != 2.5 || s.TaskManager.Limits.Memory != spec.UnlimitedMemory || s.Container.Volumes[0].HostPath != "/b" {
		t.Errorf("spec is %+v", s)
	}
}

// TestProblems tells every problem with its path and its line.
func TestProblems(t *testing.T) {
	t.Parallel()
	const text = `name: demo
kinde: session
flinkVersion: [2.3]
taskManager:
  slots: two
  cpus: lots
  memroy: 2g
  memory: 2 apples
  revocable: maybe
uris:
- vlaue: x
- 5
jobManager: none
nothingLikeIt: 1
security:
  tls: {}
flinkConfiguration:
  a: [1]
`
	var s spec.Spec
	err := document.Unmarshal([]byte(text), document.YAML, "the spec", &s)
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Code != fault.Invalid || e.Message != "the spec has fields that cannot be read" {
		t.Fatalf("Unmarshal() = %v", err)
	}
	var got []string
	for _, d := range e.Details {
		message, _, _ := strings.Cut(d.Message, "; there are")
		got = append(got, d.Field+": "+message)
	}
	want := []string{
		"kinde: is not a field; did you mean kind? (line 2)",
		"flinkVersion: is a list and should be a text (line 3)",
		"taskManager.slots: is a text and should be a whole number (line 5)",
		"taskManager.cpus: is a text and should be a number (line 6)",
		"taskManager.memroy: is not a field; did you mean memory? (line 7)",
		`taskManager.memory: memory size "2 apples" has no unit that Flink knows: use b, k, m, g or t (line 8)`,
		"taskManager.revocable: is a text and should be true or false (line 9)",
		"uris[0].vlaue: is not a field; did you mean value? (line 11)",
		"uris[1]: is a number and should be an object (line 12)",
		"jobManager: is a text and should be an object (line 13)",
		"nothingLikeIt: is not a field",
		"security.tls: is an object and should be true or false (line 16)",
		"flinkConfiguration.a: is a list and should be a text (line 18)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(spec.Spec{}, s); diff != "" {
		t.Errorf("something was read all the same:\n%s", diff)
	}
}

// TestManyProblems bounds what an answer tells, and the time that it takes.
func TestManyProblems(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for range 20000 {
		b.WriteString("- {x: 1, y: 2}\n")
	}
	var s spec.Spec
	err := document.Unmarshal([]byte("uris:\n"+b.String()), document.YAML, "the spec", &s)
	if e, ok := errors.AsType[*fault.Error](err); !ok || len(e.Details) != document.MaxProblems {
		t.Errorf("Unmarshal() = %.200v", err)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"memory", "cpus", "name", "taskManager", "taskManagers"}
	for name, want := range map[string]string{
		"memry": "memory", "Memory": "memory", "CPU": "cpus", "nam": "name", "taskmanger": "taskManager", "size": "", "x": "", "": "",
	} {
		if got, ok := document.Nearest(name, known); got != want || ok != (want != "") {
			t.Errorf("Nearest(%q) = %q, %t", name, got, ok)
		}
	}
}

// FuzzUnmarshal reads any bytes in both formats: a value or an error with a code, in bounded time, never a panic.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","environment":{"A":null},"uris":[{}],"job":{"args":["x"]}}`, "name: a\nuris:\n- value: x\n  extract: true\n",
		"a: [&b c, *b]", "? - - a\n: b", "--- !!binary aGk=\n", "name: 'it''s'\nkind: \"\\x41\"\n", "%YAML 1.1\n---\nname: a\n...\n", `{"a":1e400}`, "1: 2\n",
		"jobManager: {memory: 1.5}", "taskManager: {slots: 0x10}", "name: ~", "a: 2001-01-01", "<<: {name: a}", "a: .inf", "\xef\xbb\xbf{}",
		"taskManager: {cpus: .nan}", "taskManager: {resourceLimits: {cpus: 1_0}}", "container: {volumes: 5}", "!!map {a: 1}", "- !!set {a}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []document.Format{document.JSON, document.YAML} {
			var s spec.Spec
			err := document.Unmarshal([]byte(text), format, "the spec", &s)
			if code := fault.CodeOf(err); err != nil && code != fault.Malformed && code != fault.Invalid {
				t.Errorf("Unmarshal() = %v", err)
			}
		}
	})
}

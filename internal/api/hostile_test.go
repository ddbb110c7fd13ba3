package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestBadSpecs is the table of specs that are refused: in JSON and in YAML, with the place.
func TestBadSpecs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	deep := strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000)
	for _, c := range []struct {
		name, media, body string
		status            int
		code              fault.Code
		part              string
	}{
		{"empty", "application/json", "", 400, fault.Malformed, "the request body is empty"},
		{"no object", "application/json", "[]", 400, fault.Malformed, "it is a list and should be an object"},
		{"null", "application/json", "null", 400, fault.Malformed, "it is null"},
		{"cut", "application/json", `{"name":"demo"`, 400, fault.Malformed, "line 1, column 14: unexpected end of JSON input"},
		{"syntax", "application/json", "{\n  \"name\": demo\n}", 400, fault.Malformed, "line 2, column 11: invalid character 'd'"},
		{"comma", "application/json", `{"name":"demo",}`, 400, fault.Malformed, "line 1, column 16"},
		{"two documents", "application/json", `{"name":"demo"} {}`, 400, fault.Malformed, "line 1, column 17: invalid character '{' after top-level value"},
		{"twice", "application/json", `{"name":"demo","jobManager":{"cpus":1,"cpus":2}}`, 400, fault.Malformed, "the field jobManager.cpus is there twice"},
		{"twice in an option", "application/json", `{"name":"demo","flinkConfiguration":{"a":"1","a":"2"}}`, 400, fault.Malformed, "flinkConfiguration.a is there twice"},
		{"deep", "application/json", deep, 400, fault.Malformed, "more than 64 objects and lists are nested"},
		{"deep lists", "application/json", strings.Repeat("[", 500000), 400, fault.Malformed, "more than 64"},
		{"not UTF-8", "application/json", "{\"name\":\"\xff\"}", 400, fault.Malformed, "column 9: is not UTF-8 text"},
		{"unknown", "application/json", `{"name":"demo","jobManager":{"memry":"1g"}}`, 422, fault.Invalid, "jobManager.memry: is not a field; did you mean memory?"},
		{"case", "application/json", `{"Name":"demo"}`, 422, fault.Invalid, "Name: is not a field; did you mean name?"},
		{"two unknown", "application/json", `{"foo":1,"bar":2}`, 422, fault.Invalid, "bar: is not a field; there are allocation, bootstrap, container, environment"},
		{"type", "application/json", `{"name":"demo","taskManager":{"slots":"two"}}`, 422, fault.Invalid, "taskManager.slots: is a text and should be a whole number"},
		{"fraction", "application/json", `{"name":"demo","taskManager":{"slots":1.5}}`, 422, fault.Invalid, "taskManager.slots: is a number and should be a whole number"},
		{"number for a text", "application/json", `{"name":5}`, 422, fault.Invalid, `name: "5" is not a name`},
		{"object for a text", "application/json", `{"environment":{"A":{}}}`, 422, fault.Invalid, "environment.A: is an object and should be a text"},
		{"list for an object", "application/json", `{"jobManager":[]}`, 422, fault.Invalid, "jobManager: is a list and should be an object"},
		{"element", "application/json", `{"uris":[{"value":true}]}`, 422, fault.Invalid, "uris[0].value: is true or false and should be a text"},
		{"memory", "application/json", `{"name":"demo","jobManager":{"memory":"lots"}}`, 422, fault.Invalid, `jobManager.memory: "lots" is not a memory size`},
		{"huge number", "application/json", `{"name":"demo","jobManager":{"cpus":1e999}}`, 422, fault.Invalid, "jobManager.cpus: 1e999 is too large"},
		{"name", "application/json", `{"name":"../x"}`, 422, fault.Invalid, "name: "},
		{"version", "application/json", `{"name":"demo","flinkVersion":"9.9"}`, 422, fault.Invalid, "flinkVersion: the service has no Flink 9.9"},
		{"NUL", "application/json", `{"name":"demo","environment":{"A":"\u0000"}}`, 422, fault.Invalid, "environment.A: "},

		{"yaml twice", "application/yaml", "name: demo\nname: other\n", 400, fault.Malformed, "line 2, column 1: the field name is there twice"},
		{"yaml syntax", "application/yaml", "name: demo\n  kind: session\n", 400, fault.Malformed, "line 2"},
		{"yaml list", "application/yaml", "- a\n", 400, fault.Malformed, "it is a list"},
		{"yaml unknown", "text/yaml", "name: demo\njobManager:\n  foo: 1\n", 422, fault.Invalid, "jobManager.foo: is not a field; there are bootstrap, constraints, container, cpus, discovery, disk"},
		{"yaml version", "application/yaml", "name: demo\nflinkVersion: 9.90\n", 422, fault.Invalid, "flinkVersion: the service has no Flink 9.90"},
		{"yaml several", "application/yaml", "name: demo\ntaskManger:\n  slots: 2\njobManager:\n  memory: lots\n", 422, fault.Invalid, `jobManager.memory: "lots" is not a memory size: write a whole number and a unit, such as 1728m or 2g (line 5)`},
		{"yaml near", "application/yaml", "name: demo\ntaskManger:\n  slots: 2\n", 422, fault.Invalid, "taskManger: is not a field; did you mean taskManager? (line 3)"},
		{"yaml anchors", "application/yaml", "a: &a [x]\nb: [*a, *a]\n", 400, fault.Malformed, "line 1, column 4: anchors and aliases"},
		{"yaml merge", "application/yaml", "name: demo\n<<: *a\n", 400, fault.Malformed, "line 2, column 5: anchors and aliases"},
		{"yaml documents", "application/yaml", "name: demo\n---\nname: other\n", 400, fault.Malformed, "line 2, column 1: a second document"},
		{"yaml deep flow", "application/yaml", "a: " + strings.Repeat("[", 100000), 400, fault.Malformed, "more than 64"},
		{"yaml deep objects", "application/yaml", strings.Repeat("{a: ", 100000), 400, fault.Malformed, "more than 64"},
		{"yaml deep lists", "application/yaml", strings.Repeat("- ", 100000) + "x", 400, fault.Malformed, "more than 64"},
		{"yaml deep keys", "application/yaml", strings.Repeat("? ", 100000) + "x", 400, fault.Malformed, "more than 64"},
		{"yaml deep blocks", "application/yaml", staircase(100), 400, fault.Malformed, "more than 64"},
		{"yaml not UTF-8", "application/yaml", "name: \xff", 400, fault.Malformed, "is not UTF-8"},

		{"no type", "", `{}`, 415, fault.Malformed, "Content-Type"},
		{"form", "application/x-www-form-urlencoded", "name=demo", 415, fault.Malformed, "application/x-www-form-urlencoded"},
		{"text", "text/plain", `{}`, 415, fault.Malformed, "text/plain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w.do("POST", "/v1/clusters", c.body, "Content-Type", c.media).wantFault(t, c.status, c.code, c.part)
		})
	}
}

func staircase(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%sa:\n", strings.Repeat(" ", i))
	}
	return b.String()
}

// TestYAML checks that a spec means the same in YAML, as people write it.
func TestYAML(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const text = `# A cluster.
---
name: demo   # "quoted" here
kind: session
flinkVersion: "2.3"
flinkConfiguration:
  taskmanager.memory.managed.fraction: 0.4
  parallelism.default: 4
  web.cancel.enable: false
  env.java.opts.all: '-Da=b & c *d "[[[" "it''s"'
  text: |
    several lines: & *some
       [of text
jobManager: {cpus: 0.5, memory: 1g}
taskManager:
  slots: 2
taskManagers: {count: 1}
environment: {A: "&b", B: "[", C: a*b}
`
	a := w.do("POST", "/v1/clusters", text, "Content-Type", "application/yaml; charset=utf-8")
	if a.StatusCode != http.StatusCreated {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	got := into[wire.Description](t, a).Spec
	want := spec.Spec{
		Name: "demo", Kind: spec.Session, FlinkVersion: "2.3", Allocation: spec.Static, Role: "*",
		FlinkConfiguration: map[string]string{
			"taskmanager.memory.managed.fraction": "0.4", "parallelism.default": "4", "web.cancel.enable": "false",
			"env.java.opts.all": `-Da=b & c *d "[[[" "it's"`, "text": "several lines: & *some\n   [of text\n",
		},
		JobManager:   spec.JobManager{Resources: spec.Resources{CPUs: 0.5, Memory: spec.GiB}, Replicas: 1},
		TaskManager:  spec.TaskManager{Resources: spec.Resources{CPUs: 2, Memory: 1728 * spec.MiB}, Slots: 2},
		TaskManagers: spec.TaskManagers{Count: 1},
		Environment:  map[string]string{"A": "&b", "B": "[", "C": "a*b"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("spec (-want +got):\n%s", diff)
	}
}

// endless is a body that never ends; it counts what is read of it.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read.Add(int64(len(p)))
	return len(p), nil
}

// TestEndless checks that a body without end is refused after one megabyte, and a large one before its first byte.
func TestEndless(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		name   string
		length int64
		most   int64
	}{
		{"announced gigabyte", 1 << 30, 8 << 20},
		{"chunked without end", -1, 16 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", hostOf(t, w.url))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			body := new(endless)
			head := "POST /v1/clusters HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
			go func() {
				if c.length > 0 {
					fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n", head, c.length)
					_, _ = io.Copy(conn, body)
					return
				}
				fmt.Fprintf(conn, "%sTransfer-Encoding: chunked\r\n\r\n", head)
				for chunk := make([]byte, 1<<16); ; {
					n, _ := body.Read(chunk)
					if _, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", n, chunk[:n]); err != nil {
						return
					}
				}
			}()
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
				t.Fatalf("got %d, close %t", resp.StatusCode, resp.Close)
			}
			if n := body.read.Load(); n > c.most {
				t.Fatalf("%d bytes were sent before the answer", n)
			}
		})
	}
}

// TestFlat checks that hostile documents of the largest size do not take much memory.
func TestFlat(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, media, body string }{
		{"many fields", "application/json", `{"environment":{` + strings.Repeat(`"a":1,`, 170000) + `"b":1}}`},
		{"many lists", "application/json", `{"uris":[` + strings.Repeat(`[],`, 340000) + `[]]}`},
		{"long path", "application/json", `{"` + strings.Repeat("a", 500000) + `":{` + strings.Repeat(`"a":1,`, 80000) + `"b":1}}`},
		{"long path of a list", "application/json", `{"` + strings.Repeat("a", 500000) + `":[` + strings.Repeat(`1,`, 200000) + `1]}`},
		{"many unknown", "application/yaml", strings.Repeat("- a\n", 250000)},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if a := w.do("POST", "/v1/clusters", c.body, "Content-Type", c.media); a.StatusCode/100 != 4 || len(a.body) > 32<<10 {
			t.Fatalf("%s: %d with %d bytes", c.name, a.StatusCode, len(a.body))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 32<<20 {
			t.Errorf("%s: the heap grew by %d MiB", c.name, grown>>20)
		}
	}
}

// TestSlowBody checks that a body that does not come is not waited for.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.CallTimeout = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", hostOf(t, w.url))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprint(conn, "POST /v1/clusters HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout {
		t.Fatalf("got %d", resp.StatusCode)
	}
}

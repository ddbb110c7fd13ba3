package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
)

// jobManager serves recorded answers: "METHOD path" to status and body.
func jobManager(t *testing.T, answers map[string]string) (*rest.Client, *requests) {
	t.Helper()
	asked := new(requests)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		asked.add(strings.TrimSpace(r.Method + " " + r.URL.RequestURI() + " " + string(body)))
		answer, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors":["Not found: `+r.URL.Path+`"]}`)
			return
		}
		if status, body, ok := strings.Cut(answer, "|"); ok && len(status) == 3 {
			var code int
			fmt.Sscan(status, &code)
			w.WriteHeader(code)
			answer = body
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(s.Close)
	c, err := rest.New(rest.Options{URL: s.URL + "/", Header: http.Header{"Authorization": {"Bearer x"}}})
	if err != nil {
		t.Fatal(err)
	}
	return c, asked
}

// requests are what was asked, one a line.
type requests struct {
	mu    sync.Mutex
	lines []string
}

func (q *requests) add(line string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lines = append(q.lines, line)
}

func (q *requests) has(line string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Contains(q.lines, line)
}

func TestCalls(t *testing.T) {
	c, asked := jobManager(t, map[string]string{
		"GET /overview":              `{"taskmanagers":2,"slots-total":4,"slots-available":3,"jobs-running":1,"flink-version":"2.3.0","flink-commit":"abc"}`,
		"GET /taskmanagers":          `{"taskmanagers":[{"id":"demo-tm-1","path":"pekko.ssl.tcp://x","dataPort":1,"slotsNumber":2,"freeSlots":1}]}`,
		"GET /config":                `{"refresh-interval":3000,"flink-version":"2.3.0"}`,
		"GET /jobmanager/config":     `[{"key":"a","value":"1"},{"key":"b","value":"******"}]`,
		"GET /jobs/overview":         `{"jobs":[{"jid":"j1","name":"WordCount","state":"RUNNING","start-time":5,"end-time":-1}]}`,
		"GET /jobs/j1":               `{"jid":"j1","state":"RUNNING","vertices":[{"parallelism":4,"slotSharingGroupId":"g","tasks":{"RUNNING":3,"FINISHED":1}},{"parallelism":2,"slotSharingGroupId":"g","tasks":{"RUNNING":2}},{"parallelism":3,"slotSharingGroupId":"h","tasks":{"RUNNING":3}}]}`,
		"GET /jobs/j1/status":        `{"status":"RUNNING"}`,
		"GET /jobs/j1/accumulators":  `{"job-accumulators":[],"user-task-accumulators":[{"name":"top","type":"Top","value":"the 3\n"}]}`,
		"GET /jobs/j1/exceptions":    `{"exceptionHistory":{"entries":[{"exceptionName":"x","stacktrace":"x: y","timestamp":9,"taskName":"map (1/2)"}],"truncated":false}}`,
		"POST /jobs/j1/savepoints":   `202|{"request-id":"r1"}`,
		"POST /jobs/j1/stop":         `202|{"request-id":"r2"}`,
		"GET /jobs/j1/savepoints/r1": `{"status":{"id":"COMPLETED"},"operation":{"location":"file:/s"}}`,
		"GET /jobs/j1/savepoints/r2": `{"status":{"id":"COMPLETED"},"operation":{"failure-cause":{"class":"java.io.IOException","stack-trace":"java.util.concurrent.CompletionException: a.b.CheckpointException: no\n\tat x\nCaused by: java.io.IOException: disk is full\n\tat y\n"}}}`,
		"GET /jobs/j1/savepoints/r3": `{"status":{"id":"IN_PROGRESS"}}`,
		"PATCH /jobs/j1":             `202|{}`,
		"DELETE /cluster":            `{}`,
		"GET /jars":                  `{"files":[{"id":"1_a.jar","name":"a.jar","uploaded":7}]}`,
		"DELETE /jars/1_a.jar":       `{}`,
		"POST /jars/1_a.jar/run":     `{"jobid":"j2"}`,
	})
	ctx := t.Context()
	check := func(what string, want, got any, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s", what, diff)
		}
	}
	overview, err := c.Overview(ctx)
	check("Overview", rest.Overview{TaskManagers: 2, SlotsTotal: 4, SlotsAvailable: 3, JobsRunning: 1, Version: "2.3.0", Commit: "abc"}, overview, err)
	tms, err := c.TaskManagers(ctx)
	check("TaskManagers", []rest.TaskManager{{ID: "demo-tm-1", Path: "pekko.ssl.tcp://x", DataPort: 1, SlotsNumber: 2, FreeSlots: 1}}, tms, err)
	conf, err := c.Config(ctx)
	check("Config", rest.Config{Version: "2.3.0", RefreshInterval: 3000}, conf, err)
	jmConf, err := c.JobManagerConfig(ctx)
	check("JobManagerConfig", map[string]string{"a": "1", "b": "******"}, jmConf, err)
	jobs, err := c.Jobs(ctx)
	check("Jobs", []rest.JobSummary{{ID: "j1", Name: "WordCount", State: "RUNNING", Start: 5, End: -1}}, jobs, err)
	job, err := c.Job(ctx, "j1")
	check("Job", []any{7, true, false}, []any{job.Slots(), job.Running(), job.Terminal()}, err)
	state, err := c.JobStatus(ctx, "j1")
	check("JobStatus", "RUNNING", state, err)
	acc, err := c.Accumulators(ctx, "j1")
	check("Accumulators", map[string]string{"top": "the 3\n"}, acc, err)
	failures, err := c.Exceptions(ctx, "j1")
	check("Exceptions", []rest.Failure{{Name: "x", Trace: "x: y", Time: 9, Task: "map (1/2)"}}, failures, err)
	jars, err := c.Jars(ctx)
	check("Jars", []rest.Jar{{ID: "1_a.jar", Name: "a.jar", Uploaded: 7}}, jars, err)
	id, err := c.Run(ctx, "1_a.jar", rest.Run{EntryClass: "X", Arguments: []string{"a b"}, Parallelism: 4})
	check("Run", "j2", id, err)
	request, err := c.Savepoint(ctx, "j1", "", true)
	check("Savepoint", "r1", request, err)
	request, err = c.Stop(ctx, "j1", "file:/s", false)
	check("Stop", "r2", request, err)
	check("Cancel", nil, nil, c.Cancel(ctx, "j1"))
	check("DeleteJar", nil, nil, c.DeleteJar(ctx, "1_a.jar"))
	check("DeleteCluster", nil, nil, c.DeleteCluster(ctx))
	location, err := c.WaitSavepoint(ctx, "j1", "r1", time.Millisecond)
	check("WaitSavepoint", "file:/s", location, err)
	if _, err := c.WaitSavepoint(ctx, "j1", "r2", time.Millisecond); err == nil || err.Error() != "disk is full" {
		t.Errorf("WaitSavepoint(failed) = %v, want that the disk is full", err)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := c.WaitSavepoint(short, "j1", "r3", time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("WaitSavepoint(unfinished) = %v, want the deadline", err)
	}
	for _, want := range []string{
		`POST /jars/1_a.jar/run {"entryClass":"X","programArgsList":["a b"],"parallelism":4}`,
		`POST /jobs/j1/savepoints {"cancel-job":true}`, `POST /jobs/j1/stop {"targetDirectory":"file:/s","drain":false}`,
		`PATCH /jobs/j1?mode=cancel`, `DELETE /cluster`,
	} {
		if !asked.has(want) {
			t.Errorf("nobody asked %s", want)
		}
	}
}

func TestUploadStreams(t *testing.T) {
	const size = 8 << 20
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != -1 {
			t.Errorf("the length %d is known: the jar was held in memory", r.ContentLength)
		}
		f, h, err := r.FormFile("jarfile")
		if err != nil {
			t.Error(err)
			return
		}
		n, err := io.Copy(io.Discard, f)
		if err != nil || n != size || h.Filename != "app.jar" {
			t.Errorf("got %d bytes of %s (%v), want %d of app.jar", n, h.Filename, err, size)
		}
		fmt.Fprint(w, `{"filename":"/tmp/flink-web/upload/77_app.jar","status":"success"}`)
	}))
	defer s.Close()
	c, err := rest.New(rest.Options{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	id, err := c.Upload(t.Context(), "dir/app.jar", io.LimitReader(zeros{}, size))
	if err != nil || id != "77_app.jar" {
		t.Errorf("Upload() = %q, %v", id, err)
	}
	if _, err := c.Upload(t.Context(), "app.py", strings.NewReader("")); err == nil {
		t.Error("Upload(app.py) went through")
	}
	broken := errors.New("broken disk")
	reading := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		// Ends with an error of its own when the upload breaks off.
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer reading.Close()
	if c, err = rest.New(rest.Options{URL: reading.URL}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Upload(t.Context(), "app.jar", io.MultiReader(strings.NewReader("x"), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("Upload() of a broken reader = %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestErrors(t *testing.T) {
	c, _ := jobManager(t, map[string]string{
		"GET /overview":      `503|{"errors":["Service temporarily unavailable due to an ongoing leader election. Please refresh."]}`,
		"GET /config":        `500|<html>oops</html>`,
		"GET /taskmanagers":  `not json`,
		"GET /jobs/overview": `302|`,
		"POST /jars/a/run":   `400|{"errors":["Internal server error.","<Exception on server side:\norg.apache.flink.runtime.rest.handler.RestHandlerException: No jobs included in application.\n\tat org.x.Y.z(Y.java:1)\nCaused by: org.apache.flink.client.program.ProgramInvocationException: The program's entry point class 'X' was not found.\n\tat a.b\nCaused by: java.lang.ClassNotFoundException: X\n\tat c\n\nEnd of exception on server side>"]}`,
	})
	_, err := c.Overview(t.Context())
	if !rest.IsStarting(err) || rest.IsNotFound(err) {
		t.Errorf("Overview() = %v, want that it is starting", err)
	}
	if _, err := c.Config(t.Context()); err == nil || err.Error() != "the JobManager answered 500 Internal Server Error" {
		t.Errorf("Config() = %v", err)
	}
	if _, err := c.TaskManagers(t.Context()); err == nil || !strings.Contains(err.Error(), "makes no sense") {
		t.Errorf("TaskManagers() = %v", err)
	}
	if _, err := c.Jobs(t.Context()); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("Jobs() = %v, want that the redirect is not followed", err)
	}
	if _, err := c.Job(t.Context(), "../x"); !rest.IsNotFound(err) {
		t.Errorf("Job(../x) = %v, want not found", err)
	}
	_, err = c.Run(t.Context(), "a", rest.Run{})
	e, ok := errors.AsType[*rest.Error](err)
	if !ok || e.Status != 400 || e.Message != "ClassNotFoundException: X" || !strings.Contains(e.Details, "entry point class") {
		t.Errorf("Run() = %#v", e)
	}
}

func TestReason(t *testing.T) {
	tests := []struct{ name, trace, want string }{
		{"empty", "", ""},
		{"plain", "Job not found", "Job not found"},
		{"message", "java.lang.IllegalStateException: no luck\n\tat x", "no luck"},
		{"cause", "a.b.JobExecutionException: wrapper\n\tat x\nCaused by: java.lang.RuntimeException: inner\n\tat y\n\t... 5 more", "inner"},
		{"nested in one line", "java.util.concurrent.CompletionException: a.b.CException: text: with colon", "text: with colon"},
		{"no message", "a.b.JobException: failed\nCaused by: java.lang.NullPointerException\n\tat x", "java.lang.NullPointerException"},
		{"server side", "Internal server error.\n<Exception on server side:\na.b.RestException: why\n\tat x\nEnd of exception on server side>", "why"},
		{"class not found", "Caused by: java.lang.ClassNotFoundException: org.x.Y", "ClassNotFoundException: org.x.Y"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := rest.Reason(tt.trace); got != tt.want {
				t.Errorf("Reason() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, u := range []string{"", "host:8081", "ftp://x", "http://"} {
		if _, err := rest.New(rest.Options{URL: u}); err == nil {
			t.Errorf("New(%q) went through", u)
		}
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	c, err := rest.New(rest.Options{URL: s.URL, Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Overview(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Overview() = %v, want the deadline", err)
	}
}

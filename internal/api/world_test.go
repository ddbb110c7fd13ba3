package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/admit"
	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/eventlog"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/flinkmesos"
	"github.com/flink-on-mesos/flink-service/internal/loop"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	recordStore "github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// world is the API in front of the real loop and the real decisions. Nothing is behind them: tests post what
// Mesos and Flink would say.
type world struct {
	t    testing.TB
	loop *loop.Loop
	api  *api.API
	// url is the server's address, without a slash at its end.
	url string
}

// nothing takes actions and does nothing with them.
type nothing struct{}

func (nothing) Save(context.Context, []state.Record) error { return nil }

func (nothing) Send(state.Action) {}

func (nothing) Watch(state.Watch) {}

func (nothing) Unwatch(state.Unwatch) {}

func (nothing) Depose(state.RevokeLeadership) {}

func (nothing) Forget(state.DeleteHAData) {}

func (nothing) Probe(state.Probe)                   {}
func (nothing) FindCheckpoint(state.FindCheckpoint) {}

func (nothing) FindLogError(state.FindLogError) {}

func (nothing) Tell(string) {}

func (nothing) StopJobs(state.StopJobs) {}

func (nothing) Rescale(state.Rescale) {}

func (nothing) TakeSnapshot(state.TakeSnapshot) {}

func (nothing) DisposeSnapshot(state.DisposeSnapshot) {}

func (nothing) CancelJobs(state.CancelJobs) {}

func newWorld(t testing.TB, change ...func(*api.Options)) *world {
	t.Helper()
	return newWorldOf(t, core.New(state.Options{}, state.Stored{}, time.Now()), change...)
}

// newWorldOf begins with a state.
func newWorldOf(t testing.TB, state state.State, change ...func(*api.Options)) *world {
	t.Helper()
	w := &world{t: t}
	log := slog.New(slog.DiscardHandler)
	events, err := eventlog.New(eventlog.Options{Store: recordStore.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := loop.New(loop.Options{
		State: state, Saver: nothing{}, Mesos: nothing{}, Flink: nothing{}, Jobs: nothing{}, Probe: nothing{}, Snapshots: nothing{}, Recorder: events,
		Registerer: prometheus.NewRegistry(), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Run(ctx); err != nil {
			t.Errorf("loop: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	w.loop = l
	store, err := artifact.New(artifact.Options{
		Dir: t.TempDir(), Prefix: strings.Repeat("p", 22), Key: bytes.Repeat([]byte("k"), 32), MaxUpload: 4 << 20, Log: log,
		InUse: func(sha string) []string { return api.ArtifactUsers(l.View(), sha) },
	})
	if err != nil {
		t.Fatal(err)
	}
	o := api.Options{
		Core: l, Artifacts: store, Log: log, Events: events,
		Admit: admit.New(admit.Options{
			Defaults: spec.Defaults{Allocation: spec.Static, FlinkVersion: "2.3.0", Role: "*"},
			Rules:    spec.Rules{Roles: []string{"*"}, FlinkVersions: []string{"2.3.0", "1.20.5"}},
			Artifact: func(u spec.ArtifactURI) error {
				_, err := store.Stat(u.SHA256)
				return err
			},
			ZooKeeper: "127.0.0.1:2181", StorageDir: "file:///ha",
		}).Admit,
		Flinks:  []api.Flink{{Name: "2.3.0", Version: "2.3.0", SHA256: strings.Repeat("23", 32)}},
		Version: "1.0.0", Commit: "0123456789ab", FrameworkName: "flink", Roles: []string{"*"}, Leader: "http://127.0.0.1:1",
		Journal: func(text string, limit, _ int) ([]json.RawMessage, error) {
			if limit < 10 {
				return nil, nil
			}
			return []json.RawMessage{json.RawMessage(`{"time":"2026-01-01T12:00:00Z","event":"Ticked","data":{"Jitter":0.5},"actions":["kill ` + text + `"]}`)}, nil
		},
		Import:  flinkmesos.Import,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }),
	}
	for _, c := range change {
		c(&o)
	}
	w.api, err = api.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(w.api)
	t.Cleanup(s.Close)
	w.url = s.URL
	return w
}

// answered is an answer with its body read.
type answered struct {
	*http.Response
	body string
}

// do sends a request; header pairs follow the body.
func (w *world) do(method, path, body string, headers ...string) answered {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return w.send(req)
}

func (w *world) send(req *http.Request) answered {
	w.t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answered{resp, string(data)}
}

// json sends a JSON body and checks the status.
func (w *world) json(method, path, body string, status int) answered {
	w.t.Helper()
	a := w.do(method, path, body, "Content-Type", "application/json")
	if a.StatusCode != status {
		w.t.Fatalf("%s %s: want %d, got %d: %s", method, path, status, a.StatusCode, a.body)
	}
	return a
}

// into decodes an answer.
func into[T any](t testing.TB, a answered) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("decode %q: %v", a.body, err)
	}
	return v
}

// wantFault checks status, code and a part of the error's text.
func (a answered) wantFault(t testing.TB, status int, code fault.Code, part string) {
	t.Helper()
	e := into[fault.Error](t, a)
	if a.StatusCode != status || e.Code != code || !strings.Contains(e.Error(), part) {
		t.Fatalf("want %d %s with %q, got %d %s: %s", status, code, part, a.StatusCode, e.Code, e.Error())
	}
	if ct := a.Header.Get("Content-Type"); ct != "application/json" {
		t.Fatalf("Content-Type of an error: %s", ct)
	}
}

// poll waits until what the view holds satisfies ok.
func (w *world) poll(what string, ok func(*state.State) bool) {
	w.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if ok(w.loop.View()) {
			return
		}
	}
	w.t.Fatalf("%s did not happen", what)
}

// up offers an agent until the cluster's tasks are placed, lets its JobManager run, and returns it. Its rest
// port is any; see dialing.
func (w *world) up(name, agent string) task.Task {
	w.t.Helper()
	w.loop.Post(state.Subscribed{FrameworkID: "f-1", Master: "127.0.0.1:5050"})
	resource := func(n string, v float64) offer.Resource {
		return offer.Resource{Name: n, Scalar: offer.ToMilli(v), AllocationRole: "*"}
	}
	w.loop.Post(state.Offered{Offers: []offer.Offer{{
		ID: "o-" + name, AgentID: "a-1", Hostname: "jobmanager.example", Endpoint: agent,
		Resources: []offer.Resource{
			resource("cpus", 8), resource("mem", 16384),
			{Name: "ports", Ranges: []offer.Range{{Begin: 20001, End: 20100}}, AllocationRole: "*"},
		},
	}}})
	var jm task.Task
	w.poll("the launch of the JobManager", func(s *state.State) bool {
		d, _ := view.Describe(s, name)
		for _, t := range d.Tasks {
			if t.Kind == spec.JobManagerTask {
				jm, _ = view.TaskOf(s, name, t.ID)
				return true
			}
		}
		return false
	})
	w.loop.Post(state.Updated{TaskID: jm.ID, AgentID: "a-1", State: task.Running})
	w.poll("the JobManager's running", func(s *state.State) bool { _, ok := view.JobManagerOf(s, name); return ok })
	return jm
}

// dialing reaches the server at address whatever host is asked for.
func dialing(t testing.TB, address string) *http.Transport {
	t.Helper()
	transport := &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func hostOf(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

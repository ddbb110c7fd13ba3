package app_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/app"
	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/file"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/core"
	"github.com/flink-on-mesos/flink-service/internal/testkit/iam"
)

// strict is a cluster whose master wants tokens, and an agent with scripted tasks.
type strict struct {
	*localmesos.Master
	agent      atomic.Pointer[executor.Scripted]
	address    string
	credential string
	iam        *iam.Server
}

func newStrict(t *testing.T) *strict {
	t.Helper()
	m, err := localmesos.New(localmesos.Options{AllocationInterval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s := &strict{Master: m, iam: iam.New(iam.Options{})}
	_, err = m.AddAgent(localmesos.AgentOptions{
		Hostname: "host", CPUs: 8, MemMiB: 8192, DiskMiB: 8192, Ports: [2]uint64{10000, 10100},
		Runtime: func(id string) (executor.Runtime, error) {
			r, err := executor.NewScripted(func(mesosgo.TaskInfo) executor.Behaviour { return executor.Behaviour{} })(id)
			if a, ok := r.(*executor.Scripted); ok {
				s.agent.Store(a)
			}
			return r, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	login := httptest.NewServer(s.iam)
	if s.credential, err = s.iam.Create("flink", login.URL); err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(m.URL())
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(s.iam.Guard(&httputil.ReverseProxy{
		FlushInterval: -1, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Header.Del("Authorization") },
	}))
	s.address = front.URL
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		front.CloseClientConnections()
		front.Close()
		login.Close()
	})
	return s
}

// populate has a service run a cluster, and stop without ending it.
func (s *strict) populate(t *testing.T, state string) {
	t.Helper()
	st := openStore(t, state)
	defer st.Close()
	c, err := core.Start(core.Options{Master: s.Address(), Store: st, Tick: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Put(t.Context(), "aaaa", spec.Spec{
		Name: "demo", Kind: spec.Session, Allocation: spec.Static, Role: "*",
		JobManager:   spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Replicas: 1},
		TaskManager:  spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Slots: 1},
		TaskManagers: spec.TaskManagers{Count: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "three running tasks", func() bool {
		d, _ := view.Describe(c.View(), "demo")
		running := 0
		for _, tk := range d.Tasks {
			if tk.State == task.Running {
				running++
			}
		}
		return running == 3
	})
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
}

func openStore(t *testing.T, dir string) store.Store {
	t.Helper()
	st, err := file.New(file.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// run starts the real service, and returns its address and what stops it.
func run(t *testing.T, environ ...string) (address string, stop func()) {
	t.Helper()
	return runLogged(t, io.Discard, environ...)
}

// runLogged does so with a log.
func runLogged(t *testing.T, log io.Writer, environ ...string) (address string, stop func()) {
	t.Helper()
	c, err := config.Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- app.Run(ctx, app.Options{Config: c, Version: "test", Log: slog.New(slog.NewTextHandler(log, nil)), Ready: func(url string) { ready <- url }})
	}()
	select {
	case address = <-ready:
	case err := <-done:
		t.Fatalf("the service ended: %v", err)
	}
	return address, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the service ended with %v", err)
		}
	}
}

// get returns the status and the body; 0 when there is no answer.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(body)
}

// TestUninstallAsCosmosDoes runs the real service with SDK_UNINSTALL against a master that wants tokens of a service
// account, and polls as Cosmos does. In the end nothing is left, and a further start finds nothing to do. It has no Flink.
func TestUninstallAsCosmosDoes(t *testing.T) {
	t.Parallel()
	s := newStrict(t)
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	s.populate(t, state)
	environ := []string{
		"MESOS_MASTER=" + s.address, "DCOS_SERVICE_ACCOUNT_CREDENTIAL=" + s.credential, "SDK_UNINSTALL=true",
		"DATA_DIR=" + dir, "STATE_STORE=file:" + state, "LISTEN=127.0.0.1:0", "ADVERTISE_HOST=127.0.0.1", "FLINK_DISTRIBUTIONS=" + filepath.Join(dir, "none"),
	}
	for start := range 2 {
		address, stop := run(t, environ...)
		eventually(t, "the end of the plan", func() bool { status, _ := get(t, address+"/v1/plans/deploy"); return status == http.StatusOK })
		if status, body := get(t, address+"/v1/state/frameworkId"); status != http.StatusNotFound {
			t.Errorf("framework id: %d %s", status, body)
		}
		if status, body := get(t, address+"/v1/health"); status != http.StatusOK || !strings.Contains(body, "true") {
			t.Errorf("health: %d %s", status, body)
		}
		stop()
		st := openStore(t, state)
		records, err := st.Load(t.Context())
		if err != nil || len(records) != 0 {
			t.Errorf("start %d: %d records are left, %v", start, len(records), err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "the end of all tasks", func() bool { return len(s.agent.Load().Tasks()) == 0 })
	_, body := get(t, s.URL()+"/state")
	var master struct {
		Frameworks []struct{ Name string } `json:"frameworks"`
	}
	if err := json.Unmarshal([]byte(body), &master); err != nil || len(master.Frameworks) != 0 {
		t.Errorf("frameworks at the master: %v %v", master.Frameworks, err)
	}
	if s.iam.Logins() != 1 {
		t.Errorf("%d logins, not the one of the start that had something to do", s.iam.Logins())
	}
}

// TestUninstallRemovesTheApp has Marathon asked to remove the app when no Cosmos does.
func TestUninstallRemovesTheApp(t *testing.T) {
	t.Parallel()
	removed := make(chan string, 1)
	marathon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"version": "v", "deploymentId": "d"}`)
		removed <- r.Method + " " + r.URL.RequestURI()
	}))
	t.Cleanup(marathon.Close)
	dir := t.TempDir()
	_, stop := run(t, "MESOS_MASTER=127.0.0.1:1", "UNINSTALL=true", "MARATHON_URL="+marathon.URL, "MARATHON_APP_ID=/analytics/flink",
		"DATA_DIR="+dir, "LISTEN=127.0.0.1:0", "ADVERTISE_HOST=127.0.0.1")
	defer stop()
	select {
	case request := <-removed:
		if request != "DELETE /v2/apps/analytics/flink?force=true" {
			t.Errorf("Marathon was asked for %s", request)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Marathon was not asked")
	}
}

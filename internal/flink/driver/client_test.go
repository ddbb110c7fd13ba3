package driver_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jobmanager"
)

// size is a worker of two slots as Flink describes one.
var size = driver.Worker{
	CPUs: 1.5, MemoryBytes: 1811939328, Slots: 2,
	JVMArguments:      []string{"-Xmx536870902", "-Xms536870902"},
	DynamicProperties: []string{"taskmanager.cpu.cores=1.5", "taskmanager.numberOfTaskSlots=2"},
	ExternalResources: map[string]int{"gpu": 1},
}

func start(t *testing.T, o jobmanager.Options) *jobmanager.JobManager {
	t.Helper()
	jm, err := jobmanager.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(jm.Stop)
	return jm
}

func dial(t *testing.T, jm *jobmanager.JobManager) *driver.Client {
	t.Helper()
	c, err := driver.New(driver.Options{Address: jm.Addr(), Token: jm.Token()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestClientRoundTrip(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	jm := start(t, jobmanager.Options{Prefix: "demo-x7k2-tm"})
	c := dial(t, jm)

	id := jm.Want(size)
	w, err := c.Wanted(ctx, "", -1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if w.Ready || len(w.Workers) != 1 || w.Epoch != jm.Epoch() || w.Finished != nil {
		t.Fatalf("Wanted() = %+v", w)
	}
	want := task.Worker{
		ID: id, CPUs: 1.5, Memory: 1728 * spec.MiB, Slots: 2,
		JVMArguments: size.JVMArguments, DynamicProperties: size.DynamicProperties, ExternalResources: size.ExternalResources,
	}
	if diff := cmp.Diff(want, w.Workers[0].Spec()); diff != "" {
		t.Fatalf("Spec() mismatch (-want +got):\n%s", diff)
	}

	a, err := c.Report(ctx, driver.Report{Epoch: w.Epoch, Sequence: 4, Workers: []driver.WorkerStatus{{ID: id, State: driver.Launching}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(driver.Answer{Epoch: w.Epoch, Version: w.Version + 1, Sequence: 4}, a); diff != "" {
		t.Fatalf("Report() mismatch (-want +got):\n%s", diff)
	}
	if a, err = c.Report(ctx, driver.Report{Epoch: w.Epoch, Sequence: 5}); err != nil || a.Sequence != 5 {
		t.Fatalf("a report of no workers: %+v, %v", a, err)
	}
	wantEvents := []jobmanager.Event{
		{Kind: jobmanager.Launched, ID: id},
		{Kind: jobmanager.Terminated, ID: id, Message: "the service no longer knows it"},
	}
	if diff := cmp.Diff(wantEvents, jm.Events()); diff != "" {
		t.Fatalf("Events() mismatch (-want +got):\n%s", diff)
	}
}

func TestClientLongPoll(t *testing.T) {
	t.Parallel()
	jm := start(t, jobmanager.Options{})
	c := dial(t, jm)
	w, err := c.Wanted(t.Context(), "", -1, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan driver.Wanted, 1)
	go func() {
		w, _ := c.Wanted(t.Context(), w.Epoch, w.Version, 30*time.Second)
		got <- w
	}()
	id := jm.Want(size)
	if w := <-got; len(w.Workers) != 1 || w.Workers[0].ID != id {
		t.Fatalf("Wanted() = %+v, want worker %s", w, id)
	}
}

// Flink asks for the workers of a job one after the other; a read that waits shows them together.
func TestClientBurst(t *testing.T) {
	t.Parallel()
	most := 0
	// Nobody promises a goroutine its processor: one of many bursts has to be seen whole.
	for range 50 {
		jm := start(t, jobmanager.Options{})
		c := dial(t, jm)
		w, err := c.Wanted(t.Context(), "", -1, 0)
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan driver.Wanted, 1)
		go func() {
			w, _ := c.Wanted(t.Context(), w.Epoch, w.Version, 30*time.Second) // No workers when it went wrong.
			got <- w
		}()
		var seen driver.Wanted
		for range 4 {
			jm.Want(size)
			select {
			case seen = <-got:
			case <-time.After(time.Millisecond):
			}
		}
		if seen.Epoch == "" {
			seen = <-got
		}
		if most = max(most, len(seen.Workers)); most == 4 {
			return
		}
	}
	t.Fatalf("a read saw at most %d of a burst of 4 workers", most)
}

func TestClientErrors(t *testing.T) {
	t.Parallel()
	jm := start(t, jobmanager.Options{Token: "right"})
	client := func(token driver.Token) *driver.Client {
		c, err := driver.New(driver.Options{Address: jm.Addr(), Token: token})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}

	_, err := client("wrong").Wanted(t.Context(), "", 0, 0)
	if !errors.Is(err, driver.ErrUnauthorized) {
		t.Errorf("wrong token: %v, want ErrUnauthorized", err)
	}
	if strings.Contains(fmt.Sprint(err), "wrong") {
		t.Errorf("the error has the token: %v", err)
	}

	_, err = client("right").Report(t.Context(), driver.Report{Epoch: "other", Sequence: 1})
	var stale *driver.StaleEpochError
	if !errors.As(err, &stale) || stale.Current != jm.Epoch() {
		t.Errorf("other epoch: %v, want StaleEpochError of %s", err, jm.Epoch())
	}

	_, err = client("right").Report(t.Context(), driver.Report{Epoch: jm.Epoch(), Sequence: 1, Workers: []driver.WorkerStatus{{ID: "a", State: "odd"}}})
	var status *driver.StatusError
	if !errors.As(err, &status) || status.Status != http.StatusBadRequest || !strings.Contains(status.Message, "workers.state") {
		t.Errorf("odd state: %v, want a StatusError 400 that names workers.state", err)
	}
}

func TestClientRefusesNonsense(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"no epoch":     {200, `{"version":1}`, "no epoch"},
		"no id":        {200, `{"epoch":"e","workers":[{}]}`, "workers[0].id"},
		"not JSON":     {200, `<html>`, "read the answer"},
		"other status": {502, `bad gateway`, "502"},
		"redirect":     {302, ``, "302"},
		"closing":      {503, `{"error":"x"}`, driver.ErrClosing.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer s.Close()
			c, err := driver.New(driver.Options{Address: s.Listener.Addr().String(), Token: "t"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Wanted(t.Context(), "", 0, 0); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Wanted() error = %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestClientTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(driver.Wanted{Epoch: "e", Version: 3})
	}))
	defer s.Close()
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	for name, tt := range map[string]struct {
		roots *x509.CertPool
		ok    bool
	}{"known CA": {roots, true}, "unknown CA": {x509.NewCertPool(), false}} {
		c, err := driver.New(driver.Options{Address: s.Listener.Addr().String(), Token: "t", TLS: &tls.Config{RootCAs: tt.roots}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Wanted(t.Context(), "", 0, 0); (err == nil) != tt.ok {
			t.Errorf("%s: error %v, want success %t", name, err, tt.ok)
		}
		c.Close()
	}
}

func TestClientTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	c, err := driver.New(driver.Options{Address: s.Listener.Addr().String(), Token: "t", Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wanted(t.Context(), "", 0, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Wanted() error = %v, want a deadline exceeded", err)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]driver.Options{
		"no port":          {Address: "host", Token: "t"},
		"no token":         {Address: "host:1"},
		"negative timeout": {Address: "host:1", Token: "t", Timeout: -1},
	} {
		if _, err := driver.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", driver.Token("geheim"))
	if s := log.String() + fmt.Sprintf("%v %s", driver.Token("geheim"), driver.Token("geheim")); strings.Contains(s, "geheim") {
		t.Errorf("the token prints: %s", s)
	}
}

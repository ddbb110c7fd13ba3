package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/flink-on-mesos/flink-service/internal/config"
)

// freePort is an address that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// options are of a service that finds no master.
func options(t *testing.T, environ ...string) Options {
	t.Helper()
	c, err := config.Load(append([]string{
		"MESOS_MASTER=127.0.0.1:1", "DATA_DIR=" + t.TempDir(), "LISTEN=" + freePort(t), "ADVERTISE_HOST=127.0.0.1",
		"FLINK_DISTRIBUTIONS=" + filepath.Join(t.TempDir(), "none"),
	}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	return Options{Config: c, Version: "test", Log: slog.New(slog.DiscardHandler)}
}

// mustBeFree checks that nobody listens on an address any more.
func mustBeFree(t *testing.T, address string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the port is still open: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestNewRollsBack has New fail at each of its steps. It is not parallel, because it looks at all goroutines.
func TestNewRollsBack(t *testing.T) { //nolint:paralleltest // See above.
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	if err := os.WriteFile(garbage, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, environ := range map[string][]string{
		"authorities that are none":         {"MESOS_CA_FILE=" + garbage},
		"a credential that is none":         {"DCOS_SERVICE_ACCOUNT_CREDENTIAL=garbage"},
		"a certificate that cannot be read": {"LISTEN_CERTIFICATE_FILE=" + garbage, "LISTEN_KEY_FILE=" + garbage},
		"an address that cannot be used":    {"LISTEN=192.0.2.1:1"},
		"an account that names nobody":      {"MESOS_PRINCIPAL=p", "DCOS_SERVICE_ACCOUNT_CREDENTIAL={}"},
	} {
		t.Run(name, func(t *testing.T) {
			leak := goleak.IgnoreCurrent()
			o := options(t, environ...)
			s, err := New(o)
			if err == nil || s != nil {
				t.Fatalf("New() = %v, %v, want an error", s, err)
			}
			if address := o.Config.HTTP.Listen; strings.HasPrefix(address, "127.") {
				mustBeFree(t, address)
			}
			goleak.VerifyNone(t, leak)
		})
	}
}

// TestStop stops a service that never ran, one that runs, and one whose run failed, each twice.
func TestStop(t *testing.T) { //nolint:paralleltest // It looks at all goroutines.
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		environ []string
		run     bool
		// fails is a part of the error of Run; empty when it runs until it is stopped.
		fails string
	}{
		{name: "it never ran"},
		{name: "it runs", run: true},
		{name: "there is no place for its data", environ: []string{"DATA_DIR=" + filepath.Join(file, "x")}, run: true, fails: "DATA_DIR"},
		{name: "there is no place for its state", environ: []string{"STATE_STORE=file:" + filepath.Join(file, "x")}, run: true, fails: "STATE_STORE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leak := goleak.IgnoreCurrent()
			o := options(t, tt.environ...)
			s, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			if tt.run {
				go func() { done <- s.Run(context.Background()) }()
			}
			switch {
			case tt.fails != "":
				if err := <-done; err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Errorf("Run() = %v, want an error of %s", err, tt.fails)
				}
				done <- nil
			case tt.run:
				awaitLeader(t, "http://"+o.Config.HTTP.Listen)
			default:
				done <- nil
			}
			first := s.Stop()
			if err := <-done; err != nil {
				t.Errorf("Run() = %v", err)
			}
			if second := s.Stop(); first != nil || second != nil {
				t.Errorf("Stop() = %v, and again %v", first, second)
			}
			if err := s.Run(context.Background()); err == nil {
				t.Error("Run() after Stop() has no error")
			}
			mustBeFree(t, o.Config.HTTP.Listen)
			goleak.VerifyNone(t, leak)
		})
	}
}

func awaitLeader(t *testing.T, address string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		resp, err := client.Get(address + "/v1/health")
		if err != nil {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil && strings.Contains(string(body), "leader") {
			return
		}
	}
	t.Fatal("the service does not lead")
}

// TestSteps undoes in reverse, goes on after errors and steps that hang, and undoes at once what comes late.
func TestSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s steps
		var order []string
		add := func(name string, err error) {
			s.add(name, func() error { order = append(order, name); return err })
		}
		broken := errors.New("broken")
		add("one", nil)
		add("two", broken)
		hung := make(chan struct{})
		s.add("three", func() error { <-hung; return nil })
		add("four", nil)
		began := time.Now()
		err := s.undo()
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "stop two: broken") || !strings.Contains(err.Error(), "stop three: it did not end in 15s") {
			t.Errorf("undo() = %v", err)
		}
		if took := time.Since(began); took != undoTimeout {
			t.Errorf("it took %s", took)
		}
		if again := s.undo(); again == nil || again.Error() != err.Error() {
			t.Errorf("again undo() = %v", again)
		}
		add("late", nil)
		if got := strings.Join(order, " "); got != "four two one late" {
			t.Errorf("undone in the order %s", got)
		}
		close(hung)
	})
}

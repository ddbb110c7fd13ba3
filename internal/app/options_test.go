package app_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// flinkHome is the home of a Flink, as far as the service looks.
func flinkHome(t *testing.T) string {
	t.Helper()
	home := filepath.Join(t.TempDir(), "flink-2.3.0")
	for _, dir := range []string{"bin", "conf", "lib"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, "lib", "flink-dist-2.3.0.jar"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// asked is what a service answers about itself.
type asked struct {
	Healthy  bool           `json:"healthy"`
	Role     string         `json:"role"`
	Message  string         `json:"message"`
	Problems []wire.Problem `json:"problems"`
}

// TestOptionsOfTheFirstCluster has every slip in the options of the package that was seen to stop the service. At the first start
// the service is healthy and says what to correct; when there are clusters, it warns and looks after them.
func TestOptionsOfTheFirstCluster(t *testing.T) {
	t.Parallel()
	certificate := filepath.Join(t.TempDir(), "x.pem")
	tlsServer := httptest.NewTLSServer(http.NotFoundHandler())
	tlsServer.Close()
	if err := os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tlsServer.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	const first = "INITIAL_CLUSTER"
	for _, tt := range []struct {
		name string
		// environ is what the options of the package become.
		environ []string
		// option and says are of the problem.
		option, says string
	}{
		{"high_availability.enabled alone", []string{first + `={"name": "first", "jobManager": {"replicas": 2}, "flinkConfiguration": {"high-availability.type": "zookeeper"}}`, "ZOOKEEPER=127.0.0.1:2181"}, first, "HA_STORAGE_DIR"},
		{"a wrong spec", []string{first + "=name: first\nkinde: session"}, first, "kinde: is not a field; did you mean kind? (line 2)"},
		{"no spec at all", []string{first + "=oops"}, first, "cannot be read"},
		{"session.role outside mesos.roles", []string{first + `={"name": "first", "role": "other"}`, "MESOS_ROLES=flink"}, first, "MESOS_ROLES"},
		{"memory out of range", []string{first + `={"name": "first", "taskManager": {"memory": "999999g"}}`}, first, "taskManager.memory: 999999g is out of range"},
		{"cpus with four decimals", []string{first + `={"name": "first", "taskManager": {"cpus": 1.0001}}`}, first, "at most three decimals"},
		{"no Flink release", []string{"FLINK_DISTRIBUTIONS=" + filepath.Join(t.TempDir(), "flink-*.tgz")}, "FLINK_DISTRIBUTIONS", "there is no Flink in"},
		{"tls.certificate without tls.key", []string{"LISTEN_CERTIFICATE_FILE=" + certificate}, "LISTEN_CERTIFICATE_FILE", "LISTEN_KEY_FILE"},
		{"tls.key without tls.certificate", []string{"LISTEN_KEY_FILE=" + certificate}, "LISTEN_KEY_FILE", "LISTEN_CERTIFICATE_FILE"},
		{"state.ca_file without state.tls", []string{"STATE_STORE_CA_FILE=" + certificate}, "STATE_STORE_CA_FILE", "STATE_STORE_TLS"},
		{"mesos.insecure with mesos.ca_file", []string{"MESOS_INSECURE=true", "MESOS_CA_FILE=" + certificate}, "MESOS_INSECURE", "MESOS_CA_FILE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			good := []string{
				"MESOS_MASTER=127.0.0.1:1", "DATA_DIR=" + dir, "LISTEN=127.0.0.1:0", "ADVERTISE_HOST=127.0.0.1", "FLINK_DISTRIBUTIONS=" + flinkHome(t),
			}
			bad := append(append([]string{}, good...), tt.environ...)

			var log lockedBuffer
			address, stop := runLogged(t, &log, bad...)
			var health asked
			eventually(t, "the problem of "+tt.option, func() bool {
				health = leading(t, address)
				return len(health.Problems) > 0
			})
			if !told(health.Problems, tt.option, tt.says) || !strings.Contains(health.Message, tt.option) || !strings.Contains(log.String(), "level=WARN") {
				t.Errorf("health is %+v, want a problem of %s with %q", health, tt.option, tt.says)
			}
			said := map[string]string{"/v1/events": "OptionProblem", "/v1/service": tt.option}
			if tt.option == "INITIAL_CLUSTER" { // What was to be deployed is not there.
				said["/v1/plans/deploy"] = tt.option
			}
			for path, part := range said {
				if _, body := ask(t, http.MethodGet, address+path, ""); !strings.Contains(body, part) {
					t.Errorf("GET %s has no %s: %s", path, part, body)
				}
			}
			stop()

			address, stop = runLogged(t, io.Discard, good...)
			leading(t, address)
			if status, body := ask(t, http.MethodPost, address+"/v1/clusters", `{"name": "other", "allocation": "static"}`); status != http.StatusCreated {
				t.Fatalf("create: %d %s", status, body)
			}
			stop()

			log.reset()
			address, stop = runLogged(t, &log, bad...)
			defer stop()
			health = leading(t, address)
			if _, body := ask(t, http.MethodGet, address+"/v1/clusters/other", ""); !strings.Contains(body, `"name":"other"`) {
				t.Errorf("the cluster is gone: %s", body)
			}
			eventually(t, "the warning of "+tt.option, func() bool {
				return strings.Contains(log.String(), "level=WARN") && strings.Contains(log.String(), tt.option)
			})
			if tt.option == first && len(health.Problems) > 0 {
				t.Errorf("an option that is not used is a problem: %+v", health.Problems)
			}
		})
	}
}

func told(problems []wire.Problem, option, says string) bool {
	for _, p := range problems {
		if p.Option == option && strings.Contains(p.Message, says) {
			return true
		}
	}
	return false
}

// leading waits until a service leads and returns its health.
func leading(t *testing.T, address string) (health asked) {
	t.Helper()
	eventually(t, "the service to lead", func() bool {
		status, body := ask(t, http.MethodGet, address+"/v1/health", "")
		return status == http.StatusOK && json.Unmarshal([]byte(body), &health) == nil && health.Healthy && health.Role == "leader"
	})
	return health
}

// ask sends a request to a service, whatever its certificate.
func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // The certificate is one that the service made.
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(answer)
}

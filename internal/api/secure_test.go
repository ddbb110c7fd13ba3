package api_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// TestProxySpeaksTLS asks a JobManager that was started with TLS, and one that cannot be trusted.
func TestProxySpeaksTLS(t *testing.T) {
	t.Parallel()
	up := httptest.NewTLSServer(flinkUI(nil))
	t.Cleanup(up.Close)
	trusted := dialing(t, up.Listener.Addr().String())
	trusted.TLSClientConfig = up.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	trusted.TLSClientConfig.ServerName = "example.com" // What httptest's certificate is for.
	var problem error
	w := newWorld(t, func(o *api.Options) {
		o.JobManagers = func(jm task.Task) (http.RoundTripper, error) {
			if !jm.Secure {
				t.Error("the JobManager is asked without TLS")
			}
			return trusted, problem
		}
	})
	w.json("POST", "/v1/clusters", `{"name":"demo","security":{"tls":true}}`, http.StatusCreated)
	w.up("demo", "")
	if a := w.do("GET", ui+"/jobs/overview", ""); a.StatusCode != http.StatusOK || a.body != "GET /jobs/overview" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	// What Flink says of its own address is right at ours, whatever its scheme.
	if a := rawly(t, w.url, "GET", ui+"/moved"); a.Header.Get("Location") != "./#/overview" {
		t.Errorf("redirected to %q", a.Header.Get("Location"))
	}
	trusted.TLSClientConfig.RootCAs = nil
	trusted.CloseIdleConnections()
	w.do("GET", ui+"/jobs/overview", "").wantFault(t, http.StatusBadGateway, "upstream", "certificate")
	problem = errors.New("there is no such file")
	w.do("GET", ui+"/jobs/overview", "").wantFault(t, http.StatusBadGateway, "upstream", "there is no such file")
}

package e2e_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestTLS runs jobs in a session whose every port speaks TLS, once with dynamic allocation, through the service and through
// Flink's own command line; and asks the ports of the JobManager without TLS.
func TestTLS(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		sp := dynamic("sealed", d, 2)
		sp.Security.TLS = true
		created := w.Create(sp)
		id := w.Run("sealed", "Endless", "--parallelism", "2")
		w.JobState("sealed", id, "RUNNING")

		jm := world.Tasks(created, spec.JobManagerTask)[0]
		for _, name := range []string{flink.PortREST, flink.PortDriver} {
			address := net.JoinHostPort(jm.Hostname, strconv.Itoa(jm.Ports[name]))
			// Flink leads a browser that speaks plainly to https, and says nothing else.
			if answer, err := plainly(address); err == nil && answer != "" && !strings.HasPrefix(answer, "HTTP/1.1 301") {
				t.Errorf("port %s answers without TLS: %q", name, answer)
			}
			stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: 10 * time.Second} //nolint:gosec // A stranger.
			if r, err := stranger.Get("https://" + address + "/overview"); err == nil {
				t.Errorf("port %s answers a client without a certificate: %s", name, r.Status)
				_ = r.Body.Close()
			}
		}

		jar := filepath.Join(w.Root(), "resources", "demo-job", "target", "flink-mesos-demo-job.jar")
		if out := flinkCLI(t, d, "list", "-m", w.URL+"/v1/clusters/sealed/ui"); !strings.Contains(out, id) {
			t.Errorf("flink list does not show the job:\n%s", out)
		}
		flinkCLI(t, d, "cancel", "-m", w.URL+"/v1/clusters/sealed/ui", id)
		w.JobState("sealed", id, "CANCELED")
		out := flinkCLI(t, d, "run", "-d", "-m", w.URL+"/v1/clusters/sealed/ui", "-c", "org.flinkonmesos.demo.Endless", jar, "--parallelism", "2", "--interval", "500")
		found := jobID.FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("flink run printed no job id:\n%s", out)
		}
		w.JobState("sealed", found[1], "RUNNING")

		// The next service has the same authority.
		w.KillService()
		w.StartService()
		w.State("sealed", wire.Stable)
		w.JobState("sealed", found[1], "RUNNING")
		victim := world.Tasks(w.State("sealed", wire.Stable), spec.TaskManagerTask)[0].ID
		if err := w.Client.RestartTask(t.Context(), "sealed", victim); err != nil {
			t.Fatal(err)
		}
		w.Eventually("the job runs on the new worker", func() error {
			tasks := world.Tasks(w.State("sealed", wire.Stable), spec.TaskManagerTask)
			for _, task := range tasks {
				if task.ID == victim {
					return fmt.Errorf("%s is still there", victim)
				}
			}
			return nil
		})
		w.JobState("sealed", found[1], "RUNNING")
	})
}

// plainly sends a request without TLS and returns the first line of what comes back.
func plainly(address string) (string, error) {
	c, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, "GET /overview HTTP/1.1\r\nHost: "+address+"\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(io.LimitReader(c, 4096))
	line, _, _ := strings.Cut(string(answer), "\r\n")
	return line, err
}

package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// prometheus is a real one that a test started.
type prometheus struct {
	t   *testing.T
	url string
}

// startPrometheus has Prometheus scrape a service, and what that names, once a second. The rules are those of
// resources/monitoring, which wait one second in the place of minutes.
func startPrometheus(t *testing.T, w *world.World, token string) prometheus {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("there is no Prometheus: install the package prometheus")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rules, err := os.ReadFile(filepath.Join(w.Root(), "resources", "monitoring", "flink.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	write("rules.yml", regexp.MustCompile(`for: \d+m`).ReplaceAllString(string(rules), "for: 1s"))
	service := strings.TrimPrefix(w.URL, "http://")
	config := write("prometheus.yml", fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: flink-service
    authorization: {credentials: %[1]s}
    static_configs: [{targets: ["%[2]s"]}]
  - job_name: flink
    http_sd_configs: [{url: "http://%[2]s/v1/prometheus/targets", refresh_interval: 1s, authorization: {credentials: %[1]s}}]
`, token, service))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		_ = log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("Prometheus said:\n%s", text)
		}
	})
	return prometheus{t, "http://" + address}
}

// ask reads an answer of Prometheus' API.
func (p prometheus) ask(path string, into any) error {
	response, err := http.Get(p.url + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, response.Status, body)
	}
	return json.Unmarshal(body, into)
}

// find returns the labels of the series that an expression finds, and an error when it finds none.
func (p prometheus) find(expression string) ([]map[string]string, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string `json:"metric"`
			} `json:"result"`
		} `json:"data"`
	}
	err := p.ask("/api/v1/query?query="+url.QueryEscape(expression), &answer)
	var found []map[string]string
	for _, r := range answer.Data.Result {
		found = append(found, r.Metric)
	}
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s finds nothing", expression)
	}
	return found, err
}

// alert returns an error unless an alert fires, or does not.
func (p prometheus) alert(name string, fires bool) error {
	found, err := p.find(`ALERTS{alertname="` + name + `",alertstate="firing"}`)
	if found == nil && err != nil && !strings.HasSuffix(err.Error(), "finds nothing") {
		return err
	}
	if (len(found) > 0) != fires {
		return fmt.Errorf("the alert %s: %v", name, found)
	}
	return nil
}

// TestPrometheus has a real Prometheus follow a cluster whose TaskManager is lost, and a service that ends: every
// metric of the dashboards is there, targets go and come, and alerts fire and resolve.
func TestPrometheus(t *testing.T) {
	const token = "prometheus-0123456789"
	d := disttest.Real(t)[0]
	w := world.Start(t, world.Options{Token: token})
	p := startPrometheus(t, w, token)
	s := application(t, w, "watched", "Endless", d, "--parallelism", "2", "--interval", "500")
	s.Allocation, s.TaskManagers.Count = spec.Static, 1
	s.Labels, s.Metrics.Prometheus = map[string]string{"team": "red"}, true
	s.FlinkConfiguration["execution.checkpointing.interval"] = "500 ms"
	s.FlinkConfiguration["execution.checkpointing.dir"] = "file://" + w.Dir() + "/checkpoints"
	w.Create(s)
	stable := w.Until("watched", "runs its job", func(d wire.Description) bool {
		return d.Status.State == wire.Stable && d.Status.Job != nil && d.Status.Job.Checkpoint != nil
	})
	old := world.Tasks(stable, spec.TaskManagerTask)[0]
	for _, task := range stable.Tasks {
		w.Eventually("Prometheus scrapes "+task.ID, func() error {
			_, err := p.find(fmt.Sprintf("up{job=%q,cluster=%q,team=%q,role=%q,task=%q,agent=%q} == 1", "flink", "watched", "red", task.Kind, task.ID, task.AgentID))
			return err
		})
	}
	metrics := map[string]bool{}
	boards, err := filepath.Glob(filepath.Join(w.Root(), "resources", "monitoring", "grafana-*.json"))
	if err != nil || len(boards) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, board := range boards {
		text, err := os.ReadFile(board)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`flink_(?:job|task)manager_[A-Za-z_]+`).FindAllString(string(text), -1) {
			metrics[name] = true
		}
	}
	if len(metrics) < 8 {
		t.Fatalf("the dashboards name %v: what was read?", metrics)
	}
	w.Eventually("all metrics of Flink in the dashboards are there", func() error {
		for _, name := range slices.Sorted(maps.Keys(metrics)) {
			if _, err := p.find(`{__name__=~"` + name + `.*",cluster="watched"}`); err != nil {
				return err
			}
		}
		return nil
	})
	w.Eventually("the service tells of the job", func() error {
		_, err := p.find(`flink_mesos_job_running{cluster="watched"} == 1 and on (cluster) flink_mesos_job_checkpoint_age_seconds < 60`)
		return err
	})
	for _, name := range []string{"FlinkServiceAbsent", "FlinkJobNotRunning", "FlinkClusterNotStable"} {
		w.Eventually("nothing is wrong", func() error { return p.alert(name, false) })
	}

	w.Signal(old.ID, syscall.SIGKILL)
	w.Eventually("the alert for the job fires", func() error { return p.alert("FlinkJobNotRunning", true) })
	w.Eventually("it is resolved", func() error { return p.alert("FlinkJobNotRunning", false) })
	w.Eventually("the new TaskManager is scraped and the old one is not", func() error {
		found, err := p.find(`up{cluster="watched",role="taskmanager"}`)
		if err == nil && (len(found) != 1 || found[0]["task"] == old.ID) {
			err = fmt.Errorf("the targets are %v", found)
		}
		return err
	})

	w.KillService()
	w.Eventually("the alert for the service fires", func() error { return p.alert("FlinkServiceAbsent", true) })
	w.StartService()
	w.Eventually("it is resolved", func() error { return p.alert("FlinkServiceAbsent", false) })
	if _, err := p.find(`up{cluster="watched",role="taskmanager"} == 1`); err != nil {
		t.Errorf("the targets did not stay while the service was away: %v", err)
	}
}

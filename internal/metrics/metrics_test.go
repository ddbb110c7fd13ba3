package metrics_test

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/metrics"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func mastersOf(context.Context) ([]string, error) { return nil, nil }

func mapsKeys(m names) iter.Seq[string] { return maps.Keys(m) }

// application is a cluster with a job, session one without.
func application() state.ClusterRecord {
	return state.ClusterRecord{
		Spec: spec.Spec{
			Name: "app", Kind: spec.Application, FlinkVersion: "2.3.0", Role: "flink", Allocation: spec.Static,
			FlinkConfiguration: map[string]string{"execution.checkpointing.interval": "10 s"}, TaskOptions: spec.TaskOptions{Labels: map[string]string{"team": "red"}},
			TaskManagers: spec.TaskManagers{Count: 1}, TaskManager: spec.TaskManager{Slots: 2}, Overlays: spec.Overlays{Metrics: spec.Metrics{Prometheus: true}},
		},
		Generation: 1, Created: now, Nonce: "aaaa", State: wire.Stable, Restarts: 3, Submission: &state.Submission{},
		Job: &wire.Job{
			ID: "0123", Name: "count", State: "RUNNING", Running: true, Restarts: 2,
			Checkpoint: &wire.Checkpoint{ID: 7, Time: now.Add(-5 * time.Second), Completed: now.Add(-3 * time.Second), Size: 4096},
		},
		Recoveries: []wire.JobRecovery{{Seconds: 9}, {Seconds: 4.5}},
	}
}

func session(name string) state.ClusterRecord {
	return state.ClusterRecord{
		Spec:       spec.Spec{Name: name, Kind: spec.Session, FlinkVersion: "2.3.0", Role: "flink", Allocation: spec.Static},
		Generation: 1, Created: now, Nonce: "bbbb", State: wire.Suspended,
	}
}

func running(id, cluster string, kind spec.TaskKind, ports map[string]int) task.Task {
	return task.Task{
		ID: id, Cluster: cluster, Kind: kind, Goal: task.Launched, State: task.Running, AgentID: "a-1", Hostname: "host1", Ports: ports, Generation: 1,
		Resources: spec.Resources{CPUs: 1.5, Memory: 2 * spec.GiB, Disk: spec.GiB, GPUs: 1},
	}
}

func view(clusters []state.ClusterRecord, tasks ...task.Task) func() *state.State {
	s := core.New(state.Options{}, state.Stored{Clusters: clusters, Tasks: tasks}, now)
	return func() *state.State { return &s }
}

func TestCollector(t *testing.T) {
	t.Parallel()
	unlisted := session("hidden")
	unlisted.Spec.Metrics.Unlisted = true
	c := metrics.NewCollector(metrics.Options{
		View: view([]state.ClusterRecord{application(), session("idle"), unlisted},
			running("app-aaaa-jm-1", "app", spec.JobManagerTask, nil), running("app-aaaa-tm-2", "app", spec.TaskManagerTask, nil)),
		MaxSeries: 1000, Now: func() time.Time { return now },
	})
	got := exposed(t, c)
	for _, line := range []string{
		`flink_mesos_cluster_info{allocation="static",cluster="app",flink_version="2.3.0",kind="application",mesos_role="flink",team="red"} 1`,
		`flink_mesos_cluster_info{allocation="static",cluster="idle",flink_version="2.3.0",kind="session",mesos_role="flink",team=""} 1`,
		`flink_mesos_cluster_state{cluster="app",state="DEPLOYED"} 1`,
		`flink_mesos_cluster_state{cluster="idle",state="SUSPENDED"} 1`,
		`flink_mesos_cluster_tasks{cluster="app",role="jobmanager",state="RUNNING"} 1`,
		`flink_mesos_cluster_tasks{cluster="app",role="taskmanager",state="RUNNING"} 1`,
		`flink_mesos_cluster_cpus{cluster="app"} 3`,
		`flink_mesos_cluster_cpus{cluster="idle"} 0`,
		`flink_mesos_cluster_memory_bytes{cluster="app"} 4.294967296e+09`,
		`flink_mesos_cluster_memory_bytes{cluster="idle"} 0`,
		`flink_mesos_cluster_jobmanager_restarts_total{cluster="app"} 3`,
		`flink_mesos_cluster_jobmanager_restarts_total{cluster="idle"} 0`,
		`flink_mesos_cluster_last_recovery_seconds{cluster="app"} 4.5`,
		`flink_mesos_job_state{cluster="app",job_id="0123",state="RUNNING"} 1`,
		`flink_mesos_job_restarts_total{cluster="app",job_id="0123"} 2`,
		`flink_mesos_job_checkpoint_age_seconds{cluster="app",job_id="0123"} 3`,
		`flink_mesos_job_checkpoint_duration_seconds{cluster="app",job_id="0123"} 2`,
		`flink_mesos_job_checkpoint_size_bytes{cluster="app",job_id="0123"} 4096`,
		`flink_mesos_job_checkpoint_interval_seconds{cluster="app",job_id="0123"} 10`,
		`flink_mesos_clusters_omitted{reason="limit"} 0`,
		`flink_mesos_clusters_omitted{reason="unlisted"} 1`,
	} {
		if !slices.Contains(got, line) {
			t.Errorf("there is no %s in:\n%s", line, strings.Join(got, "\n"))
		}
	}
	if i := slices.IndexFunc(got, func(l string) bool { return strings.Contains(l, "hidden") }); i >= 0 {
		t.Errorf("an unlisted cluster: %s", got[i])
	}
}

// exposed are the samples of a collector as Prometheus reads them.
func exposed(t *testing.T, c prometheus.Collector) []string {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("metrics: %d %s", answer.Code, answer.Body)
	}
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(answer.Body.String()), "\n"), func(l string) bool { return strings.HasPrefix(l, "#") })
}

// TestSeriesAreBounded has many clusters, of which some are left out whole.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	var all []state.ClusterRecord
	for _, c := range "abcdefghij" {
		all = append(all, session("c"+string(c)))
	}
	one := len(exposed(t, metrics.NewCollector(metrics.Options{View: view(all[:1]), MaxSeries: 1000}))) - 2
	got := exposed(t, metrics.NewCollector(metrics.Options{View: view(all), MaxSeries: 4*one + 1}))
	if len(got) != 4*one+2 || !slices.Contains(got, `flink_mesos_clusters_omitted{reason="limit"} 6`) {
		t.Errorf("want %d series of 4 clusters and 2 of the service, got %d:\n%s", 4*one, len(got), strings.Join(got, "\n"))
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	ports := map[string]int{"rpc": 31001, "metrics": 31002, "prometheus": 31003}
	own := session("own")
	own.Spec.TaskManager.Ports = []spec.Port{
		{Name: "prom", Option: "metrics.reporter.prom.port"}, {Name: "jmx", Option: "metrics.reporter.jmx.port"}, {Name: "other", Option: "other.port"},
	}
	own.Spec.FlinkConfiguration = map[string]string{"metrics.reporter.jmx.factory.class": "org.apache.flink.metrics.jmx.JMXReporterFactory"}
	starting := running("app-aaaa-tm-3", "app", spec.TaskManagerTask, ports)
	starting.State = task.Staging
	alone := running("app-aaaa-tm-4", "app", spec.TaskManagerTask, map[string]int{"prometheus": 9249})
	alone.Network, alone.Address = "dcos", "2001:db8::1"
	s := view([]state.ClusterRecord{application(), own},
		running("app-aaaa-jm-1", "app", spec.JobManagerTask, ports), starting, alone,
		running("app-aaaa-tm-5", "app", spec.TaskManagerTask, map[string]int{"rpc": 31001}), // From before the reporter was turned on.
		running("own-bbbb-tm-1", "own", spec.TaskManagerTask, map[string]int{"rpc": 31001, "prom": 31010, "jmx": 31011, "other": 31012}))()
	labels := func(cluster, role, id string, more ...string) map[string]string {
		l := map[string]string{"cluster": cluster, "role": role, "task": id, "agent": "a-1", "host": "host1"}
		for i := 0; i < len(more); i += 2 {
			l[more[i]] = more[i+1]
		}
		return l
	}
	want := []metrics.Target{
		{Targets: []string{"host1:31003"}, Labels: labels("app", "jobmanager", "app-aaaa-jm-1", "team", "red")},
		{Targets: []string{"[2001:db8::1]:9249"}, Labels: labels("app", "taskmanager", "app-aaaa-tm-4", "team", "red")},
		{Targets: []string{"host1:31010"}, Labels: labels("own", "taskmanager", "own-bbbb-tm-1")},
	}
	if diff := cmp.Diff(want, metrics.Targets(s, nil)); diff != "" {
		t.Errorf("Targets() mismatch (-want +got):\n%s", diff)
	}
	if got := metrics.Targets(s, func(s spec.Spec) bool { return s.Name == "own" }); len(got) != 1 {
		t.Errorf("of one cluster: %v", got)
	}
}

// TestStatsD reports to a socket: gauges as they are, counters by how much they grew.
func TestStatsD(t *testing.T) {
	t.Parallel()
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	r := prometheus.NewRegistry()
	events := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "events_total"}, []string{"type"})
	old := prometheus.NewCounter(prometheus.CounterOpts{Name: "flink_mesos_cluster_old_total"})
	size := prometheus.NewGauge(prometheus.GaugeOpts{Name: "size"})
	took := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds"})
	many := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "many"}, []string{"n"})
	r.MustRegister(events, old, size, took, many)
	for i := range 40 {
		many.WithLabelValues(strings.Repeat("x", i+1)).Set(1)
	}
	events.WithLabelValues("a.b:c|d").Add(5)
	old.Add(100)
	size.Set(-1.5)
	took.Observe(2)
	s, err := metrics.NewStatsD(r, listener.LocalAddr().String(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	report := func() []string {
		if err := s.Report(); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for {
			packet := make([]byte, 2048)
			if err := listener.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			n, _, err := listener.ReadFrom(packet)
			if err != nil {
				t.Fatal(err)
			}
			if n > 512 {
				t.Errorf("a datagram of %d bytes", n)
			}
			lines = append(lines, strings.Split(string(packet[:n]), "\n")...)
			if slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "took_seconds.sum") }) {
				return slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "many.") })
			}
		}
	}
	want := []string{"events_total.a_b_c_d:5|c", "size:0|g", "size:-1.5|g", "took_seconds.count:1|c", "took_seconds.sum:2|c"}
	if diff := cmp.Diff(want, report()); diff != "" {
		t.Errorf("the first report mismatch (-want +got):\n%s", diff)
	}
	old.Add(2)
	size.Set(3)
	took.Observe(1)
	want = []string{"flink_mesos_cluster_old_total:2|c", "size:3|g", "took_seconds.count:1|c", "took_seconds.sum:1|c"}
	if diff := cmp.Diff(want, report()); diff != "" {
		t.Errorf("the second report mismatch (-want +got):\n%s", diff)
	}
}

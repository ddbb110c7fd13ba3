package requirement_test

import (
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/flink/requirement"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

func libraries(paths ...string) []dist.Library {
	all := make([]dist.Library, 0, len(paths))
	for _, path := range paths {
		all = append(all, dist.Library{Path: path})
	}
	return all
}

// assembled is what `make flink` makes, incomplete what it makes when the repository lacks most, and apache an
// unpacked release without the driver.
var (
	assembled = dist.Manifest{
		Version: "2.3.0",
		Libraries: libraries("lib/flink-clients-2.3.0.jar", "lib/flink-mesos-driver.jar", "lib/flink-statebackend-changelog-2.3.0.jar", "lib/flink-statebackend-forst-2.3.0.jar",
			"lib/flink-statebackend-rocksdb-2.3.0.jar", "lib/flink-dstl-dfs-2.3.0.jar", "lib/flink-table-api-java-uber-2.3.0.jar", "lib/flink-table-planner-loader-2.3.0.jar",
			"lib/flink-table-runtime-2.3.0.jar", "plugins/metrics-influx/flink-metrics-influxdb-2.3.0.jar", "plugins/metrics-prometheus/flink-metrics-prometheus-2.3.0.jar"),
		Optional: &dist.Optional{Libraries: libraries("opt/flink-gs-fs-hadoop-2.3.0.jar", "opt/flink-python-2.3.0.jar", "opt/flink-s3-fs-hadoop-2.3.0.jar", "opt/flink-s3-fs-presto-2.3.0.jar", "opt/flink-sql-client-2.3.0.jar")},
	}
	slim       = dist.Manifest{Version: "2.3.0", Variant: "slim", Libraries: libraries("lib/flink-clients-2.3.0.jar", "lib/flink-mesos-driver.jar")}
	incomplete = dist.Manifest{
		Version: "1.20.5", Libraries: libraries("lib/flink-clients-1.20.5.jar", "lib/flink-mesos-driver.jar", "lib/flink-statebackend-rocksdb-1.20.5.jar"),
		Missing: []string{"lib/flink-table-runtime-1.20.5.jar", "opt/flink-python-1.20.5.jar", "opt/flink-s3-fs-presto-1.20.5.jar"},
	}
	apache = dist.Manifest{Version: "1.20.0", Libraries: libraries("lib/flink-dist-1.20.0.jar", "opt/flink-s3-fs-presto-1.20.0.jar")}
)

func TestCheck(t *testing.T) {
	t.Parallel()
	option := func(pairs ...string) spec.Spec {
		s := spec.Spec{Allocation: spec.Static, FlinkConfiguration: map[string]string{}}
		for i := 0; i < len(pairs); i += 2 {
			s.FlinkConfiguration[pairs[i]] = pairs[i+1]
		}
		return s
	}
	with := func(s spec.Spec, change func(*spec.Spec)) spec.Spec { change(&s); return s }
	prometheus := func(s *spec.Spec) { s.Metrics.Prometheus = true }
	plugin := func(s spec.Spec, names ...string) spec.Spec { s.Plugins = names; return s }
	fetch := func(s spec.Spec, files ...string) spec.Spec {
		for _, f := range files {
			s.URIs = append(s.URIs, spec.URI{Value: "http://files/x", OutputFile: f})
		}
		return s
	}
	python := spec.Spec{Allocation: spec.Static, Job: &spec.JobSpec{Python: "http://files/main.py"}}
	rocks, s3 := option("state.backend.type", "rocksdb"), option("execution.checkpointing.dir", "s3://bucket/x")
	for _, tt := range []struct {
		name string
		m    dist.Manifest
		s    spec.Spec
		// field and words are of the one problem that is wanted; none when field is empty.
		field string
		words []string
	}{
		{"nothing", slim, option(), "", nil},
		{"RocksDB", assembled, rocks, "", nil},
		{"RocksDB in a slim one", slim, rocks, "flinkConfiguration.state.backend.type", []string{"Flink 2.3.0-slim", "RocksDB", "flink-statebackend-rocksdb", "flinkVersion: 2.3.0"}},
		{"RocksDB in flink-dist", apache, rocks, "", nil},
		{"RocksDB by the old option and class", slim, option("state.backend", "org.apache.flink.contrib.streaming.state.EmbeddedRocksDBStateBackendFactory"), "flinkConfiguration.state.backend", []string{"RocksDB"}},
		{"a reporter", assembled, with(option("metrics.reporter.prometheus.factory.class", "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"), prometheus), "", nil},
		{
			"a reporter in a slim one", slim, with(option("metrics.reporter.prometheus.factory.class", "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"), prometheus),
			"metrics.prometheus",
			[]string{"plugin metrics-prometheus", "flinkVersion: 2.3.0"},
		},
		{"RocksDB brought along", slim, fetch(rocks, "lib/flink-statebackend-rocksdb.jar"), "", nil},
		{"ForSt", incomplete, option("state.backend.type", "forst"), "flinkConfiguration.state.backend.type", []string{"ForSt"}},
		{"heap", slim, option("state.backend.type", "hashmap"), "", nil},
		{"changelog", slim, option("state.changelog.enabled", "true"), "flinkConfiguration.state.changelog.enabled", []string{"changelog"}},
		{"no changelog", slim, option("state.changelog.enabled", "false", "state.changelog.storage", "filesystem"), "", nil},
		{"changelog with its storage", assembled, option("state.changelog.enabled", "true", "state.changelog.storage", "filesystem"), "", nil},
		{"S3 without the plugin", assembled, s3, "flinkConfiguration.execution.checkpointing.dir", []string{"s3://", "write plugins: [s3-fs-presto]"}},
		{"S3", assembled, plugin(s3, "s3-fs-presto"), "", nil},
		{"S3 by Hadoop", assembled, plugin(s3, "s3-fs-hadoop"), "", nil},
		{"S3 of the release", apache, plugin(s3, "s3-fs-presto"), "", nil},
		{"s3a by the wrong plugin", assembled, plugin(option("a", "s3a://b/c"), "s3-fs-presto"), "flinkConfiguration.a", []string{"write plugins: [s3-fs-hadoop]"}},
		{"S3 that the repository lacks", incomplete, s3, "flinkConfiguration.execution.checkpointing.dir", []string{"flink-s3-fs-presto", "the Maven repository", "another flinkVersion"}},
		{"S3 by a plugin of the user's", incomplete, fetch(s3, "plugins/mine/x.jar"), "", nil},
		{"reporters are no file systems", incomplete, fetch(s3, "plugins/metrics-x/x.jar"), "flinkConfiguration.execution.checkpointing.dir", []string{"flink-s3-fs-presto"}},
		{"one of several paths", assembled, option("io.tmp.dirs", "/tmp,gs://x/y"), "flinkConfiguration.io.tmp.dirs", []string{"gs-fs-hadoop"}},
		{"Azure", assembled, option("a", "abfss://x@y/z"), "flinkConfiguration.a", []string{"flink-azure-fs-hadoop"}},
		{"other schemes", slim, option("a", "http://x", "b", "file:///x", "c", "myfs://x"), "", nil},
		{"what programs read", slim, option("pipeline.global-job-parameters", "in:s3://x", "env.java.opts.all", "-Dx=s3://y"), "", nil},
		{"a savepoint", assembled, with(option(), func(s *spec.Spec) { s.Job = &spec.JobSpec{InitialSavepointPath: "s3://b/savepoint-1"} }), "job.initialSavepointPath", []string{"s3-fs-presto"}},
		{"HDFS", assembled, option("a", "hdfs:///x"), "flinkConfiguration.a", []string{"Hadoop", "hadoop-client-runtime"}},
		{"HDFS with its classes", assembled, fetch(option("a", "hdfs:///x"), "lib/hadoop-client-api.jar"), "", nil},
		{"HDFS with those of the agents", assembled, with(option("a", "hdfs:///x"), func(s *spec.Spec) { s.Hadoop = &spec.Hadoop{Classpath: "/opt/hadoop/*"} }), "", nil},
		{"Hadoop for other schemes", assembled, with(option("a", "s3a://x", "fs.allowed-fallback-filesystems", "s3a;gs"), func(s *spec.Spec) { s.Environment = map[string]string{"HADOOP_CLASSPATH": "/opt/hadoop/*"} }), "", nil},
		{"a plugin", assembled, plugin(option(), "metrics-prometheus", "gs-fs-hadoop"), "", nil},
		{"no such plugin", assembled, plugin(option(), "metrics-prometheus", "nonesuch"), "plugins[1]", []string{"plugin nonesuch", "gs-fs-hadoop, metrics-influx", "FLINK_PLUGINS=flink-nonesuch"}},
		{"a plugin brought along", slim, fetch(plugin(option(), "nonesuch"), "plugins/nonesuch/x.jar"), "", nil},
		{"a reporter", assembled, option("metrics.reporter.x.factory.class", "org.apache.flink.metrics.influxdb.InfluxdbReporterFactory"), "", nil},
		{"no such reporter", slim, option("metrics.reporter.x.factory.class", "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"), "flinkConfiguration.metrics.reporter.x.factory.class", []string{"metrics-prometheus"}},
		{"a reporter of the user's", slim, option("metrics.reporter.x.factory.class", "org.example.Reporter"), "", nil},
		{"Python", assembled, python, "", nil},
		{"dynamic allocation", apache, spec.Spec{Allocation: spec.Dynamic}, "allocation", []string{"resource manager driver", "allocation: static"}},
		{"dynamic allocation with the driver", slim, spec.Spec{Allocation: spec.Dynamic}, "", nil},
	} {
		got := requirement.Check(tt.m, tt.s, tt.s.FlinkConfiguration)
		if tt.field == "" {
			if len(got) > 0 {
				t.Errorf("%s: Check() = %+v, want nothing", tt.name, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Field != tt.field {
			t.Errorf("%s: Check() = %+v, want one problem of %s", tt.name, got, tt.field)
			continue
		}
		for _, word := range tt.words {
			if !strings.Contains(got[0].Message, word) {
				t.Errorf("%s: Check() = %q, want %q in it", tt.name, got[0].Message, word)
			}
		}
	}
}

// A Python program needs several parts, and all that are missing are named at once.
func TestPython(t *testing.T) {
	t.Parallel()
	s := spec.Spec{Allocation: spec.Static, Job: &spec.JobSpec{Python: "http://files/main.py"}}
	got := requirement.Check(incomplete, s, nil)
	if len(got) != 1 || got[0].Field != "job.python" {
		t.Fatalf("Check() = %+v, want one problem of job.python", got)
	}
	for _, want := range []string{
		"has no flink-python, flink-table-api-java-uber, flink-table-runtime, flink-table-planner,", "does not have flink-python, flink-table-runtime:", "another flinkVersion",
	} {
		if !strings.Contains(got[0].Message, want) {
			t.Errorf("Check() = %s\nwant %q in it", got[0].Message, want)
		}
	}
}

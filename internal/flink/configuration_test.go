package flink_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

func TestCheckConfigurationNamesWhatTheServiceOwns(t *testing.T) {
	err := flink.CheckConfiguration(map[string]string{
		"rest.port": "8081", "taskmanager.host": "me", "parallelism.default": "4", "queryable-state.enable": "true",
		"state.backend.type": "rocksdb", " padded": "x", "bad": "\xff", "env.java.opts.all": "\"-Da",
	})
	problems, ok := errors.AsType[flink.Problems](err)
	if !ok {
		t.Fatalf("CheckConfiguration() = %v, want Problems", err)
	}
	var keys []string
	for _, p := range problems {
		keys = append(keys, p.Option)
	}
	want := []string{" padded", "bad", "queryable-state.enable", "rest.port", "taskmanager.host", "env.java.opts.all"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("CheckConfiguration() mismatch (-want +got):\n%s", diff)
	}
	if !strings.Contains(err.Error(), "rest.port: cannot be set: the service takes every port from a Mesos offer") {
		t.Errorf("CheckConfiguration() = %v, want the reason", err)
	}
	if err := flink.CheckConfiguration(map[string]string{"queryable-state.enable": "false", "s3.secret-key": "x"}); err != nil {
		t.Errorf("CheckConfiguration() = %v, want nothing", err)
	}
}

// TestOwnedOptionsAreChecked holds the list of refused options against what a launch really sets.
func TestOwnedOptionsAreChecked(t *testing.T) {
	jm := jobManager()
	jm.DriverTokenFile, jm.WorkerPrefix = "token", "demo"
	jm.Configuration["high-availability.type"] = "zookeeper"
	for _, p := range []flink.Process{jm, taskManager()} {
		for _, property := range launch(t, p).Properties {
			key, _, _ := strings.Cut(property, "=")
			if strings.Contains(key, ".memory.") || key == "taskmanager.numberOfTaskSlots" || key == "taskmanager.cpu.cores" || key == "external-resources" {
				continue // The user's own, in another form.
			}
			if err := flink.CheckConfiguration(map[string]string{key: "1"}); err == nil {
				t.Errorf("a user may set %s, and it would be overruled silently", key)
			}
		}
	}
}

func TestAdopt(t *testing.T) {
	got, err := flink.Adopt(spec.Spec{
		Name: "demo",
		FlinkConfiguration: map[string]string{
			"jobmanager.memory.process.size": "2g", "taskmanager.memory.flink.size": "1g",
			"taskmanager.numberOfTaskSlots": "4", "taskmanager.cpu.cores": "2.5", "state.backend.type": "hashmap",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := spec.Spec{
		Name: "demo",
		FlinkConfiguration: map[string]string{
			"taskmanager.memory.flink.size": "1g", "state.backend.type": "hashmap",
		},
		JobManager: spec.JobManager{Resources: spec.Resources{Memory: 2 * spec.GiB}},
		// 1024 MiB, 256 MiB metaspace, and the overhead's minimum of 192 MiB.
		TaskManager: spec.TaskManager{Resources: spec.Resources{Memory: 1472 * spec.MiB, CPUs: 2.5}, Slots: 4},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Adopt() mismatch (-want +got):\n%s", diff)
	}
	again, err := flink.Adopt(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("Adopt() twice mismatch (-once +twice):\n%s", diff)
	}
}

func TestAdoptRefuses(t *testing.T) {
	sp := spec.Spec{
		FlinkConfiguration: map[string]string{
			"jobmanager.memory.process.size": "2g", "taskmanager.memory.process.size": "lots",
			"taskmanager.numberOfTaskSlots": "4", "rest.port": "8081",
		},
	}
	sp.JobManager.Memory = spec.GiB
	sp.TaskManager.Slots = 2
	_, err := flink.Adopt(sp)
	for _, want := range []string{
		"jobmanager.memory.process.size: 2g contradicts jobManager.memory, which is 1g",
		"taskmanager.memory.process.size: \"lots\"", "taskmanager.numberOfTaskSlots: 4 contradicts taskManager.slots", "rest.port: cannot be set",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Adopt() = %v, want %q in it", err, want)
		}
	}
}

func TestConfigurationPrecedence(t *testing.T) {
	sp := spec.Spec{FlinkConfiguration: map[string]string{
		"high-availability.type": "zookeeper", "state.backend.type": "hashmap", "high-availability.cluster-id": "mine",
	}}
	sp.JobManager.Memory, sp.TaskManager.Memory = 2*spec.GiB, 1728*spec.MiB
	sp.TaskManager.Slots, sp.TaskManager.CPUs = 2, 2
	want := map[string]string{
		"high-availability.type": "zookeeper", "state.backend.type": "hashmap", "high-availability.cluster-id": "ours",
		"high-availability.zookeeper.client.session-timeout": "10s",
		"resourcemanager.previous-worker.recovery.timeout":   "10s",
		"cluster.registration.error-delay":                   "1s",
		"jobmanager.memory.process.size":                     "2g", "taskmanager.memory.process.size": "1728m",
		"taskmanager.numberOfTaskSlots": "2", "taskmanager.cpu.cores": "2.0",
	}
	got := flink.Configuration(sp, map[string]string{"high-availability.cluster-id": "ours"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Configuration() mismatch (-want +got):\n%s", diff)
	}
	sp.FlinkConfiguration["high-availability.zookeeper.client.session-timeout"] = "60s"
	if got := flink.Configuration(sp, nil)["high-availability.zookeeper.client.session-timeout"]; got != "60s" {
		t.Errorf("the user's session timeout became %s", got)
	}
}

// TestConfigYAML reads back what was written; TestRealFlink has Flink read it.
func TestConfigYAML(t *testing.T) {
	for _, config := range []map[string]string{{}, hostile()} {
		data := flink.ConfigYAML(config)
		got := map[string]string{}
		if err := yaml.UnmarshalStrict(data, &got); err != nil {
			t.Fatalf("%v in\n%s", err, data)
		}
		if diff := cmp.Diff(config, got); diff != "" {
			t.Errorf("ConfigYAML() mismatch (-want +got):\n%s", diff)
		}
		for i, c := range string(data) {
			if c < ' ' && c != '\n' || c == '\u0085' || c == '\u2028' || c == '\ufeff' {
				t.Errorf("byte %d is the raw character %U", i, c)
			}
		}
	}
}

func FuzzConfigYAML(f *testing.F) {
	for k, v := range hostile() {
		f.Add(k, v)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		if flink.CheckConfiguration(map[string]string{key: value}) != nil {
			t.Skip()
		}
		got := map[string]string{}
		data := flink.ConfigYAML(map[string]string{key: value})
		if err := yaml.UnmarshalStrict(data, &got); err != nil || got[key] != value || len(got) != 1 {
			t.Errorf("%q: %q became %q (%v) through\n%s", key, value, got, err, data)
		}
	})
}

func TestOverlay(t *testing.T) {
	o := flink.Overlay{
		Configuration: map[string]string{"b": "2", "a": "1"},
		Log:           flink.Log{File: true},
		Files:         []flink.File{{Name: "conf/driver.token", Content: []byte("t")}, {Name: "bin/tool", Content: []byte("x"), Mode: 0o755}},
	}
	data, err := o.Archive()
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(o.Files)
	again, err := o.Archive()
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("the same overlay gave other bytes (%v)", err)
	}
	var names []string
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.FileInfo().Mode().String()+" "+h.Name)
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if h.Name == "conf/log4j.properties" && !bytes.Contains(content, []byte("RollingFile")) {
			t.Error("the log file was asked for and is not configured")
		}
	}
	want := []string{
		"drwxr-xr-x bin/", "-rwxr-xr-x bin/tool", "drwxr-xr-x conf/", "-rw------- conf/config.yaml",
		"-rw------- conf/driver.token", "-rw------- conf/log4j.properties", "-rwxr-xr-x start-flink.sh",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("Archive() mismatch (-want +got):\n%s", diff)
	}
}

func TestOverlayRefusesPaths(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../x", "/etc/passwd", "a//b", "a/../b", "a/", "flink/lib/evil.jar", "conf/config.yaml", "conf", "conf/config.yaml/x", "a\xff"} {
		_, err := flink.Overlay{Files: []flink.File{{Name: name}}}.Archive()
		if _, ok := errors.AsType[flink.Problems](err); !ok {
			t.Errorf("Archive() with a file %q = %v, want a problem", name, err)
		}
	}
}

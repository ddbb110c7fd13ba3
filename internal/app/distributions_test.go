package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// flinks is a service's directory of Flinks with its artifact store.
type flinks struct {
	t      *testing.T
	store  *artifact.Store
	places string
	data   string
}

func newFlinks(t *testing.T) *flinks {
	t.Helper()
	store, err := artifact.New(artifact.Options{Dir: filepath.Join(t.TempDir(), "artifacts"), Prefix: strings.Repeat("p", 32), Key: bytes.Repeat([]byte{1}, 32), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &flinks{t, store, t.TempDir(), t.TempDir()}
}

// make makes an archive of a version, unlike every other by what is in it.
func (f *flinks) make(version, variant, content string) dist.Manifest {
	f.t.Helper()
	home := filepath.Join(f.t.TempDir(), "flink")
	for name, text := range map[string]string{"lib/flink-dist-" + version + ".jar": content, "opt/flink-s3-fs-presto-" + version + ".jar": "presto"} {
		file := filepath.Join(home, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	m, err := dist.Assemble(f.t.Context(), dist.Options{Source: home, Dir: f.places, Variant: variant, Driver: []byte("driver")})
	if err != nil {
		f.t.Fatal(err)
	}
	return m
}

// start does what a start of the service does, with the clusters that are stored.
func (f *flinks) start(clusters ...spec.Spec) distributions {
	f.t.Helper()
	log := slog.New(slog.DiscardHandler)
	found, err := findDistributions(f.t.Context(), []string{f.places}, f.data, f.store, log)
	if err != nil {
		f.t.Fatal(err)
	}
	var stored state.Stored
	for _, s := range clusters {
		stored.Clusters = append(stored.Clusters, state.ClusterRecord{Spec: s})
	}
	if found, err = found.keep(filepath.Join(f.data, "kept"), stored, f.store, log); err != nil {
		f.t.Fatal(err)
	}
	return found
}

func (f *flinks) remove(m dist.Manifest) {
	f.t.Helper()
	for _, file := range []string{m.File, strings.TrimSuffix(m.File, ".tgz") + ".json"} {
		if err := os.Remove(filepath.Join(f.places, file)); err != nil {
			f.t.Fatal(err)
		}
	}
}

// TestPin has clusters stay with their archive, over later archives and starts, until they ask for another.
func TestPin(t *testing.T) {
	t.Parallel()
	f := newFlinks(t)
	first := f.make("2.3.0", "", "first")
	slim := f.make("2.3.0", "slim", "slim")
	wants := func(d distributions, sent, stored spec.Spec, m dist.Manifest) spec.Spec {
		t.Helper()
		got, err := d.pin(sent, stored)
		if err != nil || got.FlinkDistribution != m.Name()+"@"+m.SHA256 {
			t.Errorf("pin(%+v) = %q, %v, want %s@%s", sent.Flink, got.FlinkDistribution, err, m.Name(), m.SHA256)
		}
		if found, pinned, err := d.of(got); err != nil || !pinned || found.SHA256 != m.SHA256 {
			t.Errorf("of(%q) = %s, %t, %v, want %s", got.FlinkDistribution, found.SHA256, pinned, err, m.SHA256)
		}
		return got
	}
	d := f.start()
	cluster := wants(d, spec.Spec{Name: "a", FlinkVersion: "2.3"}, spec.Spec{}, first)
	wants(d, spec.Spec{Name: "b", FlinkVersion: "2.3-slim"}, spec.Spec{}, slim)

	second, older := f.make("2.3.0", "", "second"), f.make("1.20.5", "", "older")
	f.remove(first)
	d = f.start(cluster)
	wants(d, spec.Spec{Name: "c", FlinkVersion: "2.3"}, spec.Spec{}, second)
	// The cluster is changed by a file that does not name its archive, and by what the API answered.
	wants(d, spec.Spec{Name: "a", FlinkVersion: "2.3"}, cluster, first)
	wants(d, cluster, cluster, first)
	// Another version, the archive of today, and one by the beginning of its hash.
	wants(d, spec.Spec{Name: "a", FlinkVersion: "1.20", Flink: cluster.Flink}, cluster, older)
	wants(d, spec.Spec{Name: "a", FlinkVersion: "2.3", Flink: spec.Flink{FlinkDistribution: spec.CurrentDistribution}}, cluster, second)
	wants(d, spec.Spec{Name: "a", FlinkVersion: "2.3", Flink: spec.Flink{FlinkDistribution: second.SHA256[:12]}}, cluster, second)
	for _, wrong := range []string{older.SHA256, strings.Repeat("f", 64)} {
		if _, err := d.pin(spec.Spec{Name: "a", FlinkVersion: "2.3", Flink: spec.Flink{FlinkDistribution: wrong}}, cluster); err == nil {
			t.Errorf("the archive %s was taken for Flink 2.3", wrong)
		}
	}
	// A cluster of before there were pins is not changed by the way.
	if got, err := d.pin(spec.Spec{Name: "old", FlinkVersion: "2.3"}, spec.Spec{Name: "old", FlinkVersion: "2.3"}); err != nil || got.FlinkDistribution != "" {
		t.Errorf("pin() of an old cluster = %q, %v, want none", got.FlinkDistribution, err)
	}

	// An archive that no cluster names goes; a cluster whose archive is lost starts from the one in its place.
	d = f.start()
	if _, err := f.store.Stat(first.SHA256); err == nil {
		t.Error("an archive that nothing names is still there")
	}
	if found, pinned, err := d.of(cluster); err != nil || pinned || found.SHA256 != second.SHA256 {
		t.Errorf("of() with a lost archive = %s, %t, %v, want the one in its place", found.SHA256, pinned, err)
	}
	if got, err := d.pin(spec.Spec{Name: "a", FlinkVersion: "2.3"}, cluster); err != nil || got.FlinkDistribution != "2.3.0@"+second.SHA256 {
		t.Errorf("pin() with a lost archive = %q, %v, want the one in its place", got.FlinkDistribution, err)
	}
}

// TestOptionalJars has the artifact store have a jar of opt when a cluster names it, and not before.
func TestOptionalJars(t *testing.T) {
	t.Parallel()
	f := newFlinks(t)
	m := f.make("2.3.0", "", "x")
	d := f.start()[0]
	jar := m.Optional.Libraries[0]
	if _, err := f.store.Stat(jar.SHA256); err == nil {
		t.Error("the jar is in the store before a cluster names it")
	}
	for range 2 {
		got, path, ok, err := d.optional(t.Context(), "flink-s3-fs-presto", f.store)
		if err != nil || !ok || got != jar || !strings.HasSuffix(path, "/flink-s3-fs-presto-2.3.0.jar") {
			t.Fatalf("optional() = %+v, %q, %t, %v", got, path, ok, err)
		}
	}
	if a, err := f.store.Stat(jar.SHA256); err != nil || !a.Public || a.Size != int64(len("presto")) {
		t.Errorf("Stat() = %+v, %v, want the public jar", a, err)
	}
	if _, _, ok, err := d.optional(t.Context(), "flink-gs-fs-hadoop", f.store); ok || err != nil {
		t.Errorf("optional() of what it has not = %t, %v", ok, err)
	}
	// A release that came without the file with the jars has none.
	if err := os.Remove(filepath.Join(f.places, m.Optional.File)); err != nil {
		t.Fatal(err)
	}
	if d := f.start()[0]; d.HasPlugin("s3-fs-presto") {
		t.Error("a Flink whose jars of opt are lost has a plugin of them")
	}
}

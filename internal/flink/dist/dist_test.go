package dist_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
)

// home writes a small Flink home and returns its directory.
func home(t *testing.T, version string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "flink-"+version)
	write(t, filepath.Join(dir, "lib", "flink-dist-"+version+".jar"), "dist", 0o644)
	write(t, filepath.Join(dir, "lib", "log4j-core.jar"), "log4j", 0o600)
	write(t, filepath.Join(dir, "bin", "flink"), "#!/bin/sh\n", 0o755)
	write(t, filepath.Join(dir, "log", "old.log"), "noise", 0o644)
	return dir
}

func write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// listing reads an archive as "mode name size" lines.
func listing(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || !h.ModTime.Equal(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%s has owner %d:%d %q and time %s, want 0:0, none and 2000", h.Name, h.Uid, h.Gid, h.Uname, h.ModTime)
		}
		lines = append(lines, os.FileMode(h.Mode).String()+" "+h.Name)
	}
}

func assemble(t *testing.T, o dist.Options) dist.Manifest {
	t.Helper()
	m, err := dist.Assemble(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAssembleDirectory(t *testing.T) {
	src, out := home(t, "2.3.0"), t.TempDir()
	jar := filepath.Join(t.TempDir(), "driver.jar")
	write(t, jar, "driver", 0o600)
	m := assemble(t, dist.Options{Source: src, Dir: out, Jars: []string{jar}})
	if m.Version != "2.3.0" || m.Java != 11 || m.Home != "flink" {
		t.Errorf("Assemble() = %+v", m)
	}
	want := []string{
		"-rwxr-xr-x flink/bin/", "-rwxr-xr-x flink/bin/flink", "-rwxr-xr-x flink/conf/",
		"-rwxr-xr-x flink/lib/", "-rw-r--r-- flink/lib/driver.jar", "-rw-r--r-- flink/lib/flink-dist-2.3.0.jar",
		"-rw-r--r-- flink/lib/log4j-core.jar", "-rwxr-xr-x flink/plugins/",
	}
	if diff := cmp.Diff(want, listing(t, filepath.Join(out, m.File))); diff != "" {
		t.Errorf("archive mismatch (-want +got):\n%s", diff)
	}

	// The same inputs elsewhere, with other times, give the same bytes.
	again := home(t, "2.3.0")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(again, "lib", "log4j-core.jar"), old, old); err != nil {
		t.Fatal(err)
	}
	m2 := assemble(t, dist.Options{Source: filepath.Dir(again), Dir: t.TempDir(), Jars: []string{jar}})
	if m2.SHA256 != m.SHA256 {
		t.Errorf("same inputs gave %s and %s", m.SHA256, m2.SHA256)
	}

	// Another jar gives another archive; the one asked for last is what Scan offers.
	m3 := assemble(t, dist.Options{Source: src, Dir: out})
	if m3.SHA256 == m.SHA256 {
		t.Error("leaving out the driver changed nothing")
	}
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(filepath.Join(out, m.File), later, later); err != nil {
		t.Fatal(err)
	}
	list, err := dist.Scan(out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]dist.Manifest{m}, list); diff != "" {
		t.Errorf("Scan() mismatch (-want +got):\n%s", diff)
	}
}

func TestAssembleKeepsFewArchives(t *testing.T) {
	src, out := home(t, "2.3.0"), t.TempDir()
	jar := filepath.Join(t.TempDir(), "driver.jar")
	var last dist.Manifest
	for i := range 5 {
		write(t, jar, strings.Repeat("x", i), 0o600)
		last = assemble(t, dist.Options{Source: src, Dir: out, Jars: []string{jar}})
		// Times of files are coarse; space them out.
		when := time.Now().Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(filepath.Join(out, last.File), when, when); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(out)
	if err != nil || len(left) != 2*3 {
		t.Errorf("%d files are left (%v), want 3 archives and their manifests", len(left), err)
	}
	if list, err := dist.Scan(out); err != nil || len(list) != 1 || list[0].SHA256 != last.SHA256 {
		t.Errorf("Scan() = %v, %v, want the last one", list, err)
	}
}

func TestAssembleTarball(t *testing.T) {
	src := home(t, "1.20.5")
	first := assemble(t, dist.Options{Source: src, Dir: t.TempDir()})
	dir := t.TempDir()
	assemble(t, dist.Options{Source: src, Dir: dir})
	// An archive of ours is itself a Flink tarball.
	again := assemble(t, dist.Options{Source: filepath.Join(dir, first.File), Dir: t.TempDir()})
	if first.SHA256 != again.SHA256 || again.Java != 8 {
		t.Errorf("tarball gave %+v, want the bytes of %s", again, first.SHA256)
	}
}

func TestAssembleIsCached(t *testing.T) {
	out := t.TempDir()
	calls := filepath.Join(t.TempDir(), "calls")
	maven := filepath.Join(t.TempDir(), "mvn")
	write(t, maven, `#!/bin/sh
echo call >>'`+calls+`'
while [ $# -gt 0 ]; do [ "$1" = -f ] && pom=$2; shift; done
lib=$(dirname "$pom")/home/lib
mkdir -p "$lib" && echo runtime >"$lib/flink-runtime-2.3.0.jar"
grep -o 'flink-[a-z-]*</artifactId><version>[0-9.]*' "$pom" >"$lib/list.txt"
echo '[INFO] Downloaded from central: https://example.org/a/b/flink-runtime-2.3.0.jar (8 MB at 1 MB/s)'
`, 0o755)
	var progress bytes.Buffer
	o := dist.Options{Version: "2.3", Dir: out, Maven: maven, Progress: &progress, Modules: []string{"flink-json"}}
	m := assemble(t, o)
	if !strings.Contains(progress.String(), "  flink-runtime-2.3.0.jar (8 MB at 1 MB/s)\n") {
		t.Errorf("progress does not name the download:\n%s", progress.String())
	}
	again := assemble(t, o)
	if diff := cmp.Diff(m, again); diff != "" {
		t.Errorf("second Assemble() mismatch (-want +got):\n%s", diff)
	}
	if data, err := os.ReadFile(calls); err != nil || string(data) != "call\n" {
		t.Errorf("Maven was called %q (%v), want once", data, err)
	}
	// A damaged archive is made again.
	if err := os.Truncate(filepath.Join(out, m.File), 10); err != nil {
		t.Fatal(err)
	}
	if list, err := dist.Scan(out); err != nil || len(list) != 0 {
		t.Errorf("Scan() = %v, %v, want nothing while the archive is damaged", list, err)
	}
	if diff := cmp.Diff(m, assemble(t, o)); diff != "" {
		t.Errorf("Assemble() after damage mismatch (-want +got):\n%s", diff)
	}
	left, err := filepath.Glob(filepath.Join(out, ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("temporary files are left: %v %v", left, err)
	}
}

// The driver's bytes are the driver's file: a service that carries them makes the archive that `make flink` makes.
func TestAssembleWithDriver(t *testing.T) {
	src, out := home(t, "2.3.0"), t.TempDir()
	without := assemble(t, dist.Options{Source: src, Dir: t.TempDir()})
	if without.Driven() {
		t.Error("Driven() = true for a Flink without the driver")
	}
	jar := filepath.Join(t.TempDir(), dist.DriverName)
	write(t, jar, "driver", 0o600)
	asFile := assemble(t, dist.Options{Source: src, Dir: t.TempDir(), Jars: []string{jar}})
	asBytes := assemble(t, dist.Options{Source: src, Dir: out, Driver: []byte("driver")})
	if !asBytes.Driven() || asBytes.SHA256 != asFile.SHA256 || asBytes.Inputs != asFile.Inputs {
		t.Errorf("Assemble() = %s (driven: %t), want the bytes of %s with the driver", asBytes.SHA256, asBytes.Driven(), asFile.SHA256)
	}
	// Another driver takes the place of one that the Flink has.
	write(t, filepath.Join(src, "lib", dist.DriverName), "an older driver", 0o644)
	if again := assemble(t, dist.Options{Source: src, Dir: out, Driver: []byte("driver")}); again.SHA256 != asBytes.SHA256 {
		t.Error("an older driver in lib was kept")
	}
}

func TestAssembleMavenFails(t *testing.T) {
	maven := filepath.Join(t.TempDir(), "mvn")
	write(t, maven, "#!/bin/sh\necho '[ERROR] Could not find artifact org.apache.flink:flink-clients:jar:9.9.9'\nexit 1\n", 0o755)
	_, err := dist.Assemble(t.Context(), dist.Options{Version: "9.9.9", Dir: t.TempDir(), Maven: maven})
	if err == nil || !strings.Contains(err.Error(), "Could not find artifact") {
		t.Errorf("Assemble() = %v, want Maven's complaint", err)
	}
	_, err = dist.Assemble(t.Context(), dist.Options{Dir: t.TempDir(), Maven: "/does/not/exist/mvn"})
	if err == nil || !strings.Contains(err.Error(), "run Maven") {
		t.Errorf("Assemble() = %v, want that Maven is missing", err)
	}
}

func TestAssembleRefusesHostileTarballs(t *testing.T) {
	tests := []struct {
		name    string
		entries []tar.Header
		want    string
	}{
		{"climbs", []tar.Header{{Name: "flink/../../evil", Typeflag: tar.TypeReg}}, "leads outside"},
		{"absolute", []tar.Header{{Name: "/etc/evil", Typeflag: tar.TypeReg}}, "leads outside"},
		{"two tops", []tar.Header{{Name: "flink/a", Typeflag: tar.TypeReg}, {Name: "other/b", Typeflag: tar.TypeReg}}, "more than one top directory"},
		{"device", []tar.Header{{Name: "flink/lib/null", Typeflag: tar.TypeChar}}, "only files"},
		{"link out", []tar.Header{{Name: "flink/lib", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, {Name: "flink/lib/evil", Typeflag: tar.TypeReg}}, "escapes"},
		{"no Flink", []tar.Header{{Name: "app/readme", Typeflag: tar.TypeReg}}, "find Flink's version"},
		{"giant", []tar.Header{{Name: "flink/lib/x", Typeflag: tar.TypeReg, Size: 1 << 40}}, "more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			zw := gzip.NewWriter(&b)
			tw := tar.NewWriter(zw)
			for _, h := range tt.entries {
				if err := tw.WriteHeader(&h); err != nil {
					t.Fatal(err)
				}
			}
			if err := tw.Flush(); err != nil && tt.name != "giant" {
				t.Fatal(err)
			}
			if tt.name != "giant" {
				if err := tw.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if err := zw.Close(); err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(t.TempDir(), "x.tgz")
			write(t, name, b.String(), 0o644)
			out := t.TempDir()
			_, err := dist.Assemble(t.Context(), dist.Options{Source: name, Dir: out})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Assemble() = %v, want an error with %q", err, tt.want)
			}
			if left, _ := os.ReadDir(out); len(left) != 0 {
				t.Errorf("Assemble() left %v behind", left)
			}
		})
	}
}

func TestAssembleRefusesLinksOutOfAHome(t *testing.T) {
	src := home(t, "2.3.0")
	if err := os.Symlink("/etc/passwd", filepath.Join(src, "conf-secret")); err != nil {
		t.Fatal(err)
	}
	if _, err := dist.Assemble(t.Context(), dist.Options{Source: src, Dir: t.TempDir()}); err == nil {
		t.Error("a link out of the Flink home was followed")
	}
}

func TestResolve(t *testing.T) {
	tests := []struct{ wanted, want, err string }{
		{"", "2.3.0", ""},
		{"2.3", "2.3.0", ""},
		{"2", "2.3.0", ""},
		{"1.20", "1.20.5", ""},
		{"v2.1.3", "2.1.3", ""},
		{"2.9.1", "2.9.1", ""},
		{"2.4.0-SNAPSHOT", "2.4.0-SNAPSHOT", ""},
		{"1.14.6", "", "too old"},
		{"1.2", "", "not a Flink version we know"},
		{"latest", "", "FLINK_VERSION=latest"},
	}
	for _, tt := range tests {
		t.Run(tt.wanted, func(t *testing.T) {
			got, err := dist.Resolve(tt.wanted)
			if got != tt.want || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("Resolve(%q) = %q, %v, want %q, %q", tt.wanted, got, err, tt.want, tt.err)
			}
		})
	}
}

func TestPick(t *testing.T) {
	list := []dist.Manifest{{Version: "1.20.5"}, {Version: "2.3.0"}, {Version: "2.10.0"}, {Version: "1.20.10"}}
	tests := []struct{ wanted, want string }{
		{"", "2.10.0"},
		{"1.20", "1.20.10"},
		{"1.20.5", "1.20.5"},
		{"2.1", ""},
		{"1", "1.20.10"},
	}
	for _, tt := range tests {
		t.Run(tt.wanted, func(t *testing.T) {
			got, err := dist.Pick(list, tt.wanted)
			if got.Version != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("Pick(%q) = %q, %v, want %q", tt.wanted, got.Version, err, tt.want)
			}
		})
	}
	if _, err := dist.Pick(nil, ""); err == nil || !strings.Contains(err.Error(), "add the archive of a Flink release") {
		t.Errorf("Pick(nothing) = %v, want what to do", err)
	}
}

func TestCompareVersions(t *testing.T) {
	ordered := []string{"1.20", "1.20.5", "1.20.10", "2.0.2", "2.3.0-SNAPSHOT", "2.3.0", "2.10.0"}
	for i, a := range ordered {
		for j, b := range ordered {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := dist.CompareVersions(a, b); got != want {
				t.Errorf("CompareVersions(%s, %s) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestScanOfNothing(t *testing.T) {
	list, err := dist.Scan(filepath.Join(t.TempDir(), "none"))
	if err != nil || len(list) != 0 {
		t.Errorf("Scan() = %v, %v, want nothing", list, err)
	}
}

func TestMainAssembles(t *testing.T) {
	src, out := home(t, "2.3.0"), t.TempDir()
	var stdout, stderr bytes.Buffer
	env := func(k string) string { return map[string]string{"FLINK_DIST": src, "FLINK_VERSION": "1.20"}[k] }
	code := dist.Main(t.Context(), []string{"-dir", out, "-jars", filepath.Join(out, "none-*.jar")}, env, &stdout, &stderr)
	if code != 0 || !strings.HasPrefix(stdout.String(), filepath.Join(out, "flink-2.3.0-")) {
		t.Errorf("Main() = %d, %q, %q", code, stdout.String(), stderr.String())
	}
	if code := dist.Main(t.Context(), []string{"extra"}, env, &stdout, &stderr); code != 2 {
		t.Errorf("Main(extra) = %d, want 2", code)
	}
	none := func(string) string { return "" }
	if code := dist.Main(t.Context(), []string{"-version", "latest", "-dir", out}, none, &stdout, &stderr); code != 1 {
		t.Errorf("Main(latest) = %d, want 1", code)
	}
}

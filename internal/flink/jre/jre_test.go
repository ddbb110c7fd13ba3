package jre_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink/jre"
	"github.com/flink-on-mesos/flink-service/internal/testkit/program"
)

// jdk makes a JDK whose jlink links an image of a few files, and whose java only archives classes.
func jdk(t *testing.T, version string) string {
	t.Helper()
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "release"), []byte("JAVA_VERSION=\"x\"\nJAVA_RUNTIME_VERSION=\""+version+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(home, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	program.Write(t, filepath.Join(home, "bin", "jlink"), `#!/bin/sh
while [ "$1" != --output ]; do
    [ "$1" != --add-modules ] || modules=$2
    shift
done
mkdir -p "$2/bin" "$2/lib/server" "$2/legal/java.base" "$2/legal/java.sql"
echo "$modules" > "$2/lib/modules"
echo jvm > "$2/lib/server/libjvm.so"
echo licence > "$2/legal/java.base/LICENSE"
ln -s ../java.base/LICENSE "$2/legal/java.sql/LICENSE"
echo 'MODULES="java.base"' > "$2/release"
printf '%s\n' '#!/bin/sh' '[ "$*" = -Xshare:dump ] || exit 1' 'echo classes > "${0%/bin/java}/lib/server/classes.jsa"' > "$2/bin/java"
chmod 755 "$2/bin/java"
`)
	return home
}

// content reads an archive: the names with their modes, links and content.
func content(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Year() != 2000 {
			t.Errorf("%s is of %v: prepared classes depend on the times of files", h.Name, h.ModTime)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		all[h.Name] = h.FileInfo().Mode().Perm().String() + " " + h.Linkname + string(data)
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	home, dir := jdk(t, "17.0.15+6-Debian-1deb12u1"), t.TempDir()
	m, err := jre.Build(t.Context(), jre.Options{JDK: home, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(m.Version, "17.0.15+6-Debian-1deb12u1-flink-") || m.Source != "17.0.15+6-Debian-1deb12u1" || !strings.HasPrefix(m.File, "java-17.0.15-linux-") {
		t.Errorf("Build() = %+v", m)
	}
	all := content(t, filepath.Join(dir, m.File))
	for name, want := range map[string]string{
		"java-17/bin/java": "-rwxr-xr-x ", "java-17/lib/modules": "-rw-r--r-- java.base,", "java-17/lib/server/classes.jsa": "-rw-r--r-- classes",
		"java-17/legal/java.sql/LICENSE": "-rwxrwxrwx ../java.base/LICENSE", "java-17/release": "-rw-r--r-- JAVA_VERSION=\"17.0.15\"\nJAVA_RUNTIME_VERSION=\"" + m.Version + "\"",
	} {
		if !strings.HasPrefix(all[name], want) {
			t.Errorf("%s is %q, want %q", name, all[name], want)
		}
	}
	for _, module := range []string{"jdk.httpserver", "jdk.security.jgss", "java.sql"} {
		if !strings.Contains(all["java-17/lib/modules"], module) {
			t.Errorf("the module %s is not asked for", module)
		}
	}

	// The same JDK makes the same image, and makes it once.
	other := t.TempDir()
	again, err := jre.Build(t.Context(), jre.Options{JDK: home, Dir: other})
	if diff := cmp.Diff(m, again); err != nil || diff != "" {
		t.Errorf("Build() in another directory: %v (-want +got):\n%s", err, diff)
	}
	var said bytes.Buffer
	if again, err := jre.Build(t.Context(), jre.Options{JDK: home, Dir: dir, Progress: &said}); err != nil || again.File != m.File || said.Len() > 0 {
		t.Errorf("Build() of what is there = %+v, %v, and says %q", again, err, said.String())
	}

	// Another JDK takes the place of the first.
	newer, err := jre.Build(t.Context(), jre.Options{JDK: jdk(t, "17.0.21+2"), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	list, err := jre.Scan(dir)
	if err != nil || len(list) != 1 || list[0].File != newer.File {
		t.Errorf("Scan() = %+v, %v, want only the newer one", list, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the directory has %v, want the archive and its manifest: %v", entries, err)
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, jdk, want string }{
		{"another release", jdk(t, "21.0.1+12"), "a JDK 17 is needed"},
		{"no Java", t.TempDir(), "which Java"},
	} {
		if _, err := jre.Build(t.Context(), jre.Options{JDK: tt.jdk, Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Build() = %v, want %q", tt.name, err, tt.want)
		}
	}
	broken := jdk(t, "17.0.1+1")
	program.Write(t, filepath.Join(broken, "bin", "jlink"), "#!/bin/sh\necho there are no jmods >&2\nexit 1\n")
	dir := t.TempDir()
	if _, err := jre.Build(t.Context(), jre.Options{JDK: broken, Dir: dir}); err == nil || !strings.Contains(err.Error(), "there are no jmods") {
		t.Errorf("Build() with a jlink that fails = %v, want its words", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("a failed Build() leaves %v: %v", entries, err)
	}
}

// TestScan passes over what was interrupted, and refuses what does not belong together.
func TestScan(t *testing.T) {
	t.Parallel()
	if list, err := jre.Scan(filepath.Join(t.TempDir(), "none")); err != nil || len(list) > 0 {
		t.Errorf("Scan() of no directory = %v, %v", list, err)
	}
	dir := t.TempDir()
	name := "java-17.0.1-linux-amd64-" + strings.Repeat("a", 64)
	if err := os.WriteFile(filepath.Join(dir, name+".tgz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := jre.Scan(dir); err != nil || len(list) > 0 {
		t.Errorf("Scan() of an archive without a manifest = %v, %v", list, err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".json"), []byte(`{"file": "other"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := jre.Scan(dir); err == nil || !strings.Contains(err.Error(), "remove both") {
		t.Errorf("Scan() of a wrong manifest = %v", err)
	}
}

func TestModules(t *testing.T) {
	t.Parallel()
	if list := jre.Modules(); !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
		t.Errorf("Modules() is not sorted or has one twice: %v", list)
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	var out, said bytes.Buffer
	none := func(string) string { return "" }
	dir := t.TempDir()
	if code := jre.Main(t.Context(), []string{"-dir", dir, "-jdk", jdk(t, "17.0.15+6")}, none, &out, &said); code != 0 || !strings.HasPrefix(out.String(), filepath.Join(dir, "java-17.0.15-")) {
		t.Errorf("Main() = %d, %q, %q", code, out.String(), said.String())
	}
	if code := jre.Main(t.Context(), []string{"-dir", dir, "-jdk", t.TempDir()}, none, &out, &said); code != 1 {
		t.Errorf("Main() without a JDK = %d, want 1", code)
	}
	if code := jre.Main(t.Context(), []string{"-nonsense"}, none, &out, &said); code != 2 {
		t.Errorf("Main() = %d for a flag that does not exist, want 2", code)
	}
}

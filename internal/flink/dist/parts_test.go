package dist_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
)

// repository is a Maven that has every artifact but those in absent: it does what the projects say that it is given, goes on
// after one that fails, and keeps a copy of the projects in the directory that it returns.
func repository(t *testing.T, absent ...string) (maven, projects string) {
	t.Helper()
	dir := t.TempDir()
	maven, projects = filepath.Join(dir, "mvn"), filepath.Join(dir, "projects")
	write(t, maven, `#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = -f ] && pom=$2; shift; done
root=$(dirname "$pom")
rm -rf '`+projects+`' && cp -r "$root" '`+projects+`'
failed=0
for module in $(sed -n 's/.*<module>\(.*\)<.module>.*/\1/p' "$pom"); do
    place=$(sed -n 's/.*basedir}\/\.\.\/\(home[^<]*\)<.*/\1/p' "$root/$module/pom.xml")
    for c in $(sed -n 's/.*<groupId>\([^<]*\)<.groupId><artifactId>\([^<]*\)<.artifactId><version>\([^<]*\)<.*/\1:\2:\3/p' "$root/$module/pom.xml"); do
        case $c in flink-on-mesos:*) continue ;; esac # The project itself.
        artifact=${c#*:} artifact=${artifact%%:*} version=${c##*:}
        case " `+strings.Join(absent, " ")+` maven-dependency-plugin " in
            *" $artifact "*)
                [ "$artifact" = maven-dependency-plugin ] && continue # It has no part in this.
                case $artifact in # Maven remembers what it did not find, and says so in other words.
                    *-s3-*) echo "[ERROR] Failed to execute goal on project $module: Unable to find artifact. ${c%%:*}:$artifact:jar:$version was not found in https://example.org/maven2 during a previous attempt" ;;
                    *) echo "[ERROR] Failed to execute goal on project $module: Could not find artifact ${c%%:*}:$artifact:jar:$version in central" ;;
                esac
                failed=1
                continue 2 ;;
        esac
        mkdir -p "$root/$place" && printf 'PK\005\006\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >"$root/$place/$artifact-$version.jar"
    done
    if [ "$module" = core ]; then
        for jar in "$root"/home/lib/flink-clients-*.jar; do # What clients needs.
            [ -e "$jar" ] && cp "$jar" "$root/home/lib/flink-runtime-${jar##*/flink-clients-}"
        done
    fi
done
exit $failed
`, 0o755)
	return maven, projects
}

func paths(libraries []dist.Library) []string {
	all := make([]string, 0, len(libraries))
	for _, l := range libraries {
		all = append(all, l.Path)
	}
	return all
}

// TestAssembleRelease compares what is assembled with what Apache's own releases have.
func TestAssembleRelease(t *testing.T) {
	maven, _ := repository(t)
	for _, tt := range []struct {
		version       string
		has, has1, no []string
	}{
		{
			"2.3.0",
			[]string{
				"lib/flink-clients-2.3.0.jar", "lib/flink-runtime-web-2.3.0.jar", "lib/flink-statebackend-rocksdb-2.3.0.jar", "lib/flink-statebackend-forst-2.3.0.jar",
				"lib/flink-statebackend-changelog-2.3.0.jar", "lib/flink-dstl-dfs-2.3.0.jar", "lib/flink-cep-2.3.0.jar", "lib/flink-connector-files-2.3.0.jar",
				"lib/flink-csv-2.3.0.jar", "lib/flink-json-2.3.0.jar", "lib/flink-table-api-java-uber-2.3.0.jar", "lib/flink-table-planner-loader-2.3.0.jar",
				"lib/flink-table-runtime-2.3.0.jar", "lib/log4j-1.2-api-2.25.3.jar", "lib/log4j-layout-template-json-2.25.3.jar",
				"plugins/external-resource-gpu/flink-external-resource-gpu-2.3.0.jar", "plugins/metrics-influx/flink-metrics-influxdb-2.3.0.jar",
				"plugins/metrics-otel/flink-metrics-otel-2.3.0.jar", "plugins/metrics-prometheus/flink-metrics-prometheus-2.3.0.jar",
			},
			[]string{
				"opt/flink-azure-fs-hadoop-2.3.0.jar", "opt/flink-gs-fs-hadoop-2.3.0.jar", "opt/flink-oss-fs-hadoop-2.3.0.jar", "opt/flink-python-2.3.0.jar", "opt/flink-queryable-state-runtime-2.3.0.jar",
				"opt/flink-s3-fs-hadoop-2.3.0.jar", "opt/flink-s3-fs-presto-2.3.0.jar", "opt/flink-sql-client-2.3.0.jar", "opt/flink-sql-gateway-2.3.0.jar",
				"opt/flink-state-processor-api-2.3.0.jar", "opt/flink-table-planner_2.12-2.3.0.jar",
			},
			[]string{"opt/flink-cep-scala_2.12-2.3.0.jar"},
		},
		{
			"1.20.5",
			[]string{"lib/flink-statebackend-rocksdb-1.20.5.jar", "lib/flink-scala_2.12-1.20.5.jar", "lib/log4j-1.2-api-2.24.3.jar"},
			nil, // Looked at above.
			[]string{"lib/flink-statebackend-forst-1.20.5.jar", "plugins/metrics-otel/flink-metrics-otel-1.20.5.jar"},
		},
	} {
		m := assemble(t, dist.Options{Version: tt.version, Dir: t.TempDir(), Maven: maven})
		got := paths(m.Libraries)
		for _, want := range tt.has {
			if !slices.Contains(got, want) {
				t.Errorf("Flink %s lacks %s", tt.version, want)
			}
		}
		if m.Optional == nil {
			t.Fatalf("Flink %s has no jars of opt", tt.version)
		}
		optional := paths(m.Optional.Libraries)
		if tt.has1 != nil {
			if diff := cmp.Diff(tt.has1, optional); diff != "" {
				t.Errorf("opt of Flink %s mismatch (-want +got):\n%s", tt.version, diff)
			}
		}
		for _, path := range tt.no {
			if slices.Contains(got, path) || slices.Contains(optional, path) {
				t.Errorf("Flink %s has %s, which is not in its release", tt.version, path)
			}
		}
		if slices.ContainsFunc(got, func(path string) bool { return strings.HasPrefix(path, "opt/") }) || m.Missing != nil || m.Name() != tt.version {
			t.Errorf("Flink %s is %+v, want opt apart and nothing missing", tt.version, m)
		}
	}
}

// What the repository does not have is named, and the rest is there; what a user adds has to be there.
func TestAssembleIncomplete(t *testing.T) {
	maven, _ := repository(t, "flink-dstl-dfs", "flink-statebackend-changelog", "flink-table-runtime", "flink-s3-fs-hadoop", "flink-metrics-jmx")
	dir := t.TempDir()
	var progress bytes.Buffer
	m := assemble(t, dist.Options{Version: "1.20.5", Dir: dir, Maven: maven, Progress: &progress})
	missing := slices.Sorted(slices.Values(m.Missing))
	want := []string{
		"lib/flink-dstl-dfs-1.20.5.jar", "lib/flink-statebackend-changelog-1.20.5.jar", "lib/flink-table-runtime-1.20.5.jar", "opt/flink-s3-fs-hadoop-1.20.5.jar",
		"plugins/metrics-jmx/flink-metrics-jmx-1.20.5.jar",
	}
	if diff := cmp.Diff(want, missing); diff != "" {
		t.Errorf("missing mismatch (-want +got):\n%s", diff)
	}
	if !strings.Contains(progress.String(), "lib/flink-table-runtime-1.20.5.jar") {
		t.Errorf("progress does not name what is missing:\n%s", progress.String())
	}
	if got := paths(m.Libraries); !slices.Contains(got, "lib/flink-statebackend-rocksdb-1.20.5.jar") || !slices.Contains(got, "lib/flink-table-planner-loader-1.20.5.jar") {
		t.Errorf("the archive has %v, want the rest of the release", got)
	}
	if slices.ContainsFunc(listing(t, filepath.Join(dir, m.File)), func(e string) bool { return strings.Contains(e, "plugins/metrics-jmx") }) {
		t.Error("the archive has the directory of a plugin without its jar: Flink does not start with it")
	}
	list, err := dist.Scan(dir)
	if err != nil || len(list) != 1 || cmp.Diff(m, list[0]) != "" {
		t.Errorf("Scan() = %+v, %v, want the manifest with all of it", list, err)
	}
	for _, o := range []dist.Options{{Modules: []string{"flink-table-runtime"}}, {Plugins: []string{"flink-metrics-jmx"}}} {
		o.Version, o.Dir, o.Maven = "1.20.5", dir, maven
		if _, err := dist.Assemble(t.Context(), o); err == nil || !strings.Contains(err.Error(), "Could not find artifact") {
			t.Errorf("Assemble(%v, %v) = %v, want that it is not there", o.Modules, o.Plugins, err)
		}
	}
}

// A repository that cannot be reached is no repository that lacks something.
func TestAssembleUnreachable(t *testing.T) {
	maven := filepath.Join(t.TempDir(), "mvn")
	write(t, maven, `#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = -f ] && pom=$2; shift; done
lib=$(dirname "$pom")/home/lib
mkdir -p "$lib" && echo runtime >"$lib/flink-runtime-2.3.0.jar"
echo '[ERROR] Could not find artifact org.apache.flink:flink-csv:jar:2.3.0 in central'
echo '[ERROR] Could not transfer artifact org.apache.flink:flink-json:jar:2.3.0 from central: Connection refused'
exit 1
`, 0o755)
	if m, err := dist.Assemble(t.Context(), dist.Options{Version: "2.3", Dir: t.TempDir(), Maven: maven}); err == nil {
		t.Errorf("Assemble() = %+v, want that the repository cannot be reached", m)
	}
}

// TestVariants has a release, a slim one and one with more beside each other, each under its name.
func TestVariants(t *testing.T) {
	maven, projects := repository(t)
	dir := t.TempDir()
	release := assemble(t, dist.Options{Version: "2.3", Dir: dir, Maven: maven})
	slim := assemble(t, dist.Options{Version: "2.3", Dir: dir, Maven: maven, Slim: true})
	more := assemble(t, dist.Options{Version: "2.3", Dir: dir, Maven: maven, Slim: true, Modules: []string{"flink-python", "org.x:json_y:1.0"}, Plugins: []string{"flink-metrics-jmx"}})
	named := assemble(t, dist.Options{Version: "2.3", Dir: dir, Maven: maven, Modules: []string{"flink-avro"}, Variant: "ours"})
	older := assemble(t, dist.Options{Version: "2.2", Dir: dir, Maven: maven, Slim: true})
	got, err := dist.Scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]dist.Manifest{release, named, slim, more, older}, got); diff != "" {
		t.Errorf("Scan() mismatch (-want +got):\n%s", diff)
	}
	for wanted, want := range map[string]dist.Manifest{
		"": release, "2.3": release, "2.3.0": release, "2.3-slim": slim, "2.3.0-slim": slim, "2-slim": slim, "2.3.0-ours": named, "2.2": older,
		"2.3-slim-flink-python": {}, "2.3-slim-python-json-y-metrics-jmx": more, "2.2.1-slim": older, "2.3-other": {}, "2.2-ours": {},
	} {
		m, err := dist.Pick(got, wanted)
		if m.SHA256 != want.SHA256 || (err != nil) != (want.SHA256 == "") {
			t.Errorf("Pick(%q) = %s, %v, want %s", wanted, m.Name(), err, want.Name())
		}
	}
	if want := []string{"lib/flink-clients-2.3.0.jar", "lib/flink-runtime-2.3.0.jar", "lib/flink-runtime-web-2.3.0.jar", "lib/log4j-core-2.25.3.jar", "lib/log4j-slf4j-impl-2.25.3.jar"}; cmp.Diff(want, paths(slim.Libraries)) != "" || slim.Optional != nil {
		t.Errorf("the slim one has %v and %v of opt, want %v", paths(slim.Libraries), slim.Optional, want)
	}
	if got := paths(more.Libraries); !slices.Contains(got, "plugins/metrics-jmx/flink-metrics-jmx-2.3.0.jar") || !slices.Contains(got, "lib/json_y-1.0.jar") || cmp.Diff([]string{"opt/flink-python-2.3.0.jar"}, paths(more.Optional.Libraries)) != "" {
		t.Errorf("what was added is in %v and %v", got, more.Optional)
	}
	// An artifact with all that it needs is no project of its own.
	core, err := os.ReadFile(filepath.Join(projects, "core", "pom.xml"))
	if err != nil || !strings.Contains(string(core), "<includeScope>runtime<") || !strings.Contains(string(core), "<artifactId>flink-clients<") {
		t.Errorf("the project of lib is %q, %v", core, err)
	}
	if _, err := dist.Assemble(t.Context(), dist.Options{Version: "2.3", Dir: dir, Maven: maven, Variant: "Not A Name"}); err == nil {
		t.Error("a variant that is no name was taken")
	}
	long := assemble(t, dist.Options{Version: "2.3", Dir: dir, Maven: maven, Modules: []string{"flink-avro-confluent-registry", "flink-sql-connector-kafka"}})
	if len(long.Variant) != 40 {
		t.Errorf("a long variant is %q, want 40 characters", long.Variant)
	}
}

// TestOptional takes single jars out of what lies beside an archive.
func TestOptional(t *testing.T) {
	src, dir := home(t, "2.3.0"), t.TempDir()
	write(t, filepath.Join(src, "opt", "flink-s3-fs-presto-2.3.0.jar"), "presto", 0o644)
	write(t, filepath.Join(src, "opt", "flink-python-2.3.0.jar"), "python", 0o644)
	write(t, filepath.Join(src, "opt", "python", "pyflink.zip"), "zip", 0o644)
	m := assemble(t, dist.Options{Source: src, Dir: dir})
	if diff := cmp.Diff([]string{"opt/flink-python-2.3.0.jar", "opt/flink-s3-fs-presto-2.3.0.jar"}, paths(m.Optional.Libraries)); diff != "" {
		t.Errorf("opt mismatch (-want +got):\n%s", diff)
	}
	var b bytes.Buffer
	if err := m.Optional.Take(dir, m.Optional.Libraries[1], &b); err != nil || b.String() != "presto" {
		t.Errorf("Take() = %q, %v, want the jar", b.String(), err)
	}
	wrong := m.Optional.Libraries[0]
	wrong.SHA256 = m.Optional.Libraries[1].SHA256
	if err := m.Optional.Take(dir, wrong, &b); err == nil || !strings.Contains(err.Error(), "not what the manifest says") {
		t.Errorf("Take() of another content = %v, want that it is not what the manifest says", err)
	}
	if err := m.Optional.Take(dir, dist.Library{Path: "opt/other.jar"}, &b); err == nil {
		t.Error("Take() of what is not there succeeded")
	}
	// Another driver changes the archive and not the jars of opt, of which there is one file for both.
	again := assemble(t, dist.Options{Source: src, Dir: dir, Driver: []byte("driver")})
	if again.SHA256 == m.SHA256 || again.Optional.File != m.Optional.File {
		t.Errorf("with a driver: %s and %s, want another archive and the same jars of opt", again.File, again.Optional.File)
	}
	tars, err := filepath.Glob(filepath.Join(dir, "*.tar"))
	if err != nil || len(tars) != 1 {
		t.Errorf("%v, %v are left, want one file", tars, err)
	}
	for range 4 { // The archives that name it go, and it with them.
		write(t, filepath.Join(src, "opt", "flink-python-2.3.0.jar"), "python"+strings.Repeat("x", len(tars)), 0o644)
		assemble(t, dist.Options{Source: src, Dir: dir})
		if tars, err = filepath.Glob(filepath.Join(dir, "*.tar")); err != nil {
			t.Fatal(err)
		}
	}
	if len(tars) > 3 {
		t.Errorf("%v are left, want no more than the archives that name them", tars)
	}
}

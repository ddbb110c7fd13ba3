package storage_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// needs are the artifacts of Flink without which there is no SQL.
var needs = []string{"flink-table-api-java-uber", "flink-table-planner-loader", "flink-table-runtime"}

// tables skips a test whose Flink lacks what tables need.
func tables(t *testing.T, d disttest.Distribution, optional ...string) {
	t.Helper()
	for _, artifact := range needs {
		if !d.HasLibrary(artifact) {
			t.Skipf("Flink %s has no %s; it lacks %v", d.Name(), artifact, d.Missing)
		}
	}
	for _, artifact := range optional {
		if !d.HasOptional(artifact) {
			t.Skipf("Flink %s has no %s; it lacks %v", d.Name(), artifact, d.Missing)
		}
	}
}

// clientJars are of opt/: bin/sql-client.sh takes these.
var clientJars = []string{"flink-sql-client", "flink-sql-gateway", "flink-python"}

const token = "token-of-the-sql-client"

// TestSQLClient runs Flink's SQL client on a session cluster through the proxied REST API of a
// service with tokens.
func TestSQLClient(t *testing.T) {
	each(t, "2.", func(t *testing.T, d disttest.Distribution) {
		tables(t, d, clientJars...)
		w := world.Start(t, world.Options{Token: token})
		w.Create(documented(t, d, "programs.md", "sql-session"))
		service, err := url.Parse(w.URL)
		if err != nil {
			t.Fatal(err)
		}
		conf := t.TempDir()
		config := strings.NewReplacer("flink.example.com", service.Hostname(), "8080", service.Port()).Replace(example(t, "programs.md", "sql-client"))
		if config == example(t, "programs.md", "sql-client") {
			t.Fatal("the configuration names no address to replace")
		}
		for name, text := range map[string]string{"config.yaml": config, "flink-conf.yaml": config, "orders.sql": example(t, "programs.md", "sql")} {
			if err := os.WriteFile(filepath.Join(conf, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out := sqlClient(t, d, conf, "-f", filepath.Join(conf, "orders.sql"))
		if !regexp.MustCompile(`\|\s+1000 \|\s+500500 \|`).MatchString(out) {
			t.Errorf("the SQL client does not show 1000 and 500500:\n%s", out)
		}
		jobs, err := w.Client.Flink("sql").Jobs(t.Context())
		if err != nil || len(jobs.Jobs) != 1 {
			t.Errorf("the cluster had the jobs %+v (%v), want one", jobs, err)
		}
	})
}

// sqlClient runs Flink's SQL client, as bin/sql-client.sh does.
func sqlClient(t *testing.T, d disttest.Distribution, conf string, args ...string) string {
	t.Helper()
	home := t.TempDir()
	jars := []string{filepath.Join(d.Path, "lib", "*")}
	for _, artifact := range clientJars {
		jars = append(jars, optional(t, d, artifact))
	}
	java := []string{"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.io.tmpdir=" + home, "-Duser.home=" + home}
	for _, p := range []string{"lang", "net", "io", "nio", "util", "text", "time", "util.concurrent", "lang.reflect"} {
		java = append(java, "--add-opens=java.base/java."+p+"=ALL-UNNAMED")
	}
	java = append(java, "-cp", strings.Join(jars, ":"), "org.apache.flink.table.client.SqlClient")
	cmd := exec.CommandContext(t.Context(), "java", append(java, args...)...)
	cmd.Env = append(os.Environ(), "FLINK_CONF_DIR="+conf, "FLINK_LIB_DIR="+filepath.Join(d.Path, "lib"), "TERM=dumb", "FLINK_REST_CLIENT_HEADERS=Authorization:Bearer "+token)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("sql-client %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// optional is the path of a jar of opt/, which lies beside the archive of the distribution or in it.
func optional(t *testing.T, d disttest.Distribution, artifact string) string {
	t.Helper()
	if found, err := filepath.Glob(filepath.Join(d.Path, "opt", artifact+"-*.jar")); err == nil && len(found) == 1 {
		return found[0]
	}
	archives, err := filepath.Glob(filepath.Join(filepath.Dir(d.Archive), "flink-"+d.Name()+"-optional-*.tar"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("the jars of opt are in %v (%v), want one archive", archives, err)
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "tar", "-xf", archives[0], "-C", dir, "--wildcards", "opt/"+artifact+"-*.jar").CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v\n%s", artifact, err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "opt", artifact+"-*.jar"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s is in %v (%v)", artifact, found, err)
	}
	return found[0]
}

package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// probe is a plugin of Flink: a metrics reporter that tells on standard output that Flink has loaded it.
const probe = `package probe;

import org.apache.flink.metrics.Metric;
import org.apache.flink.metrics.MetricConfig;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.reporter.MetricReporter;
import org.apache.flink.metrics.reporter.MetricReporterFactory;

public class ProbeFactory implements MetricReporterFactory {
    public MetricReporter createMetricReporter(java.util.Properties properties) {
        return new MetricReporter() {
            public void open(MetricConfig config) {
                System.out.println("probe: loaded by " + ProbeFactory.class.getClassLoader().getClass().getName());
            }
            public void close() {}
            public void notifyOfAddedMetric(Metric metric, String name, MetricGroup group) {}
            public void notifyOfRemovedMetric(Metric metric, String name, MetricGroup group) {}
        };
    }
}
`

// TestOverlays starts a session cluster with every overlay there is, and looks whether each is where Flink looks for it.
func TestOverlays(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		javac, err := exec.LookPath("javac")
		if err != nil {
			t.Skip("there is no JDK")
		}
		home := strings.TrimSuffix(realPath(t, javac), "/bin/javac")
		hadoop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("<configuration><!-- " + r.URL.Path + " --></configuration>"))
		}))
		t.Cleanup(hadoop.Close)
		w := world.Start(t, world.Options{Service: func(string) []string {
			return []string{"INHERIT_ENVIRONMENT=OVERLAY_*", "OVERLAY_TEST=inherited", "JAVA_HOME="}
		}})
		upload := func(name string, data []byte) string {
			t.Helper()
			a, err := w.Client.UploadArtifact(t.Context(), client.File{Name: name, Size: int64(len(data)), Data: bytes.NewReader(data)})
			if err != nil {
				t.Fatal(err)
			}
			return a.URI
		}
		plugin := pluginJar(t, d, home)
		store := keyStore(t, home)

		sp := static("overlaid", d, 1, 1)
		sp.Bootstrap = "export OVERLAY_BOOTSTRAP=yes"
		sp.Hadoop = &spec.Hadoop{ConfigURL: hadoop.URL + "/v1/endpoints", User: "alice"}
		// An empty keytab (format 2): no KDC is asked, because nothing in this cluster logs in.
		sp.Kerberos = &spec.Kerberos{
			KeytabURI: upload("flink.keytab", []byte{5, 2}), Principal: "flink/host@EXAMPLE.COM", Contexts: []string{"KafkaClient"},
			Krb5Conf: "[libdefaults]\n  default_realm = EXAMPLE.COM\n",
		}
		sp.Plugins = []string{"probe"}
		sp.LogConfiguration = map[string]string{"log4j.properties": `rootLogger.level = INFO
rootLogger.appenderRef.file.ref = File
appender.file.name = File
appender.file.type = FILE
appender.file.fileName = ${sys:log.file}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = OVERLAID %m%n
`}
		sp.URIs = []spec.URI{
			{Value: upload("probe.jar", plugin), OutputFile: "plugins/probe/probe.jar"},
			{Value: upload("store.p12", store), OutputFile: "tls/store.p12"},
			{Value: upload("dep.jar", plugin), OutputFile: "usrlib/dep.jar"},
			{Value: upload("site.jar", plugin), OutputFile: "lib/site.jar"},
			{Value: upload("jre.tgz", javaArchive(t, home)), Extract: true},
		}
		sp.FlinkConfiguration = map[string]string{
			"metrics.reporters": "probe", "metrics.reporter.probe.factory.class": "probe.ProbeFactory",
			"security.ssl.internal.enabled": "true", "security.ssl.internal.keystore": "tls/store.p12", "security.ssl.internal.truststore": "tls/store.p12",
			"security.ssl.internal.keystore-password": "overlay-password", "security.ssl.internal.key-password": "overlay-password",
			"security.ssl.internal.truststore-password": "overlay-password", "security.ssl.internal.keystore-type": "pkcs12", "security.ssl.internal.truststore-type": "pkcs12",
		}
		up := w.Create(sp) // A TaskManager registered over TLS with these very stores.
		id := w.Run("overlaid", "WordCount", "--input", filepath.Join(w.Root(), "LICENSE"), "--parallelism", "1")
		w.JobState("overlaid", id, "FINISHED")
		for _, task := range up.Tasks {
			checkOverlays(t, w, task)
		}
		if shown, err := w.Client.Cluster(t.Context(), "overlaid"); err != nil || shown.Spec.FlinkConfiguration["security.ssl.internal.key-password"] != "******" {
			t.Errorf("the password is shown as %q (%v)", shown.Spec.FlinkConfiguration["security.ssl.internal.key-password"], err)
		}
	})
}

// checkOverlays looks at a task's process and its sandbox.
func checkOverlays(t *testing.T, w *world.World, task wire.TaskStatus) {
	t.Helper()
	pids := w.Pids(task.ID)
	if len(pids) == 0 {
		t.Skipf("task %s has no process on this machine", task.ID)
	}
	// Mesos' executor has the same variable; Flink's process is the Java.
	var proc, command string
	for _, pid := range pids {
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		if line, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil && bytes.Contains(line, []byte("-Dlog.file=")) {
			proc, command = dir, " "+strings.ReplaceAll(string(line), "\x00", " ")
		}
	}
	if proc == "" {
		t.Fatalf("task %s has no Java among its processes %v", task.ID, pids)
	}
	sandbox := realPath(t, filepath.Join(proc, "cwd"))
	environ, err := os.ReadFile(filepath.Join(proc, "environ"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"HADOOP_CONF_DIR=" + sandbox + "/hadoop", "HADOOP_USER_NAME=alice", "OVERLAY_TEST=inherited", "OVERLAY_BOOTSTRAP=yes", "OVERLAY_JRE=archive",
		"FLINK_CONF_DIR=" + sandbox + "/conf", "FLINK_PLUGINS_DIR=" + sandbox + "/all-plugins",
	} {
		if !strings.Contains("\x00"+string(environ), "\x00"+want+"\x00") {
			t.Errorf("%s: %s is not in the environment of Flink", task.ID, want)
		}
	}
	for _, want := range []string{"-Djava.security.krb5.conf=kerberos/krb5.conf ", ":lib/site.jar", ":" + sandbox + "/hadoop ", "-Dlog4j.configurationFile=file:" + sandbox + "/conf/log4j.properties "} {
		if !strings.Contains(command, want) {
			t.Errorf("%s: %s is not in the command of Flink:\n%s", task.ID, want, command)
		}
	}
	for file, want := range map[string]string{
		"kerberos/flink.keytab": "\x05\x02", "kerberos/krb5.conf": "default_realm = EXAMPLE.COM", "hadoop/core-site.xml": "/v1/endpoints/core-site.xml",
		"hadoop/hdfs-site.xml": "/v1/endpoints/hdfs-site.xml", "tls/store.p12": "", "usrlib/dep.jar": "PK", "all-plugins/probe/probe.jar": "PK",
		"conf/config.yaml": `"security.kerberos.login.keytab": "kerberos/flink.keytab"`, "stdout": "probe: loaded by org.apache.flink.core.plugin.PluginLoader",
		"log/" + string(task.Kind) + ".log": "OVERLAID ",
	} {
		text, err := os.ReadFile(filepath.Join(sandbox, file))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s has no %q: %v\n%.300q", task.ID, file, want, err, text)
		}
	}
	log, err := os.ReadFile(filepath.Join(sandbox, "log", string(task.Kind)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"security.kerberos.login.principal, flink/host@EXAMPLE.COM", "Jaas file will be created"} {
		if !strings.Contains(string(log), want) {
			t.Errorf("%s: Flink does not say %q:\n%.4000s", task.ID, want, log)
		}
	}
	if strings.Contains(command+string(log), "overlay-password") {
		t.Errorf("%s: the password of the stores is on the command line or in the log", task.ID)
	}
}

func realPath(t *testing.T, path string) string {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return real
}

// tool runs a program of the JDK.
func tool(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
}

// pluginJar compiles the probe against a Flink.
func pluginJar(t *testing.T, d disttest.Distribution, home string) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"probe/ProbeFactory.java": probe,
		"classes/META-INF/services/org.apache.flink.metrics.reporter.MetricReporterFactory": "probe.ProbeFactory\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tool(t, dir, home+"/bin/javac", "--release", "8", "-Xlint:-options", "-cp", filepath.Join(d.Path, "lib", "*"), "-d", "classes", "probe/ProbeFactory.java")
	tool(t, dir, home+"/bin/jar", "cf", "probe.jar", "-C", "classes", ".")
	data, err := os.ReadFile(filepath.Join(dir, "probe.jar"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// keyStore makes a key store that is its own trust store.
func keyStore(t *testing.T, home string) []byte {
	t.Helper()
	dir := t.TempDir()
	tool(t, dir, home+"/bin/keytool", "-genkeypair", "-alias", "flink", "-keyalg", "RSA", "-dname", "CN=flink.internal", "-validity", "2",
		"-keystore", "store.p12", "-storetype", "PKCS12", "-storepass", "overlay-password", "-keypass", "overlay-password")
	data, err := os.ReadFile(filepath.Join(dir, "store.p12"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// javaArchive is an archive with a Java, which leads to that of this machine and says so in a variable.
func javaArchive(t *testing.T, home string) []byte {
	t.Helper()
	release, err := os.ReadFile(filepath.Join(home, "release"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	w := tar.NewWriter(zw)
	for name, text := range map[string]string{
		"jre-overlay/release":  string(release),
		"jre-overlay/bin/java": "#!/bin/sh\nOVERLAY_JRE=archive exec " + home + "/bin/java \"$@\"\n",
	} {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

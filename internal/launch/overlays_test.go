package launch_test

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

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/launch"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// handing is a planner whose service has things to hand on.
func handing(t *testing.T, hadoop string) *launch.Planner {
	t.Helper()
	p, err := launch.New(launch.Options{
		Distribution: func(spec.Spec) (launch.Distribution, error) {
			return launch.Distribution{Version: "2.3.0", URI: "http://service/flink.tgz"}, nil
		},
		OverlayURI:  func(name string) (string, error) { return "http://service/overlay", nil },
		ArtifactURI: func(u spec.ArtifactURI) (string, error) { return "http://service/" + u.String(), nil },
		Key:         bytes.Repeat([]byte("k"), 32), JavaHome: "/agent/java", HadoopDirectory: hadoop,
		Inherited: map[string]string{"TZ": "service", "A": "service", "JAVA_HOME": "service", "HADOOP_USER_NAME": "service"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// unpacked are the files of a cluster's overlay.
func unpacked(t *testing.T, p *launch.Planner, s spec.Spec) map[string]string {
	t.Helper()
	data, err := p.Overlay(s, "aaaa")
	if err != nil {
		t.Fatal(err)
	}
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(zr); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			files[h.Name] = string(text)
		}
	}
}

const artifact = "artifact:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// TestOverlays has a case for each overlay: what it adds to the sandbox, to Flink's configuration, to the environment,
// to what is fetched, and to the command.
func TestOverlays(t *testing.T) {
	t.Parallel()
	hadoop := t.TempDir()
	for name, text := range map[string]string{"core-site.xml": "<core/>", "hdfs-site.xml": "<hdfs/>", ".hidden": "x"} {
		if err := os.WriteFile(filepath.Join(hadoop, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(hadoop, "shellprofile.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, spec string
		// directory is HADOOP_CONF_DIR of the service.
		directory string
		// env, config and files must be there; an empty value means that it must not.
		env, config, files map[string]string
		// uris are fetched after the distribution and the overlay.
		uris []spec.URI
		// command is in the command.
		command string
	}{
		{
			name:  "nothing",
			env:   map[string]string{"HADOOP_CONF_DIR": "", "FLINK_ENABLED_PLUGINS": ""},
			files: map[string]string{"hadoop/core-site.xml": "", "kerberos/krb5.conf": "", "conf/logback.xml": ""},
		},
		{
			name: "user jars", spec: "uris: [{value: '" + artifact + "/dep.jar', outputFile: usrlib/dep.jar}]",
			uris: []spec.URI{{Value: "http://service/" + artifact + "/dep.jar", OutputFile: "usrlib/dep.jar"}},
		},
		{
			name: "extra URIs", spec: "uris: [{value: 'http://h/a.tgz', extract: true, cache: true}]",
			uris: []spec.URI{{Value: "http://h/a.tgz", Extract: true, Cache: true}},
		},
		{
			name: "inherited environment", env: map[string]string{"TZ": "service", "A": "service", "JAVA_HOME": "/agent/java"},
		},
		{
			name: "inherited environment is the weakest",
			spec: "{environment: {A: spec}, javaHome: /j, hadoop: {user: flink}, flinkConfiguration: {containerized.taskmanager.env.TZ: option}}",
			env:  map[string]string{"TZ": "option", "A": "spec", "JAVA_HOME": "/j", "HADOOP_USER_NAME": "flink"},
		},
		{
			name: "Flink configuration", spec: "flinkConfiguration: {cluster.registration.error-delay: 5s, my.key: v}",
			config: map[string]string{"cluster.registration.error-delay": "5s", "my.key": "v", "taskmanager.memory.process.size": "1728m"},
		},
		{
			name: "log4j", spec: "logConfiguration: {log4j-console.properties: rootLogger.level = OFF}",
			files: map[string]string{"conf/log4j.properties": "rootLogger.level = OFF"},
		},
		{
			name: "logback", spec: "logConfiguration: {logback.xml: <configuration/>}",
			files: map[string]string{"conf/logback.xml": "<configuration/>"},
		},
		{
			name: "Hadoop of the service", directory: hadoop, env: map[string]string{"HADOOP_CONF_DIR": "hadoop"},
			files: map[string]string{"hadoop/core-site.xml": "<core/>", "hadoop/hdfs-site.xml": "<hdfs/>", "hadoop/.hidden": ""},
		},
		{
			name: "Hadoop of the cluster's environment", directory: hadoop, spec: "environment: {HADOOP_CONF_DIR: /mine}",
			env: map[string]string{"HADOOP_CONF_DIR": "/mine"}, files: map[string]string{"hadoop/core-site.xml": ""},
		},
		{
			name: "Hadoop of the agents", directory: hadoop, spec: "hadoop: {configDirectory: /etc/hadoop, user: flink, classpath: '/opt/hadoop/*'}",
			env:   map[string]string{"HADOOP_CONF_DIR": "/etc/hadoop", "HADOOP_USER_NAME": "flink", "HADOOP_CLASSPATH": "/opt/hadoop/*"},
			files: map[string]string{"hadoop/core-site.xml": ""},
		},
		{
			name: "Hadoop from a URL", spec: "hadoop: {configURL: 'http://api.hdfs/v1/endpoints/'}",
			env: map[string]string{"HADOOP_CONF_DIR": "hadoop"},
			uris: []spec.URI{
				{Value: "http://api.hdfs/v1/endpoints/core-site.xml", OutputFile: "hadoop/core-site.xml"},
				{Value: "http://api.hdfs/v1/endpoints/hdfs-site.xml", OutputFile: "hadoop/hdfs-site.xml"},
			},
		},
		{
			name: "Kerberos", spec: "kerberos: {keytabURI: '" + artifact + "/f.keytab', principal: f@X, contexts: [Client, KafkaClient], krb5Conf: '[libdefaults]'}",
			uris: []spec.URI{{Value: "http://service/" + artifact + "/f.keytab", OutputFile: "kerberos/flink.keytab"}},
			config: map[string]string{
				"security.kerberos.login.keytab": "kerberos/flink.keytab", "security.kerberos.login.principal": "f@X",
				"security.kerberos.login.contexts": "Client,KafkaClient",
			},
			files: map[string]string{"kerberos/krb5.conf": "[libdefaults]"}, command: " -Djava.security.krb5.conf=kerberos/krb5.conf ",
		},
		{
			name: "key and trust stores",
			spec: "{uris: [{value: 'https://h/k.jks', outputFile: tls/k.jks}], flinkConfiguration: {security.ssl.internal.keystore: tls/k.jks}}",
			uris: []spec.URI{{Value: "https://h/k.jks", OutputFile: "tls/k.jks"}}, config: map[string]string{"security.ssl.internal.keystore": "tls/k.jks"},
		},
		{
			name: "plugins", spec: "plugins: [s3-fs-presto, metrics-prometheus]", env: map[string]string{"FLINK_ENABLED_PLUGINS": "s3-fs-presto metrics-prometheus"},
		},
		{
			name: "Java archive", spec: "uris: [{value: 'https://h/jre-17.tgz', extract: true, cache: true}]",
			uris: []spec.URI{{Value: "https://h/jre-17.tgz", Extract: true, Cache: true}},
		},
		{name: "bootstrap", spec: "bootstrap: . /etc/site", command: "{ . /etc/site\n} && exec sh ./start-flink.sh"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := handing(t, tt.directory)
			l := taskManager(t, tt.spec)
			plan, err := p.Plan(l)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.uris, append([]spec.URI(nil), plan.URIs[2:]...)); diff != "" {
				t.Errorf("URIs (-want +got):\n%s", diff)
			}
			config := p.Configuration(l.Spec, "aaaa")
			files := unpacked(t, p, l.Spec)
			for what, maps := range map[string][2]map[string]string{"environment": {tt.env, plan.Environment}, "configuration": {tt.config, config}, "files": {tt.files, files}} {
				for key, want := range maps[0] {
					got, there := maps[1][key]
					if got != want || there && want == "" {
						t.Errorf("%s: %s is %q, want %q", what, key, got, want)
					}
				}
			}
			for key, want := range tt.config {
				if !strings.Contains(files["conf/config.yaml"], `"`+key+`": "`+want+`"`) {
					t.Errorf("config.yaml does not have %s: %s", key, want)
				}
			}
			if !strings.Contains(plan.Command, tt.command) {
				t.Errorf("the command has no %q:\n%s", tt.command, plan.Command)
			}
		})
	}
}

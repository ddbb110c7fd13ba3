package spec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// TestOverlays checks what is refused of overlays, each with the name of its field.
func TestOverlays(t *testing.T) {
	t.Parallel()
	keytab := "artifact:" + string(make64('a')) + "/flink.keytab"
	for _, tt := range []struct {
		name   string
		change func(*spec.Spec)
		want   []string
	}{
		{"all of them", func(s *spec.Spec) {
			s.Hadoop = &spec.Hadoop{ConfigURL: "http://api.hdfs.marathon.l4lb.thisdcos.directory/v1/endpoints", User: "flink", Classpath: "/opt/hadoop/*"}
			s.Kerberos = &spec.Kerberos{KeytabURI: keytab, Principal: "flink/host@EXAMPLE.COM", Contexts: []string{"Client", "KafkaClient"}, Krb5Conf: "[libdefaults]\n"}
			s.LogConfiguration = map[string]string{"log4j-console.properties": "x", "logback.xml": "<x/>"}
			s.Plugins = []string{"s3-fs-presto", "metrics-prometheus"}
		}, nil},
		{"krb5.conf alone", func(s *spec.Spec) { s.Kerberos = &spec.Kerberos{Krb5Conf: "x"} }, nil},
		{"Hadoop", func(s *spec.Spec) {
			s.Hadoop = &spec.Hadoop{ConfigURL: keytab, ConfigDirectory: "etc", User: "a b", Classpath: "a\x00"}
		}, []string{"hadoop.configURL", "hadoop.configDirectory", "hadoop.configDirectory", "hadoop.user", "hadoop.classpath"}},
		{"Hadoop at the root of a server", func(s *spec.Spec) { s.Hadoop = &spec.Hadoop{ConfigURL: "http://hdfs:8080"} }, nil},
		{"Hadoop on no server", func(s *spec.Spec) { s.Hadoop = &spec.Hadoop{ConfigURL: "http://"} }, []string{"hadoop.configURL"}},
		{"Hadoop twice", func(s *spec.Spec) {
			s.Hadoop = &spec.Hadoop{ConfigDirectory: "/etc/hadoop", User: "a", Classpath: "b"}
			s.Environment = map[string]string{"HADOOP_CONF_DIR": "x", "HADOOP_USER_NAME": "x", "HADOOP_CLASSPATH": "x"}
		}, []string{"hadoop.user", "hadoop.classpath", "hadoop"}},
		{"Kerberos", func(s *spec.Spec) {
			s.Kerberos = &spec.Kerberos{KeytabURI: "/etc/flink.keytab", Principal: "a b", Contexts: []string{"a b"}}
		}, []string{"kerberos.keytabURI", "kerberos.principal", "kerberos.contexts[0]"}},
		{"half of Kerberos", func(s *spec.Spec) { s.Kerberos = &spec.Kerberos{KeytabURI: keytab} }, []string{"kerberos.principal"}},
		{"the other half", func(s *spec.Spec) { s.Kerberos = &spec.Kerberos{Principal: "a"} }, []string{"kerberos.keytabURI"}},
		{"nothing of Kerberos", func(s *spec.Spec) { s.Kerberos = &spec.Kerberos{} }, []string{"kerberos.keytabURI"}},
		{"Kerberos twice", func(s *spec.Spec) {
			s.Kerberos = &spec.Kerberos{KeytabURI: keytab, Principal: "a", Contexts: []string{"Client"}}
			s.FlinkConfiguration = map[string]string{
				"security.kerberos.login.keytab": "x", "security.kerberos.login.principal": "x", "security.kerberos.login.contexts": "x",
			}
		}, []string{
			"flinkConfiguration.security.kerberos.login.keytab", "flinkConfiguration.security.kerberos.login.principal",
			"flinkConfiguration.security.kerberos.login.contexts",
		}},
		{"logging", func(s *spec.Spec) {
			s.LogConfiguration = map[string]string{"log4j.xml": "x", "logback.xml": "x", "logback-console.xml": "x"}
		}, []string{"logConfiguration.log4j.xml", "logConfiguration.logback-console.xml"}},
		{"a reporter", func(s *spec.Spec) {
			s.Metrics.Prometheus = true
			s.FlinkConfiguration = map[string]string{"metrics.reporter.prometheus.filter.includes": "*:*", "metrics.reporters": "jmx"}
			s.TaskManager.Ports = []spec.Port{{Name: "jmx", Option: "metrics.reporter.jmx.port"}}
		}, nil},
		{"a reporter twice", func(s *spec.Spec) {
			s.Metrics.Prometheus = true
			s.FlinkConfiguration = map[string]string{"metrics.reporter.prometheus.port": "9249", "metrics.reporter.prometheus.factory.class": "x"}
			s.TaskManager.Ports = []spec.Port{{Name: "a"}, {Name: "p", Option: "metrics.reporter.prometheus.port"}}
		}, []string{"flinkConfiguration.metrics.reporter.prometheus.port", "flinkConfiguration.metrics.reporter.prometheus.factory.class", "taskManager.ports[1]"}},
		{"plugins", func(s *spec.Spec) { s.Plugins = []string{"../x", "a", "a"} }, []string{"plugins[0]", "plugins[2]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := spec.Spec{Name: "demo"}
			tt.change(&s)
			s = s.Complete(spec.Defaults{Allocation: spec.Dynamic, FlinkVersion: "2.3.0", Role: "*"})
			if diff := cmp.Diff(tt.want, fields(t, s.Validate(rules()))); diff != "" {
				t.Errorf("Validate() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func make64(c byte) []byte {
	b := make([]byte, 64)
	for i := range b {
		b[i] = c
	}
	return b
}

func TestLogFile(t *testing.T) {
	t.Parallel()
	o := spec.Overlays{LogConfiguration: map[string]string{"log4j-console.properties": "a", "logback.xml": "b"}}
	if o.LogFile("log4j.properties") != "a" || o.LogFile("logback.xml") != "b" || (spec.Overlays{}).LogFile("logback.xml") != "" {
		t.Errorf("LogFile() does not find the texts")
	}
}

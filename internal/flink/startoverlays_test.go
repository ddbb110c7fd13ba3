package flink_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/testkit/program"
	"github.com/flink-on-mesos/flink-service/resources"
)

// TestStartScriptOverlays looks at what the start script makes of files beside Flink in the sandbox.
func TestStartScriptOverlays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		files []string
		env   []string
		code  int
		want  []string
		not   []string
		says  string
	}{
		{
			name: "nothing", want: []string{"[flink/lib/a.jar:flink/lib/log4j-slf4j-impl-2.jar]", "plugins SANDBOX/flink/plugins", "log4j.configurationFile"},
		},
		{
			name: "libraries", files: []string{"lib/b.jar", "lib/a.jar"},
			want: []string{"[flink/lib/a.jar:flink/lib/log4j-slf4j-impl-2.jar:lib/a.jar:lib/b.jar]"},
		},
		{
			name: "logback", files: []string{"conf/logback.xml", "lib/logback-classic-1.2.jar", "lib/logback-core-1.2.jar"},
			want: []string{"[flink/lib/a.jar:lib/logback-classic-1.2.jar:lib/logback-core-1.2.jar]", "[-Dlogback.configurationFile=file:SANDBOX/conf/logback.xml]"},
			not:  []string{"log4j.configurationFile"},
		},
		{
			name: "logback of the distribution", files: []string{"conf/logback.xml", "flink/lib/logback-classic.jar"},
			want: []string{"[flink/lib/a.jar:flink/lib/logback-classic.jar]", "logback.configurationFile"},
		},
		{
			name: "logback without its jars", files: []string{"conf/logback.xml"}, want: []string{"log4j-slf4j-impl", "log4j.configurationFile"},
			says: "no logback-classic jar in lib",
		},
		{
			name: "Hadoop that was fetched", files: []string{"hadoop/core-site.xml"}, env: []string{"HADOOP_CONF_DIR=hadoop"},
			want: []string{"hadoop SANDBOX/hadoop", ":SANDBOX/hadoop]"},
		},
		{name: "Hadoop of the agent", env: []string{"HADOOP_CONF_DIR=/etc/hadoop"}, want: []string{"hadoop /etc/hadoop", ":/etc/hadoop]"}},
		{
			name: "plugins of the cluster", files: []string{"flink/plugins/gpu/g.jar", "flink/plugins/prom/old.jar", "plugins/prom/new.jar", "plugins/mine/m.jar"},
			want: []string{"plugins SANDBOX/all-plugins", "all-plugins/gpu/g.jar", "all-plugins/prom/new.jar", "all-plugins/mine/m.jar"}, not: []string{"old.jar"},
		},
		{
			name: "plugins by name", files: []string{"flink/plugins/gpu/g.jar", "flink/opt/flink-s3-fs-presto-2.3.0.jar"}, env: []string{"FLINK_ENABLED_PLUGINS=gpu s3-fs-presto"},
			want: []string{"all-plugins/gpu/g.jar", "all-plugins/s3-fs-presto/flink-s3-fs-presto-2.3.0.jar"},
		},
		{
			name: "a plugin that is not there", env: []string{"FLINK_ENABLED_PLUGINS=nosuch"}, code: 78, says: "this Flink has no plugin nosuch",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "a sandbox")
			for _, f := range append([]string{"flink/lib/a.jar", "flink/lib/log4j-slf4j-impl-2.jar", "conf/config.yaml"}, tt.files...) {
				write(t, filepath.Join(dir, f), "")
			}
			write(t, filepath.Join(dir, flink.StartScriptName), resources.StartScript())
			fakeJava(t, filepath.Join(dir, "jdk"), "17")
			java := filepath.Join(dir, "jdk", "bin", "java")
			script := "#!/bin/sh\nfor a in \"$@\"; do echo \"[$a]\"; done\necho \"hadoop ${HADOOP_CONF_DIR:-}\"\necho \"plugins $FLINK_PLUGINS_DIR\"\nfor f in all-plugins/*/*; do echo \"$f\"; done\n"
			program.Write(t, java, script)
			stdout, stderr, code := runScript(t, dir, tt.env, "11")
			stdout = strings.ReplaceAll(stdout, dir, "SANDBOX")
			if code != tt.code || !strings.Contains(stderr, tt.says) {
				t.Errorf("exit code %d, stderr %q, want %d and %q", code, stderr, tt.code, tt.says)
			}
			for _, w := range tt.want {
				if !strings.Contains(stdout, w) {
					t.Errorf("there is no %s in\n%s", w, stdout)
				}
			}
			for _, n := range tt.not {
				if strings.Contains(stdout, n) {
					t.Errorf("there is %s in\n%s", n, stdout)
				}
			}
		})
	}
}

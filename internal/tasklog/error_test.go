package tasklog_test

import (
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/tasklog"
)

func TestFind(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, stderr, stdout, want string }{
		{name: "nothing"},
		{name: "no error", stdout: "2026-11-30 23:00:00,123 INFO  a.b.C [] - all is well\n"},
		{
			name:   "the fetcher of Mesos",
			stderr: "I1130 23:00:00.000000 17 fetcher.cpp:564] Fetcher Info: {}\nFailed to fetch 'http://me:canary@host/missing.jar': Error downloading resource: 404\nFailed to synchronize with agent (it's probably exited)\n",
			want:   "Failed to fetch 'http://me:******@host/missing.jar': Error downloading resource: 404",
		},
		{
			name:   "with the time in front, as glog writes it",
			stderr: "W1130 23:00:00.000000 17 fetcher.cpp:913] Failed to fetch 'hdfs://nn/a.jar': no hadoop\n",
			want:   "Failed to fetch 'hdfs://nn/a.jar': no hadoop",
		},
		{
			name:   "the start script",
			stderr: "flink: JAVA_HOME is /x, where there is no bin/java; looking elsewhere\nflink: this agent has no Java: install Java 11\n",
			want:   "this agent has no Java: install Java 11",
		},
		{
			name:   "a JVM that does not start",
			stderr: "Error occurred during initialization of VM\nToo small maximum heap\n",
			want:   "Error occurred during initialization of VM: Too small maximum heap",
		},
		{
			name:   "an exception of the main thread",
			stderr: "Exception in thread \"main\" java.lang.IllegalStateException: outer\n\tat a.B.c(D.java:1)\nCaused by: java.io.IOException: disk\n\tat e.F.g(H.java:2)\n",
			want:   `Exception in thread "main" java.lang.IllegalStateException: outer: java.io.IOException: disk`,
		},
		{
			name: "Flink's log, 190 lines before its end",
			stdout: "2026-11-30 23:00:00,123 ERROR org.apache.flink.runtime.entrypoint.ClusterEntrypoint        [] - Could not start cluster entrypoint StandaloneSessionClusterEntrypoint.\n" +
				"org.apache.flink.runtime.entrypoint.ClusterEntrypointException: Failed to initialize the cluster entrypoint.\n\tat a.B.c(D.java:1)\n" +
				"Caused by: org.apache.flink.util.FlinkException: Could not create the DispatcherResourceManagerComponent.\n\tat a.B.c(D.java:1)\n" +
				"Caused by: java.net.BindException: Could not start rest endpoint on any port in port range 31005\n\t... 12 more\n" +
				strings.Repeat("2026-11-30 23:00:01,000 INFO  a.b.C [] - shutting down\n", 190),
			want: "Could not start cluster entrypoint StandaloneSessionClusterEntrypoint: java.net.BindException: Could not start rest endpoint on any port in port range 31005",
		},
		{
			name: "the last error of several",
			stdout: "2026-11-30 23:00:00,123 ERROR a.B [] - first\n2026-11-30 23:00:01,123 ERROR a.B [] - second\njava.io.IOException: why\n\tat a.B.c(D.java:1)\n" +
				"2026-11-30 23:00:02,123 INFO  a.B [] - over\nCaused by: not of it\n",
			want: "second: java.io.IOException: why",
		},
		{
			name:   "secrets",
			stdout: "2026-11-30 23:00:00,123 ERROR a.B [] - no login with s3.secret-key=canary, password: \"canary2\", user=me at s3a://AK:canary3@bucket/x\n",
			want:   "no login with s3.secret-key=******, password: ******, user=me at s3a://******:******@bucket/x",
		},
		{
			name:   "a long one",
			stdout: "2026-11-30 23:00:00,123 ERROR a.B [] - " + strings.Repeat("ü", 1000) + "\n",
			want:   strings.Repeat("ü", (tasklog.MaxError-3)/2) + "…",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tasklog.Find(tc.stderr, tc.stdout); got != tc.want {
				t.Errorf("Find()\nwant %s\ngot  %s", tc.want, got)
			}
		})
	}
}

// What the start script says when all is well is no error.
func TestNoErrorOfAKilledTask(t *testing.T) {
	t.Parallel()
	if got := tasklog.Find("flink: starting taskmanager with Java 17.0.15 (/usr/bin/java)\n", ""); got != "" {
		t.Errorf("Find() = %q, want nothing", got)
	}
}

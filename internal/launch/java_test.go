package launch_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/launch"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// TestJavaArchive has tasks fetch the service's Java, unless they have one of their own.
func TestJavaArchive(t *testing.T) {
	t.Parallel()
	const archive = "http://service/java-17.tgz"
	p, err := launch.New(launch.Options{
		Distribution: func(spec.Spec) (launch.Distribution, error) {
			return launch.Distribution{Version: "2.3.0", URI: "http://service/flink.tgz"}, nil
		},
		OverlayURI:  func(string) (string, error) { return "http://service/overlay", nil },
		ArtifactURI: func(u spec.ArtifactURI) (string, error) { return "http://service/" + u.String(), nil },
		Key:         bytes.Repeat([]byte("k"), 32), JavaArchive: archive,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, spec string
		want       bool
	}{
		{"stock agent", "{}", true},
		{"container without an image", "container: {network: {mode: container, name: dcos}}", true},
		{"a Java among the files, which the start script prefers", "uris: [{value: 'https://h/jre-21.tgz', extract: true}]", true},
		{"image", "container: {image: 'eclipse-temurin:17-jre'}", false},
		{"Java of the agent", "javaHome: /usr/lib/jvm/java-17", false},
		{"Java in the environment", "environment: {JAVA_HOME: /opt/java}", false},
	} {
		plan, err := p.Plan(taskManager(t, tt.spec))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		got := slices.Contains(plan.URIs, spec.URI{Value: archive, Extract: true, Cache: true})
		if got != tt.want || plan.Environment["JAVA_HOME"] != "" && tt.want {
			t.Errorf("%s: the task fetches %v with JAVA_HOME=%q, want the archive: %v", tt.name, plan.URIs, plan.Environment["JAVA_HOME"], tt.want)
		}
	}
}

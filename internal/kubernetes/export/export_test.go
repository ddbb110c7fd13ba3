package export_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/flink-on-mesos/flink-service/internal/kubernetes"
	"github.com/flink-on-mesos/flink-service/internal/kubernetes/export"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestExport has a spec with much in it as a FlinkDeployment, and what becomes of each field.
func TestExport(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/export.spec")
	if err != nil {
		t.Fatal(err)
	}
	var sp spec.Spec
	if err := yaml.UnmarshalStrict(text, &sp); err != nil {
		t.Fatal(err)
	}
	object, lines, err := export.Deployment(sp)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString("# " + string(l.Outcome) + " " + l.Field)
		if l.To != "" {
			b.WriteString(" -> " + l.To)
		}
		if l.Note != "" {
			b.WriteString(": " + l.Note)
		}
		b.WriteString("\n")
	}
	got := b.String() + string(object)
	const golden = "testdata/export.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("Deployment() mismatch (-want +got):\n%s", diff)
	}
	if back := back(t, object); len(back.Refused()) > 0 {
		t.Errorf("what is exported is refused when it is read: %v", back.Refused())
	}
}

// back reads an exported object with its images.
func back(t *testing.T, text []byte) kubernetes.Object {
	t.Helper()
	objects, err := kubernetes.Read(text, kubernetes.Options{KeepImages: true, Jars: map[string]string{"local:///opt/flink/usrlib/orders.jar": "https://files.example/orders.jar"}})
	if err != nil {
		t.Fatalf("Read() error = %v\n%s", err, text)
	}
	return objects[0]
}

// TestRoundTrip has specs that a FlinkDeployment can say in full: exported and read again, they are the same.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"session": "name: s\nkind: session\nflinkVersion: \"2.3\"\ncontainer: {image: \"flink:2.3\"}\njobManager: {cpus: 0.5, memory: 2g}\n" +
			"taskManager: {cpus: 1, memory: 1728m, slots: 2}\n",
		"application": "name: a\nkind: application\nflinkVersion: \"1.20\"\nlabels: {team: shop}\nenvironment: {TZ: UTC}\nrestartNonce: 3\nsuspended: true\nkillGracePeriod: 30s\n" +
			"flinkConfiguration: {a.b: c, kubernetes.operator.periodic.savepoint.interval: 6h}\n" +
			"container: {image: \"shop/flink:1\", forcePull: true, pullSecret: pull, volumes: [{containerPath: /data, hostPath: /mnt, mode: RO}, {containerPath: /tmp/x, hostPath: volumes/scratch, mode: RW}]}\n" +
			"secrets: [{environment: P, reference: {name: db, key: password}}]\n" +
			"jobManager: {cpus: 1, memory: 2g, constraints: [[\"@zone\", GROUP_BY]], labels: {side: left}}\n" +
			"taskManager: {cpus: 1, memory: 2g, disk: 5g, slots: 4, resourceLimits: {cpus: 2, memory: 3g}, constraints: [[hostname, UNIQUE], [disk, LIKE, ssd]]}\n" +
			"job: {jarURI: \"https://files.example/a.jar\", entryClass: a.B, args: [x, \"1\"], parallelism: 8, upgradeMode: last-state, initialSavepointPath: \"s3://b/s\", savepointRedeployNonce: 2, allowNonRestoredState: true}\n",
		"static": "name: f\nkind: application\nflinkVersion: \"2.3\"\nallocation: static\ntaskManagers: {count: 3}\ncontainer: {image: \"shop/flink:1\"}\njobManager: {cpus: 1, memory: 2g}\n" +
			"taskManager: {cpus: 1, memory: 2g, slots: 1}\njob: {jarURI: \"https://files.example/a.jar\", parallelism: 2, upgradeMode: stateless}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want spec.Spec
			if err := yaml.UnmarshalStrict([]byte(text), &want); err != nil {
				t.Fatal(err)
			}
			object, lines, err := export.Deployment(want)
			if err != nil {
				t.Fatal(err)
			}
			if i := slices.IndexFunc(lines, func(l kubernetes.Line) bool { return l.Outcome == kubernetes.Refused }); i >= 0 {
				t.Errorf("%s is refused: %s", lines[i].Field, lines[i].Note)
			}
			got := back(t, object)
			if diff := cmp.Diff(want, *got.Spec); diff != "" {
				t.Errorf("mismatch (-want +got):\n%s\n%s", diff, object)
			}
			if len(got.Refused()) > 0 {
				t.Errorf("what is exported is refused when it is read: %v", got.Refused())
			}
		})
	}
}

// TestNoExport has a cluster of a kind that a FlinkDeployment does not have.
func TestNoExport(t *testing.T) {
	t.Parallel()
	if _, _, err := export.Deployment(spec.Spec{Name: "j", Kind: spec.Job}); err == nil {
		t.Error("Deployment() of a job cluster has no error")
	}
}

package kubernetes_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/kubernetes"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// deployment is an application with a configuration and a rest of its spec, both YAML in flow style.
func deployment(t *testing.T, config, rest string, o kubernetes.Options) kubernetes.Object {
	t.Helper()
	text := "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: a}\nspec:\n" +
		"  flinkVersion: v2_3\n  job: {jarURI: \"https://files.example/a.jar\", parallelism: 1}\n  flinkConfiguration: " + config + "\n" + rest
	objects, err := kubernetes.Read([]byte(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return objects[0]
}

// lineOf finds the line about a field.
func lineOf(t *testing.T, o kubernetes.Object, path string) kubernetes.Line {
	t.Helper()
	for _, l := range o.Lines {
		if l.Field == path {
			return l
		}
	}
	t.Fatalf("there is no line about %s among %v", path, o.Lines)
	return kubernetes.Line{}
}

// TestOperatorOptions has each option of the operator that is kept change what the service does about the cluster.
func TestOperatorOptions(t *testing.T) {
	t.Parallel()
	type effects struct {
		Health    spec.Health
		Snapshots spec.SnapshotPolicy
		Fallback  bool
		Pending   bool
		Age       string
	}
	of := func(config string) effects {
		s := deployment(t, config, "", kubernetes.Options{}).Spec
		return effects{s.Health(), s.SnapshotPolicy(), s.LastStateFallback(), s.IgnorePendingSavepoint(), s.MaxCheckpointAge().String()}
	}
	for option, value := range map[string]string{
		"cluster.health-check.enabled": "true", "cluster.health-check.restarts.window": "7 min", "cluster.health-check.restarts.threshold": "3",
		"cluster.health-check.checkpoint-progress.window": "9 min", "job.restart.failed": "true",
		"job.upgrade.last-state-fallback.enabled": "false", "job.upgrade.last-state.max.allowed.checkpoint.age": "5 min",
		"job.upgrade.ignore-pending-savepoint": "true", "job.savepoint-on-deletion": "true", "periodic.savepoint.interval": "6 h", "periodic.checkpoint.interval": "6 h",
		"savepoint.format.type": "NATIVE", "savepoint.history.max.age": "3 d", "savepoint.history.max.count": "4", "savepoint.cleanup.enabled": "false",
	} {
		key := "kubernetes.operator." + option
		if got := lineOf(t, deployment(t, "{"+key+": "+value+"}", "", kubernetes.Options{}), "spec.flinkConfiguration."+key); got.Outcome != kubernetes.Kept {
			t.Errorf("%s is %s, want kept", key, got.Outcome)
		}
		if reflect.DeepEqual(of("{}"), of("{"+key+": "+value+"}")) {
			t.Errorf("%s: %s is kept and changes nothing", key, value)
		}
	}
	const progress = "{kubernetes.operator.cluster.health-check.checkpoint-progress.window: 9 min, kubernetes.operator.cluster.health-check.checkpoint-progress.enabled: false}"
	if got := of(progress).Health.Progress; got != 0 {
		t.Errorf("checkpoint progress is looked at for %s, want not at all", got)
	}
}

// TestFixedOptions has options whose meaning is fixed here: the value that agrees is meaningless, another is refused.
func TestFixedOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ key, agrees, differs string }{
		{"kubernetes.operator.jm-deployment-recovery.enabled", "true", "false"},
		{"kubernetes.operator.savepoint.dispose-on-delete", "false", "true"},
		{"kubernetes.operator.checkpoint.type", "FULL", "INCREMENTAL"},
		{"kubernetes.operator.session.deletion.block-on-session-jobs", "true", "false"},
		{"kubernetes.taskmanager.cpu.limit-factor", "1.0", "1.5"},
	} {
		for value, want := range map[string]kubernetes.Outcome{tt.agrees: kubernetes.Meaningless, tt.differs: kubernetes.Refused} {
			got := lineOf(t, deployment(t, "{"+tt.key+": "+value+"}", "", kubernetes.Options{}), "spec.flinkConfiguration."+tt.key)
			if got.Outcome != want || got.Note == "" {
				t.Errorf("%s: %s is %s (%q), want %s with a note", tt.key, value, got.Outcome, got.Note, want)
			}
		}
	}
}

// TestSections have the section of a role win over options that say the same, as in the operator.
func TestSections(t *testing.T) {
	t.Parallel()
	const config = "{jobmanager.memory.process.size: 4g, taskmanager.memory.process.size: 4g, kubernetes.jobmanager.cpu: 3, kubernetes.taskmanager.cpu.amount: 2.5, kubernetes.jobmanager.replicas: 2, " +
		"kubernetes.taskmanager.node-selector: \"disk:ssd\", kubernetes.jobmanager.labels: \"a:b,c:d\"}"
	s := deployment(t, config, "  jobManager: {resource: {memory: 2g, cpu: 1}}\n", kubernetes.Options{}).Spec
	if s.JobManager.Memory != 2*spec.GiB || s.JobManager.CPUs != 1 || s.TaskManager.Memory != 4*spec.GiB || s.TaskManager.CPUs != 2.5 {
		t.Errorf("sizes are %+v and %+v", s.JobManager.Resources, s.TaskManager.Resources)
	}
	if s.JobManager.Replicas != 2 || s.JobManager.Labels["c"] != "d" || !reflect.DeepEqual(s.TaskManager.Constraints, [][]string{{"disk", "LIKE", "ssd"}}) {
		t.Errorf("options of roles are %+v and %+v", s.JobManager, s.TaskManager)
	}
	if len(s.FlinkConfiguration) != 0 {
		t.Errorf("flinkConfiguration = %v, want none", s.FlinkConfiguration)
	}
}

// TestReplicas has the number of TaskManagers in both modes.
func TestReplicas(t *testing.T) {
	t.Parallel()
	native := deployment(t, "{taskmanager.numberOfTaskSlots: 3}", "  taskManager: {replicas: 2}\n", kubernetes.Options{}).Spec
	if native.Job.Parallelism != 6 || native.Allocation != "" {
		t.Errorf("native: parallelism %d, allocation %q; want 6 and the default", native.Job.Parallelism, native.Allocation)
	}
	fixed := deployment(t, "{}", "  mode: standalone\n  taskManager: {replicas: 2}\n", kubernetes.Options{}).Spec
	if fixed.TaskManagers.Count != 2 || fixed.Allocation != spec.Static || fixed.Job.Parallelism != 1 {
		t.Errorf("standalone: %+v, %q, parallelism %d; want 2, static and 1", fixed.TaskManagers, fixed.Allocation, fixed.Job.Parallelism)
	}
}

// TestIgnore leaves out what the caller says, and nothing else.
func TestIgnore(t *testing.T) {
	t.Parallel()
	const pods = "  podTemplate: {spec: {initContainers: [{name: a}, {name: ab}], hostAliases: []}}\n"
	o := deployment(t, "{}", pods, kubernetes.Options{Ignore: []string{"spec.podTemplate.spec.initContainers[a]", "spec.podTemplate.spec.host"}})
	for path, want := range map[string]kubernetes.Outcome{
		"spec.podTemplate.spec.initContainers[a]": kubernetes.Ignored, "spec.podTemplate.spec.initContainers[ab]": kubernetes.Refused,
		"spec.podTemplate.spec.hostAliases": kubernetes.Refused,
	} {
		if got := lineOf(t, o, path).Outcome; got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

// TestImages keeps an image unless it is Flink's own.
func TestImages(t *testing.T) {
	t.Parallel()
	for image, kept := range map[string]bool{
		"flink": false, "flink:2.3-scala_2.12-java17": false, "docker.io/library/flink:2.3": false, "apache/flink:2.3": false,
		"ghcr.io/apache/flink-docker:2.3-SNAPSHOT": false, "registry.example:5000/flink:1": true, "shop/flink:2.3": true, "flinky:1": true,
	} {
		s := deployment(t, "{}", "  image: "+image+"\n", kubernetes.Options{}).Spec
		if got := s.Container != nil; got != kept {
			t.Errorf("%s: kept is %v, want %v", image, got, kept)
		}
		s = deployment(t, "{}", "  image: "+image+"\n", kubernetes.Options{KeepImages: true}).Spec
		if s.Container == nil || s.Container.Image != image {
			t.Errorf("%s is not kept when all are", image)
		}
	}
}

func TestQuantity(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]spec.Memory{
		"2048m": 2 * spec.GiB, "2g": 2 * spec.GiB, "2 gb": 2 * spec.GiB, "2Gi": 2 * spec.GiB, "1.5Gi": 3 * spec.GiB / 2, "1.5G": 1.5e9, "1073741824": spec.GiB, "512Ki": 512 * spec.KiB,
	} {
		if got, err := kubernetes.Quantity(text); err != nil || got != want {
			t.Errorf("Quantity(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "-1g", "1.5", "1e3Gi", "99999999Ti", "2Zi"} {
		if got, err := kubernetes.Quantity(text); err == nil {
			t.Errorf("Quantity(%q) = %d, want an error", text, got)
		}
	}
}

// TestUnreadable has documents that cannot be read at all.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a: &x 1\nb: *x\n":           "anchors",
		"a: [":                       "line 1",
		"a: 1\nb:\n  c: 1\n  c: 2\n": "line 4: the field c is there twice",
		"- a\n":                      "is no object",
		"a: 1\n---\nb: 1\n":          "several documents",
	} {
		if _, err := kubernetes.Read([]byte(text), kubernetes.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Read(%q) error = %v, want %q", text, err, want)
		}
	}
	if objects, err := kubernetes.Read(nil, kubernetes.Options{}); len(objects) != 0 || err != nil {
		t.Errorf("Read(nothing) = %v, %v", objects, err)
	}
}

// TestSessionJobs has jobs of a session: refused with the way out, or an application shaped as the session that runs.
func TestSessionJobs(t *testing.T) {
	t.Parallel()
	const job = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkSessionJob\nmetadata: {name: j}\nspec: {deploymentName: s, job: {jarURI: \"https://files.example/a.jar\", parallelism: 2, upgradeMode: last-state}}\n"
	objects, err := kubernetes.Read([]byte(job), kubernetes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	kubernetes.Link(objects, nil)
	if l := lineOf(t, objects[0], "spec.deploymentName"); l.Outcome != kubernetes.Refused || !strings.Contains(l.Note, "job run") {
		t.Errorf("the session is %s: %s", l.Outcome, l.Note)
	}
	session := spec.Spec{
		Name: "s", Kind: spec.Session, FlinkVersion: "2.3", Allocation: spec.Static, TaskManagers: spec.TaskManagers{Count: 3}, FlinkConfiguration: map[string]string{"a": "b"},
		TaskManager: spec.TaskManager{Slots: 4},
	}
	objects, err = kubernetes.Read([]byte(job), kubernetes.Options{SessionJobs: true})
	if err != nil {
		t.Fatal(err)
	}
	kubernetes.Link(objects, map[string]spec.Spec{"s": session})
	got := objects[0].Spec
	if len(objects[0].Refused()) != 0 || got.Name != "j" || got.Kind != spec.Application || got.TaskManager.Slots != 4 || got.Allocation != "" || got.TaskManagers.Count != 0 ||
		got.FlinkConfiguration["a"] != "b" || got.Job.Parallelism != 2 || got.Job.UpgradeMode != spec.LastState {
		t.Errorf("the application is %+v", got)
	}
	objects, _ = kubernetes.Read([]byte(job), kubernetes.Options{SessionJobs: true})
	kubernetes.Link(objects, nil)
	if len(objects[0].Refused()) != 1 {
		t.Errorf("a session that is nowhere is not refused: %v", objects[0].Lines)
	}
}

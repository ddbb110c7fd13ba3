package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestFlinkTargets starts clusters with Flink's own command line, as on YARN and Kubernetes: a job in a session
// by -t mesos-session, an application by -t mesos-application.
func TestFlinkTargets(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		jar := filepath.Join(w.Root(), "resources", "demo-job", "target", "flink-mesos-demo-job.jar")
		at := "-Dmesos.service.url=" + w.URL

		w.Create(dynamic("session", d, 2))
		in := []string{"-t", "mesos-session", at, "-Dmesos.cluster-id=session"}
		out := flinkCLI(t, d, append(append([]string{"run", "-d"}, in...), "-c", "org.flinkonmesos.demo.Endless", jar, "--parallelism", "2", "--interval", "500")...)
		found := jobID.FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("flink run -t mesos-session printed no job id:\n%s", out)
		}
		id := found[1]
		w.JobState("session", id, "RUNNING")
		if out := flinkCLI(t, d, append([]string{"list"}, in...)...); !strings.Contains(out, id) {
			t.Errorf("flink list does not show the job:\n%s", out)
		}
		w.Eventually("there is a checkpoint", func() error { return checkpointed(t, w, "session", id) })
		if out := flinkCLI(t, d, append(append([]string{"stop", "-p", "file://" + w.Dir() + "/savepoints"}, in...), id)...); !strings.Contains(out, "Savepoint completed") {
			t.Errorf("flink stop:\n%s", out)
		}
		w.JobState("session", id, "FINISHED")

		// Flink 2 took the command run-application into run.
		command := "run"
		if strings.HasPrefix(d.Version, "1.") {
			command = "run-application"
		}
		app := []string{"-t", "mesos-application", at, "-Dmesos.cluster-id=app"}
		result := w.Dir() + "/sum"
		flinkCLI(t, d, append(append([]string{command}, app...), "-Dparallelism.default=2", "-Dtaskmanager.memory.process.size=1g", "-c", "org.flinkonmesos.demo.Sum", jar,
			"--count", "3000", "--rate", "1000", "--parallelism", "2", "--checkpoints", "file://"+w.Dir()+"/checkpoints", "--output", result)...)
		if r := ended(w, "app").Status.Result; r.Status != "SUCCEEDED" {
			t.Errorf("the result is %+v, want SUCCEEDED", r)
		}
		checkSum(t, result, 3000)

		// One that is cancelled through Flink's command line.
		app[3] = "-Dmesos.cluster-id=endless"
		flinkCLI(t, d, append(append([]string{command}, app...), "-Dtaskmanager.memory.process.size=1g", "-c", "org.flinkonmesos.demo.Endless", jar, "--parallelism", "1")...)
		id = job(t, w, "endless")
		w.JobState("endless", id, client.JobState("RUNNING"))
		flinkCLI(t, d, append(append([]string{"cancel"}, app...), id)...)
		if r := ended(w, "endless").Status.Result; r.Status != "CANCELED" {
			t.Errorf("the result is %+v, want CANCELED", r)
		}
	})
}

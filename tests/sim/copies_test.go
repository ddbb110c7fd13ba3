package sim_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// TestCopies has two instances with a directory each: what was uploaded to the one that leads is there when the other
// takes over, and one that leads gets what it lacks from one that does not.
func TestCopies(t *testing.T) {
	virtually(t, copies)
}

func copies(t *testing.T) {
	f := newShared(t, 1)
	f.addAgent(4)
	tasks := make(chan mesosgo.TaskInfo, 16)
	f.seen = func(task mesosgo.TaskInfo) {
		if isJobManager(task.TaskID.Value) {
			tasks <- task
		}
	}
	a, b := f.place("a"), f.place("b")
	a.start()
	a.reconciled()
	b.start()
	const content = "a jar, more or less"
	kept, err := a.api.UploadArtifact(t.Context(), client.File{Name: "app.jar", Size: int64(len(content)), Data: strings.NewReader(content)})
	if err != nil {
		t.Fatal(err)
	}
	copyOf := func(name string) string {
		return filepath.Join(f.dir, name, "artifacts", "content", kept.SHA256)
	}
	b.until("the standby has a copy", func() error { _, err := os.Stat(copyOf("b")); return err })

	a.kill()
	b.reconciled()
	spec := spec.Spec{
		Name: "app", Kind: spec.Application, Allocation: spec.Static,
		JobManager:   spec.JobManager{Resources: spec.Resources{CPUs: 0.5, Memory: spec.GiB}, Replicas: 1},
		TaskManager:  spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Slots: 1},
		TaskManagers: spec.TaskManagers{Count: 1}, Job: &spec.JobSpec{JarURI: kept.URI},
	}
	if _, err := b.api.CreateCluster(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if got := fetched(t, f.web, <-tasks, "app.jar"); got != content {
		t.Errorf("the task of the instance that took over fetches %q", got)
	}

	// The machine of the first one comes back empty, and has everything again.
	if err := os.RemoveAll(filepath.Join(f.dir, "a")); err != nil {
		t.Fatal(err)
	}
	a.start()
	a.until("the new standby has a copy", func() error { _, err := os.Stat(copyOf("a")); return err })

	// The one that leads loses its file, and gets it back from the standby because a cluster names it.
	if err := os.Remove(copyOf("b")); err != nil {
		t.Fatal(err)
	}
	b.until("the leader has the file again", func() error { _, err := os.Stat(copyOf("b")); return err })

	// What nobody has is said.
	if err := errors.Join(os.Remove(copyOf("a")), os.Remove(copyOf("b"))); err != nil {
		t.Fatal(err)
	}
	a.kill() // It might have been asked to copy just then.
	_ = os.Remove(copyOf("b"))
	if err := b.api.RestartCluster(t.Context(), "app"); err != nil {
		t.Fatal(err)
	}
	b.until("the reason is told", func() error {
		d, err := b.api.Cluster(t.Context(), "app")
		if err == nil && !strings.Contains(fmt.Sprint(d.Events), "no artifact "+kept.SHA256) {
			err = fmt.Errorf("the events are %v", d.Events)
		}
		return err
	})
}

// fetched is what the agent would fetch for a task as a file of that name.
func fetched(t *testing.T, web *http.Client, task mesosgo.TaskInfo, name string) string {
	t.Helper()
	for _, uri := range task.Command.URIs {
		if !strings.HasSuffix(uri.Value, "/"+name) {
			continue
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, uri.Value, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("GET %s: %s, %v", uri.Value, resp.Status, err)
		}
		return string(body)
	}
	t.Fatalf("task %s fetches no %s: %v", task.TaskID.Value, name, task.Command.URIs)
	return ""
}

package world

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flink-on-mesos/flink-service/internal/client"
)

// Jar is the demo job's jar.
func (w *World) Jar() client.File {
	w.t.Helper()
	path := filepath.Join(w.root, "resources", "demo-job", "target", "flink-mesos-demo-job.jar")
	data, err := os.ReadFile(path)
	if err != nil {
		w.t.Skipf("%v: run make demo-job", err)
	}
	return client.File{Name: filepath.Base(path), Size: int64(len(data)), Data: bytes.NewReader(data)}
}

// Run uploads the demo job's jar to a cluster and starts a job; its id is returned.
func (w *World) Run(name, class string, args ...string) string {
	w.t.Helper()
	flink := w.Client.Flink(name)
	var jar, id string
	// Among several JobManagers the leader may just be elected.
	w.Eventually("the jar is uploaded", func() (err error) {
		jar, err = flink.UploadJar(w.t.Context(), w.Jar())
		return err
	})
	w.Eventually(class+" is started", func() (err error) {
		id, err = flink.RunJar(w.t.Context(), jar, client.Run{EntryClass: "org.flinkonmesos.demo." + class, Args: args})
		return err
	})
	return id
}

// JobState waits until a job is in a state, and fails when it ends in another.
func (w *World) JobState(name, id string, state client.JobState) {
	w.t.Helper()
	w.Eventually("job "+id+" is "+string(state), func() error {
		s, err := w.Client.Flink(name).JobStatus(w.t.Context(), id)
		if err != nil {
			return err
		}
		if s != state && s.Over() {
			w.t.Fatalf("job %s is %s, and was to be %s", id, s, state)
		}
		if s != state {
			return fmt.Errorf("it is %s", s)
		}
		return nil
	})
}

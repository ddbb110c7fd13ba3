package e2e_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	standin "github.com/flink-on-mesos/flink-service/internal/testkit/marathon"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestRenderedApp has the program write a Marathon app, as somebody without DC/OS does; Marathon runs it, and a job runs.
func TestRenderedApp(t *testing.T) {
	d := disttest.Real(t)[0]
	w := world.Start(t, world.Options{Alone: true})
	zk := zookeeper.Start(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(w.Root(), "build", "flink-service")
	program := filepath.Join(w.Dir(), "flink-service-linux.zip")
	zipped(t, program, binary)
	cmd := exec.Command(binary, "render", "marathon")
	cmd.Env = append(os.Environ(),
		"FLINK_SERVICE_MESOS_MASTER="+w.Master(), "FLINK_SERVICE_STATE_STORE=zk://"+zk.Addr+"/flink-service/plain", "FLINK_SERVICE_FRAMEWORK_NAME=e2e-plain",
		"RENDER_APP_ID=/plain", "RENDER_USER="+me.Username,
		"RENDER_FETCH=file://"+d.Archive+",file://"+strings.TrimSuffix(d.Archive, ".tgz")+".json,file://"+program,
	)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	app, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	marathon := standin.Start(t, standin.Options{WorkDir: filepath.Join(w.Dir(), "marathon")})
	response, err := http.Post(marathon.URL+"/v2/apps", "application/json", bytes.NewReader(app))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		t.Fatalf("Marathon refuses the app: %s %s (%v)", response.Status, text, err)
	}
	response.Body.Close()
	w.Eventually("the app is healthy", func() error {
		response, err := http.Get(marathon.URL + "/v2/apps//plain")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		var answer struct {
			App struct {
				TasksHealthy int
				Tasks        []struct{ Ports []int }
			}
		}
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			return err
		}
		if answer.App.TasksHealthy != 1 || len(answer.App.Tasks) != 1 || len(answer.App.Tasks[0].Ports) == 0 {
			return errors.New("it is not")
		}
		w.URL = fmt.Sprintf("http://127.0.0.1:%d", answer.App.Tasks[0].Ports[0])
		return nil
	})
	if w.Client, err = client.New(client.Options{BaseURL: w.URL}); err != nil {
		t.Fatal(err)
	}
	w.Leads()
	w.Create(static("plain", d, 1, 1))
	id := w.Run("plain", "WordCount", "--input", filepath.Join(w.Root(), "LICENSE"), "--parallelism", "1")
	w.JobState("plain", id, "FINISHED")
	if err := w.Client.DeleteCluster(t.Context(), "plain", true); err != nil {
		t.Fatal(err)
	}
	w.Eventually("the cluster is gone", func() error {
		if _, err := w.Client.Cluster(t.Context(), "plain"); !client.NotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
}

// zipped puts the program into a zip as a release has it.
func zipped(t *testing.T, file, program string) {
	t.Helper()
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	zw := zip.NewWriter(out)
	h := &zip.FileHeader{Name: "flink-service/flink-service", Method: zip.Deflate}
	h.SetMode(0o755)
	entry, err := zw.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(program)
	if err != nil {
		t.Skipf("%v: run make build", err)
	}
	defer in.Close()
	if _, err := io.Copy(entry, in); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(zw.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
}

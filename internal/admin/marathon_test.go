package admin_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/admin"
	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/testkit/marathon"
	"github.com/flink-on-mesos/flink-service/internal/testkit/memzk"
)

// asService makes a process of this test binary the program.
const asService = "TEST_AS_FLINK_SERVICE"

func TestMain(m *testing.M) {
	if os.Getenv(asService) != "" {
		os.Exit(admin.Main("1", "c", os.Args[1:], slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, asService) }), os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// program serves a zip whose flink-service is this test binary.
func program(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "flink-service/flink-service", Method: zip.Deflate}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(w, "#!/bin/sh\nexec env %s=1 %s \"$@\"\n", asService, binary); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b.Bytes()) }))
	t.Cleanup(s.Close)
	return s.URL + "/service.zip"
}

// TestMarathon is an operator's way with the service under a plain Marathon: deploy it, change an option, suspend and
// resume it, and uninstall it.
func TestMarathon(t *testing.T) {
	t.Parallel()
	m, err := localmesos.New(localmesos.Options{AllocationInterval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	server := marathon.Start(t, marathon.Options{WorkDir: filepath.Join(work, "marathon")})
	distributions := filepath.Join(work, "flink-2.3.0") // The home of a Flink, as far as the service looks.
	for _, dir := range []string{"bin", "conf", "lib"} {
		if err := os.MkdirAll(filepath.Join(distributions, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(distributions, "lib", "flink-dist-2.3.0.jar"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{
		"FLINK_SERVICE_MARATHON_URL=" + server.URL, "FLINK_SERVICE_MESOS_MASTER=" + m.Address(), "FLINK_SERVICE_FLINK_DISTRIBUTIONS=" + distributions,
		"FLINK_SERVICE_STATE_STORE=zk://" + memzk.Start(t) + "/flink-service/dev", "FLINK_SERVICE_ADVERTISE_HOST=127.0.0.1",
		"RENDER_APP_ID=dev/flink", "RENDER_FETCH=" + program(t), "RENDER_USER=" + who.Username,
	}
	run := func(code int, command string, more ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		got := admin.Main("1", "c", append([]string{"marathon"}, strings.Fields(command)...), append(slices.Clone(environ), more...), &out, &errs)
		if got != code {
			log, _ := os.ReadFile(filepath.Join(server.Sandbox("/dev/flink"), "stderr"))
			t.Fatalf("marathon %s = %d, want %d\n%s%s\n%s", command, got, code, out.String(), errs.String(), log)
		}
		return out.String() + errs.String()
	}
	says := func(text string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("this does not say %q:\n%s", w, text)
			}
		}
	}

	says(run(1, "status"), "404", "'/dev/flink' does not exist")
	says(run(0, "deploy"), "/dev/flink: deployment ", "done, 1 of 1 instances running, 1 healthy")
	says(run(0, "status"), "/dev/flink: 1 of 1 instances running", "version: 20")
	run(0, "deploy", "FLINK_SERVICE_LOG_FORMAT=json")
	log, err := os.ReadFile(filepath.Join(server.Sandbox("/dev/flink"), "stderr"))
	if err != nil || !strings.Contains(string(log), `"msg":"service is ready"`) {
		t.Errorf("the option has no effect: %v\n%s", err, log)
	}
	says(run(1, "deploy", "FLINK_SERVICE_LOG_FORMAT=xml", "RENDER_CPUS=many"), "LOG_FORMAT", "RENDER_CPUS")
	says(run(0, "suspend"), "done, 0 of 0 instances running")
	says(run(0, "resume"), "done, 1 of 1 instances running, 1 healthy")
	frameworks := func(want int) {
		t.Helper()
		resp, err := http.Get(m.URL() + "/state")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var state struct{ Frameworks []struct{ Name string } }
		if err := json.NewDecoder(resp.Body).Decode(&state); err != nil || len(state.Frameworks) != want || want > 0 && state.Frameworks[0].Name != "dev/flink" {
			t.Errorf("the master has the frameworks %v, want %d (%v)", state.Frameworks, want, err)
		}
	}
	frameworks(1)
	says(run(2, "uninstall"), "--yes")
	says(run(0, "uninstall --yes"), "done, the app is gone")
	frameworks(0)
}

// TestMarathonUse has the wrong use of the command refused before anything is asked.
func TestMarathonUse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args, environ, want string
		code                int
	}{
		{"", "", "marathon takes", 2},
		{"start", "", "marathon takes", 2},
		{"status --docker", "", "unknown flag: --docker", 2},
		{"suspend 2", "", "takes no arguments", 2},
		{"resume many", "", "number of instances", 2},
		{"resume 0", "", "number of instances", 2},
		{"status", "", "FLINK_SERVICE_MARATHON_URL is missing", 1},
		{"status", "MARATHON_URL=marathon:8080", "MARATHON_URL", 1},
		{"status", "MARATHON_URL=http://127.0.0.1:1 MESOS_CA_FILE=/none", "MESOS_CA_FILE", 1},
		{"status", "MARATHON_URL=http://u:secret@127.0.0.1:1", "MARATHON_URL", 1},
		{"status", "MARATHON_URL=http://127.0.0.1:1 MARATHON_USER=u", "MARATHON_PASSWORD", 1},
		{"deploy", "FLINK_SERVICE_MARATHON_URL=http://127.0.0.1:1 FLINK_SERVICE_MARATHON_USER=u FLINK_SERVICE_MARATHON_PASSWORD=u:secret", "FLINK_SERVICE_MARATHON_PASSWORD: is a secret", 1},
	} {
		var out, errs bytes.Buffer
		code := admin.Main("1", "c", append([]string{"marathon"}, strings.Fields(c.args)...), strings.Fields(c.environ), &out, &errs)
		if code != c.code || !strings.Contains(errs.String(), c.want) || strings.Contains(errs.String(), "u:secret") {
			t.Errorf("marathon %s = %d, want %d and %q\n%s", c.args, code, c.code, c.want, errs.String())
		}
	}
}

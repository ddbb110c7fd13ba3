package browser_test

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/chromium"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// most is the memory that neither the service nor the command line may exceed, in MiB.
const most = 80

// TestGigabyte uploads a jar of a GiB with the command line and in Flink's own page, through the proxy: nobody holds it in
// memory.
func TestGigabyte(t *testing.T) {
	d := disttest.Real(t)[0]
	b := chromium.Start(t)
	w := world.Start(t, world.Options{})
	w.Create(spec.Spec{Name: "large", FlinkVersion: d.Version, Allocation: spec.Static})
	jar := filepath.Join(w.Dir(), "large.jar")
	large(t, jar)

	cmd := exec.CommandContext(t.Context(), filepath.Join(w.Root(), "build", "dcos-flink"), "jar", "upload", "large", jar)
	cmd.Env = append(os.Environ(), "DCOS_FLINK_URL="+w.URL)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("jar upload: %v\n%s", err, out)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("this system does not tell how much memory a process took")
	}
	peaks(t, "the command line", usage.Maxrss>>10)
	peaks(t, "the service", peak(t, w.Service.Pid()))

	p := b.Open(w.URL+"/v1/clusters/large/ui/", 1280, 800)
	p.Until("Flink's page is there", `document.body.innerText.includes("Available Task Slots")`, long)
	p.Eval(`location.hash = "#/submit"`)
	p.Until("Flink takes jars", `document.querySelector("input[type=file]")`, long)
	second := filepath.Join(w.Dir(), "page.jar")
	if err := os.Rename(jar, second); err != nil {
		t.Fatal(err)
	}
	p.Attach("input[type=file]", second)
	p.Until("the jar is listed", `document.body.innerText.includes("page.jar")`, long)
	peaks(t, "the service", peak(t, w.Service.Pid()))
}

// large writes a jar of a GiB with one stored file that is made of holes.
func large(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	entry, err := z.CreateHeader(&zip.FileHeader{Name: "hole", Method: zip.Store})
	if err == nil {
		_, err = io.CopyN(entry, zeros{}, 1<<30)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// zeros is a file without an end.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// peak is the most memory that a process has held so far, in MiB.
func peak(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no VmHWM in %s", text)
	}
	kib, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

func peaks(t *testing.T, who string, mib int64) {
	t.Helper()
	t.Logf("%s took at most %d MiB", who, mib)
	if mib >= most {
		t.Errorf("%s took %d MiB, want less than %d", who, mib, most)
	}
}

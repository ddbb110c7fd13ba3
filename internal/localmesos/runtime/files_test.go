package runtime_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/runtime"
)

// browsed is a finished task with something to look at.
func browsed(t *testing.T) (r *runtime.Runtime, sandbox, work string) {
	t.Helper()
	work = t.TempDir()
	if err := os.WriteFile(filepath.Join(work, "secret"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	r = newRuntime(t, func(o *runtime.Options) { o.WorkDir = work })
	launch(t, r, shell("other", "echo other")).await(mesos.TASK_FINISHED)
	x := launch(t, r, shell("t", `echo hello; mkdir d; echo in >d/in; ln -s d/in inside; ln -s "$PWD/d" absolute
ln -s ../../../../../../../../../secret up; ln -s `+work+`/secret out; ln -s / root; ln -s loop loop; mkfifo pipe
ln -s / ../evil; ln -s "$PWD/../../../other/runs/latest/stdout" neighbour`))
	x.await(mesos.TASK_FINISHED)
	return r, x.sandbox(), work
}

const latest = "/frameworks/m-0000/executors/t/runs/latest"

func TestListFiles(t *testing.T) {
	t.Parallel()
	r, sandbox, _ := browsed(t)
	for _, path := range []string{sandbox, sandbox + "/", latest, filepath.Join(filepath.Dir(sandbox), "latest"), latest + "/d/..", sandbox + "//."} {
		infos, err := r.ListFiles(path)
		var names []string
		for _, i := range infos {
			names = append(names, i.Name())
		}
		if diff := cmp.Diff(strings.Fields("absolute d inside loop neighbour out pipe root stderr stdout up"), names); err != nil || diff != "" {
			t.Errorf("ListFiles(%q) mismatch (-want +got), %v:\n%s", path, err, diff)
		}
	}
	for path, want := range map[string]string{latest + "/d": "in", latest + "/absolute": "in"} {
		if infos, err := r.ListFiles(path); err != nil || len(infos) != 1 || infos[0].Name() != want || infos[0].Size() != 3 {
			t.Errorf("ListFiles(%q) is %v, %v", path, infos, err)
		}
	}
	if _, err := r.ListFiles(latest + "/stdout"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ListFiles() of a file: %v", err)
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	r, sandbox, _ := browsed(t)
	for _, tc := range []struct {
		path           string
		offset, length int64
		want           string
		size           int64
	}{
		{sandbox + "/stdout", 0, 100, "hello\n", 6},
		{latest + "/stdout", 0, 100, "hello\n", 6},
		{latest + "/stdout", 1, 3, "ell", 6},
		{latest + "/stdout", 0, 0, "", 6},
		{latest + "/stdout", 6, 10, "", 6},
		{latest + "/stdout", 1 << 40, 1 << 62, "", 6},
		{latest + "/inside", 0, 10, "in\n", 3},
		{latest + "/absolute/in", 0, 10, "in\n", 3},
	} {
		if data, size, err := r.ReadFile(tc.path, tc.offset, tc.length); err != nil || string(data) != tc.want || size != tc.size {
			t.Errorf("ReadFile(%q, %d, %d) is %q, %d, %v; want %q, %d", tc.path, tc.offset, tc.length, data, size, err, tc.want, tc.size)
		}
	}
	for _, path := range []string{latest, latest + "/pipe"} {
		if _, _, err := r.ReadFile(path, 0, 10); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadFile(%q): %v", path, err)
		}
	}
	for _, n := range [][2]int64{{-1, 10}, {0, -1}} {
		if _, _, err := r.ReadFile(latest+"/stdout", n[0], n[1]); err == nil {
			t.Errorf("ReadFile(%d, %d) is no error", n[0], n[1])
		}
	}
}

func TestFilesStayInside(t *testing.T) {
	t.Parallel()
	r, sandbox, work := browsed(t)
	runs := filepath.Dir(sandbox)
	if to, err := os.Readlink(filepath.Join(runs, "evil")); err != nil || to != "/" {
		t.Fatalf("the link beside the sandboxes is %s, %v", to, err)
	}
	for _, path := range []string{
		"", "/", ".", "/etc/passwd", "etc/passwd", work, work + "/secret", runs, runs + "/evil/etc/passwd", runs + "/" + "nothing",
		"/frameworks", "/frameworks/m-0000/executors/t/runs", "/frameworks/m-0000/executors/t/runs/evil/etc/passwd",
		"/frameworks/../../../secret", latest + "/../../../../../../../../secret", latest + "/../../../other/runs/..",
		latest + "/up", latest + "/out", latest + "/root", latest + "/root/etc/passwd", latest + "/loop", latest + "/neighbour",
		latest + "/absolute/../../../../../../../../../secret", latest + "/stdout\x00", latest + "/no", latest + "/stdout/x",
		"/frameworks/m-0000/executors/no/runs/latest/stdout", sandbox + "/../../../../../../../../secret", sandbox + "x/stdout",
		strings.Repeat("/frameworks", 2000), latest + "/" + strings.Repeat("a", 300), "frameworks/m-0000/executors/t/runs/latest/stdout",
	} {
		if data, _, err := r.ReadFile(path, 0, 100); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadFile(%.80q) is %q, %v", path, data, err)
		}
		if infos, err := r.ListFiles(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ListFiles(%.80q) is %v, %v", path, infos, err)
		}
	}
}

// TestFilesOfARunningTask reads while the task writes.
func TestFilesOfARunningTask(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	x := launch(t, r, shell("t", "echo one; exec sleep 1000"))
	x.await(mesos.TASK_RUNNING)
	eventually(t, "output", func() bool {
		data, _, err := r.ReadFile(latest+"/stdout", 0, 100)
		return err == nil && string(data) == "one\n"
	})
	if err := r.Signal("t", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	x.await(mesos.TASK_FAILED)
}

package runtime_test

import (
	"os"
	"path/filepath"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/runtime"
)

func persistent(id, path string) mesos.Resource {
	r := resources.Build().Name(resources.NameDisk).Scalar(64).Resource
	r.Reservations = []mesos.Resource_ReservationInfo{{Type: mesos.Resource_ReservationInfo_DYNAMIC.Enum(), Role: new("dev/flink")}}
	r.Disk = &mesos.Resource_DiskInfo{
		Persistence: &mesos.Resource_DiskInfo_Persistence{ID: id}, Volume: &mesos.Volume{Mode: mesos.RW.Enum(), ContainerPath: path},
	}
	return r
}

// TestPersistentVolume has one task find what another left, until the volume is destroyed.
func TestPersistentVolume(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := newRuntime(t, func(o *runtime.Options) { o.WorkDir = dir })
	v := persistent("fw.demo.state", "state")
	if err := r.CreateVolume(v); err != nil {
		t.Fatal(err)
	}
	run := func(id, want string) {
		t.Helper()
		task := shell(id, "echo "+id+" >> state/log; cat state/log")
		task.Resources = append(task.Resources, v)
		x := launch(t, r, task)
		x.await(mesos.TASK_FINISHED)
		if got := x.file("stdout"); !endsIn(got, want) {
			t.Errorf("task %s wrote %q, want %q at the end", id, got, want)
		}
	}
	run("first", "first\n")
	run("second", "first\nsecond\n")
	if err := r.DestroyVolume(v); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "volumes", "*", "roles", "dev", "flink", "*"))
	if err != nil || len(found) != 0 {
		t.Errorf("left are %v, %v", found, err)
	}
	run("third", "third\n")
}

func endsIn(text, end string) bool { return len(text) >= len(end) && text[len(text)-len(end):] == end }

// TestPersistentVolumeElsewhere refuses names that lead out of the volumes and of the sandbox.
func TestPersistentVolumeElsewhere(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	for _, v := range []mesos.Resource{persistent("../x", "state"), persistent("", "state")} {
		if r.CreateVolume(v) == nil || r.DestroyVolume(v) == nil {
			t.Errorf("%v was taken", v)
		}
	}
	task := shell("a", "true")
	outside := filepath.Join(t.TempDir(), "out")
	task.Resources = append(task.Resources, persistent("v", outside))
	launch(t, r, task).await(mesos.TASK_LOST)
	if _, err := os.Lstat(outside); err == nil {
		t.Error("a link was made outside of the sandbox")
	}
}

package runtime_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/runtime"
)

// stubborn ignores SIGTERM, as do its processes: a child in the group, one in a group of its own, one in the session
// alone (its parent has ended and its environment is empty), and a daemon in a session of its own. Only bash has job
// control, which makes groups, without a terminal.
const stubborn = `trap "" TERM
sleep 1000 & echo $! >>pids
setsid -f sh -c 'trap "" TERM; echo $$ >>pids; sleep 1000; :'
set -m; sleep 1000 & set +m
echo $! >>pids; echo $$ >>pids
set -m; (env -i /bin/sh -c 'echo $$ >>pids; sleep 1000; :' &); set +m
while :; do wait; done`

func stubbornTask(id string) mesos.TaskInfo {
	no, bash := false, "bash"
	return mesos.TaskInfo{TaskID: mesos.TaskID{Value: id}, Command: &mesos.CommandInfo{
		Shell: &no, Value: &bash, Arguments: []string{"bash", "-c", stubborn},
	}}
}

func grace(d time.Duration) *mesos.KillPolicy {
	return &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: int64(d)}}
}

func TestKillEscalates(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	x := launch(t, r, stubbornTask("t"), mesos.FrameworkInfo_Capability_TASK_KILLING_STATE)
	x.await(mesos.TASK_RUNNING)
	pids := x.pids("pids", 5)
	r.Kill("t", grace(50*time.Millisecond))
	s := x.await(mesos.TASK_KILLED)
	if len(s) != 2 || s[0].GetState() != mesos.TASK_KILLING || s[1].GetMessage() != "Command terminated with signal Killed" {
		t.Errorf("statuses are %s", words(s))
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d of %v is alive after TASK_KILLED", pid, pids)
		}
	}
}

// TestTermReachesTheGroup needs no SIGKILL: the shell waits for its child, and both end on SIGTERM.
func TestTermReachesTheGroup(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	x := launch(t, r, shell("t", `trap 'wait $child; echo status $?; exit 5' TERM; sleep 1000 & child=$!; echo $child >pids; wait`))
	x.await(mesos.TASK_RUNNING)
	child := x.pids("pids", 1)[0]
	// Until then the child is a shell that has our trap, and forgets it.
	eventually(t, "sleep", func() bool {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child))
		return err == nil && string(name) == "sleep\n"
	})
	r.Kill("t", grace(time.Hour))
	s := x.await(mesos.TASK_KILLED)
	if got := s[len(s)-1].GetMessage(); got != "Command exited with status 5" {
		t.Errorf("message is %q", got)
	}
	if got := x.file("stdout"); got != "status 143\n" {
		t.Errorf("the child ended with %q, want SIGTERM", got)
	}
}

func TestSecondKillShortensTheGrace(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	task := stubbornTask("t")
	task.KillPolicy = grace(time.Hour)
	x := launch(t, r, task, mesos.FrameworkInfo_Capability_TASK_KILLING_STATE)
	x.await(mesos.TASK_RUNNING)
	x.pids("pids", 5)
	r.Kill("t", nil)
	x.await(mesos.TASK_KILLING)
	r.Kill("t", grace(2*time.Hour))
	r.Kill("t", grace(0))
	if s := x.await(mesos.TASK_KILLED); len(s) != 1 {
		t.Errorf("statuses after the first kill are %s", words(s))
	}
	r.Kill("t", nil)
	r.Kill("unknown", nil)
}

// TestKillAtOnce kills in the instant of the launch: whatever the moment, there is one end, and it is TASK_KILLED.
func TestKillAtOnce(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, func(o *runtime.Options) { o.Keep = 100 })
	for i := range 30 {
		x := launch(t, r, shell(fmt.Sprintf("t%d", i), "exec sleep 1000"))
		if i%2 == 0 {
			x.await([]mesos.TaskState{mesos.TASK_STARTING, mesos.TASK_RUNNING}[i/2%2])
		}
		r.Kill(x.id, nil)
		x.await(mesos.TASK_KILLED)
	}
}

func TestWhatIsLeftEndsWithTheCommand(t *testing.T) {
	t.Parallel()
	x := launch(t, newRuntime(t), shell("t", `sleep 1000 & echo $! >>pids; setsid -f sh -c 'echo $$ >>pids; exec sleep 1000'; while [ $(wc -l <pids) -lt 2 ]; do :; done`))
	x.await(mesos.TASK_FINISHED)
	for _, pid := range x.pids("pids", 2) {
		if alive(pid) {
			t.Errorf("process %d is alive after TASK_FINISHED", pid)
		}
	}
}

func TestCloseLeavesNoProcess(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	var pids []int
	var runs []*run
	for i := range 5 {
		x := launch(t, r, stubbornTask(fmt.Sprintf("t%d", i)))
		x.await(mesos.TASK_RUNNING)
		pids = append(pids, x.pids("pids", 5)...)
		runs = append(runs, x)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(pids, alive); i >= 0 {
		t.Errorf("process %d is alive after Close", pids[i])
	}
	for _, x := range runs {
		if len(x.statuses) > 0 {
			s := <-x.statuses
			t.Errorf("%s is reported to be %s after Close: its agent is gone", x.id, s.GetState())
		}
	}
	x := launch(t, r, shell("late", "true"))
	if _, ok := r.Sandbox("late"); ok || len(x.statuses) > 0 {
		t.Error("a task was launched after Close")
	}
}

func TestSignal(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	if err := r.Signal("t", syscall.SIGKILL); err == nil {
		t.Error("Signal() of an unknown task is no error")
	}
	x := launch(t, r, shell("t", "exec sleep 1000"))
	x.await(mesos.TASK_RUNNING)
	if err := r.Signal("t", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if s := x.await(mesos.TASK_FAILED); s[0].GetMessage() != "Command terminated with signal Killed" {
		t.Errorf("statuses are %s", words(s))
	}
}

// victim is a local Mesos that is about to be killed.
func victim(dir string) {
	r, err := runtime.New(runtime.Options{AgentID: "m-S0", WorkDir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Launch(framework(), shell("t", `trap "" TERM HUP; echo $$ >pids; exec sleep 1000`), func(mesos.TaskStatus) {})
	select {}
}

// TestDiesWithLocalMesos kills the process that runs a task, so that nothing of ours can act any more.
func TestDiesWithLocalMesos(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RUNTIME_TEST_VICTIM="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	pid := 0
	eventually(t, "process of the task", func() bool {
		data, err := os.ReadFile(dir + "/slaves/m-S0/frameworks/m-0000/executors/t/runs/latest/pids")
		if err != nil {
			return false
		}
		n, err := fmt.Sscan(string(data), &pid)
		return err == nil && n == 1 && alive(pid)
	})
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "end of the task", func() bool { return !alive(pid) })
}

// TestUser runs a task as another user, who must own what was fetched.
func TestUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can run tasks of other users")
	}
	if _, err := user.Lookup("nobody"); err != nil {
		t.Skip("there is no user nobody")
	}
	dir, err := os.MkdirTemp("", "runtime-user")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // TempDir is for us alone.
		t.Fatal(err)
	}
	source := t.TempDir() + "/data"
	if err := os.WriteFile(source, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	name := "nobody"
	task := shell("t", "id -un; echo new >data; cat data", mesos.CommandInfo_URI{Value: source})
	task.Command.User = &name
	x := launch(t, newRuntime(t, func(o *runtime.Options) { o.WorkDir = dir }), task)
	x.await(mesos.TASK_FINISHED)
	if got := strings.Fields(x.file("stdout")); !slices.Equal(got, []string{"nobody", "new"}) {
		t.Errorf("stdout is %q, stderr %q", got, x.file("stderr"))
	}
}

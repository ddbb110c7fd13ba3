package runtime_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/runtime"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if dir := os.Getenv("RUNTIME_TEST_VICTIM"); dir != "" {
		victim(dir)
		return
	}
	os.Exit(m.Run())
}

func newRuntime(t testing.TB, change ...func(*runtime.Options)) *runtime.Runtime {
	t.Helper()
	o := runtime.Options{AgentID: "m-S0", WorkDir: t.TempDir(), Endpoint: "127.0.0.1:5051"}
	for _, c := range change {
		c(&o)
	}
	r, err := runtime.New(o)
	if err != nil {
		t.Fatalf("New(): %v", err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close(): %v", err)
		}
	})
	return r
}

func framework(capabilities ...mesos.FrameworkInfo_Capability_Type) mesos.FrameworkInfo {
	f := mesos.FrameworkInfo{ID: &mesos.FrameworkID{Value: "m-0000"}}
	for _, c := range capabilities {
		f.Capabilities = append(f.Capabilities, mesos.FrameworkInfo_Capability{Type: c})
	}
	return f
}

func shell(id, command string, uris ...mesos.CommandInfo_URI) mesos.TaskInfo {
	return mesos.TaskInfo{TaskID: mesos.TaskID{Value: id}, Command: &mesos.CommandInfo{Value: &command, URIs: uris}}
}

// run is a launched task.
type run struct {
	t        testing.TB
	r        *runtime.Runtime
	id       string
	statuses chan mesos.TaskStatus
}

func launch(t testing.TB, r *runtime.Runtime, task mesos.TaskInfo, capabilities ...mesos.FrameworkInfo_Capability_Type) *run {
	t.Helper()
	x := &run{t: t, r: r, id: task.TaskID.Value, statuses: make(chan mesos.TaskStatus, 100)}
	r.Launch(framework(capabilities...), task, func(s mesos.TaskStatus) { x.statuses <- s })
	return x
}

// await returns the statuses up to a state.
func (x *run) await(state mesos.TaskState) []mesos.TaskStatus {
	x.t.Helper()
	var all []mesos.TaskStatus
	deadline := time.After(patience)
	for {
		select {
		case s := <-x.statuses:
			if all = append(all, s); s.GetState() == state {
				return all
			}
		case <-deadline:
			x.t.Fatalf("%s is not %s but %s; stderr:\n%s", x.id, state, words(all), x.file("stderr"))
		}
	}
}

func words(all []mesos.TaskStatus) string {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%s (%s) ", s.GetState(), s.GetMessage())
	}
	return b.String()
}

func (x *run) sandbox() string {
	x.t.Helper()
	dir, ok := x.r.Sandbox(x.id)
	if !ok {
		x.t.Fatalf("%s has no sandbox", x.id)
	}
	return dir
}

func (x *run) file(name string) string {
	x.t.Helper()
	data, err := os.ReadFile(filepath.Join(x.sandbox(), name))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// pids waits until a file of the sandbox holds n process ids.
func (x *run) pids(name string, n int) []int {
	x.t.Helper()
	var all []int
	eventually(x.t, "process ids in "+name, func() bool {
		all = nil
		for f := range strings.FieldsSeq(x.file(name)) {
			if pid, err := strconv.Atoi(f); err == nil {
				all = append(all, pid)
			}
		}
		return len(all) == n
	})
	return all
}

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %s", what, patience)
		}
	}
}

// alive says whether a process is there and not only waited for.
func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state := string(data)[strings.LastIndexByte(string(data), ')')+2]
	return state != 'Z' && state != 'X'
}

// handlesTerm says whether a process ignores or catches SIGTERM.
func handlesTerm(pid uint32) bool {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name != "SigIgn" && name != "SigCgt" {
			continue
		}
		if mask, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64); err == nil && mask&(1<<(syscall.SIGTERM-1)) != 0 {
			return true
		}
	}
	return false
}

var (
	uuid     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
	anywhere = regexp.MustCompile(`'[^']*/executors/`)
)

// plain takes out of statuses what differs in each run, and checks that it stays the same during one.
func plain(t *testing.T, all []mesos.TaskStatus) []mesos.TaskStatus {
	t.Helper()
	out := slices.Clone(all)
	container, pid := "", uint32(0)
	for i := range out {
		s := &out[i]
		s.TaskID = mesos.TaskID{}
		if s.Message != nil {
			text := anywhere.ReplaceAllString(uuid.ReplaceAllString(*s.Message, "ID"), "'/executors/")
			s.Message = &text
		}
		if s.ContainerStatus == nil {
			continue
		}
		if container == "" {
			container, pid = s.ContainerStatus.ContainerID.Value, s.ContainerStatus.GetExecutorPID()
		}
		if s.ContainerStatus.ContainerID.Value != container || s.ContainerStatus.GetExecutorPID() != pid || pid == 0 || !uuid.MatchString(container) {
			t.Errorf("status %d has container %s and pid %d; the first has %s and %d", i,
				s.ContainerStatus.ContainerID.Value, s.ContainerStatus.GetExecutorPID(), container, pid)
		}
		one := uint32(1)
		c := *s.ContainerStatus
		c.ContainerID, c.ExecutorPID = &mesos.ContainerID{Value: "ID"}, &one
		s.ContainerStatus = &c
	}
	return out
}

// TestStatuses compares what is reported with what a real agent reported of the same tasks.
func TestStatuses(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/statuses.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Recording    string
		Capabilities []mesos.FrameworkInfo_Capability_Type
		Task         mesos.TaskInfo
		Kills        []*mesos.KillPolicy
		Statuses     []mesos.TaskStatus
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Recording, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t)
			c.Task.TaskID.Value = c.Recording[strings.IndexByte(c.Recording, '/')+1:]
			x := launch(t, r, c.Task, c.Capabilities...)
			var got []mesos.TaskStatus
			if c.Kills != nil {
				got = x.await(mesos.TASK_RUNNING)
				pid := got[0].ContainerStatus.GetExecutorPID()
				if strings.Contains(c.Task.Command.GetValue(), "trap") {
					eventually(t, "handler of SIGTERM", func() bool { return handlesTerm(pid) })
				}
				for _, policy := range c.Kills {
					r.Kill(c.Task.TaskID.Value, policy)
				}
			}
			got = append(got, x.await(c.Statuses[len(c.Statuses)-1].GetState())...)
			if diff := cmp.Diff(plain(t, c.Statuses), plain(t, got)); diff != "" {
				t.Errorf("statuses mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, o := range []runtime.Options{{AgentID: "a"}, {WorkDir: "/tmp"}, {AgentID: "../a", WorkDir: "/tmp"}, {AgentID: "..", WorkDir: "/tmp"}} {
		if _, err := runtime.New(o); err == nil {
			t.Errorf("New(%+v) is accepted", o)
		}
	}
}

func secretVolume(path string, s *mesos.Secret) mesos.Volume {
	return mesos.Volume{ContainerPath: path, Mode: mesos.RO.Enum(), Source: &mesos.Volume_Source{Type: mesos.Volume_Source_SECRET, Secret: s}}
}

// TestSecrets starts a task that compares its secrets with what they should be.
func TestSecrets(t *testing.T) {
	t.Parallel()
	value := func(text string) *mesos.Secret {
		return &mesos.Secret{Type: mesos.Secret_VALUE, Value: &mesos.Secret_Value{Data: []byte(text)}}
	}
	task := shell("t", `test "$TOKEN" = "two words" && test "$(cat secrets/deep/key)" = "a key" && test ! -w secrets/deep/key -o "$(id -u)" = 0`)
	task.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{{Name: "TOKEN", Type: mesos.Environment_Variable_SECRET.Enum(), Secret: value("two words")}}}
	task.Container = &mesos.ContainerInfo{Type: mesos.ContainerInfo_MESOS.Enum(), Volumes: []mesos.Volume{secretVolume("secrets/deep/key", value("a key"))}}
	launch(t, newRuntime(t), task).await(mesos.TASK_FINISHED)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	docker, native := mesos.ContainerInfo_DOCKER, mesos.ContainerInfo_MESOS
	image := mesos.Image{}
	secret := mesos.Environment_Variable_SECRET
	with := func(change func(*mesos.TaskInfo)) mesos.TaskInfo {
		task := shell("t", "true")
		change(&task)
		return task
	}
	for _, tc := range []struct {
		name, want string
		task       mesos.TaskInfo
	}{
		{"docker", "images cannot be run here", with(func(i *mesos.TaskInfo) {
			i.Container = &mesos.ContainerInfo{Type: &docker, Docker: &mesos.ContainerInfo_DockerInfo{Image: "flink"}}
		})},
		{"image", "images cannot be run here", with(func(i *mesos.TaskInfo) {
			i.Container = &mesos.ContainerInfo{Type: &native, Mesos: &mesos.ContainerInfo_MesosInfo{Image: &image}}
		})},
		{"executor", "no executors", with(func(i *mesos.TaskInfo) { i.Command = nil })},
		{"secret", "'TOKEN' of type 'SECRET' must have a secret", with(func(i *mesos.TaskInfo) {
			i.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{{Name: "TOKEN", Type: &secret}}}
		})},
		{"secret of a store", "cannot resolve references", with(func(i *mesos.TaskInfo) {
			i.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{{
				Name: "TOKEN", Type: &secret, Secret: &mesos.Secret{Type: mesos.Secret_REFERENCE, Reference: &mesos.Secret_Reference{Name: "db"}},
			}}}
		})},
		{"secret of two kinds", "no other", with(func(i *mesos.TaskInfo) {
			i.Container = &mesos.ContainerInfo{Type: &native, Volumes: []mesos.Volume{secretVolume("a", &mesos.Secret{
				Type: mesos.Secret_VALUE, Value: &mesos.Secret_Value{}, Reference: &mesos.Secret_Reference{Name: "db"},
			})}}
		})},
		{"secret elsewhere", "'/etc/x' does not exist", with(func(i *mesos.TaskInfo) {
			i.Container = &mesos.ContainerInfo{Type: &native, Volumes: []mesos.Volume{secretVolume("/etc/x", &mesos.Secret{Type: mesos.Secret_VALUE, Value: &mesos.Secret_Value{}})}}
		})},
		{"task id", "names of directories", with(func(i *mesos.TaskInfo) { i.TaskID.Value = "../../x" })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			work := t.TempDir()
			x := launch(t, newRuntime(t, func(o *runtime.Options) { o.WorkDir = work }), tc.task)
			s := x.await(mesos.TASK_FAILED)
			if len(s) != 1 || s[0].GetSource() != mesos.SOURCE_AGENT || s[0].GetReason() != mesos.REASON_CONTAINER_LAUNCH_FAILED ||
				!strings.HasPrefix(s[0].GetMessage(), "Failed to launch container: ") || !strings.Contains(s[0].GetMessage(), tc.want) {
				t.Errorf("statuses are %+v", s)
			}
			if left, _ := filepath.Glob(work + "/*"); len(left) > 0 {
				t.Errorf("%v was made", left)
			}
		})
	}
}

func TestNoContainerImageIsFine(t *testing.T) {
	t.Parallel()
	native := mesos.ContainerInfo_MESOS
	task := shell("t", "true")
	task.Container = &mesos.ContainerInfo{Type: &native}
	launch(t, newRuntime(t), task).await(mesos.TASK_FINISHED)
}

// The environment is that of a real agent: its executors' was recorded, and what command tasks have besides is the
// role. There is no MESOS_TASK_ID.
func TestEnvironment(t *testing.T) {
	t.Setenv("RUNTIME_TEST_TOKEN", "not for tasks")
	for _, checkpoint := range []bool{false, true} {
		t.Run(fmt.Sprintf("checkpoint %t", checkpoint), func(t *testing.T) { testEnvironment(t, checkpoint) })
	}
}

func testEnvironment(t *testing.T, checkpoint bool) {
	r := newRuntime(t)
	no, program, value := false, "/usr/bin/env", "task's own"
	task := mesos.TaskInfo{TaskID: mesos.TaskID{Value: "env"}, Command: &mesos.CommandInfo{
		Shell: &no, Value: &program, Arguments: []string{"env", "A=1"},
		Environment: &mesos.Environment{Variables: []mesos.Environment_Variable{{Name: "LANG", Value: &value}, {Name: "X", Value: &value}}},
	}}
	task.Resources = mesos.Resources{resources.Build().Name(resources.NameCPUs).Scalar(1).Resource}.Allocate("dev")
	x := &run{t: t, r: r, id: "env", statuses: make(chan mesos.TaskStatus, 10)}
	f := framework()
	f.Checkpoint = &checkpoint
	r.Launch(f, task, func(s mesos.TaskStatus) { x.statuses <- s })
	x.await(mesos.TASK_FINISHED)
	got := make(map[string]string)
	for line := range strings.Lines(x.file("stdout")) {
		name, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch name {
		case "HOME", "USER", "LOGNAME", "LC_ALL", "TZ", "JAVA_HOME":
			continue // As they are here.
		}
		got[name] = v
	}
	want := map[string]string{
		"A": "1", "LANG": value, "X": value, "PATH": os.Getenv("PATH"),
		"MESOS_SANDBOX": x.sandbox(), "MESOS_DIRECTORY": x.sandbox(), "MESOS_EXECUTOR_ID": "env", "MESOS_ALLOCATION_ROLE": "dev",
		"MESOS_FRAMEWORK_ID": "m-0000", "MESOS_SLAVE_ID": "m-S0", "MESOS_SLAVE_PID": "slave(1)@127.0.0.1:5051",
		"MESOS_AGENT_ENDPOINT": "127.0.0.1:5051", "LIBPROCESS_IP": "127.0.0.1", "LIBPROCESS_PORT": "0",
		"MESOS_CHECKPOINT": "0", "MESOS_HTTP_COMMAND_EXECUTOR": "0", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs",
	}
	if checkpoint {
		want["MESOS_CHECKPOINT"], want["MESOS_RECOVERY_TIMEOUT"], want["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = "1", "15mins", "2secs"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment mismatch (-want +got):\n%s", diff)
	}
}

func TestCommandRunsInItsSandbox(t *testing.T) {
	t.Parallel()
	x := launch(t, newRuntime(t), shell("t", `pwd; echo problem >&2; cut -d" " -f5,6 /proc/$$/stat; echo $$`))
	x.await(mesos.TASK_FINISHED)
	lines := strings.Fields(x.file("stdout"))
	if len(lines) != 4 || lines[0] != x.sandbox() || lines[1] != lines[3] || lines[2] != lines[3] {
		t.Errorf("stdout is %q: want the sandbox, and a group and a session of the task's own", lines)
	}
	if got := x.file("stderr"); got != "problem\n" {
		t.Errorf("stderr is %q", got)
	}
	if to, err := os.Readlink(filepath.Join(filepath.Dir(x.sandbox()), "latest")); err != nil || to != filepath.Base(x.sandbox()) {
		t.Errorf("latest is %s, %v", to, err)
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	no, program := false, "/bin/sh"
	x := launch(t, newRuntime(t), mesos.TaskInfo{TaskID: mesos.TaskID{Value: "t"}, Command: &mesos.CommandInfo{
		Shell: &no, Value: &program, Arguments: []string{"name", "-c", `tr "\0" "," </proc/$$/cmdline; echo "$0|$1|$#"`, "zero", "a b"},
	}})
	x.await(mesos.TASK_FINISHED)
	if got := x.file("stdout"); !strings.HasPrefix(got, "name,-c,") || !strings.HasSuffix(got, "zero|a b|1\n") {
		t.Errorf("stdout is %q", got)
	}
}

// TestNoSuchProgram is about a command that cannot be executed: with a real agent the launcher fails in its place.
func TestNoSuchProgram(t *testing.T) {
	t.Parallel()
	no, program := false, "/no/such/program"
	x := launch(t, newRuntime(t), mesos.TaskInfo{TaskID: mesos.TaskID{Value: "t"}, Command: &mesos.CommandInfo{Shell: &no, Value: &program}})
	s := x.await(mesos.TASK_FAILED)
	if len(s) != 3 || s[2].GetMessage() != "Command exited with status 1" {
		t.Errorf("statuses are %s", words(s))
	}
	if !strings.Contains(x.file("stderr"), program) {
		t.Errorf("stderr does not name the program: %q", x.file("stderr"))
	}
}

func TestKeep(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, func(o *runtime.Options) { o.Keep = 2 })
	var dirs []string
	for i := range 4 {
		x := launch(t, r, shell(fmt.Sprintf("t%d", i), "true"))
		x.await(mesos.TASK_FINISHED)
		dirs = append(dirs, filepath.Dir(filepath.Dir(filepath.Join(x.sandbox()))))
	}
	eventually(t, "removal of the old sandboxes", func() bool {
		_, err0 := os.Stat(dirs[0])
		_, err1 := os.Stat(dirs[1])
		return os.IsNotExist(err0) && os.IsNotExist(err1)
	})
	for i, want := range []bool{false, false, true, true} {
		if _, ok := r.Sandbox(fmt.Sprintf("t%d", i)); ok != want {
			t.Errorf("Sandbox(t%d) is %v, want %v", i, ok, want)
		}
		if _, err := os.Stat(dirs[i]); (err == nil) != want {
			t.Errorf("executor directory %d: %v", i, err)
		}
	}
}

// TestSameIDAgain runs a task id a second time; latest and Sandbox follow.
func TestSameIDAgain(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, func(o *runtime.Options) { o.Keep = 1 })
	x := launch(t, r, shell("t", "echo one"))
	x.await(mesos.TASK_FINISHED)
	first := x.sandbox()
	x = launch(t, r, shell("t", "echo two"))
	x.await(mesos.TASK_FINISHED)
	if x.sandbox() == first || x.file("stdout") != "two\n" {
		t.Errorf("the second run is in %s with %q", x.sandbox(), x.file("stdout"))
	}
	if err := r.Close(); err != nil { // It waits for the removal of the first run.
		t.Fatal(err)
	}
	if _, err := os.Stat(first); !os.IsNotExist(err) {
		t.Errorf("the first run is still there: %v", err)
	}
	if data, _, err := r.ReadFile("/frameworks/m-0000/executors/t/runs/latest/stdout", 0, 100); err != nil || string(data) != "two\n" {
		t.Errorf("ReadFile() of the latest run is %q, %v", data, err)
	}
}

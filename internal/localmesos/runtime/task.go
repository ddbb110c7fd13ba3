package runtime

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// task is one run of a task, from fetching to the end of its processes.
type task struct {
	r         *Runtime
	framework mesos.FrameworkInfo
	info      mesos.TaskInfo
	container string
	sandbox   string
	report    func(mesos.TaskStatus)
	ctx       context.Context
	cancel    context.CancelFunc

	mu     sync.Mutex
	pid    int // of the process, which leads its group; 0 while there is none
	killed bool
	gone   bool // nothing is reported any more
	timer  *time.Timer
}

// run is the life of the task.
func (t *task) run() {
	if t.info.Command == nil {
		t.refuse("only command tasks can be run here")
		return
	}
	if c := t.info.Container; c != nil && (c.Docker != nil || c.GetMesos().GetImage() != nil) {
		t.refuse("images cannot be run here: local Mesos has no containers")
		return
	}
	credential, err := t.prepare()
	if err != nil {
		t.say(mesos.TASK_DROPPED, mesos.SOURCE_AGENT, mesos.REASON_EXECUTOR_TERMINATED.Enum(), err.Error())
		return
	}
	if err := t.r.fetch.all(t.ctx, t.info.Command.URIs, t.sandbox); err != nil {
		t.fetchFailed(err)
		return
	}
	t.say(mesos.TASK_STARTING, mesos.SOURCE_EXECUTOR, nil, "")
	t.execute(credential)
}

func (t *task) refuse(why string) {
	t.say(mesos.TASK_FAILED, mesos.SOURCE_AGENT, mesos.REASON_CONTAINER_LAUNCH_FAILED.Enum(), "Failed to launch container: "+why)
}

func (t *task) fetchFailed(err error) {
	t.log("Failed to fetch: " + err.Error())
	if t.wasKilled() {
		t.say(mesos.TASK_KILLED, mesos.SOURCE_AGENT, mesos.REASON_EXECUTOR_TERMINATED.Enum(), "Executor terminated while its files were fetched")
		return
	}
	t.say(mesos.TASK_FAILED, mesos.SOURCE_AGENT, mesos.REASON_CONTAINER_LAUNCH_FAILED.Enum(),
		fmt.Sprintf("Failed to launch container: Failed to fetch all URIs for container '%s': exited with status 1", t.container))
}

// log writes a line to the sandbox's stderr, where the real fetcher writes too.
func (t *task) log(line string) {
	f, err := os.OpenFile(filepath.Join(t.sandbox, "stderr"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.r.o.Log.Warn("sandbox cannot be written", "error", err)
		return
	}
	defer f.Close()
	_, _ = fmt.Fprintln(f, line) // There is nowhere else to say it.
}

// prepare makes the sandbox for the user of the task.
func (t *task) prepare() (*syscall.Credential, error) {
	wrap := func(err error) error {
		return fmt.Errorf("Failed to create executor directory '%s': %w", t.sandbox, err) //nolint:staticcheck,revive // The agent's words.
	}
	if err := os.MkdirAll(t.sandbox, 0o750); err != nil {
		return nil, wrap(err)
	}
	latest := filepath.Join(filepath.Dir(t.sandbox), "latest")
	_ = os.Remove(latest) // It may not be there.
	if err := os.Symlink(t.container, latest); err != nil {
		return nil, wrap(err)
	}
	for _, name := range []string{"stdout", "stderr"} {
		if err := os.WriteFile(filepath.Join(t.sandbox, name), nil, 0o644); err != nil {
			return nil, wrap(err)
		}
	}
	name := t.framework.User
	if u := t.info.Command.User; u != nil {
		name = *u
	}
	if name == "" {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, wrap(fmt.Errorf("Failed to chown directory to '%s': No such user '%s'", name, name)) //nolint:staticcheck,revive // The agent's words.
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, wrap(err)
	}
	if int(uid) == os.Geteuid() {
		return nil, nil
	}
	for _, path := range []string{t.sandbox, filepath.Join(t.sandbox, "stdout"), filepath.Join(t.sandbox, "stderr")} {
		if err := os.Chown(path, int(uid), int(gid)); err != nil {
			return nil, wrap(fmt.Errorf("Failed to chown directory to '%s': %w", name, err)) //nolint:staticcheck,revive // The agent's words.
		}
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// command is the process of the task.
func (t *task) command() (*exec.Cmd, error) {
	c := t.info.Command
	var cmd *exec.Cmd
	if c.GetShell() {
		cmd = exec.Command("/bin/sh", "-c", c.GetValue())
	} else {
		cmd = exec.Command(c.GetValue())
		if len(c.Arguments) > 0 {
			cmd.Args = c.Arguments // The first is the program's own name, as in execvp(3).
		}
	}
	cmd.Dir, cmd.Env = t.sandbox, t.environment()
	stdout, err := os.OpenFile(filepath.Join(t.sandbox, "stdout"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	stderr, err := os.OpenFile(filepath.Join(t.sandbox, "stderr"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, errors.Join(err, stdout.Close())
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, nil
}

// inherited are the variables that tasks get from this process. It is a short list, because the service's own
// environment may hold secrets.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "JAVA_HOME"}

// environment is what a Mesos agent gives a command task.
func (t *task) environment() []string {
	values := make(map[string]string)
	for _, name := range inherited {
		if v, ok := os.LookupEnv(name); ok {
			values[name] = v
		}
	}
	ip := address(t.r.o.Hostname)
	for name, v := range map[string]string{
		"MESOS_SANDBOX": t.sandbox, "MESOS_DIRECTORY": t.sandbox, "MESOS_TASK_ID": t.info.TaskID.Value, "MESOS_EXECUTOR_ID": t.info.TaskID.Value,
		"MESOS_FRAMEWORK_ID": t.framework.ID.GetValue(), "MESOS_SLAVE_ID": t.r.o.AgentID, "MESOS_SLAVE_PID": "slave(1)@" + t.r.o.Endpoint,
		"MESOS_AGENT_ENDPOINT": t.r.o.Endpoint, "MESOS_CONTAINER_IP": ip, "LIBPROCESS_IP": ip, "LIBPROCESS_PORT": "0",
		"MESOS_CHECKPOINT": map[bool]string{true: "1", false: "0"}[t.framework.GetCheckpoint()], "MESOS_HTTP_COMMAND_EXECUTOR": "0",
		"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs",
	} {
		values[name] = v
	}
	for _, v := range t.info.Command.GetEnvironment().GetVariables() {
		values[v.Name] = v.GetValue()
	}
	env := make([]string, 0, len(values))
	for name, v := range values {
		env = append(env, name+"="+v)
	}
	return env
}

// address is the address of a host name, or the name when it has none.
func address(host string) string {
	if net.ParseIP(host) != nil {
		return host
	}
	if a, err := net.LookupHost(host); err == nil && len(a) > 0 {
		return a[0]
	}
	return host
}

// execute runs the process and reports its end.
func (t *task) execute(credential *syscall.Credential) {
	cmd, err := t.command()
	if err != nil {
		t.say(mesos.TASK_FAILED, mesos.SOURCE_EXECUTOR, mesos.REASON_CONTAINER_LAUNCH_FAILED.Enum(), "Failed to launch command: "+err.Error())
		return
	}
	attributes := processAttributes()
	attributes.Credential = credential
	cmd.SysProcAttr = attributes
	started, ended := make(chan error, 1), make(chan error, 1)
	go runOnThread(cmd, started, ended)
	if err := t.begin(cmd, <-started); err != nil {
		closeOutput(cmd)
		if t.wasKilled() {
			t.say(mesos.TASK_KILLED, mesos.SOURCE_EXECUTOR, nil, "Command was killed before it started")
			return
		}
		t.log(err.Error())
		t.say(mesos.TASK_FAILED, mesos.SOURCE_EXECUTOR, nil, "Command exited with status 127")
		return
	}
	t.say(mesos.TASK_RUNNING, mesos.SOURCE_EXECUTOR, nil, "")
	err = <-ended
	closeOutput(cmd)
	t.mu.Lock()
	if t.timer != nil {
		t.timer.Stop()
	}
	_ = syscall.Kill(-t.pid, syscall.SIGKILL) // The container goes with its first process.
	t.pid = 0
	t.mu.Unlock()
	t.finish(cmd, err)
}

// begin takes note of a started process, and kills it at once when that was asked for meanwhile.
func (t *task) begin(cmd *exec.Cmd, err error) error {
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pid = cmd.Process.Pid
	if t.killed || t.gone {
		_ = syscall.Kill(-t.pid, syscall.SIGKILL) // It is there: it was not waited for yet.
	}
	return nil
}

func closeOutput(cmd *exec.Cmd) {
	for _, w := range []any{cmd.Stdout, cmd.Stderr} {
		if f, ok := w.(*os.File); ok {
			_ = f.Close() // The process had its own copy.
		}
	}
}

// finish reports how the process ended.
func (t *task) finish(cmd *exec.Cmd, err error) {
	message := "Command exited with status 0"
	state := mesos.TASK_FINISHED
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok {
		switch {
		case status.Signaled():
			name := status.Signal().String()
			message, state = "Command terminated with signal "+strings.ToUpper(name[:1])+name[1:], mesos.TASK_FAILED
		case status.ExitStatus() != 0:
			message, state = "Command exited with status "+strconv.Itoa(status.ExitStatus()), mesos.TASK_FAILED
		}
	} else if err != nil {
		message, state = err.Error(), mesos.TASK_FAILED
	}
	if t.wasKilled() {
		state = mesos.TASK_KILLED
	}
	t.say(state, mesos.SOURCE_EXECUTOR, nil, message)
}

func (t *task) wasKilled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.killed
}

// kill ends the task: politely first.
func (t *task) kill(grace time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pid == 0 {
		t.killed = true
		t.cancel() // Fetching stops, and what starts all the same is killed by begin.
		return
	}
	if t.killed {
		return
	}
	t.killed = true
	_ = syscall.Kill(-t.pid, syscall.SIGTERM) // The group may just have ended.
	pid := t.pid
	t.timer = time.AfterFunc(grace, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.pid == pid {
			_ = syscall.Kill(-pid, syscall.SIGKILL) // As above.
		}
	})
}

// vanish ends the task without a word.
func (t *task) vanish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gone = true
	t.cancel()
	if t.pid != 0 {
		_ = syscall.Kill(-t.pid, syscall.SIGKILL) // The group may just have ended.
	}
}

func (t *task) signal(s syscall.Signal) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pid == 0 {
		return fmt.Errorf("task %s has no process", t.info.TaskID.Value)
	}
	return syscall.Kill(-t.pid, s)
}

// say reports a state.
func (t *task) say(state mesos.TaskState, source mesos.TaskStatus_Source, reason *mesos.TaskStatus_Reason, message string) {
	t.mu.Lock()
	gone, pid := t.gone, t.pid
	t.mu.Unlock()
	if gone {
		return
	}
	s := mesos.TaskStatus{TaskID: t.info.TaskID, State: &state, Source: &source, Reason: reason}
	if message != "" {
		s.Message = &message
	}
	if source == mesos.SOURCE_EXECUTOR {
		ip := address(t.r.o.Hostname)
		s.ContainerStatus = &mesos.ContainerStatus{
			ContainerID:  &mesos.ContainerID{Value: t.container},
			NetworkInfos: []mesos.NetworkInfo{{IPAddresses: []mesos.NetworkInfo_IPAddress{{Protocol: mesos.IPv4.Enum(), IPAddress: &ip}}}},
		}
		if pid != 0 {
			p := uint32(pid)
			s.ContainerStatus.ExecutorPID = &p
		}
	}
	t.report(s)
}

// newContainerID draws a version 4 UUID.
func newContainerID() string {
	b := make([]byte, 16)
	rand.Read(b) // It never fails.
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

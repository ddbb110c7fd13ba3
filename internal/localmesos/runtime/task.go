package runtime

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// task is one run of a task, from fetching to the end of its processes. One goroutine, in run, does everything
// and reports; the others only leave a wish in it and ring.
type task struct {
	r         *Runtime
	framework mesos.FrameworkInfo
	info      mesos.TaskInfo
	container string
	sandbox   string
	report    func(mesos.TaskStatus)
	ctx       context.Context // of the fetching
	cancel    context.CancelFunc
	bell      chan struct{} // of capacity 1

	mu       sync.Mutex
	killed   bool
	first    time.Time // when the first kill came
	deadline time.Time // when SIGTERM has had its time
	vanished bool      // nothing is reported any more
	process  *process  // nil while there is none
}

// run is the life of the task.
func (t *task) run() {
	if problem := t.unsupported(); problem != "" {
		t.say(mesos.TASK_FAILED, mesos.SOURCE_AGENT, mesos.REASON_CONTAINER_LAUNCH_FAILED.Enum(), "Failed to launch container: "+problem)
		return
	}
	credential, err := t.prepare()
	if err != nil {
		t.say(t.dropped(), mesos.SOURCE_AGENT, mesos.REASON_EXECUTOR_TERMINATED.Enum(), err.Error())
		return
	}
	if err = t.fetch(credential); err == nil {
		err = t.placeSecrets(credential)
	}
	killed, vanished := t.wishes()
	if killed {
		// An agent answers so while the executor, which would know better, is not there yet (Slave::killTask).
		t.say(mesos.TASK_KILLED, mesos.SOURCE_AGENT, mesos.REASON_EXECUTOR_UNREGISTERED.Enum(), "Unregistered executor")
		return
	}
	if vanished {
		return
	}
	if err != nil {
		t.say(mesos.TASK_FAILED, mesos.SOURCE_AGENT, mesos.REASON_CONTAINER_LAUNCH_FAILED.Enum(),
			fmt.Sprintf("Failed to launch container: Failed to fetch all URIs for container '%s': exited with status 1", t.container))
		return
	}
	t.execute(credential)
}

// unsupported says what of the task cannot be had here; empty for nothing.
func (t *task) unsupported() string {
	if !pathElement(t.info.TaskID.Value) || !pathElement(t.framework.ID.GetValue()) {
		return "the ids of the task and of its framework must be names of directories"
	}
	c := t.info.Command
	if c == nil {
		return "only command tasks can be run here: local Mesos has no executors of frameworks"
	}
	if i := t.info.Container; i != nil && (i.GetType() == mesos.ContainerInfo_DOCKER || i.Docker != nil || i.GetMesos().GetImage() != nil) {
		return "images cannot be run here: local Mesos starts plain processes"
	}
	return t.unresolved()
}

// dropped is the state of a task that never started: TASK_LOST for those who do not know better.
func (t *task) dropped() mesos.TaskState {
	if t.can(mesos.FrameworkInfo_Capability_PARTITION_AWARE) {
		return mesos.TASK_DROPPED
	}
	return mesos.TASK_LOST
}

func (t *task) can(capability mesos.FrameworkInfo_Capability_Type) bool {
	for _, c := range t.framework.Capabilities {
		if c.Type == capability {
			return true
		}
	}
	return false
}

// execute runs the command and reports its states.
func (t *task) execute(credential *syscall.Credential) {
	p, err := t.start(credential)
	// The process is there before the first status, so that all of them carry its number.
	t.say(mesos.TASK_STARTING, mesos.SOURCE_EXECUTOR, nil, "")
	t.say(mesos.TASK_RUNNING, mesos.SOURCE_EXECUTOR, nil, "")
	if err != nil {
		// The launcher of Mesos is a process of its own, so it seems to run until exec(2) fails in it.
		t.log("Failed to execute command: %v", err)
		t.say(mesos.TASK_FAILED, mesos.SOURCE_EXECUTOR, nil, "Command exited with status 1")
		return
	}
	t.finish(p, t.attend(p))
}

// start starts the command of the task.
func (t *task) start(credential *syscall.Credential) (*process, error) {
	cmd, err := t.command()
	if err != nil {
		return nil, err
	}
	defer closeOutput(cmd)
	p, err := start(cmd, credential, "MESOS_SANDBOX="+t.sandbox)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.process = p
	return p, nil
}

// verdict says why a task ended.
type verdict int

const (
	byItself verdict = iota
	byKill
	byTimeLimit
)

// attend waits for the end of the process and grants the wishes of others meanwhile.
func (t *task) attend(p *process) verdict {
	why, terminated := byItself, false
	alarm := time.NewTimer(0)
	alarm.Stop()
	defer alarm.Stop()
	var limit <-chan time.Time
	if d := t.info.MaxCompletionTime; d != nil {
		timer := time.NewTimer(time.Duration(d.Nanoseconds))
		defer timer.Stop()
		limit = timer.C
	}
	for {
		select {
		case <-p.ended:
			return why
		case <-alarm.C:
			p.signal(syscall.SIGKILL)
		case <-limit:
			if !terminated {
				why = byTimeLimit
				t.kill(t.grace(nil))
			}
		case <-t.bell:
			killed, vanished := t.wishes()
			if vanished {
				p.signal(syscall.SIGKILL)
				continue
			}
			if killed && !terminated {
				terminated = true
				if why == byItself {
					why = byKill
					t.killing()
				}
				p.signal(syscall.SIGTERM)
			}
			if killed {
				alarm.Reset(t.remaining())
			}
		}
	}
}

// killing tells the frameworks that want to know that a kill has begun.
func (t *task) killing() {
	if t.can(mesos.FrameworkInfo_Capability_TASK_KILLING_STATE) {
		t.say(mesos.TASK_KILLING, mesos.SOURCE_EXECUTOR, nil, "")
	}
}

// remaining is the rest of the grace.
func (t *task) remaining() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Until(t.deadline)
}

// finish reports how the process ended.
func (t *task) finish(p *process, why verdict) {
	state, message := mesos.TASK_FINISHED, "Command exited with status 0"
	if s, ok := p.state().Sys().(syscall.WaitStatus); ok && s.Signaled() {
		name := s.Signal().String()
		state, message = mesos.TASK_FAILED, "Command terminated with signal "+strings.ToUpper(name[:1])+name[1:]
	} else if code := p.state().ExitCode(); code != 0 {
		state, message = mesos.TASK_FAILED, "Command exited with status "+strconv.Itoa(code)
	}
	var reason *mesos.TaskStatus_Reason
	switch why {
	case byItself:
	case byKill:
		state = mesos.TASK_KILLED
	case byTimeLimit:
		state, reason = mesos.TASK_FAILED, mesos.REASON_MAX_COMPLETION_TIME_REACHED.Enum()
	}
	t.say(state, mesos.SOURCE_EXECUTOR, reason, message)
}

// grace is how long the task may take to end: what the call says, else what the task says, else 3 s.
func (t *task) grace(policy *mesos.KillPolicy) time.Duration {
	for _, p := range []*mesos.KillPolicy{policy, t.info.KillPolicy} {
		if p != nil && p.GracePeriod != nil {
			return max(0, time.Duration(p.GracePeriod.Nanoseconds))
		}
	}
	return 3 * time.Second
}

// kill wishes the end of the task. A second kill may only shorten the grace, as it counts from the first
// (CommandExecutor::kill).
func (t *task) kill(grace time.Duration) {
	t.mu.Lock()
	now := time.Now()
	if !t.killed {
		t.killed, t.first = true, now
		t.deadline = now.Add(grace)
	}
	if d := t.first.Add(grace); d.Before(t.deadline) {
		t.deadline = d
	}
	t.mu.Unlock()
	t.cancel() // Fetching stops.
	t.ring()
}

// vanish ends the task without a word.
func (t *task) vanish() {
	t.mu.Lock()
	t.vanished = true
	t.mu.Unlock()
	t.cancel()
	t.ring()
}

func (t *task) ring() {
	select {
	case t.bell <- struct{}{}:
	default: // It rings already.
	}
}

func (t *task) wishes() (killed, vanished bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.killed, t.vanished
}

func (t *task) signal(s syscall.Signal) error {
	t.mu.Lock()
	p := t.process
	t.mu.Unlock()
	if p == nil {
		return fmt.Errorf("task %s has no process", t.info.TaskID.Value)
	}
	p.signal(s)
	return nil
}

// say reports a state, without holding a lock.
func (t *task) say(state mesos.TaskState, source mesos.TaskStatus_Source, reason *mesos.TaskStatus_Reason, message string) {
	t.mu.Lock()
	vanished, p := t.vanished, t.process
	t.mu.Unlock()
	if vanished {
		return
	}
	s := mesos.TaskStatus{TaskID: t.info.TaskID, State: &state, Source: &source, Reason: reason}
	if message != "" {
		s.Message = &message
	}
	if source == mesos.SOURCE_EXECUTOR {
		ip := t.r.ip
		s.ContainerStatus = &mesos.ContainerStatus{
			ContainerID:  &mesos.ContainerID{Value: t.container},
			NetworkInfos: []mesos.NetworkInfo{{IPAddresses: []mesos.NetworkInfo_IPAddress{{Protocol: mesos.IPv4.Enum(), IPAddress: &ip}}}},
		}
		if p != nil {
			pid := uint32(p.pid)
			s.ContainerStatus.ExecutorPID = &pid
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

package executor

import (
	"maps"
	"slices"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Behaviour is what a scripted task does. The zero value runs until it is killed.
type Behaviour struct {
	// Start is the time before TASK_STARTING and TASK_RUNNING.
	Start time.Duration
	// End is the time after TASK_RUNNING at which the task ends; 0 for never.
	End time.Duration
	// State and Message are those of the end; TASK_FINISHED when State is nil.
	State   *mesos.TaskState
	Message string
	// FailToStart ends the task before it runs.
	FailToStart bool
	// Over, when set, is called once when the task is over, with its machine or without.
	Over func()
}

// Scripted runs tasks without processes: each does what the script says.
type Scripted struct {
	script func(mesos.TaskInfo) Behaviour

	mu    sync.Mutex
	tasks map[string]*scriptedTask
	dead  bool
}

type scriptedTask struct {
	info   mesos.TaskInfo
	report func(mesos.TaskStatus)
	over   func()
	timer  *time.Timer
}

// NewScripted returns a runtime for AgentOptions; a nil script runs every task until it is killed.
func NewScripted(script func(mesos.TaskInfo) Behaviour) func(string) (Runtime, error) {
	if script == nil {
		script = func(mesos.TaskInfo) Behaviour { return Behaviour{} }
	}
	return func(string) (Runtime, error) {
		return &Scripted{script: script, tasks: make(map[string]*scriptedTask)}, nil
	}
}

// Launch implements Runtime.
func (s *Scripted) Launch(_ mesos.FrameworkInfo, info mesos.TaskInfo, report func(mesos.TaskStatus)) {
	b := s.script(info)
	t := &scriptedTask{info: info, report: report, over: b.Over}
	if t.over == nil {
		t.over = func() {}
	}
	s.mu.Lock()
	if s.dead {
		s.mu.Unlock()
		t.over()
		return
	}
	s.tasks[info.TaskID.Value] = t
	s.mu.Unlock()
	if b.Start > 0 {
		s.after(t, b.Start, func() { s.start(t, b) })
		return
	}
	s.start(t, b)
}

func (s *Scripted) after(t *scriptedTask, d time.Duration, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tasks[t.info.TaskID.Value] == t {
		t.timer = time.AfterFunc(d, f)
	}
}

func (s *Scripted) start(t *scriptedTask, b Behaviour) {
	if !s.knows(t) {
		return
	}
	if b.FailToStart {
		s.end(t, mesos.TASK_FAILED, b.Message)
		return
	}
	t.report(status(t, mesos.TASK_STARTING, ""))
	if s.knows(t) {
		t.report(status(t, mesos.TASK_RUNNING, ""))
	}
	if b.End > 0 {
		state := mesos.TASK_FINISHED
		if b.State != nil {
			state = *b.State
		}
		s.after(t, b.End, func() { s.end(t, state, b.Message) })
	}
}

func (s *Scripted) knows(t *scriptedTask) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tasks[t.info.TaskID.Value] == t
}

// end reports the end of a task once.
func (s *Scripted) end(t *scriptedTask, state mesos.TaskState, message string) {
	s.mu.Lock()
	known := s.tasks[t.info.TaskID.Value] == t
	if known {
		delete(s.tasks, t.info.TaskID.Value)
		if t.timer != nil {
			t.timer.Stop()
		}
	}
	s.mu.Unlock()
	if known {
		t.over()
		t.report(status(t, state, message))
	}
}

// End ends a task as a test wants it to, and says whether there was one.
func (s *Scripted) End(taskID string, state mesos.TaskState, message string) bool {
	s.mu.Lock()
	t := s.tasks[taskID]
	s.mu.Unlock()
	if t == nil {
		return false
	}
	s.end(t, state, message)
	return true
}

// Kill implements Runtime. It does not wait, as the master holds its lock.
func (s *Scripted) Kill(taskID string, _ *mesos.KillPolicy) {
	s.mu.Lock()
	t := s.tasks[taskID]
	s.mu.Unlock()
	if t != nil {
		go s.end(t, mesos.TASK_KILLED, "Command terminated with signal Terminated")
	}
}

// Tasks lists the ids of the tasks that run.
func (s *Scripted) Tasks() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.tasks))
}

// Close implements Runtime: the tasks vanish with the machine.
func (s *Scripted) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
	for _, t := range s.tasks {
		if t.timer != nil {
			t.timer.Stop()
		}
		t.over()
	}
	clear(s.tasks)
	return nil
}

func status(t *scriptedTask, state mesos.TaskState, message string) mesos.TaskStatus {
	s := mesos.TaskStatus{TaskID: t.info.TaskID, State: &state, Source: mesos.SOURCE_EXECUTOR.Enum()}
	if message != "" {
		s.Message = &message
	}
	return s
}

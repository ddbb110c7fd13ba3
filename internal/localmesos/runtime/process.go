package runtime

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is a started command with all that it started itself. It leads a session and a group of its own.
type process struct {
	pid int
	// mark is an entry of the environment that every process of the task inherits and no other has.
	mark  string
	cmd   *exec.Cmd
	ended chan struct{} // closed when the command ended and nothing of the session is left

	mu   sync.Mutex
	gone bool // the command was waited for, so its number may belong to another process
}

// start starts a command. It is ended together with this process where the system can do that (see
// attributes).
func start(cmd *exec.Cmd, credential *syscall.Credential, mark string) (*process, error) {
	p := &process{cmd: cmd, mark: mark, ended: make(chan struct{})}
	cmd.SysProcAttr = attributes()
	cmd.SysProcAttr.Credential = credential
	started := make(chan error)
	go func() {
		// The kernel sends the signal of Pdeathsig when the thread that started a process ends, not when the
		// process does (prctl(2)). This goroutine keeps its thread until the command has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		p.wait()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// wait waits for the command and ends what it left behind. The number of a process that nobody waited for stays
// taken, so nothing that happens to get the same one is ever signalled.
func (p *process) wait() {
	if !awaitExit(p.pid) {
		_ = p.cmd.Wait() // ProcessState says how it ended.
		p.signal(syscall.SIGKILL)
		p.mu.Lock()
		p.gone = true
		p.mu.Unlock()
		return
	}
	for pause := time.Millisecond; p.signal(syscall.SIGKILL) && pause < time.Second; pause *= 2 {
		time.Sleep(pause) // They are dead but not gone yet; there is nothing to wait on, as they are not our children.
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Wait() // As above.
	p.gone = true
}

// signal sends a signal to the group of the command and to whatever else belongs to it, and says whether there is
// anything beside the command.
func (p *process) signal(s syscall.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return false
	}
	_ = syscall.Kill(-p.pid, s) // The group may just have ended.
	others := false
	for _, m := range members(p.pid, p.mark) {
		if m.pid == p.pid {
			continue
		}
		others = true
		if m.group != p.pid {
			_ = syscall.Kill(m.pid, s) // As above.
		}
	}
	return others
}

// member is a live process of a task.
type member struct{ pid, group int }

// state is how the command ended; only after ended is closed.
func (p *process) state() *os.ProcessState { return p.cmd.ProcessState }

package runtime

import (
	"os/exec"
	"runtime"
	"syscall"
)

// processAttributes give the process a session of its own, and have the kernel kill it when this process dies,
// so that a killed local Mesos leaves nothing behind.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// runOnThread starts the process and waits for it on one operating system thread: Pdeathsig is sent when the
// thread that started a process ends, not the process (prctl(2)).
func runOnThread(cmd *exec.Cmd, started, ended chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	ended <- cmd.Wait()
}

//go:build !linux

package runtime

import (
	"os/exec"
	"syscall"
)

// processAttributes give the process a session of its own. Only Linux can also tie it to the life of this one.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func runOnThread(cmd *exec.Cmd, started, ended chan<- error) {
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	ended <- cmd.Wait()
}

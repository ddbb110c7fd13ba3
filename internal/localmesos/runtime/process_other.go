//go:build !linux

package runtime

import "syscall"

// attributes give a command a session of its own. Only Linux can also tie it to the life of this process.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// awaitExit cannot tell without waitid(2).
func awaitExit(int) bool { return false }

// members knows nobody: without /proc only the process group is reached.
func members(int, string) []member { return nil }

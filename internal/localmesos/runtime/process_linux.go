package runtime

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes give a command a session of its own, and have the kernel kill it when this process dies, however that
// happens. That reaches the command alone: what it forked goes only if it notices, so a shell command should `exec`
// its program, as our start script does.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit returns when a child has ended, and leaves it to be waited for; false says that it cannot tell.
func awaitExit(pid int) bool {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}

// members finds the live processes of a task: those of the session and the group, descendants, and those with the
// mark in their environment, which are the daemons that left all three.
func members(leader int, mark string) []member {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []member
	ours := map[int]bool{leader: true}
	rest := make(map[int]stat)
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		st, ok := readStat(pid)
		if !ok {
			continue
		}
		if st.group == leader || st.session == leader || marked(pid, mark) {
			ours[pid] = true
			found = append(found, member{pid: pid, group: st.group})
			continue
		}
		rest[pid] = st
	}
	// A child may have a lower number than its parent, so look until there are no more.
	for more := true; more; {
		more = false
		for pid, st := range rest {
			if ours[st.parent] {
				ours[pid], more = true, true
				found = append(found, member{pid: pid, group: st.group})
				delete(rest, pid)
			}
		}
	}
	return found
}

type stat struct{ parent, group, session int }

// readStat reads /proc/PID/stat (proc(5)); not of a process that is dead and only waited for.
func readStat(pid int) (stat, bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	// The name may hold blanks and brackets; the rest may not.
	text := string(data)
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(f) < 4 || f[0] == "Z" || f[0] == "X" {
		return stat{}, false
	}
	var n [3]int
	for i := range n {
		if n[i], err = strconv.Atoi(f[i+1]); err != nil {
			return stat{}, false
		}
	}
	return stat{parent: n[0], group: n[1], session: n[2]}, true
}

// marked says whether a process was started with an entry in its environment.
func marked(pid int, mark string) bool {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false // It belongs to another user, or has just ended.
	}
	return bytes.HasPrefix(env, []byte(mark+"\x00")) || bytes.Contains(env, []byte("\x00"+mark+"\x00"))
}

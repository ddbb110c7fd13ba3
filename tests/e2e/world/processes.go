package world

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// processes lists the processes of this machine whose environment has a variable, with the whole of the environment.
// Those of other users are left out unless the test may read them.
func (w *World) processes(name, value string) map[int]map[string]string {
	w.t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		w.t.Fatal(err)
	}
	found := make(map[int]map[string]string)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err != nil || !bytes.Contains(append([]byte{0}, text...), []byte("\x00"+name+"="+value+"\x00")) {
			continue
		}
		env := make(map[string]string)
		for entry := range bytes.SplitSeq(text, []byte{0}) {
			k, v, _ := strings.Cut(string(entry), "=")
			env[k] = v
		}
		found[pid] = env
	}
	return found
}

// Pids finds the processes of a task's command on this machine: those with the variable that Mesos sets, which for
// command tasks is the task's id. Mesos' own executor has it too, and is none of them.
func (w *World) Pids(taskID string) []int {
	w.t.Helper()
	var pids []int
	for pid := range w.processes("MESOS_EXECUTOR_ID", taskID) {
		program, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
		if err != nil || !strings.Contains(filepath.Base(program), "mesos-") { // Also lt-mesos-executor of a build.
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// Signal sends a signal to the processes of a task.
func (w *World) Signal(taskID string, s syscall.Signal) {
	w.t.Helper()
	pids := w.Pids(taskID)
	if len(pids) == 0 {
		w.t.Skipf("task %s has no process on this machine", taskID)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil && err != syscall.ESRCH { //nolint:errorlint // Errno is compared as it is.
			w.t.Fatalf("signal task %s: %v", taskID, err)
		}
	}
}

// Sandboxes lists the sandboxes on this machine of all tasks of the service, also of those that have ended: an agent
// keeps them below the same directory as those of the tasks that run. It is empty when no task runs.
func (w *World) Sandboxes() []string {
	w.t.Helper()
	framework := w.FrameworkID()
	if framework == "" {
		return nil
	}
	var all []string
	for _, env := range w.processes("MESOS_FRAMEWORK_ID", framework) {
		// WORK_DIR/slaves/AGENT/frameworks/FRAMEWORK/executors/EXECUTOR/runs/CONTAINER
		agent, _, ok := strings.Cut(env["MESOS_DIRECTORY"], "/frameworks/"+framework+"/")
		if !ok {
			continue
		}
		runs, err := filepath.Glob(filepath.Join(agent, "frameworks", framework, "executors", "*", "runs", "*"))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, run := range runs {
			if filepath.Base(run) != "latest" && !slices.Contains(all, run) {
				all = append(all, run)
			}
		}
	}
	slices.Sort(all)
	return all
}

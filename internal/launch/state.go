package launch

import (
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// sandbox stands in a command for the absolute path of the task's sandbox, which only the shell knows.
const sandbox = "/sandbox.invalid"

// What Flink keeps on the volumes of a TaskManager.
const (
	workingDir = "process.taskmanager.working-dir"
	rocksDir   = "state.backend.rocksdb.localdir"
)

// resourceID is what Flink calls a process. A TaskManager that replaces another one on its volume has the name of
// that one, by which Flink finds the state that it left (local recovery); with dynamic allocation Flink itself has
// named it.
func resourceID(l state.Launch) string {
	if l.Task.Kind == spec.TaskManagerTask && l.Spec.Allocation == spec.Static && l.Task.Reservation != "" {
		return l.Task.Reservation
	}
	return l.Task.ID
}

// stateArguments have Flink keep its local state on the persistent volumes, unless the configuration says where.
func stateArguments(l state.Launch) []string {
	volumes := l.Spec.TaskManager.PersistentVolumes
	if len(volumes) == 0 {
		return nil
	}
	var args []string
	if l.Spec.FlinkConfiguration[workingDir] == "" {
		args = append(args, "-D", workingDir+"="+sandbox+"/"+volumes[0].ContainerPath)
	}
	if l.Spec.FlinkConfiguration[rocksDir] == "" {
		var dirs []string
		for _, v := range volumes {
			dirs = append(dirs, sandbox+"/"+v.ContainerPath+"/rocksdb")
		}
		args = append(args, "-D", rocksDir+"="+strings.Join(dirs, ","))
	}
	return args
}

// sweep removes from the volumes what the TaskManager before left and Flink does not look at again: the directory of
// a process with another name, and the databases of one that was killed, of which the checkpoints have copies.
func sweep(l state.Launch) string {
	if l.Task.Kind != spec.TaskManagerTask {
		return ""
	}
	var b strings.Builder
	for i, v := range l.Spec.TaskManager.PersistentVolumes {
		if l.Spec.FlinkConfiguration[rocksDir] == "" {
			b.WriteString("rm -rf " + v.ContainerPath + "/rocksdb\n")
		}
		if i == 0 && l.Spec.FlinkConfiguration[workingDir] == "" {
			b.WriteString("for d in " + v.ContainerPath + "/tm_*; do [ \"$d\" = " + v.ContainerPath + "/tm_" + resourceID(l) + " ] || rm -rf \"$d\"; done\n")
		}
	}
	return b.String()
}

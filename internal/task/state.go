package task

// State is a state of a Mesos task without the prefix TASK_.
type State string

// The states that Mesos reports (mesos.proto, TaskState).
const (
	Staging        State = "STAGING"
	Starting       State = "STARTING"
	Running        State = "RUNNING"
	Killing        State = "KILLING"
	Finished       State = "FINISHED"
	Failed         State = "FAILED"
	Killed         State = "KILLED"
	Error          State = "ERROR"
	Lost           State = "LOST"
	Dropped        State = "DROPPED"
	Unreachable    State = "UNREACHABLE"
	Gone           State = "GONE"
	GoneByOperator State = "GONE_BY_OPERATOR"
	Unknown        State = "UNKNOWN"
)

// Terminal says that the task will never run again. LOST is terminal for a framework
// with PARTITION_AWARE, which never gets it for a task that may come back; UNREACHABLE
// and UNKNOWN are not.
func (s State) Terminal() bool {
	switch s {
	case Finished, Failed, Killed, Error, Lost, Dropped, Gone, GoneByOperator:
		return true
	case Staging, Starting, Running, Killing, Unreachable, Unknown:
		return false
	}
	return false
}

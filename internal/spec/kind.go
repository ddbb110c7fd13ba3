package spec

// TaskKind is what a Mesos task is in its Flink cluster.
type TaskKind string

// The roles of a task.
const (
	JobManagerTask  TaskKind = "jobmanager"
	TaskManagerTask TaskKind = "taskmanager"
)

package client

import (
	"encoding/json"
	"slices"
	"time"
)

// maxRun bounds a program's main method.
const maxRun = time.Hour

// JobState is Flink's JobStatus.
type JobState string

// The states of a job that commands look for.
const (
	JobRunning   JobState = "RUNNING"
	JobFinished  JobState = "FINISHED"
	JobFailed    JobState = "FAILED"
	JobCanceled  JobState = "CANCELED"
	JobSuspended JobState = "SUSPENDED"
)

// Over says that the job will never run again (Flink's globally terminal states).
func (s JobState) Over() bool {
	return slices.Contains([]JobState{JobFinished, JobFailed, JobCanceled}, s)
}

// Millis is a point in time as Flink writes it: milliseconds since 1970, -1 for never.
type Millis int64

// Time returns the point in time, the zero time for never.
func (m Millis) Time() time.Time {
	if m <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// Jobs is the answer of /jobs/overview.
type Jobs struct {
	Jobs []JobRow        `json:"jobs"`
	Raw  json.RawMessage `json:"-"`
}

// JobRow is a job in the list.
type JobRow struct {
	ID    string   `json:"jid"`
	Name  string   `json:"name"`
	State JobState `json:"state"`
	Start Millis   `json:"start-time"`
	End   Millis   `json:"end-time"`
	// Duration is in milliseconds.
	Duration int64          `json:"duration"`
	Tasks    map[string]int `json:"tasks"`
}

// JobDetail is the answer of /jobs/:id.
type JobDetail struct {
	ID    string   `json:"jid"`
	Name  string   `json:"name"`
	State JobState `json:"state"`
	Start Millis   `json:"start-time"`
	End   Millis   `json:"end-time"`
	// Duration is in milliseconds.
	Duration       int64           `json:"duration"`
	MaxParallelism int             `json:"maxParallelism"`
	Vertices       []Vertex        `json:"vertices"`
	Raw            json.RawMessage `json:"-"`
}

// Vertex is one operator chain of a job.
type Vertex struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Parallelism int            `json:"parallelism"`
	Status      string         `json:"status"`
	Duration    int64          `json:"duration"`
	Tasks       map[string]int `json:"tasks"`
	Metrics     struct {
		ReadRecords  int64 `json:"read-records"`
		WriteRecords int64 `json:"write-records"`
		ReadBytes    int64 `json:"read-bytes"`
		WriteBytes   int64 `json:"write-bytes"`
	} `json:"metrics"`
}

// Exceptions is the answer of /jobs/:id/exceptions.
type Exceptions struct {
	History struct {
		Entries   []ExceptionEntry `json:"entries"`
		Truncated bool             `json:"truncated"`
	} `json:"exceptionHistory"`
	Raw json.RawMessage `json:"-"`
}

// ExceptionEntry is one failure of a job.
type ExceptionEntry struct {
	Name       string `json:"exceptionName"`
	StackTrace string `json:"stacktrace"`
	Timestamp  Millis `json:"timestamp"`
	// TaskName, Endpoint and TaskManagerID are empty for a failure of the whole job.
	TaskName      string `json:"taskName"`
	Endpoint      string `json:"endpoint"`
	TaskManagerID string `json:"taskManagerId"`
}

// Checkpoints is the answer of /jobs/:id/checkpoints.
type Checkpoints struct {
	Counts struct {
		Restored   int `json:"restored"`
		Total      int `json:"total"`
		InProgress int `json:"in_progress"`
		Completed  int `json:"completed"`
		Failed     int `json:"failed"`
	} `json:"counts"`
	History []Checkpoint `json:"history"`
	Latest  struct {
		// Restored is where the job had its state from; nil for nowhere.
		Restored *struct {
			IsSavepoint  bool   `json:"is_savepoint"`
			ExternalPath string `json:"external_path"`
		} `json:"restored"`
	} `json:"latest"`
	Raw json.RawMessage `json:"-"`
}

// Checkpoint is one checkpoint or savepoint of a job.
type Checkpoint struct {
	ID          int64  `json:"id"`
	Status      string `json:"status"`
	IsSavepoint bool   `json:"is_savepoint"`
	Triggered   Millis `json:"trigger_timestamp"`
	// StateSize is in bytes, Duration in milliseconds.
	StateSize    int64  `json:"state_size"`
	Duration     int64  `json:"end_to_end_duration"`
	ExternalPath string `json:"external_path"`
	Failure      string `json:"failure_message"`
}

// Accumulator is a value that user code counted.
type Accumulator struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Metric is a metric of a job and its value.
type Metric struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

// Jars is the answer of /jars.
type Jars struct {
	Files []Jar           `json:"files"`
	Raw   json.RawMessage `json:"-"`
}

// Jar is a jar that was uploaded to a JobManager.
type Jar struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Uploaded Millis `json:"uploaded"`
	Entry    []struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	} `json:"entry"`
}

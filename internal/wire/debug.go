package wire

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// DebugState is what the decisions are made from, for people who look for a fault. It has no spec, and so no secret.
type DebugState struct {
	Framework     DebugFramework `json:"framework"`
	Master        string         `json:"master"`
	MasterVersion string         `json:"masterVersion,omitempty"`
	MasterRegion  string         `json:"masterRegion,omitempty"`
	Connected     bool           `json:"connected"`
	// Suppressed says that the master was told to send no offers; AskAgain is when offers are asked for anew.
	Suppressed bool       `json:"suppressed"`
	AskAgain   *time.Time `json:"askAgain,omitempty"`
	// Reconciliation is what the master was asked for and has not answered yet.
	Reconciliation DebugReconciliation `json:"reconciliation"`
	Clusters       []DebugCluster      `json:"clusters"`
	Tasks          []DebugTask         `json:"tasks"`
	// Waiting are the wanted tasks without a place.
	Waiting []DebugWaiting `json:"waiting"`
	Agents  []DebugAgent   `json:"agents"`
	// Reservations are what is reserved on agents, or is to be given back.
	Reservations []task.Reservation `json:"reservations"`
	// OrphanedHAData are the deleted clusters, by name and nonce, whose high availability data is still to be removed.
	OrphanedHAData []string `json:"leftovers"`
}

// DebugFramework is the registration with Mesos.
type DebugFramework struct {
	ID string `json:"id"`
	// Previous are the ids that the master removed, the newest last.
	Previous []string `json:"previous,omitempty"`
	// Paused says that task launches of all clusters are paused.
	Paused bool `json:"paused,omitempty"`
}

// DebugReconciliation is an explicit reconciliation, if one is under way, and when the implicit one comes.
type DebugReconciliation struct {
	// Open are the ids of the tasks whose state Mesos has not said yet.
	Open     []string   `json:"open"`
	Attempt  int        `json:"attempt"`
	Next     *time.Time `json:"next,omitempty"`
	Implicit time.Time  `json:"implicit"`
}

// DebugCluster is a cluster with its counts: every number is of tasks.
type DebugCluster struct {
	Name       string `json:"name"`
	Nonce      string `json:"nonce"`
	State      State  `json:"state"`
	Generation int64  `json:"generation"`
	Paused     bool   `json:"paused,omitempty"`
	// Changing says that a change waits for jobs to be stopped.
	Changing     bool     `json:"changing,omitempty"`
	JobManagers  []string `json:"jobManagers"`
	TaskManagers int      `json:"taskManagers"`
	Running      int      `json:"running"`
	Releasing    int      `json:"releasing"`
	Waiting      int      `json:"waiting"`
	// Driver is the conversation with Flink's ResourceManager; absent while there was none.
	Driver *DebugDriver `json:"driver,omitempty"`
	// Backoffs slow the starts of a role; absent for one that does not fail.
	Backoffs map[spec.TaskKind]DebugBackoff `json:"brakes,omitempty"`
}

// DebugDriver is the conversation with the driver of the JobManager that leads.
type DebugDriver struct {
	JobManager string `json:"jobManager"`
	Epoch      string `json:"epoch"`
	Version    int64  `json:"version"`
	// Wanted are the ids of the workers that Flink wants.
	Wanted []string `json:"wanted"`
}

// DebugBackoff is why a role's next start is not before a time.
type DebugBackoff struct {
	Failures int       `json:"failures"`
	Until    time.Time `json:"until"`
	Reason   string    `json:"reason"`
}

// DebugTask is a task with its cluster.
type DebugTask struct {
	Cluster    string `json:"cluster"`
	Generation int64  `json:"generation"`
	// Killing says that it was or is to be killed and is not known to have ended, Unreachable that its agent is not heard.
	Killing     bool `json:"killing,omitempty"`
	Unreachable bool `json:"unreachable,omitempty"`
	TaskStatus
}

// DebugWaiting is a wanted task without a place, with its cluster.
type DebugWaiting struct {
	Cluster string `json:"cluster"`
	Waiting
}

// DebugAgent is what is remembered of an agent.
type DebugAgent struct {
	ID       string `json:"id"`
	Hostname string `json:"hostname"`
	// Offered is when its last offer came.
	Offered *time.Time `json:"offered,omitempty"`
	// Failures counts the starts that failed there one after the other, Avoided is until when it is left out for that.
	Failures int        `json:"failures,omitempty"`
	Avoided  *time.Time `json:"avoided,omitempty"`
	// Draining and Unavailable say that it will not be there.
	Draining    bool       `json:"draining,omitempty"`
	Unavailable *time.Time `json:"unavailable,omitempty"`
}

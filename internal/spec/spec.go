// Package spec owns what a user asks for: the spec of a cluster, its defaults, its validation and
// its JSON form. It decides nothing and talks to nobody.
package spec

// Kind says what a cluster is for and when it ends.
type Kind string

// The kinds of cluster.
const (
	// Session runs until it is deleted; jobs are submitted to it.
	Session Kind = "session"
	// Application runs the main method of one user jar in its JobManager and ends with it.
	Application Kind = "application"
	// Job runs one job graph on a dedicated cluster and ends with it (flink-mesos' per-job mode).
	Job Kind = "job"
)

// Allocation says who decides how many TaskManagers there are.
type Allocation string

// The ways of allocation.
const (
	// Dynamic lets Flink's ResourceManager ask for TaskManagers and give them back.
	Dynamic Allocation = "dynamic"
	// Static keeps a fixed number of TaskManagers.
	Static Allocation = "static"
)

// Spec is what a user asks for. The names of its fields are those of a FlinkDeployment
// where the meaning is the same.
type Spec struct {
	// Name identifies the cluster within the service: lower-case letters, digits and
	// hyphens, 1 to 40 characters, starting with a letter.
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// FlinkVersion is a full version or a prefix of one ("2.3", "1.20.5"); empty means
	// the service's default version.
	FlinkVersion string `json:"flinkVersion,omitempty"`
	Flink
	// FlinkConfiguration takes every Flink option that the service does not own itself.
	FlinkConfiguration map[string]string `json:"flinkConfiguration,omitempty"`
	Allocation         Allocation        `json:"allocation,omitempty"`
	JobManager         JobManager        `json:"jobManager,omitzero"`
	// TaskManager is the shape of one TaskManager.
	TaskManager TaskManager `json:"taskManager,omitzero"`
	// TaskManagers says how many of them there are.
	TaskManagers TaskManagers `json:"taskManagers,omitzero"`
	// Job is what an application or job cluster runs; absent for a session.
	Job *JobSpec `json:"job,omitempty"`
	// Role is the Mesos role whose resources are used; empty means the service's first role.
	Role string `json:"role,omitempty"`
	// User is the operating system user of the tasks; empty means the service's default.
	User string `json:"user,omitempty"`
	// Environment is given to every task of the cluster.
	Environment map[string]string `json:"environment,omitempty"`
	// URIs are fetched into the sandbox of every task.
	URIs []URI `json:"uris,omitempty"`
	// Security protects what the processes of the cluster say to each other and to the service.
	Security Security `json:"security,omitzero"`
	Overlays
	// TaskOptions are those of both roles.
	TaskOptions
	// Recovery says how the cluster gets over failures.
	Recovery Recovery `json:"recovery,omitzero"`
	// Upgrade says what becomes of a change that turns out badly.
	Upgrade Upgrade `json:"upgrade,omitzero"`
	// Suspended keeps the spec and the jobs' savepoints, and no task.
	Suspended bool `json:"suspended,omitempty"`
	// RestartNonce restarts the cluster when it changes; its value means nothing.
	RestartNonce int64 `json:"restartNonce,omitempty"`
}

// Resources are what one task takes of an agent.
type Resources struct {
	// CPUs is a share of processors, to three decimals as in Mesos.
	CPUs float64 `json:"cpus,omitempty"`
	// Memory is the total process memory (Flink's *.memory.process.size).
	Memory Memory `json:"memory,omitempty"`
	// Disk is the size of the sandbox; 0 asks for none.
	Disk Memory `json:"disk,omitempty"`
	// GPUs is a whole number of GPUs.
	GPUs int `json:"gpus,omitempty"`
	// NetworkBandwidth is an amount of a scalar resource of the agents, in their unit (Mbit/s by custom); 0 asks for none.
	NetworkBandwidth float64 `json:"networkBandwidth,omitempty"`
	// NetworkResource is the name of that resource; empty means network_bandwidth.
	NetworkResource string `json:"networkResource,omitempty"`
	// Limits let the task use more than its cpus and memory, up to a bound; nil leaves that to the agents.
	Limits *Limits `json:"resourceLimits,omitempty"`
	// PersistentVolumes outlive the task: the one that replaces it on the same agent finds what it left.
	PersistentVolumes []PersistentVolume `json:"persistentVolumes,omitempty"`
	// Constraints are placement rules in Marathon's language: field, operator, optional value.
	Constraints [][]string `json:"constraints,omitempty"`
}

// JobManager is the shape of a JobManager task.
type JobManager struct {
	Resources
	TaskOptions
	Exposure
	// Replicas is the number of JobManagers, 1 or more; above 1 it needs high availability.
	Replicas int `json:"replicas,omitempty"`
	// Reserve has the resources of a JobManager reserved where it runs, so that they are there for the one
	// that replaces it.
	Reserve bool `json:"reserve,omitempty"`
}

// TaskManager is the shape of a TaskManager task.
type TaskManager struct {
	Resources
	TaskOptions
	Exposure
	// Slots is taskmanager.numberOfTaskSlots.
	Slots int `json:"slots,omitempty"`
	// Revocable allows resources that Mesos may take back at any time (oversubscription).
	Revocable bool `json:"revocable,omitempty"`
}

// TaskManagers says how many TaskManagers a cluster has.
type TaskManagers struct {
	// Count is the fixed number of a cluster with static allocation.
	Count int `json:"count,omitempty"`
	// Min and Max bound what Flink may ask for with dynamic allocation; Max 0 means no bound.
	Min int `json:"min,omitempty"`
	Max int `json:"max,omitempty"`
}

// JobSpec is the program of an application or job cluster.
type JobSpec struct {
	// JarURI is an uploaded artifact ("artifact:<sha256>/<name>") or a URI that the Mesos fetcher can get.
	JarURI string `json:"jarURI,omitempty"`
	// JobGraphURI is a serialized JobGraph, for kind job only.
	JobGraphURI string `json:"jobGraphURI,omitempty"`
	// Python is the main file of a Python job.
	Python string `json:"python,omitempty"`
	// EntryClass is the class with the main method; empty means the one in the jar's manifest.
	EntryClass  string   `json:"entryClass,omitempty"`
	Args        []string `json:"args,omitempty"`
	Parallelism int      `json:"parallelism,omitempty"`
	// InitialSavepointPath is restored at the first start, and whenever it changes.
	InitialSavepointPath string `json:"initialSavepointPath,omitempty"`
	// SavepointRedeployNonce has the job start from InitialSavepointPath again when it changes, whatever
	// newer state there is.
	SavepointRedeployNonce int64 `json:"savepointRedeployNonce,omitempty"`
	AllowNonRestoredState  bool  `json:"allowNonRestoredState,omitempty"`
	// AutoscalerResetNonce has the autoscaler forget its history and the parallelism that it has set when it changes.
	AutoscalerResetNonce int64 `json:"autoscalerResetNonce,omitempty"`
	// UpgradeMode says how the job's state survives a change of the spec; empty means stateless, or
	// last-state with high availability.
	UpgradeMode UpgradeMode `json:"upgradeMode,omitempty"`
	// Snapshots say when savepoints are taken by themselves, and how long they are kept.
	Snapshots *Snapshots `json:"snapshots,omitempty"`
}

// URI is a file that the Mesos fetcher brings into a sandbox.
type URI struct {
	Value      string `json:"value"`
	Extract    bool   `json:"extract,omitempty"`
	Executable bool   `json:"executable,omitempty"`
	Cache      bool   `json:"cache,omitempty"`
	// OutputFile is a path relative to the sandbox; empty means the last element of Value.
	OutputFile string `json:"outputFile,omitempty"`
}

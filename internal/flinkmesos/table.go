// Package flinkmesos reads what an installation of flink-mesos, the Mesos support of Flink 1.2 to 1.13,
// left: the mesos.* options in a flinkConfiguration, and whole configuration files and Marathon apps,
// which become the spec of a cluster. Each option is kept, translated, obsolete or refused, with the
// reason. It talks to nobody and never puts the value of an option into a note.
package flinkmesos

// Outcome is what becomes of an option.
type Outcome string

// The outcomes.
const (
	// Kept: the option has its old meaning under its old name.
	Kept Outcome = "kept"
	// Translated: a field of the spec has its meaning.
	Translated Outcome = "translated"
	// Obsolete: the option is accepted and has no effect on the cluster.
	Obsolete Outcome = "obsolete"
	// Refused: the option cannot be honoured.
	Refused Outcome = "refused"
)

// Option is one option of flink-mesos.
type Option struct {
	Key     string
	Outcome Outcome
	// Field is the field of the spec that has its meaning, for a translated one.
	Field string
	// Note says, as the end of a sentence that begins with the key, what has its meaning now or why nothing has.
	Note string
	read func(*reader, string)
}

// Options lists every option that flink-mesos had: the 28 of 1.13 in the order of its manual, then those of earlier
// versions.
func Options() []Option {
	const tasks = "mesos.resourcemanager.tasks."
	obsolete := func(key, note string) Option { return Option{Key: key, Outcome: Obsolete, Note: note} }
	translated := func(key, field, note string, read func(*reader, string)) Option {
		return Option{Key: key, Outcome: Translated, Field: field, Note: note, read: read}
	}
	return []Option{
		obsolete("mesos.master", "is the service's to know: MESOS_MASTER"),
		obsolete("mesos.failover-timeout", "is the service's to set: FRAMEWORK_FAILOVER_TIMEOUT"),
		obsolete("mesos.resourcemanager.framework.name", "is the service's to set: FRAMEWORK_NAME; a cluster's tasks carry its own name"),
		translated("mesos.resourcemanager.framework.role", "role", "is the role of the cluster, one of those in the service's MESOS_ROLES", (*reader).role),
		obsolete("mesos.resourcemanager.framework.principal", "is the service's to know: MESOS_PRINCIPAL"),
		{
			Key: "mesos.resourcemanager.framework.secret", Outcome: Refused,
			Note: "is the service's to know (MESOS_SECRET) and has no place in a cluster's spec: remove it",
		},
		translated("mesos.resourcemanager.framework.user", "user", "is the user of the cluster's tasks", (*reader).user),
		obsolete("mesos.resourcemanager.artifactserver.port", "has no meaning: files are served on the service's one port, LISTEN"),
		obsolete("mesos.resourcemanager.artifactserver.ssl.enabled", "has no meaning: files are served on the service's one port, under secret paths that expire; for TLS set LISTEN_CERTIFICATE_FILE of the service"),
		obsolete("mesos.resourcemanager.declined-offer-refuse-duration", "is the service's to set: OFFER_REFUSE_DURATION"),
		obsolete("mesos.resourcemanager.unused-offer-expiration", "has no meaning: offers are never held"),
		translated(tasks+"port-assignments", "taskManager.ports", "gives each of the options a port of the offer", (*reader).ports),
		{
			Key: "mesos.constraints.hard.hostattribute", Outcome: Kept, Field: "taskManager.constraints",
			Note: "means what it meant, beside taskManager.constraints; an entry that is not name:value is an error now", read: (*reader).attributes,
		},
		translated("mesos.resourcemanager.network.resource.name", "taskManager.networkResource", "names the scalar resource of bandwidth", (*reader).networkResource),
		translated(tasks+"bootstrap-cmd", "taskManager.bootstrap", "is run before Flink", (*reader).bootstrap),
		{
			Key: tasks + "taskmanager-cmd", Outcome: Refused, read: (*reader).taskManagerCommand,
			Note: "cannot be set, except to its default: the service starts Flink by its own script; use taskManager.bootstrap for what comes before it",
		},
		translated(tasks+"container.type", "taskManager.container.type", "is the type of container", (*reader).containerType),
		translated(tasks+"container.image.name", "taskManager.container.image", "is the image; it needs a Java, Flink is fetched", (*reader).image),
		translated(tasks+"container.volumes", "taskManager.container.volumes", "are the volumes", (*reader).volumes),
		translated(tasks+"container.docker.parameters", "taskManager.container.parameters", "are options of docker run; without effect in containers of type mesos, as they were", (*reader).parameters),
		translated(tasks+"container.docker.force-pull-image", "taskManager.container.forcePull", "has the image looked for at every start", (*reader).forcePull),
		translated(tasks+"cpus", "taskManager.cpus", "is the share of processors, unless taskmanager.cpu.cores says another", (*reader).cpus),
		translated(tasks+"disk", "taskManager.disk", "is the disk in MiB", (*reader).disk),
		translated(tasks+"gpus", "taskManager.gpus", "is the number of GPUs, of which Flink now knows as the external resource gpu", (*reader).gpus),
		translated(tasks+"network.bandwidth", "taskManager.networkBandwidth", "is an amount of the resource network, or of mesos.resourcemanager.network.resource.name", (*reader).bandwidth),
		translated(tasks+"hostname", "taskManager.hostname", "is the name by which others reach a TaskManager; _TASK_ stands for the task's id", (*reader).hostname),
		translated(tasks+"labels", "taskManager.labels", "are labels of the tasks", (*reader).labels),
		translated(tasks+"uris", "uris", "are fetched, and extracted if they are archives; now for JobManagers as well", (*reader).uris),

		obsolete("high-availability.zookeeper.path.mesos-workers", "has no meaning: the service keeps its state in STATE_STORE"),
		obsolete("recovery.zookeeper.path.mesos-workers", "has no meaning: the service keeps its state in STATE_STORE"),
		translated(tasks+"mem", "taskManager.memory", "is the size of the process in MiB, unless Flink's own options say another", (*reader).memory),
		translated("mesos.initial-tasks", "taskManagers.min", "is the least number of TaskManagers; with static allocation taskManagers.count", (*reader).initialTasks),
		obsolete("mesos.maximum-failed-tasks", "has no meaning: starts that fail one after the other slow down, and are never given up"),
		obsolete("mesos.maximum-failed-workers-per-interval", "has no meaning: starts that fail one after the other slow down, and are never given up"),
		obsolete("mesos.workers-failure-rate-interval", "has no meaning: starts that fail one after the other slow down, and are never given up"),
	}
}

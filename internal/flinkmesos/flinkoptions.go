package flinkmesos

import (
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Most options of Flink 1.13 are read by Flink 1.20 and 2.x still, many under their old name (ConfigOption's deprecated
// keys, compared for 1.20.5 and 2.3.0). Here is what is not.

// gone are options without an effect today, with the reason.
func gone() map[string]string {
	const (
		memory   = "Flink divides a TaskManager's memory by itself since 1.10: taskManager.memory is the size of the process"
		network  = "Flink 2 has no such option any more"
		identity = "the service gives each cluster its own, because today's Flink cannot read what the old one left in ZooKeeper"
	)
	reasons := map[string]string{
		"high-availability.cluster-id":                identity,
		"high-availability.zookeeper.path.namespace":  identity,
		"recovery.zookeeper.path.namespace":           identity,
		"jobmanager.execution.failover-strategy.full": network,
		"taskmanager.memory.preallocate":              memory,
		"taskmanager.memory.off-heap":                 memory,
		"taskmanager.memory.fraction":                 memory,
		"containerized.heap-cutoff-ratio":             memory,
		"containerized.heap-cutoff-min":               memory,
		"taskmanager.network.numberOfBuffers":         memory,
		"state.backend.async":                         "snapshots are always asynchronous since Flink 1.14",
		"mode":                                        "it was Flink's own mark for its 1.8 scheduler",
	}
	for _, key := range []string{
		"akka.watch.heartbeat.interval", "akka.watch.heartbeat.pause", "akka.watch.threshold", "akka.transport.heartbeat.interval",
		"akka.transport.heartbeat.pause", "akka.transport.threshold", "high-availability.job.delay", "recovery.job.delay",
		"high-availability.zookeeper.path.running-registry", "pipeline.time-characteristic",
		"taskmanager.exit-on-fatal-akka-error", "taskmanager.network.blocking-shuffle.type", "taskmanager.network.netty.num-arenas",
		"taskmanager.network.netty.server.backlog", "taskmanager.network.netty.server.numThreads", "taskmanager.network.netty.client.numThreads",
		"taskmanager.network.netty.sendReceiveBufferSize", "taskmanager.network.netty.transport", "taskmanager.network.memory.buffers-per-channel",
		"taskmanager.network.memory.floating-buffers-per-gate", "taskmanager.network.memory.max-buffers-per-channel",
		"taskmanager.network.max-num-tcp-connections", "taskmanager.registration.initial-backoff", "taskmanager.registration.max-backoff",
		"taskmanager.registration.refused-backoff", "web.backpressure.cleanup-interval", "web.backpressure.delay-between-samples",
		"web.backpressure.num-samples", "web.backpressure.refresh-interval",
	} {
		reasons[key] = network
	}
	return reasons
}

// flinkOption translates an option of Flink's own that has another name or another meaning today.
func (m *importer) flinkOption(e *entry) {
	if reason, ok := gone()[e.key]; ok {
		e.set(Obsolete, "", reason)
		return
	}
	switch e.key {
	case "jobmanager.heap.size", "jobmanager.heap.mb":
		if m.appSize || m.has("jobmanager.memory.process.size", "jobmanager.memory.flink.size", "jobmanager.memory.heap.size") {
			e.set(Obsolete, "", "the size of the process is known from elsewhere (jobManager.memory), and Flink divides it")
			return
		}
		m.move(e, "jobmanager.memory.heap.size", withUnit(e))
	case "taskmanager.heap.size", "taskmanager.heap.mb":
		if m.has("taskmanager.memory.process.size", "taskmanager.memory.flink.size", "mesos.resourcemanager.tasks.mem") {
			e.set(Obsolete, "", "the size of the process is known from elsewhere (taskManager.memory), and Flink divides it")
			return
		}
		// On Mesos it was the size of the whole process (TaskExecutorProcessUtils, for containers).
		m.move(e, "taskmanager.memory.process.size", withUnit(e))
		if _, err := spec.ParseMemory(m.config["taskmanager.memory.process.size"]); err == nil {
			e.set(Translated, "taskManager.memory", "on Mesos it was the size of the whole process")
		}
	case "recovery.mode":
		mode := e.value
		if strings.EqualFold(mode, "standalone") {
			mode = "NONE"
		}
		m.move(e, "high-availability.type", mode)
	case "state.backend":
		switch e.value {
		case "filesystem", "jobmanager":
			m.config["state.backend.type"] = "hashmap"
			e.set(Translated, "flinkConfiguration.state.backend.type", "is called hashmap; where checkpoints are is said by state.checkpoints.dir alone")
		}
	case "security.ssl.enabled":
		for _, key := range []string{"security.ssl.internal.enabled", "security.ssl.rest.enabled"} {
			if !m.has(key) {
				m.config[key] = e.value
			}
		}
		e.set(Translated, "flinkConfiguration.security.ssl.internal.enabled", "is two options: this one and security.ssl.rest.enabled")
	case "cluster.evenly-spread-out-slots":
		if strings.EqualFold(e.value, "true") {
			m.move(e, "taskmanager.load-balance.mode", "SLOTS")
			return
		}
		e.set(Obsolete, "", "false is how Flink behaves anyway")
	case "fs.hdfs.hadoopconf":
		m.move(e, "env.hadoop.conf.dir", e.value)
		e.line.Note = "is an environment variable today (HADOOP_CONF_DIR)"
	default:
		m.reporter(e)
	}
}

// reporter translates the class of a metrics reporter: Flink takes the class of its factory since 1.16.
func (m *importer) reporter(e *entry) {
	name, ok := strings.CutSuffix(e.key, ".class")
	if !ok || !strings.HasPrefix(name, "metrics.reporter.") || strings.HasSuffix(name, ".factory") {
		return
	}
	if !strings.HasPrefix(e.value, "org.apache.flink.metrics.") {
		e.set(Refused, "", "Flink makes reporters by a factory since 1.16: set "+name+".factory.class to that of yours")
		return
	}
	m.move(e, name+".factory.class", e.value+"Factory")
	e.line.Note = "is the class of a factory today; the reporter must be among the plugins of the Flink that is used"
}

// move gives an option another name, unless that is set too.
func (m *importer) move(e *entry, key, value string) {
	if !m.has(key) {
		m.config[key] = value
	}
	e.set(Translated, "flinkConfiguration."+key, "")
}

func (m *importer) has(keys ...string) bool {
	for _, k := range keys {
		if _, ok := m.config[k]; ok {
			return true
		}
	}
	return false
}

// withUnit is a size in the form of today: options that end in .mb were numbers of MiB.
func withUnit(e *entry) string {
	if strings.HasSuffix(e.key, ".mb") {
		return e.value + "m"
	}
	return e.value
}

// keptNote is what to look at about an option that is kept.
func keptNote(key string) string {
	switch {
	case key == "security.kerberos.login.keytab" || key == "security.keytab":
		return "flink-mesos copied the file to its TaskManagers. Now upload it and write kerberos.keytabURI and kerberos.principal instead, or have it in a volume or on every agent"
	case strings.HasPrefix(key, "security.ssl.") && (strings.HasSuffix(key, "keystore") || strings.HasSuffix(key, "truststore")):
		return "flink-mesos copied the file to its TaskManagers. Now it is fetched (uris), is in a volume or lies on every agent; write the path from there"
	case strings.HasPrefix(key, "metrics.reporter.") && strings.HasSuffix(key, ".port"):
		return "several tasks of one agent need several ports: give a range, or take a port of the offer (taskManager.ports)"
	}
	return ""
}

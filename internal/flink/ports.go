package flink

import (
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// The names of the ports of Flink processes, as they stand in a task's Ports.
const (
	// PortRPC takes Flink's own messages; JobManager and TaskManager.
	PortRPC = "rpc"
	// PortREST is the JobManager's REST API and web UI.
	PortREST = "rest"
	// PortBlob hands out jars and large messages; JobManager.
	PortBlob = "blob"
	// PortMetrics answers Flink's internal metric queries; JobManager and TaskManager.
	PortMetrics = "metrics"
	// PortDriver serves the wanted workers; JobManager with the driver.
	PortDriver = "driver"
	// PortData moves records between TaskManagers.
	PortData = "data"
)

// PortNames lists the ports that a process needs, in the order in which they are taken
// from an offer. Flink opens no others, as long as a user's configuration adds none.
func PortNames(role spec.TaskKind, driver bool) []string {
	if role == spec.TaskManagerTask {
		return []string{PortRPC, PortData, PortMetrics}
	}
	names := []string{PortREST, PortRPC, PortBlob, PortMetrics}
	if driver {
		names = append(names, PortDriver)
	}
	return names
}

package spec

import "time"

// defaultHeartbeat is Flink's default of heartbeat.interval.
const defaultHeartbeat = 10 * time.Second

// HeartbeatInterval is the time between two heartbeats of a TaskManager (heartbeat.interval).
func (s Spec) HeartbeatInterval() time.Duration {
	if d := FlinkDuration(s.FlinkConfiguration["heartbeat.interval"]); d > 0 {
		return d
	}
	return defaultHeartbeat
}

package spec

import (
	"cmp"
	"reflect"
	"strings"
)

// HasDriver says whether the cluster's JobManager runs the service's driver: to ask for TaskManagers, or, in an
// application or job cluster, to run the job and tell how it ended. A session with a fixed number of
// TaskManagers needs neither and is plain Flink.
func (s Spec) HasDriver() bool {
	return s.Allocation == Dynamic || s.Kind != Session
}

// HighAvailability says whether the cluster's JobManager can be replaced without losing jobs:
// Flink's high-availability.type (high-availability before 1.16) is set and not NONE.
func (s Spec) HighAvailability() bool {
	for _, key := range []string{"high-availability.type", "high-availability"} {
		switch s.FlinkConfiguration[key] {
		case "":
		case "NONE", "none":
			return false
		default:
			return true
		}
	}
	return false
}

// ZooKeeperHA says whether the cluster's high availability is Flink's own with ZooKeeper.
func (s Spec) ZooKeeperHA() bool {
	kind := cmp.Or(s.FlinkConfiguration["high-availability.type"], s.FlinkConfiguration["high-availability"])
	return strings.EqualFold(strings.TrimSpace(kind), "zookeeper")
}

// Equal says whether two complete specs ask for the same; empty and absent are the same.
func (s Spec) Equal(other Spec) bool {
	return reflect.DeepEqual(s.normal(), other.normal())
}

func (s Spec) normal() Spec {
	if len(s.FlinkConfiguration) == 0 {
		s.FlinkConfiguration = nil
	}
	if len(s.Environment) == 0 {
		s.Environment = nil
	}
	if len(s.URIs) == 0 {
		s.URIs = nil
	}
	return s
}

package config

import (
	"errors"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/document"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// InitialCluster is the text of the spec of the first cluster, as it was given; empty for none. It is not checked when the
// service starts, because nothing in it may stop a service that runs other clusters: package admit reads it when it is
// to be created.
type InitialCluster string

// Spec reads the text as the service does when it creates the cluster; nil for none.
func (c InitialCluster) Spec() (*spec.Spec, error) {
	if strings.TrimSpace(string(c)) == "" {
		return nil, nil
	}
	var sp spec.Spec
	return &sp, document.UnmarshalText([]byte(c), "the spec", &sp)
}

// problem says what is wrong with the spec as far as the environment tells; empty when nothing is.
func (c InitialCluster) problem(f Flink, roles []string) string {
	sp, err := c.Spec()
	if sp == nil {
		return ""
	}
	if err == nil {
		err = sp.Complete(spec.Defaults{Allocation: spec.Allocation(f.DefaultAllocation)}).Validate(spec.Rules{Roles: roles, Constraints: true, Privileged: true})
	}
	var problems []string
	if e, ok := errors.AsType[*fault.Error](err); ok && len(e.Details) > 0 {
		for _, d := range e.Details {
			problems = append(problems, d.Field+" "+d.Message)
		}
	} else if err != nil {
		problems = append(problems, err.Error())
	}
	if sp.HighAvailability() && f.HAStorageDir == "" && sp.FlinkConfiguration["high-availability.storageDir"] == "" {
		problems = append(problems, "high availability needs a directory that every agent reaches: set HA_STORAGE_DIR, or high-availability.storageDir in flinkConfiguration")
	}
	return strings.Join(problems, "; ")
}

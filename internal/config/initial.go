package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// maxInitialCluster is the longest spec of the first cluster, in bytes: the kernel bounds one variable of an
// environment to 128 KiB.
const maxInitialCluster = 128 << 10

// InitialCluster is the spec of the cluster that the service creates at its very first start. The zero
// value is none.
type InitialCluster struct {
	// Spec is as it was given: what is open is completed when the cluster is created. Nil for none.
	Spec *spec.Spec
}

// UnmarshalText reads JSON or YAML, or base64 of one of them, which is how the YAML editor of the DC/OS UI stores what
// is typed in it. A field that a spec does not have is an error.
func (c *InitialCluster) UnmarshalText(text []byte) error {
	if len(text) > maxInitialCluster {
		return fmt.Errorf("is longer than %d KiB", maxInitialCluster>>10)
	}
	source := "is not the spec of a cluster"
	if decoded, ok := spec.FromBase64(text); ok {
		text, source = decoded, source+" (read as base64)"
	}
	var spec spec.Spec
	if err := yaml.UnmarshalStrict(text, &spec); err != nil {
		return fmt.Errorf("%s: %s", source, plain(err))
	}
	c.Spec = &spec
	return nil
}

// MarshalText writes JSON.
func (c InitialCluster) MarshalText() ([]byte, error) {
	if c.Spec == nil {
		return nil, nil
	}
	return json.Marshal(c.Spec)
}

// plain takes the layers of the decoders off an error.
func plain(err error) string {
	text := err.Error()
	for _, prefix := range []string{"error unmarshaling JSON: ", "error converting YAML to JSON: ", "while decoding JSON: ", "json: ", "yaml: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// initialProblem says what is wrong with the spec of the first cluster; empty when nothing is. Whether there is
// a Flink of its version is known only when the distributions are.
func (f Flink) initialProblem(roles []string) string {
	if f.InitialCluster.Spec == nil {
		return ""
	}
	sp := f.InitialCluster.Spec.Complete(spec.Defaults{Allocation: spec.Allocation(f.DefaultAllocation)})
	var problems []string
	if err := sp.Validate(spec.Rules{Roles: roles, Constraints: true}); err != nil {
		e, ok := errors.AsType[*fault.Error](err)
		if !ok {
			return err.Error()
		}
		for _, d := range e.Details {
			problems = append(problems, d.Field+" "+d.Message)
		}
	}
	if sp.HighAvailability() && f.HAStorageDir == "" && sp.FlinkConfiguration["high-availability.storageDir"] == "" {
		problems = append(problems, "high availability needs a directory that every agent reaches: set HA_STORAGE_DIR, or high-availability.storageDir in flinkConfiguration")
	}
	return strings.Join(problems, "; ")
}

package sdk

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Configuration is everything that was asked for, without secrets.
type Configuration struct {
	Name     string      `json:"name"`
	Version  string      `json:"version"`
	Clusters []spec.Spec `json:"clusters"`
}

// Target is the present configuration and its id, which changes when it does.
func Target(s *state.State, name, version string) (string, Configuration, error) {
	c := Configuration{Name: name, Version: version, Clusters: []spec.Spec{}}
	for _, name := range view.Names(s) {
		if spec, ok := view.Spec(s, name); ok {
			c.Clusters = append(c.Clusters, redact.Spec(spec))
		}
	}
	data, err := json.Marshal(c)
	if err != nil {
		return "", c, fmt.Errorf("encode the configuration: %w", err)
	}
	sum := sha256.Sum256(data)
	return id("configuration", string(sum[:])), c, nil
}

// Properties are what is stored, or known, of the service as a whole, by name.
func Properties(s *state.State) map[string]any {
	v := view.Service(s)
	return map[string]any{"connected": v.Connected, "paused": v.Paused, "suppressed": v.Suppressed}
}

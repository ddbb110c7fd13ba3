package mesos

import (
	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/task"
)

// secret is a secret as an agent's resolver takes it: a name for a store, or the value.
func secret(s task.Secret) *mesosgo.Secret {
	r := s.Reference
	if r == nil {
		return &mesosgo.Secret{Type: mesosgo.Secret_VALUE, Value: &mesosgo.Secret_Value{Data: s.Value}}
	}
	out := &mesosgo.Secret{Type: mesosgo.Secret_REFERENCE, Reference: &mesosgo.Secret_Reference{Name: r.Name}}
	if r.Key != "" {
		out.Reference.Key = new(r.Key)
	}
	return out
}

// secretVolumes are the secrets that a task finds in files (isolator volume/secret).
func secretVolumes(secrets []task.Secret) []mesosgo.Volume {
	var out []mesosgo.Volume
	for _, s := range secrets {
		if s.Environment == "" {
			out = append(out, mesosgo.Volume{
				ContainerPath: s.File, Mode: mesosgo.RO.Enum(),
				Source: &mesosgo.Volume_Source{Type: mesosgo.Volume_Source_SECRET, Secret: secret(s)},
			})
		}
	}
	return out
}

package spec

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// TaskSecret is a secret that a task finds in a variable or in a file. Mesos hands it over (Secret objects): it is not
// among what masters and agents show of a task. Exactly one of Environment and File says where the task finds it, and exactly
// one of Reference, Value and ValueFrom what it is.
type TaskSecret struct {
	// Environment is the name of a variable.
	Environment string `json:"environment,omitempty"`
	// File is a path in the sandbox, or an absolute one in the image.
	File string `json:"file,omitempty"`
	// Reference names a secret of the store that the agents' secret resolver asks, such as that of DC/OS Enterprise.
	Reference *SecretReference `json:"reference,omitempty"`
	// Value is the secret itself, 1 byte to 64 KiB. No answer shows it.
	Value string `json:"value,omitempty"`
	// ValueFrom names a file of SECRETS_DIR at the service, which is read at each start of a task.
	ValueFrom string `json:"valueFrom,omitempty"`
}

// SecretReference is the name of a secret in a store.
type SecretReference struct {
	Name string `json:"name"`
	// Key chooses one of several values below the name; empty for a secret that has one.
	Key string `json:"key,omitempty"`
}

// Place is where the task finds the secret, for people.
func (s TaskSecret) Place() string {
	if s.Environment != "" {
		return "variable " + s.Environment
	}
	return "file " + s.File
}

// SecretFile is a field of a spec that names a file of SECRETS_DIR.
type SecretFile struct {
	// Field is the JSON path of the field, Name that of the file.
	Field, Name string
}

// SecretFiles lists the files of SECRETS_DIR that the spec names.
func (s Spec) SecretFiles() []SecretFile {
	var all []SecretFile
	if name := s.Security.REST.ClientCertificate; name != "" {
		all = append(all, SecretFile{"security.rest.clientCertificate", name})
	}
	for _, of := range []struct {
		field   string
		secrets []TaskSecret
	}{{"secrets", s.Secrets}, {"jobManager.secrets", s.JobManager.Secrets}, {"taskManager.secrets", s.TaskManager.Secrets}} {
		for i, secret := range of.secrets {
			if secret.ValueFrom != "" {
				all = append(all, SecretFile{fmt.Sprintf("%s[%d].valueFrom", of.field, i), secret.ValueFrom})
			}
		}
	}
	return all
}

// at says whether two secrets are found in the same place.
func (s TaskSecret) at(other TaskSecret) bool {
	return s.Environment == other.Environment && s.File == other.File
}

// mergeSecrets puts those of a role beside and in place of those of the spec.
func mergeSecrets(spec, role []TaskSecret) []TaskSecret {
	var all []TaskSecret
	for _, s := range spec {
		if !slices.ContainsFunc(role, s.at) {
			all = append(all, s)
		}
	}
	return append(all, role...)
}

// checkSecrets holds the checks of secrets: field is the place of the list, options are those of the tasks that get them.
func checkSecrets(field string, secrets []TaskSecret, environment map[string]string, c *Container) []problem {
	checks := []problem{
		{len(secrets) > maxEntries, field, fmt.Sprintf("has more than %d elements", maxEntries)},
		{
			len(secrets) > 0 && c != nil && c.Type == DockerContainer, field,
			"are handed over by Mesos' own containerizer only: set container.type to mesos, which takes Docker images too",
		},
	}
	for i, s := range secrets {
		at := fmt.Sprintf("%s[%d]", field, i)
		_, taken := environment[s.Environment]
		checks = append(checks,
			problem{(s.Environment == "") == (s.File == ""), at, "needs exactly one of environment and file"},
			problem{count(s.Reference != nil, s.Value != "", s.ValueFrom != "") != 1, at, "needs exactly one of reference, value and valueFrom"},
			problem{s.Environment != "" && taken, at + ".environment", s.Environment + " is in environment already: remove one of them"},
			problem{slices.ContainsFunc(secrets[:i], s.at), at, "is for the same " + shorten(s.Place()) + " as another"},
			problem{len(s.Value) > maxText, at + ".value", "is longer than 64 KiB"},
			problem{s.Environment != "" && strings.ContainsRune(s.Value, 0), at + ".value", "has a NUL byte, which no variable can hold"},
			problem{s.ValueFrom != "" && !IsSecretFile(s.ValueFrom), at + ".valueFrom", quote(s.ValueFrom) + " is not the name of a file in SECRETS_DIR"},
		)
		if s.Environment != "" {
			checks = append(checks, checkVariable(at+".environment", s.Environment))
		}
		if s.File != "" {
			checks = append(checks, checkSecretFile(at+".file", s.File, c)...)
		}
		if r := s.Reference; r != nil {
			checks = append(checks,
				problem{!secretPattern.MatchString(r.Name) || len(r.Name) > 1024, at + ".reference.name", quote(r.Name) + " is not the name of a secret"},
				problem{len(r.Key) > 255 || hasControl(r.Key), at + ".reference.key", "is not a key: use at most 255 characters without control characters"},
			)
		}
	}
	return checks
}

// checkSecretFile says whether an agent could mount a secret at a path (isolator volume/secret): an absolute one without an
// image would have to be on every agent, and would be covered there.
func checkSecretFile(field, file string, c *Container) []problem {
	image := c != nil && c.Image != ""
	first, _, _ := strings.Cut(file, "/")
	checks := []problem{
		{!mountable(file) || strings.HasSuffix(file, "/"), field, quote(file) + " is not the path of a file: use a normal path in the sandbox, or an absolute one in an image, without colons"},
		{path.IsAbs(file) && !image, field, "is absolute, and the tasks have no image: use a path in the sandbox"},
		{first == "conf" || first == "flink", field, "is among Flink's own files: use another directory, such as secrets/"},
	}
	if c != nil {
		for _, v := range c.Volumes {
			checks = append(checks, problem{path.Clean(v.ContainerPath) == path.Clean(file), field, quote(file) + " is a volume already"})
		}
	}
	return checks
}

// count says how many conditions hold.
func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

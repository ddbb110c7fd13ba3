package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// unresolved says which secret cannot be had; empty for none. The checks are those of an agent (validateSecret,
// validateEnvironment, the isolator volume/secret) with the resolver that Mesos comes with, which knows values only.
func (t *task) unresolved() string {
	for _, v := range t.info.Command.GetEnvironment().GetVariables() {
		if v.GetType() != mesos.Environment_Variable_SECRET {
			continue
		}
		if v.Secret == nil || v.Value != nil {
			return "Invalid environment specified: Environment variable '" + v.Name + "' of type 'SECRET' must have a secret set and must not have a value set"
		}
		if problem := unresolvable(v.Secret); problem != "" {
			return "Environment variable '" + v.Name + "': " + problem
		}
	}
	for _, v := range t.secretVolumes() {
		if v.Source.Secret == nil {
			return "volume.source.secret is not specified"
		}
		if problem := unresolvable(v.Source.Secret); problem != "" {
			return "Invalid secret specified in volume: " + problem
		}
		if !filepath.IsLocal(v.ContainerPath) {
			return "Absolute container path '" + v.ContainerPath + "' does not exist"
		}
	}
	return ""
}

func unresolvable(s *mesos.Secret) string {
	switch {
	case s.Type == mesos.Secret_REFERENCE && s.Reference != nil && s.Value == nil:
		return "Default secret resolver cannot resolve references"
	case s.Type != mesos.Secret_VALUE || s.Value == nil || s.Reference != nil:
		return "Secret of type " + s.Type.String() + " must have the field of its type set and no other"
	}
	return ""
}

// secretVolumes are the secrets that the task finds in files.
func (t *task) secretVolumes() []mesos.Volume {
	var all []mesos.Volume
	for _, v := range t.info.GetContainer().GetVolumes() {
		if v.GetSource().GetType() == mesos.Volume_Source_SECRET {
			all = append(all, v)
		}
	}
	return all
}

// placeSecrets writes secrets to the sandbox, for the task's user only. An agent keeps them in memory and mounts them; a plain
// process sees no difference but that they stay.
func (t *task) placeSecrets(credential *syscall.Credential) error {
	root, err := os.OpenRoot(t.sandbox)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, v := range t.secretVolumes() {
		if err := root.MkdirAll(filepath.Dir(v.ContainerPath), 0o755); err != nil {
			return fmt.Errorf("create the directory of secret %s: %w", v.ContainerPath, err)
		}
		mode := os.FileMode(0o600)
		if v.GetMode() == mesos.RO {
			mode = 0o400
		}
		f, err := root.OpenFile(v.ContainerPath, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return fmt.Errorf("create secret %s: %w", v.ContainerPath, err)
		}
		_, err = f.Write(v.Source.Secret.Value.Data)
		if closing := f.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return fmt.Errorf("write secret %s: %w", v.ContainerPath, err)
		}
	}
	if len(t.secretVolumes()) == 0 {
		return nil
	}
	return chown(t.sandbox, credential)
}

package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// volumePath is where the files of a persistent volume are. A real agent has them in volumes/roles too; this
// work directory may be that of several agents.
func (r *Runtime) volumePath(v mesos.Resource) (string, error) {
	role, id := v.ReservationRole(), v.GetDisk().GetPersistence().GetID()
	if !pathElement(id) || !filepath.IsLocal(role) {
		return "", fmt.Errorf("persistent volume %q of role %q cannot be the name of a directory", id, role)
	}
	return filepath.Join(r.o.WorkDir, "volumes", r.o.AgentID, "roles", role, id), nil
}

// CreateVolume makes the directory of a persistent volume.
func (r *Runtime) CreateVolume(v mesos.Resource) error {
	dir, err := r.volumePath(v)
	if err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}

// DestroyVolume removes a persistent volume with all that is in it.
func (r *Runtime) DestroyVolume(v mesos.Resource) error {
	dir, err := r.volumePath(v)
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// mount puts the persistent volumes of the task into its sandbox, as links: the isolator filesystem/posix of a real
// agent does the same.
func (t *task) mount(credential *syscall.Credential) error {
	for _, v := range t.info.Resources {
		if !v.IsPersistentVolume() {
			continue
		}
		dir, err := t.r.volumePath(v)
		if err != nil {
			return err
		}
		name := v.Disk.GetVolume().GetContainerPath()
		if filepath.Base(name) != name || !pathElement(name) {
			return fmt.Errorf("persistent volume %s: the container path %q is not a name in the sandbox", v.Disk.Persistence.ID, name)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := chown(dir, credential); err != nil {
			return err
		}
		if err := os.Symlink(dir, filepath.Join(t.sandbox, name)); err != nil {
			return err
		}
	}
	return nil
}

package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// prepare makes the sandbox for the user of the task. The credential is nil for our own user.
func (t *task) prepare() (*syscall.Credential, error) {
	wrap := func(err error) error {
		return fmt.Errorf("Failed to create executor directory '%s': %w", t.sandbox, err) //nolint:staticcheck,revive // The agent's words.
	}
	if err := t.r.add(t.sandbox); err != nil {
		return nil, wrap(err)
	}
	for _, name := range []string{"stdout", "stderr"} {
		if err := os.WriteFile(filepath.Join(t.sandbox, name), nil, 0o644); err != nil {
			return nil, wrap(err)
		}
	}
	name := t.framework.User
	if u := t.info.Command.User; u != nil {
		name = *u
	}
	credential, err := credentialOf(name)
	if err == nil {
		err = chown(t.sandbox, credential)
	}
	if err != nil {
		return nil, wrap(fmt.Errorf("Failed to chown directory to '%s': %w", name, err)) //nolint:staticcheck,revive // As above.
	}
	if err := t.mount(credential); err != nil {
		return nil, wrap(err)
	}
	return credential, nil
}

// add makes the directory of a sandbox and points latest to it.
func (r *Runtime) add(sandbox string) error {
	r.dirs.Lock()
	defer r.dirs.Unlock()
	// Other users must be able to reach their sandboxes, and only those.
	if err := os.MkdirAll(filepath.Dir(sandbox), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(sandbox, 0o750); err != nil {
		return err
	}
	latest := filepath.Join(filepath.Dir(sandbox), "latest")
	if err := os.Remove(latest); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(filepath.Base(sandbox), latest)
}

// credentialOf finds a user. It is nil for our own and for no name.
func credentialOf(name string) (*syscall.Credential, error) {
	if name == "" {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("No such user '%s'", name) //nolint:staticcheck,revive // As above.
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	ids := make([]uint32, 0, len(groups)+2)
	for _, text := range append([]string{u.Uid, u.Gid}, groups...) {
		id, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, err
		}
		ids = append(ids, uint32(id))
	}
	if int(ids[0]) == os.Geteuid() {
		return nil, nil
	}
	return &syscall.Credential{Uid: ids[0], Gid: ids[1], Groups: ids[2:]}, nil
}

// chown gives a directory and all in it to a user.
func chown(dir string, c *syscall.Credential) error {
	if c == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(c.Uid), int(c.Gid))
	})
}

// fetch brings the files of the task.
func (t *task) fetch(credential *syscall.Credential) error {
	uris := t.info.Command.URIs
	if len(uris) == 0 {
		return nil
	}
	// Files that are given to another user are that user's own.
	err := t.r.fetch.all(t.ctx, uris, t.sandbox, credential == nil, t.log)
	if err == nil {
		err = chown(t.sandbox, credential)
	}
	if err != nil {
		t.log("Failed to %v", err)
		t.r.o.Log.Info("task has no files", "task", t.info.TaskID.Value, "error", err)
	}
	return err
}

// log writes a line to the sandbox's stderr, where the real fetcher writes too.
func (t *task) log(format string, args ...any) {
	f, err := os.OpenFile(filepath.Join(t.sandbox, "stderr"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.r.o.Log.Warn("sandbox cannot be written", "sandbox", t.sandbox, "error", err)
		return
	}
	defer f.Close()
	_, _ = fmt.Fprintf(f, format+"\n", args...) // There is nowhere else to say it.
}

// remove takes a sandbox away, and the directories above it that are empty then.
func (r *Runtime) remove(sandbox string) error {
	if err := os.RemoveAll(sandbox); err != nil {
		return err
	}
	r.dirs.Lock()
	defer r.dirs.Unlock()
	runs := filepath.Dir(sandbox)
	latest := filepath.Join(runs, "latest")
	if to, err := os.Readlink(latest); err == nil && to == filepath.Base(sandbox) {
		if err := os.Remove(latest); err != nil {
			return err
		}
	}
	// RUNS, EXECUTOR, executors, FRAMEWORK, frameworks, AGENT
	for dir, levels := runs, 0; levels < 6; dir, levels = filepath.Dir(dir), levels+1 {
		if os.Remove(dir) != nil {
			break // There are newer runs in it.
		}
	}
	return nil
}

package dist

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Options say what to assemble and where.
type Options struct {
	// Version is a full version or a release line ("2.3", "1.20"); empty means
	// DefaultVersion. It is not used with Source.
	Version string
	// Source is a Flink tarball (.tgz, .tar.gz) or home directory to use as it is; empty
	// assembles from Maven.
	Source string
	// Dir takes the archives, their manifests and temporary files.
	Dir string
	// Modules are further Maven artifacts for lib ("flink-json", or group:artifact:version). flink-python goes to opt.
	Modules []string
	// Plugins are Maven artifacts that become plugins of their own ("flink-metrics-prometheus").
	Plugins []string
	// Jars are files that are put into lib under their own name, such as the resource
	// manager driver.
	Jars []string
	// Maven is the command to run; empty means "mvn".
	Maven string
	// Progress is told what happens, one line at a time; nil means nobody.
	Progress io.Writer
}

func (o *Options) validate() error {
	if o.Dir == "" {
		return errors.New("assemble Flink: no directory was given for the result")
	}
	for _, jar := range o.Jars {
		if !strings.HasSuffix(jar, ".jar") {
			return fmt.Errorf("assemble Flink: %s does not end in .jar", jar)
		}
	}
	if o.Maven == "" {
		o.Maven = "mvn"
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return nil
}

// Assemble makes the archive and its manifest, or finds the one that it made from the
// same inputs before. It can be interrupted at any point: what has its final name is whole.
func Assemble(ctx context.Context, o Options) (Manifest, error) {
	if err := o.validate(); err != nil {
		return Manifest{}, err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return Manifest{}, fmt.Errorf("assemble Flink: %w", err)
	}
	if o.Source != "" {
		return assembleSource(ctx, o)
	}
	return assembleMaven(ctx, o)
}

func assembleMaven(ctx context.Context, o Options) (Manifest, error) {
	version, err := Resolve(o.Version)
	if err != nil {
		return Manifest{}, err
	}
	libs, err := coordinates(version, o.Modules)
	if err != nil {
		return Manifest{}, err
	}
	plugins := slices.DeleteFunc(slices.Clone(libs), func(c coordinate) bool { return !c.optional() })
	libs = slices.DeleteFunc(libs, coordinate.optional)
	for _, p := range slices.Sorted(slices.Values(o.Plugins)) {
		c, err := parseModule(p, version)
		if err != nil {
			return Manifest{}, err
		}
		plugins = append(plugins, c)
	}
	key := newInputs()
	key.add("maven", copyPlugin)
	for _, c := range libs {
		key.add("lib", c.String())
	}
	for _, c := range plugins {
		key.add("plugin "+strings.TrimPrefix(c.artifact, "flink-"), c.String())
	}
	if err := key.files("jar", o.Jars); err != nil {
		return Manifest{}, err
	}
	if m, ok := known(o.Dir, key.sum()); ok {
		fmt.Fprintf(o.Progress, "Flink %s is at hand: %s\n", m.Version, filepath.Join(o.Dir, m.File))
		return m, nil
	}

	work, err := os.MkdirTemp(o.Dir, ".maven-")
	if err != nil {
		return Manifest{}, fmt.Errorf("assemble Flink: %w", err)
	}
	defer os.RemoveAll(work)
	fmt.Fprintf(o.Progress, "Flink %s: Maven resolves it (about 90 MB the first time)\n", version)
	if err := writePOM(filepath.Join(work, "pom.xml"), libs, plugins); err != nil {
		return Manifest{}, err
	}
	if err := runMaven(ctx, o.Maven, work, o.Progress); err != nil {
		return Manifest{}, fmt.Errorf("assemble Flink %s: %w", version, err)
	}
	return finish(o, filepath.Join(work, "home"), key.sum())
}

func assembleSource(ctx context.Context, o Options) (Manifest, error) {
	info, err := os.Stat(o.Source)
	if err != nil {
		return Manifest{}, fmt.Errorf("FLINK_DIST: %w", err)
	}
	key := newInputs()
	home := o.Source
	if info.IsDir() {
		if home, err = findHome(o.Source); err != nil {
			return Manifest{}, fmt.Errorf("FLINK_DIST: %w", err)
		}
		key.add("directory", "")
		if err := key.tree(home); err != nil {
			return Manifest{}, err
		}
	} else {
		key.add("tarball", "")
		if err := key.files("source", []string{o.Source}); err != nil {
			return Manifest{}, err
		}
	}
	if err := key.files("jar", o.Jars); err != nil {
		return Manifest{}, err
	}
	if m, ok := known(o.Dir, key.sum()); ok {
		fmt.Fprintf(o.Progress, "Flink %s is at hand: %s\n", m.Version, filepath.Join(o.Dir, m.File))
		return m, nil
	}
	if !info.IsDir() {
		work, err := os.MkdirTemp(o.Dir, ".unpack-")
		if err != nil {
			return Manifest{}, fmt.Errorf("assemble Flink: %w", err)
		}
		defer os.RemoveAll(work)
		fmt.Fprintf(o.Progress, "Flink: unpacking %s\n", o.Source)
		if err := unpack(ctx, o.Source, work); err != nil {
			return Manifest{}, fmt.Errorf("FLINK_DIST: %w", err)
		}
		home = work
	}
	return finish(o, home, key.sum())
}

// finish packs a home with the extra jars under the name of its hash.
func finish(o Options, home, inputs string) (Manifest, error) {
	version, err := versionOf(home)
	if err != nil {
		return Manifest{}, err
	}
	root, err := os.OpenRoot(home)
	if err != nil {
		return Manifest{}, fmt.Errorf("assemble Flink: %w", err)
	}
	defer root.Close()
	entries, err := listTree(root, ".")
	if err != nil {
		return Manifest{}, err
	}
	for _, jar := range o.Jars {
		info, err := os.Stat(jar)
		if err != nil {
			return Manifest{}, fmt.Errorf("add a jar to lib: %w", err)
		}
		entries = append(entries, entry{
			name: path.Join("lib", filepath.Base(jar)), mode: 0o644, size: info.Size(),
			open: func() (io.ReadCloser, error) { return os.Open(jar) },
		})
	}
	entries = complete(entries)

	fmt.Fprintf(o.Progress, "Flink %s: packing %d files\n", version, len(entries))
	tmp, err := os.CreateTemp(o.Dir, ".pack-")
	if err != nil {
		return Manifest{}, fmt.Errorf("pack Flink: %w", err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	sum := sha256.New()
	counted := &counter{w: io.MultiWriter(tmp, sum)}
	files, err := pack(counted, entries)
	if err != nil {
		return Manifest{}, err
	}
	if err := tmp.Chmod(0o644); err != nil {
		return Manifest{}, fmt.Errorf("pack Flink: %w", err)
	}
	if err := tmp.Sync(); err != nil {
		return Manifest{}, fmt.Errorf("pack Flink: %w", err)
	}
	if err := tmp.Close(); err != nil {
		return Manifest{}, fmt.Errorf("pack Flink: %w", err)
	}

	m := Manifest{
		Version: version, SHA256: hex.EncodeToString(sum.Sum(nil)), Size: counted.n,
		Home: Home, Java: JavaFor(version), Inputs: inputs,
	}
	m.File = fmt.Sprintf("flink-%s-%s.tgz", version, m.SHA256)
	for _, e := range entries {
		if e.dir && !strings.Contains(e.name, "/") {
			m.Directories = append(m.Directories, e.name)
		}
	}
	for _, f := range files {
		if strings.HasSuffix(f.name, ".jar") {
			m.Libraries = append(m.Libraries, Library{Path: f.name, Size: f.size, SHA256: f.sha256})
		}
	}
	if err := os.Rename(tmp.Name(), filepath.Join(o.Dir, m.File)); err != nil {
		return Manifest{}, fmt.Errorf("pack Flink: %w", err)
	}
	if err := writeManifest(o.Dir, m); err != nil {
		return Manifest{}, err
	}
	if err := prune(o.Dir, version); err != nil {
		return Manifest{}, err
	}
	fmt.Fprintf(o.Progress, "Flink %s: %s (%d MB)\n", version, filepath.Join(o.Dir, m.File), m.Size>>20)
	return m, nil
}

// kept is how many archives of one version stay: each change of an added jar makes another
// one of 90 MB. More than one, because a service may be handing out the one before.
const kept = 3

// prune removes the oldest archives of a version with their manifests.
func prune(dir, version string) error {
	names, err := filepath.Glob(filepath.Join(dir, "flink-"+version+"-*.tgz"))
	if err != nil {
		return fmt.Errorf("remove old archives: %w", err)
	}
	modified := map[string]time.Time{}
	names = slices.DeleteFunc(names, func(name string) bool {
		m := archiveName.FindStringSubmatch(filepath.Base(name))
		if m == nil || m[1] != version {
			return true
		}
		info, err := os.Stat(name)
		if err != nil {
			return true
		}
		modified[name] = info.ModTime()
		return false
	})
	slices.SortFunc(names, func(a, b string) int { return modified[b].Compare(modified[a]) })
	for _, name := range names[min(kept, len(names)):] {
		for _, file := range []string{filepath.Join(dir, manifestName(filepath.Base(name))), name} {
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove old archives: %w", err)
			}
		}
	}
	return nil
}

func writeManifest(dir string, m Manifest) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	name := filepath.Join(dir, manifestName(m.File))
	tmp := filepath.Join(dir, fmt.Sprintf(".%s.%d", filepath.Base(name), os.Getpid()))
	if err := os.WriteFile(tmp, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := os.Rename(tmp, name); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// known finds the archive that was made from these inputs, and marks it as the one that
// was asked for last, which is what Scan prefers.
func known(dir, inputs string) (Manifest, bool) {
	names, err := filepath.Glob(filepath.Join(dir, "flink-*.json"))
	if err != nil {
		return Manifest{}, false
	}
	for _, name := range names {
		m, err := readManifest(name)
		if err != nil || m.Inputs != inputs {
			continue
		}
		file := filepath.Join(dir, m.File)
		if info, err := os.Stat(file); err == nil && info.Size() == m.Size {
			now := time.Now()
			// A directory that cannot be written still holds a good archive.
			_ = os.Chtimes(file, now, now)
			return m, true
		}
	}
	return Manifest{}, false
}

// inputs is a hash over everything that shapes an archive.
type inputs struct{ h hash.Hash }

func newInputs() *inputs {
	k := &inputs{sha256.New()}
	k.add("recipe", recipe)
	return k
}

func (k *inputs) add(kind, value string) {
	fmt.Fprintf(k.h, "%s %q\n", kind, value)
}

func (k *inputs) sum() string { return hex.EncodeToString(k.h.Sum(nil)) }

func (k *inputs) files(kind string, names []string) error {
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("read input: %w", err)
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return fmt.Errorf("read input %s: %w", name, err)
		}
		k.add(kind, filepath.Base(name)+" "+hex.EncodeToString(h.Sum(nil)))
	}
	return nil
}

func (k *inputs) tree(home string) error {
	root, err := os.OpenRoot(home)
	if err != nil {
		return fmt.Errorf("read Flink home: %w", err)
	}
	defer root.Close()
	entries, err := listTree(root, ".")
	if err != nil {
		return err
	}
	for _, e := range complete(entries) {
		k.add("entry", fmt.Sprintf("%s %t %t", e.name, e.dir, e.mode&0o111 != 0))
		if e.dir {
			continue
		}
		h := sha256.New()
		if _, err := copyEntry(h, e); err != nil {
			return fmt.Errorf("read %s: %w", e.name, err)
		}
		k.add("content", hex.EncodeToString(h.Sum(nil)))
	}
	return nil
}

// counter counts what passes through.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

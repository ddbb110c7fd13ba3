package dist

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
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
	// Slim leaves out what Apache's release has beside the core: state backends, tables, formats, file systems and
	// reporters. It is not used with Source.
	Slim bool
	// Variant names the distribution among others of the same version; empty is the release, or else a name made
	// of what is left out and added. See Manifest.Variant.
	Variant string
	// Modules are further Maven artifacts for lib ("flink-avro", or group:artifact:version). flink-python goes to opt.
	Modules []string
	// Plugins are Maven artifacts that become plugins of their own ("flink-metrics-prometheus").
	Plugins []string
	// Jars are files that are put into lib under their own name, such as the resource
	// manager driver.
	Jars []string
	// Driver is the resource manager driver's jar, which goes into lib as DriverName; nil for none, or for one that is
	// among Jars.
	Driver []byte
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
	if o.Variant != "" && !variantPattern.MatchString(o.Variant) {
		return fmt.Errorf("assemble Flink: the variant %q is not a name of lower-case letters, digits and dashes with at most %d characters", o.Variant, maxVariant)
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
	list, err := shop(version, o)
	if err != nil {
		return Manifest{}, err
	}
	o.Variant = o.variantOf()
	key := newInputs()
	key.add("variant", o.Variant)
	list.addTo(key)
	if err := key.jars(o); err != nil {
		return Manifest{}, err
	}
	if m, ok := known(o.Dir, key.sum()); ok {
		o.say(m, "is at hand: "+filepath.Join(o.Dir, m.File))
		return m, nil
	}

	work, err := os.MkdirTemp(o.Dir, ".maven-")
	if err != nil {
		return Manifest{}, fmt.Errorf("assemble Flink: %w", err)
	}
	defer os.RemoveAll(work)
	size := 600
	if o.Slim {
		size = 90
	}
	fmt.Fprintf(o.Progress, "Flink %s: Maven resolves it (about %d MB the first time)\n", version, size)
	missing, err := list.bring(ctx, o.Maven, work, o.Progress)
	if err != nil {
		return Manifest{}, fmt.Errorf("assemble Flink %s: %w", version, err)
	}
	slices.Sort(missing)
	home := filepath.Join(work, "home")
	if err := unpackScripts(home); err != nil {
		return Manifest{}, fmt.Errorf("assemble Flink %s: %w", version, err)
	}
	return finish(o, home, Manifest{Inputs: key.sum(), Missing: missing})
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
	if err := key.jars(o); err != nil {
		return Manifest{}, err
	}
	key.add("variant", o.Variant)
	if m, ok := known(o.Dir, key.sum()); ok {
		o.say(m, "is at hand: "+filepath.Join(o.Dir, m.File))
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
	return finish(o, home, Manifest{Inputs: key.sum()})
}

// finish packs a home with the extra jars: what every task needs into the archive, and the jars of opt beside it. It
// completes the manifest that says what the home was made of.
func finish(o Options, home string, m Manifest) (Manifest, error) {
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
	added, err := o.added()
	if err != nil {
		return Manifest{}, err
	}
	if m.Options, err = knownOptions(entries); err != nil {
		return Manifest{}, err
	}
	optional := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return !isOptional(e) })
	entries = complete(append(slices.DeleteFunc(entries, isOptional), added...))

	m.Version, m.Variant, m.Home, m.Java = version, o.Variant, Home, JavaFor(version)
	o.say(m, fmt.Sprintf("packing %d files", len(entries)+len(optional)))
	base := "flink-" + m.Name() + "-"
	packed, err := packFile(o.Dir, base+"%s.tgz", func(w io.Writer) ([]hashed, error) { return pack(w, entries) })
	if err != nil {
		return Manifest{}, err
	}
	m.File, m.Size, m.SHA256, m.Libraries = packed.File, packed.Size, packed.SHA256, packed.Libraries
	for _, e := range entries {
		if e.dir && !strings.Contains(e.name, "/") {
			m.Directories = append(m.Directories, e.name)
		}
	}
	if len(optional) > 0 {
		slices.SortFunc(optional, func(a, b entry) int { return strings.Compare(a.name, b.name) })
		packed, err := packFile(o.Dir, base+"optional-%s.tar", func(w io.Writer) ([]hashed, error) { return packTar(w, "", optional) })
		if err != nil {
			return Manifest{}, err
		}
		m.Optional = &packed
	}
	if err := writeManifest(o.Dir, m); err != nil {
		return Manifest{}, err
	}
	if err := prune(o.Dir, m.Name()); err != nil {
		return Manifest{}, err
	}
	o.report(m)
	return m, nil
}

// isOptional says that an entry is a jar of opt: no process of Flink has it on its class path.
func isOptional(e entry) bool {
	return !e.dir && path.Dir(e.name) == "opt" && strings.HasSuffix(e.name, ".jar")
}

// added are the jars that the options add to lib.
func (o Options) added() ([]entry, error) {
	var added []entry
	for _, jar := range o.Jars {
		info, err := os.Stat(jar)
		if err != nil {
			return nil, fmt.Errorf("add a jar to lib: %w", err)
		}
		added = append(added, entry{
			name: path.Join("lib", filepath.Base(jar)), mode: 0o644, size: info.Size(),
			open: func() (io.ReadCloser, error) { return os.Open(jar) },
		})
	}
	if o.Driver != nil {
		added = append(added, entry{
			name: path.Join("lib", DriverName), mode: 0o644, size: int64(len(o.Driver)),
			open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(o.Driver)), nil },
		})
	}
	return added, nil
}

// packFile writes an archive below dir under a name that has the hash of its bytes for %s.
func packFile(dir, pattern string, pack func(io.Writer) ([]hashed, error)) (Optional, error) {
	tmp, err := os.CreateTemp(dir, ".pack-")
	if err != nil {
		return Optional{}, fmt.Errorf("pack Flink: %w", err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	sum := sha256.New()
	counted := &counter{w: io.MultiWriter(tmp, sum)}
	files, err := pack(counted)
	if err != nil {
		return Optional{}, err
	}
	for _, step := range []func() error{func() error { return tmp.Chmod(0o644) }, tmp.Sync, tmp.Close} {
		if err := step(); err != nil {
			return Optional{}, fmt.Errorf("pack Flink: %w", err)
		}
	}
	packed := Optional{SHA256: hex.EncodeToString(sum.Sum(nil)), Size: counted.n}
	packed.File = fmt.Sprintf(pattern, packed.SHA256)
	for _, f := range files {
		if strings.HasSuffix(f.name, ".jar") {
			packed.Libraries = append(packed.Libraries, Library{Path: f.name, Size: f.size, SHA256: f.sha256})
		}
	}
	if err := os.Rename(tmp.Name(), filepath.Join(dir, packed.File)); err != nil {
		return Optional{}, fmt.Errorf("pack Flink: %w", err)
	}
	return packed, nil
}

// say reports a step of a distribution.
func (o Options) say(m Manifest, what string) {
	fmt.Fprintf(o.Progress, "Flink %s: %s\n", m.Name(), what)
}

// report says what was made: where it is, how large, and what it lacks.
func (o Options) report(m Manifest) {
	o.say(m, fmt.Sprintf("%s (%d MB)", filepath.Join(o.Dir, m.File), m.Size>>20))
	if m.Optional != nil {
		o.say(m, fmt.Sprintf("%s (%d MB): %d jars of opt, which only tasks fetch whose cluster names them", filepath.Join(o.Dir, m.Optional.File), m.Optional.Size>>20, len(m.Optional.Libraries)))
	}
	if len(m.Missing) > 0 {
		o.say(m, "the Maven repository has not all of Apache's release; missing: "+strings.Join(m.Missing, ", "))
	}
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

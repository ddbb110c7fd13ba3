package universe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/flink/appcds"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/flink/jre"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// BuildOptions say what a release is made of.
type BuildOptions struct {
	// Root is the project.
	Root string
	// Dir is where the release goes; files of an earlier one are replaced.
	Dir string
	// URL is the address below which the files of Dir will be found, without a slash at its end.
	URL string
	// Version is the version that the programs say; empty for that of the package.
	Version string
	// Commit is the commit that the programs say.
	Commit string
	// Flinks is the directory of the Flink archives, of the Java archive, and of the classes prepared for both.
	Flinks string
	// DriverJar is the jar with Flink's resource manager driver.
	DriverJar string
	// ReleaseVersion orders the releases in a repository: the highest is the newest.
	ReleaseVersion int
	// Compile builds a program: a main package of the project for an operating system and an architecture, in Go's
	// words. Nil uses the go command.
	Compile func(ctx context.Context, o BuildOptions, main, goos, goarch, file string) error
	// Progress is told what is done; nil for nobody.
	Progress io.Writer
}

func (o *BuildOptions) validate() error {
	switch {
	case o.Root == "" || o.Dir == "" || o.Flinks == "" || o.DriverJar == "":
		return errors.New("universe: Root, Dir, Flinks and DriverJar are required")
	case !baseURL.MatchString(o.URL):
		return fmt.Errorf("%q is not the address of a release: write http(s)://host:port/path without a slash at its end", o.URL)
	case o.ReleaseVersion < 0:
		return fmt.Errorf("the release version %d is negative", o.ReleaseVersion)
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Compile == nil {
		o.Compile = Compile
	}
	return nil
}

// baseURL leaves out whatever would have to be quoted in a URL or in JSON.
var baseURL = regexp.MustCompile(`^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~-]+)*$`)

// platform is one for which programs are built, in Go's words.
type platform struct{ os, arch string }

// platforms lists where the service runs, and where the command line does. Mesos agents are Linux; a laptop may be a
// Mac. The service uses locks and process groups that Windows does not have.
func platforms() (service, cli []platform) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			cli = append(cli, platform{goos, arch})
			if goos != "windows" {
				service = append(service, platform{goos, arch})
			}
		}
	}
	return service, cli
}

// The names of what a release holds.
const (
	driverName = "flink-mesos-driver.jar"
	sumsName   = "SHA256SUMS"
	// packageDir is the package as a directory of a Universe repository.
	packageDir = "package"
)

// Build makes a release: the programs as archives, the driver's jar, the Flink archives, the icons, the filled package
// and the repository files, and a list of their hashes. It returns the filled package.
func Build(ctx context.Context, o BuildOptions) (Package, error) {
	if err := o.validate(); err != nil {
		return Package{}, err
	}
	p, err := Load(o.Root)
	if err != nil {
		return Package{}, err
	}
	if o.Version == "" {
		o.Version = p.Version()
	}
	b := builder{BuildOptions: o, files: map[string]string{}}
	if err := b.clear(); err != nil {
		return Package{}, err
	}
	for _, step := range []func(context.Context) error{b.driver, b.programs, b.flinks, b.java, b.icons, b.screenshots} {
		if err := step(ctx); err != nil {
			return Package{}, err
		}
	}
	if p.Resource, err = Fill(p.Resource, o.URL, b.files, b.archives, b.runtime); err != nil {
		return Package{}, fmt.Errorf("%s: %w", ResourceFile, err)
	}
	if err := b.writePackage(p); err != nil {
		return Package{}, err
	}
	return p, b.writeSums()
}

// builder is one run of Build.
type builder struct {
	BuildOptions
	// files are the files of the release with their hashes.
	files map[string]string
	// archives are the Flink archives of the release, newest first.
	archives []dist.Manifest
	// runtime is the Java of the release.
	runtime Java
}

// clear makes the directory, and removes what an earlier release left there. Other files stop it, so that a slip in
// its name removes nothing.
func (b *builder) clear() error {
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(b.Dir)
	if err != nil {
		return err
	}
	ours := regexp.MustCompile(`^(flink-service-.*\.zip|dcos-flink-.*\.zip|flink-[0-9].*\.(tgz|tar|json)|java-[0-9].*\.(tgz|json)|classes-.*\.jsa|icon-[0-9]+\.png|screenshot-.*\.png|repo-v[0-9]+\.json|` +
		regexp.QuoteMeta(driverName) + `|` + sumsName + `|` + packageDir + `)$`)
	for _, e := range entries {
		if !ours.MatchString(e.Name()) {
			return fmt.Errorf("%s is in the way: a release is built into a directory of its own", filepath.Join(b.Dir, e.Name()))
		}
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(b.Dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) say(format string, args ...any) { fmt.Fprintf(b.Progress, format+"\n", args...) }

// take puts a file that never changes into the release, without a copy where that is possible.
func (b *builder) take(from, name string) error {
	to := filepath.Join(b.Dir, name)
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	if err := os.Link(from, to); err != nil {
		if err := copyFile(from, to); err != nil {
			return err
		}
	}
	return b.sum(name)
}

func (b *builder) sum(name string) error {
	hash, err := hashFile(filepath.Join(b.Dir, name))
	b.files[name] = hash
	return err
}

func (b *builder) driver(context.Context) error {
	// A copy: Maven may write the jar anew in its place.
	if err := copyFile(b.DriverJar, filepath.Join(b.Dir, driverName)); err != nil {
		return fmt.Errorf("the driver's jar: %w: run `make driver`", err)
	}
	return b.sum(driverName)
}

// programs compiles and packs the service and the command line.
func (b *builder) programs(ctx context.Context) error {
	work, err := os.MkdirTemp("", "flink-universe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	service, cli := platforms()
	for _, p := range service {
		file := filepath.Join(work, "flink-service")
		if err := b.compile(ctx, "./service", p, file); err != nil {
			return err
		}
		err := b.pack("flink-service-"+p.os+"-"+p.arch+".zip", []entry{
			{name: "flink-service/flink-service", file: file, executable: true},
			{name: "flink-service/" + driverName, file: filepath.Join(b.Dir, driverName)},
			{name: "flink-service/LICENSE", file: filepath.Join(b.Root, "LICENSE")},
		})
		if err != nil {
			return err
		}
	}
	manifest, err := os.ReadFile(filepath.Join(b.Root, "cli-plugin", "plugin.toml"))
	if err != nil {
		return err
	}
	for _, p := range cli {
		name, toml := "bin/dcos-flink", manifest
		if p.os == "windows" {
			name, toml = name+".exe", []byte(strings.Replace(string(manifest), `"bin/dcos-flink"`, `"bin/dcos-flink.exe"`, 1))
		}
		if !strings.Contains(string(toml), `path = "`+name+`"`) {
			return fmt.Errorf("plugin.toml does not name the program %s", name)
		}
		file := filepath.Join(work, "dcos-flink")
		if err := b.compile(ctx, "./cli-plugin", p, file); err != nil {
			return err
		}
		err := b.pack("dcos-flink-"+p.os+"-"+p.arch+".zip", []entry{
			{name: "plugin.toml", content: toml},
			{name: name, file: file, executable: true},
			{name: "completion/bash/flink.sh", file: filepath.Join(b.Root, "cli-plugin", "completion", "bash", "flink.sh")},
			{name: "LICENSE", file: filepath.Join(b.Root, "LICENSE")},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) compile(ctx context.Context, main string, p platform, file string) error {
	b.say("compile %s for %s/%s", main, p.os, p.arch)
	return b.Compile(ctx, b.BuildOptions, main, p.os, p.arch, file)
}

func (b *builder) pack(name string, entries []entry) error {
	if err := writeZip(filepath.Join(b.Dir, name), entries); err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	return b.sum(name)
}

// Compile runs the go command for BuildOptions.Compile. The program holds no path of this machine.
func Compile(ctx context.Context, o BuildOptions, main, goos, goarch, file string) error {
	const module = "github.com/flink-on-mesos/flink-service/internal/"
	flags := "-s -w -X main.version=" + o.Version + " -X main.commit=" + o.Commit + " -X " + module + "cli.Version=" + o.Version
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", file, main)
	cmd.Dir = o.Root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile %s for %s/%s: %w\n%s", main, goos, goarch, err, out)
	}
	return nil
}

// flinks takes the newest Flink archive of each release line, with its manifest.
func (b *builder) flinks(context.Context) error {
	var err error
	if b.archives, err = dist.Scan(b.Flinks); err != nil {
		return err
	}
	if len(b.archives) == 0 {
		return fmt.Errorf("%s has no Flink archive: run make flink", b.Flinks)
	}
	// The release of Flink comes before its variants.
	b.archives = slices.CompactFunc(b.archives, func(a, c dist.Manifest) bool { return a.Version == c.Version })
	for _, m := range b.archives {
		manifest := strings.TrimSuffix(m.File, ".tgz") + ".json"
		hashes := map[string]string{m.File: m.SHA256, manifest: ""}
		if m.Optional != nil {
			hashes[m.Optional.File] = m.Optional.SHA256
		}
		for name, hash := range hashes {
			if err := b.take(filepath.Join(b.Flinks, name), name); err != nil {
				return err
			}
			if hash != "" && b.files[name] != hash {
				return fmt.Errorf("%s is not what its manifest says: remove both and run `make flink`", filepath.Join(b.Flinks, name))
			}
		}
	}
	return nil
}

// java takes the newest Java archive, and the classes that were prepared for it.
func (b *builder) java(context.Context) error {
	found, err := jre.Scan(b.Flinks)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("%s has no Java archive: run make java", b.Flinks)
	}
	m := found[0]
	if err := b.take(filepath.Join(b.Flinks, m.File), m.File); err != nil {
		return err
	}
	if b.files[m.File] != m.SHA256 {
		return fmt.Errorf("%s is not what its manifest says: remove both and run make java", filepath.Join(b.Flinks, m.File))
	}
	b.runtime = Java{Archive: m.File, Classes: map[string]map[spec.TaskKind]string{}}
	for _, f := range b.archives {
		prepared, err := appcds.Scan(b.Flinks, f.SHA256)
		if err != nil {
			return err
		}
		b.runtime.Classes[f.SHA256] = map[spec.TaskKind]string{}
		for _, c := range prepared {
			if c.Java != m.Version {
				continue
			}
			if err := b.take(filepath.Join(b.Flinks, c.File), c.File); err != nil {
				return err
			}
			b.runtime.Classes[f.SHA256][c.Role] = c.File
		}
	}
	return nil
}

// icons takes the icons as they were drawn.
func (b *builder) icons(context.Context) error {
	for _, size := range IconSizes() {
		name := fmt.Sprintf("icon-%d.png", size)
		if err := copyFile(filepath.Join(b.Root, "universe", "icons", name), filepath.Join(b.Dir, name)); err != nil {
			return err
		}
		if err := b.sum(name); err != nil {
			return err
		}
	}
	return nil
}

// screenshots takes those of the documentation, which the tests of the page make.
func (b *builder) screenshots(context.Context) error {
	files, err := filepath.Glob(filepath.Join(b.Root, "docs", "images", "*.png"))
	if err != nil {
		return err
	}
	for _, file := range files {
		name := "screenshot-" + filepath.Base(file)
		if err := copyFile(file, filepath.Join(b.Dir, name)); err != nil {
			return err
		}
		if err := b.sum(name); err != nil {
			return err
		}
	}
	return nil
}

// writePackage writes the package, as a directory for Universe and as repository files.
func (b *builder) writePackage(p Package) error {
	dir := filepath.Join(b.Dir, packageDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, v := range map[string]map[string]any{"package.json": p.Info, "config.json": p.Config, "resource.json": p.Resource} {
		if err := writeJSON(filepath.Join(dir, name), v); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(TemplateFile)), []byte(p.Template), 0o644); err != nil {
		return err
	}
	for _, v := range RepositoryVersions() {
		name := repositoryName(v)
		if err := writeJSON(filepath.Join(b.Dir, name), Repository(p, b.ReleaseVersion)); err != nil {
			return err
		}
		if err := b.sum(name); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// writeSums lists the hashes as sha256sum -c reads them.
func (b *builder) writeSums() error {
	var lines []string
	for name, hash := range b.files {
		lines = append(lines, hash+"  "+name+"\n")
	}
	slices.SortFunc(lines, func(x, y string) int { return strings.Compare(x[64:], y[64:]) })
	return os.WriteFile(filepath.Join(b.Dir, sumsName), []byte(strings.Join(lines, "")), 0o644)
}

package jre

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink/appcds"
)

// Options say what an image is made of.
type Options struct {
	// JDK is the home of a JDK of Release with its jmods; Dir takes the archive and its manifest.
	JDK, Dir string
	// Progress is told what happens, one line at a time; nil means nobody.
	Progress io.Writer
}

// epoch is the time of every file: prepared classes are of no use when the time of a file differs.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Build makes an archive, unless there is one of the same JDK and modules. From one JDK the image is the same each time,
// apart from the base archive of classes, whose layout the JVM does not promise.
func Build(ctx context.Context, o Options) (Manifest, error) {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	jdk, err := appcds.FindJava(o.JDK)
	if err != nil {
		return Manifest{}, err
	}
	if major, _, _ := strings.Cut(jdk.Version, "."); major != fmt.Sprint(Release) {
		return Manifest{}, fmt.Errorf("the Java in %s is %s: a JDK %d is needed, such as Debian's openjdk-%d-jdk-headless", o.JDK, jdk.Version, Release, Release)
	}
	there, err := Scan(o.Dir)
	if err != nil {
		return Manifest{}, err
	}
	for _, m := range there {
		if m.Source == jdk.Version && slices.Equal(m.Modules, Modules()) {
			return m, nil
		}
	}
	fmt.Fprintf(o.Progress, "Java %s: linking %d modules\n", jdk.Version, len(Modules()))
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return Manifest{}, fmt.Errorf("make a Java archive: %w", err)
	}
	work, err := os.MkdirTemp(o.Dir, ".java-")
	if err != nil {
		return Manifest{}, fmt.Errorf("make a Java archive: %w", err)
	}
	defer os.RemoveAll(work)
	m, err := o.link(ctx, jdk, work)
	if err != nil {
		return Manifest{}, fmt.Errorf("make a Java archive: %w", err)
	}
	for _, old := range there {
		for _, name := range []string{old.File, manifestOf(old.File)} {
			if err := os.Remove(filepath.Join(o.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return Manifest{}, fmt.Errorf("remove an old Java archive: %w", err)
			}
		}
	}
	return m, nil
}

func (o Options) link(ctx context.Context, jdk appcds.Java, work string) (Manifest, error) {
	home := filepath.Join(work, Home)
	jlink := exec.CommandContext(ctx, filepath.Join(o.JDK, "bin", "jlink"), "--add-modules", strings.Join(Modules(), ","),
		"--compress=2", "--no-header-files", "--no-man-pages", "--output", home)
	if out, err := jlink.CombinedOutput(); err != nil {
		return Manifest{}, fmt.Errorf("jlink: %w: %s", err, out)
	}
	if err := settle(home); err != nil {
		return Manifest{}, err
	}
	dump := exec.CommandContext(ctx, filepath.Join(home, "bin", "java"), "-Xshare:dump")
	dump.Dir = work
	if out, err := dump.CombinedOutput(); err != nil {
		return Manifest{}, fmt.Errorf("archive the classes of the JDK: %w: %s", err, out)
	}
	m := Manifest{Source: jdk.Version, Modules: Modules()}
	mark, err := fingerprint(home)
	if err != nil {
		return Manifest{}, err
	}
	m.Version = jdk.Version + "-flink-" + mark
	plain, _, _ := strings.Cut(jdk.Version, "+")
	release := fmt.Sprintf("JAVA_VERSION=\"%s\"\nJAVA_RUNTIME_VERSION=\"%s\"\nMODULES=\"%s\"\n", plain, m.Version, strings.Join(Modules(), " "))
	if err := os.WriteFile(filepath.Join(home, "release"), []byte(release), 0o644); err != nil {
		return Manifest{}, err
	}
	if err := settle(home); err != nil {
		return Manifest{}, err
	}
	packed := filepath.Join(work, "java.tgz")
	if m.SHA256, err = pack(packed, work); err != nil {
		return Manifest{}, err
	}
	m.File = fmt.Sprintf("java-%s-%s-%s-%s.tgz", plain, runtime.GOOS, runtime.GOARCH, m.SHA256)
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return Manifest{}, err
	}
	if err := os.Rename(packed, filepath.Join(o.Dir, m.File)); err != nil {
		return Manifest{}, err
	}
	return m, os.WriteFile(filepath.Join(o.Dir, manifestOf(m.File)), append(data, '\n'), 0o644)
}

// settle gives every file of the image its time.
func settle(home string) error {
	return filepath.WalkDir(home, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.Type() == fs.ModeSymlink {
			return err
		}
		return os.Chtimes(name, epoch, epoch)
	})
}

// fingerprint tells images apart: it is a hash of what prepared classes depend on.
func fingerprint(home string) (string, error) {
	h := sha256.New()
	for _, name := range []string{"lib/modules", "lib/server/libjvm.so", "lib/server/classes.jsa"} {
		data, err := os.ReadFile(filepath.Join(home, name))
		if err != nil {
			return "", err
		}
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil)[:4]), nil
}

// pack writes the image below work as a tar in a gzip layer that only stores: agents unpack it for every task.
func pack(file, work string) (sum string, err error) {
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	zw, err := gzip.NewWriterLevel(io.MultiWriter(f, h), gzip.NoCompression)
	if err != nil {
		return "", err
	}
	tw := tar.NewWriter(zw)
	err = filepath.WalkDir(filepath.Join(work, Home), func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return add(tw, work, name, e)
	})
	if err := errors.Join(err, tw.Close(), zw.Close()); err != nil {
		return "", fmt.Errorf("pack: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), f.Chmod(0o644)
}

// add writes one file, directory or symbolic link.
func add(tw *tar.Writer, work, name string, e fs.DirEntry) error {
	rel, err := filepath.Rel(work, name)
	if err != nil {
		return err
	}
	info, err := e.Info()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: filepath.ToSlash(rel), Mode: 0o644, ModTime: epoch, Format: tar.FormatPAX, Typeflag: tar.TypeReg, Size: info.Size()}
	switch {
	case e.IsDir():
		header.Name, header.Mode, header.Typeflag, header.Size = header.Name+"/", 0o755, tar.TypeDir, 0
	case e.Type() == fs.ModeSymlink:
		target, err := os.Readlink(name)
		if err != nil {
			return err
		}
		if path.IsAbs(target) || !strings.HasPrefix(path.Join(path.Dir(header.Name), target), Home+"/") {
			return fmt.Errorf("%s leads out of the image, to %s", rel, target)
		}
		header.Linkname, header.Mode, header.Typeflag, header.Size = target, 0o777, tar.TypeSymlink, 0
	case info.Mode()&0o111 != 0:
		header.Mode = 0o755
	}
	if err := tw.WriteHeader(header); err != nil || header.Typeflag != tar.TypeReg {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(tw, f)
	return err
}

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/flink/appcds"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
)

// distribution is a Flink that the artifact server has.
type distribution struct {
	dist.Manifest
	// Path is the stable URL path of the archive.
	Path string
	// Classes are the class archives that lie beside it.
	Classes []preparedClasses
}

// preparedClasses is a class archive that the artifact server has.
type preparedClasses struct {
	appcds.Archive
	Path string
}

// distributions are the Flinks of this service, the newest first.
type distributions []distribution

// findDistributions takes every Flink that the settings name into the artifact store: archives of
// ours as they are, and foreign tarballs and installed directories after they were packed into dir.
func findDistributions(ctx context.Context, places []string, dir string, store *artifact.Store, log *slog.Logger) (distributions, error) {
	var all distributions
	for _, place := range places {
		found, from, err := look(ctx, place, dir, log)
		if err != nil {
			return nil, fault.New(fault.Invalid, "FLINK_DISTRIBUTIONS: %s: %v", place, err)
		}
		for _, m := range found {
			if slices.ContainsFunc(all, func(d distribution) bool { return d.Version == m.Version }) {
				continue // The place named first wins.
			}
			a, err := store.Add(ctx, filepath.Join(from, m.File), artifact.PutOptions{Public: true})
			if err != nil {
				return nil, fmt.Errorf("take %s into the artifact store: %w", m.File, err)
			}
			path, err := store.Path(a.SHA256, "flink-"+m.Version+".tgz")
			if err != nil {
				return nil, err
			}
			log.Info("Flink distribution", "version", m.Version, "sha256", a.SHA256, "from", filepath.Join(from, m.File))
			all = append(all, distribution{Manifest: m, Path: path, Classes: addClasses(ctx, m, from, store, log)})
		}
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Invalid, "FLINK_DISTRIBUTIONS: there is no Flink in %s: name archives of Flink (.tgz), Flink directories, or directories of archives", strings.Join(places, ", "))
	}
	slices.SortFunc(all, func(a, b distribution) int { return dist.CompareVersions(b.Version, a.Version) })
	return all, nil
}

// addClasses takes the class archives of a distribution into the artifact store. Tasks start without them too, so
// nothing that goes wrong here is more than a warning.
func addClasses(ctx context.Context, m dist.Manifest, dir string, store *artifact.Store, log *slog.Logger) []preparedClasses {
	found, err := appcds.Scan(dir, m.SHA256)
	if err != nil {
		log.Warn("prepared classes are left out", "flink", m.Version, "error", err)
	}
	var all []preparedClasses
	for _, c := range found {
		a, err := store.Add(ctx, filepath.Join(dir, c.File), artifact.PutOptions{Name: "classes.jsa", Public: true})
		if err != nil {
			log.Warn("prepared classes are left out", "file", c.File, "error", err)
			continue
		}
		path, err := store.Path(a.SHA256, "classes.jsa")
		if err != nil {
			log.Warn("prepared classes are left out", "file", c.File, "error", err)
			continue
		}
		log.Info("prepared classes", "flink", m.Version, "role", c.Role, "java", c.Java, "sha256", a.SHA256)
		all = append(all, preparedClasses{Archive: c, Path: path})
	}
	return all
}

// javaArchive is the URI at which tasks fetch the Java of JAVA_ARCHIVE: a file of this machine is served as an artifact.
func (s *Service) javaArchive(ctx context.Context, store *artifact.Store) (string, error) {
	named := s.c.Flink.JavaArchive
	if named == "" || strings.Contains(named, "://") {
		return named, nil
	}
	a, err := store.Add(ctx, named, artifact.PutOptions{Public: true})
	if err != nil {
		return "", fmt.Errorf("JAVA_ARCHIVE: take %s into the artifact store: %w", named, err)
	}
	path, err := store.Path(a.SHA256, filepath.Base(named))
	if err != nil {
		return "", fmt.Errorf("JAVA_ARCHIVE: %w", err)
	}
	s.log.Info("Java for tasks", "sha256", a.SHA256, "from", named)
	return s.url + path, nil
}

// look finds the archives of one place, and the directory in which they are.
func look(ctx context.Context, place, dir string, log *slog.Logger) ([]dist.Manifest, string, error) {
	info, err := os.Stat(place)
	if errors.Is(err, os.ErrNotExist) {
		return nil, "", nil // The default place need not be there; that nothing at all is found is an error.
	}
	if err != nil {
		return nil, "", err
	}
	if info.IsDir() {
		if _, err := os.Stat(filepath.Join(place, "lib")); err != nil {
			found, err := dist.Scan(place)
			return found, place, err
		}
	} else if found, err := dist.Scan(filepath.Dir(place)); err == nil {
		for _, m := range found {
			if m.File == filepath.Base(place) {
				return []dist.Manifest{m}, filepath.Dir(place), nil
			}
		}
	}
	log.Info("packing Flink; this is done once", "from", place)
	jars, err := filepath.Glob(filepath.Join(filepath.Dir(executable()), "flink-mesos-driver*.jar"))
	if err != nil {
		return nil, "", err
	}
	m, err := dist.Assemble(ctx, dist.Options{Source: place, Dir: dir, Jars: jars, Progress: progress{log}})
	return []dist.Manifest{m}, dir, err
}

// executable is where this program is; the driver's jar lies beside it in a release.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return "."
	}
	return path
}

// progress logs lines.
type progress struct{ log *slog.Logger }

var _ io.Writer = progress{}

func (p progress) Write(b []byte) (int, error) {
	for line := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n") {
		p.log.Info(line)
	}
	return len(b), nil
}

// pick finds the Flink of a version or the beginning of one.
func (d distributions) pick(wanted string) (distribution, error) {
	list := make([]dist.Manifest, len(d))
	for i := range d {
		list[i] = d[i].Manifest
	}
	m, err := dist.Pick(list, wanted)
	if err != nil {
		return distribution{}, err
	}
	i := slices.IndexFunc(d, func(x distribution) bool { return x.Version == m.Version })
	return d[i], nil
}

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
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/resources"
)

// distribution is a Flink that the artifact server has.
type distribution struct {
	dist.Manifest
	// Path is the stable URL path of the archive.
	Path string
	// from is the directory with the jars of opt.
	from string
	// kept says that no place of the settings has it any more: only clusters that were created with it start from it.
	kept bool
	// Classes are the class archives that lie beside it.
	Classes []preparedClasses
}

// preparedClasses is a class archive that the artifact server has.
type preparedClasses struct {
	appcds.Archive
	Path string
}

// distributions are the Flinks of this service, in the order of dist.ScanAll.
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
		first := len(all)
		for _, m := range found {
			m = withoutLost(m, from, log)
			if slices.ContainsFunc(all[:first], func(d distribution) bool { return d.Name() == m.Name() }) {
				continue // The place named first wins.
			}
			a, err := store.Add(ctx, filepath.Join(from, m.File), artifact.PutOptions{Public: true})
			if err != nil {
				return nil, fmt.Errorf("take %s into the artifact store: %w", m.File, err)
			}
			path, err := store.Path(a.SHA256, "flink-"+m.Name()+".tgz")
			if err != nil {
				return nil, err
			}
			log.Info("Flink distribution", "name", m.Name(), "sha256", a.SHA256, "bytes", m.Size, "missing", len(m.Missing), "from", filepath.Join(from, m.File))
			all = append(all, distribution{Manifest: m, Path: path, from: from, Classes: addClasses(ctx, m, from, store, log)})
		}
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Invalid, "FLINK_DISTRIBUTIONS: there is no Flink in %s: name archives of Flink (.tgz), Flink directories, or directories of archives", strings.Join(places, ", "))
	}
	slices.SortStableFunc(all, func(a, b distribution) int { return dist.CompareVersions(b.Version, a.Version) })
	return all, nil
}

// withoutLost leaves out the jars of opt when the file with them did not come along.
func withoutLost(m dist.Manifest, from string, log *slog.Logger) dist.Manifest {
	if m.Optional == nil {
		return m
	}
	if _, err := os.Stat(filepath.Join(from, m.Optional.File)); err != nil {
		log.Warn("the jars of opt are not beside the archive: clusters cannot name them", "flink", m.Name(), "file", m.Optional.File, "error", err)
		m.Optional = nil
	}
	return m
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
			found, err := dist.ScanAll(place)
			return found, place, err
		}
	} else if found, err := dist.ScanAll(filepath.Dir(place)); err == nil {
		for _, m := range found {
			if m.File == filepath.Base(place) {
				return []dist.Manifest{m}, filepath.Dir(place), nil
			}
		}
	}
	log.Info("packing Flink; this is done once", "from", place)
	m, err := dist.Assemble(ctx, dist.Options{Source: place, Dir: dir, Driver: resources.Driver(), Progress: progress{log}})
	if err == nil && !m.Driven() {
		log.Warn("this service was built without the resource manager driver: clusters with dynamic allocation are refused (make build with Maven)", "flink", m.Version)
	}
	return []dist.Manifest{m}, dir, err
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

// pick finds the Flink that a cluster asks for by its version or the beginning of one, and maybe a variant.
func (d distributions) pick(wanted string) (distribution, error) {
	var list []dist.Manifest
	for _, x := range d {
		if !x.kept {
			list = append(list, x.Manifest)
		}
	}
	m, err := dist.Pick(list, wanted)
	if err != nil {
		return distribution{}, err
	}
	found, _ := d.archive(m.SHA256)
	return found, nil
}

// archive finds the Flink whose archive has a hash, or one that begins so.
func (d distributions) archive(sha string) (distribution, bool) {
	i := slices.IndexFunc(d, func(x distribution) bool { return strings.HasPrefix(x.SHA256, sha) })
	if i < 0 || sha == "" {
		return distribution{}, false
	}
	return d[i], true
}

// of finds the Flink of a cluster: the archive that it was created with, or the one that is now in its place.
// pinned says that it is the former, or that the cluster names none.
func (d distributions) of(s spec.Spec) (found distribution, pinned bool, err error) {
	_, sha := spec.SplitDistribution(s.FlinkDistribution)
	if found, ok := d.archive(sha); ok {
		return found, true, nil
	}
	found, err = d.pick(s.FlinkVersion)
	return found, sha == "", err
}

// manifests lists what new clusters can have.
func (d distributions) manifests() (all []dist.Manifest) {
	for _, found := range d {
		if !found.kept {
			all = append(all, found.Manifest)
		}
	}
	return all
}

// pin has a cluster stay with one archive, however many of the same version there will be. A new cluster, and one
// whose flinkVersion changes, gets the one of today; so does one that asks for spec.CurrentDistribution.
func (d distributions) pin(s, stored spec.Spec) (spec.Spec, error) {
	asked := s.FlinkDistribution
	if asked == "" || asked == stored.FlinkDistribution {
		if asked = stored.FlinkDistribution; s.FlinkVersion != stored.FlinkVersion {
			asked = ""
		}
	}
	if asked != "" && asked != spec.CurrentDistribution {
		_, sha := spec.SplitDistribution(asked)
		found, ok := d.archive(sha)
		switch {
		case ok && !found.Matches(s.FlinkVersion):
			return s, fault.New(fault.Invalid, "%s is Flink %s, and flinkVersion asks for %s", asked, found.Name(), s.FlinkVersion)
		case ok:
			s.FlinkDistribution = spec.JoinDistribution(found.Name(), found.SHA256)
			return s, nil
		case asked != stored.FlinkDistribution:
			return s, fault.New(fault.Invalid, "the service has no archive %s: write %s, or one that GET /v1/service lists", asked, spec.CurrentDistribution)
		}
		// What it was created with is gone, and its tasks start from the one in its place.
	}
	if asked == "" && stored.Name != "" && stored.FlinkDistribution == "" && s.FlinkVersion == stored.FlinkVersion {
		return s, nil // It was created before there were pins; to change its Flink now would restart it.
	}
	found, err := d.pick(s.FlinkVersion)
	if err != nil {
		return s, nil //nolint:nilerr // The check of the spec tells it, with everything else.
	}
	s.FlinkDistribution = spec.JoinDistribution(found.Name(), found.SHA256)
	return s, nil
}

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// keep remembers, in dir, every Flink that was found, and adds those of earlier starts with which a stored cluster was
// created. What no cluster and no place names any more is removed from the artifact store.
func (d distributions) keep(dir string, stored state.Stored, store *artifact.Store, log *slog.Logger) (distributions, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("DATA_DIR: %w", err)
	}
	for _, found := range d {
		if err := remember(dir, found.Manifest); err != nil {
			return nil, fmt.Errorf("DATA_DIR: %w", err)
		}
	}
	pinned := pins(stored)
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		sha := strings.TrimSuffix(filepath.Base(file), ".json")
		if _, ok := d.archive(sha); ok {
			continue
		}
		if !slices.Contains(pinned, sha) {
			// Nothing is there to be removed when it was removed by hand.
			if err := errors.Join(os.Remove(file), store.Delete(sha)); err != nil {
				log.Debug("a Flink that nothing names is left", "sha256", sha, "error", err)
			}
			continue
		}
		m, err := recall(file)
		if err == nil {
			_, err = store.Stat(sha)
		}
		if err != nil {
			log.Warn("the Flink that a cluster was created with is not here any more", "sha256", sha, "error", err)
			continue
		}
		path, err := store.Path(sha, "flink-"+m.Name()+".tgz")
		if err != nil {
			return nil, err
		}
		log.Info("Flink distribution of existing clusters", "name", m.Name(), "sha256", sha)
		d = append(d, distribution{Manifest: m, Path: path, kept: true})
	}
	return d, nil
}

// pins are the hashes of the archives that stored clusters were created with.
func pins(stored state.Stored) []string {
	var all []string
	for _, c := range stored.Clusters {
		specs := []spec.Spec{c.Spec}
		if c.Rollout != nil {
			specs = append(specs, c.Rollout.Spec)
		}
		for _, s := range specs {
			if _, sha := spec.SplitDistribution(s.FlinkDistribution); sha != "" {
				all = append(all, sha)
			}
		}
	}
	return all
}

func remember(dir string, m dist.Manifest) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, m.SHA256+".json")
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func recall(file string) (m dist.Manifest, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(text, &m)
}

// optional has the artifact server have the jar of an artifact in opt, which lies beside the archive, and returns its path there. ok is false when the
// archive itself has it, or nothing has.
func (d distribution) optional(ctx context.Context, artifactName string, store *artifact.Store) (jar dist.Library, path string, ok bool, err error) {
	jar, beside, ok := d.OptionalJar(artifactName)
	if !ok || !beside {
		return jar, "", false, nil
	}
	name := filepath.Base(jar.Path)
	if _, err := store.Stat(jar.SHA256); err != nil {
		if d.from == "" {
			return jar, "", false, fmt.Errorf("%s of Flink %s is not here any more: give the cluster the Flink of today (flinkDistribution: %s)", name, d.Name(), spec.CurrentDistribution)
		}
		if err := d.addOptional(ctx, jar, name, store); err != nil {
			return jar, "", false, err
		}
	}
	path, err = store.Path(jar.SHA256, name)
	return jar, path, err == nil, err
}

func (d distribution) addOptional(ctx context.Context, jar dist.Library, name string, store *artifact.Store) error {
	r, w := io.Pipe()
	go func() { w.CloseWithError(d.Optional.Take(d.from, jar, w)) }()
	_, err := store.Put(ctx, r, artifact.PutOptions{Name: name, Public: true})
	return errors.Join(err, r.Close())
}

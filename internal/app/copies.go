package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Uploads lie in the DATA_DIR of the instance that led when they came. So that another machine can take over, every
// standby copies them from the leader; and an instance that begins to lead copies what the others have, and asks them
// again for those that a cluster needs and it lacks. Paths are signed with the key that all instances find in the state; content is what its hash says.

const (
	// copyEvery is the time between two looks at what there is to copy.
	copyEvery = 2 * time.Second
	// cleanEvery and cleanAfter are when a standby removes copies that the leader no longer has and no cluster names.
	cleanEvery = 10 * time.Minute
	cleanAfter = 24 * time.Hour
	// copyTimeout bounds the copying of one upload.
	copyTimeout = 30 * time.Minute
	// pathLifetime is how long a path between instances is good: their clocks may differ.
	pathLifetime = time.Hour
)

// listKind is the kind of artifact that lists an instance's uploads for the other instances; listID is its one id.
const (
	listKind = "list"
	listID   = "uploads"
)

// openArtifacts opens the artifacts of this instance. InUse names the clusters that use one; nil for unknown.
func (s *Service) openArtifacts(k keys, r prometheus.Registerer, inUse func(string) []string) (*artifact.Store, error) {
	a, err := artifact.New(artifact.Options{
		Dir: filepath.Join(s.c.State.DataDir, "artifacts"), Prefix: k.Prefix, Key: k.Signing, MaxUpload: int64(s.c.Flink.ArtifactMaxSize),
		InUse: inUse, Registerer: r, Log: s.log.With("part", "artifacts"),
	})
	if err != nil {
		return nil, err
	}
	a.Handle(listKind, func(context.Context, string) ([]byte, time.Time, error) {
		list, err := a.List()
		if err != nil {
			return nil, time.Time{}, err
		}
		// What is public is a Flink that each instance finds by itself.
		list = slices.DeleteFunc(list, func(x artifact.Artifact) bool { return x.Public })
		content, err := json.Marshal(list)
		return content, time.Time{}, err
	})
	return a, nil
}

// copies brings uploads from other instances into a store.
type copies struct {
	store  *artifact.Store
	client *http.Client
	log    *slog.Logger

	mu sync.Mutex
	// missing has, for each artifact that no instance has, who was asked.
	missing map[string][]string
}

func newCopies(store *artifact.Store, others *http.Transport, log *slog.Logger) *copies {
	transport := others.Clone()
	transport.ResponseHeaderTimeout = 30 * time.Second
	return &copies{
		store: store, log: log.With("part", "copies"), missing: make(map[string][]string),
		client: &http.Client{Transport: transport},
	}
}

// get asks another instance for a path of the artifact server.
func (c *copies) get(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(forwarded, "1") // Whoever does not lead answers for itself.
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(errors.New("the answer is "+resp.Status), resp.Body.Close())
	}
	return resp.Body, nil
}

// list asks an instance which uploads it has.
func (c *copies) list(ctx context.Context, instance string) ([]artifact.Artifact, error) {
	path, err := c.store.RenderedPath(listKind, listID, "artifacts.json", time.Now().Add(pathLifetime))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	body, err := c.get(ctx, instance+path)
	if err != nil {
		return nil, fmt.Errorf("list the artifacts of %s: %w", instance, err)
	}
	defer body.Close()
	var list []artifact.Artifact
	if err := json.NewDecoder(io.LimitReader(body, 64<<20)).Decode(&list); err != nil {
		return nil, fmt.Errorf("list the artifacts of %s: %w", instance, err)
	}
	return list, nil
}

// bring copies one upload, and refuses content that is not what its hash says.
func (c *copies) bring(ctx context.Context, instance, sha, name string) error {
	path, err := c.store.SignedPath(sha, name, time.Now().Add(pathLifetime))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	body, err := c.get(ctx, instance+path)
	if err != nil {
		return fmt.Errorf("copy artifact %s from %s: %w", sha, instance, err)
	}
	defer body.Close()
	a, err := c.store.Put(ctx, body, artifact.PutOptions{Name: name, MaxBytes: math.MaxInt64})
	if err != nil {
		return fmt.Errorf("copy artifact %s from %s: %w", sha, instance, err)
	}
	if a.SHA256 != sha {
		return errors.Join(fmt.Errorf("copy artifact %s from %s: the content has the hash %s", sha, instance, a.SHA256), c.store.Delete(a.SHA256))
	}
	c.log.Info("artifact copied", "sha256", sha, "name", name, "bytes", a.Size, "from", instance)
	return nil
}

// mirror copies what an instance has and this one lacks, and returns what the other has.
func (c *copies) mirror(ctx context.Context, instance string) ([]artifact.Artifact, error) {
	list, err := c.list(ctx, instance)
	var problems []error
	for _, a := range list {
		if _, err := c.store.Stat(a.SHA256); fault.CodeOf(err) != fault.NotFound || ctx.Err() != nil {
			continue
		}
		if err := c.bring(ctx, instance, a.SHA256, a.Name); err != nil {
			problems = append(problems, err)
		}
	}
	return list, errors.Join(append(problems, err)...)
}

// find looks for one upload at other instances, and remembers whom it asked in vain.
func (c *copies) find(ctx context.Context, instances []string, sha, name string) {
	for _, instance := range instances {
		err := c.bring(ctx, instance, sha, name)
		if err == nil {
			c.mu.Lock()
			delete(c.missing, sha)
			c.mu.Unlock()
			return
		}
		c.log.Debug("artifact is not there", "error", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.missing[sha]; !known && ctx.Err() == nil {
		c.log.Warn("an artifact that a cluster needs is on no instance that answers; upload it again", "sha256", sha, "name", name, "asked", instances)
	}
	c.missing[sha] = instances
}

// explain adds to the error of an artifact that is not here where else it was looked for.
func (c *copies) explain(sha string, err error) error {
	c.mu.Lock()
	asked, ok := c.missing[sha]
	c.mu.Unlock()
	if !ok || fault.CodeOf(err) != fault.NotFound {
		return err
	}
	if len(asked) == 0 {
		return fmt.Errorf("%w (there is no other instance of the service to ask)", err)
	}
	return fmt.Errorf("%w (nor have it %s)", err, strings.Join(asked, ", "))
}

// copyFromLeader keeps a standby supplied until ctx ends, and lets it serve its copies to other instances.
func (s *Service) copyFromLeader(ctx context.Context, st *openedState, h *standby) {
	log := s.log.With("part", "copies")
	var c *copies
	defer func() {
		h.artifacts.Store(nil)
		if c != nil {
			if err := c.store.Close(); err != nil {
				log.Warn("artifacts are not closed", "error", err)
			}
		}
	}()
	ticker := time.NewTicker(copyEvery)
	defer ticker.Stop()
	var last string
	cleaned := time.Now()
	for ; ctx.Err() == nil; wait(ctx, ticker) {
		if c == nil {
			// The first leader ever makes the keys.
			_, k, err := read(ctx, st)
			if err != nil || k.Prefix == "" {
				continue
			}
			store, err := s.openArtifacts(k, nil, nil)
			if err != nil {
				log.Warn("uploads are not copied to this standby", "error", err)
				return
			}
			c = newCopies(store, s.others, s.log)
			h.artifacts.Store(store)
		}
		leader := h.leader.Load()
		if leader == nil {
			continue
		}
		list, err := c.mirror(ctx, leader.String())
		if err == nil && time.Since(cleaned) > cleanEvery {
			cleaned = time.Now()
			err = s.clean(ctx, st, c.store, list)
		}
		words := ""
		if err != nil {
			words = err.Error()
		}
		if words != last && words != "" && ctx.Err() == nil {
			log.Warn("uploads are not copied to this standby", "error", err)
		}
		last = words
	}
}

func wait(ctx context.Context, ticker *time.Ticker) {
	select {
	case <-ticker.C:
	case <-ctx.Done():
	}
}

// clean removes old copies of what the leader has deleted and no cluster names.
func (s *Service) clean(ctx context.Context, st *openedState, store *artifact.Store, leaders []artifact.Artifact) error {
	stored, _, err := read(ctx, st)
	if err != nil {
		return err
	}
	keep := make(map[string]bool)
	for _, a := range leaders {
		keep[a.SHA256] = true
	}
	for _, c := range stored.Clusters {
		for _, u := range c.Spec.Artifacts() {
			keep[u.SHA256] = true
		}
	}
	list, err := store.List()
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.Public {
			keep[a.SHA256] = true
		}
	}
	_, err = store.Collect(ctx, func(sha string) bool { return keep[sha] }, cleanAfter)
	return err
}

// bringMissing copies at once what others have, which may have led before, and then looks, while this instance leads,
// for the artifacts that clusters name and that are not here.
func (p *parts) bringMissing(ctx context.Context) {
	instances, err := p.others(ctx)
	if err != nil {
		p.copies.log.Warn("the other instances are not known", "error", err)
	}
	for _, instance := range instances {
		if _, err := p.copies.mirror(ctx, instance); err != nil && ctx.Err() == nil {
			p.copies.log.Info("what another instance has is not copied", "error", err) // One that starts has nothing to give yet.
		}
	}
	ticker := time.NewTicker(copyEvery)
	defer ticker.Stop()
	for ; ctx.Err() == nil; wait(ctx, ticker) {
		missing := p.missing()
		if len(missing) == 0 {
			continue
		}
		instances, err := p.others(ctx)
		if err != nil {
			continue // ZooKeeper is away; the lease ends when it stays so.
		}
		for sha, name := range missing {
			p.copies.find(ctx, instances, sha, name)
		}
	}
}

// missing are the artifacts that clusters name and that are not here, with their file names.
func (p *parts) missing() map[string]string {
	missing := make(map[string]string)
	vw := p.loop.View()
	for _, cluster := range view.Names(vw) {
		spec, ok := view.Spec(vw, cluster)
		if !ok {
			continue
		}
		for _, u := range spec.Artifacts() {
			if _, err := p.artifacts.Stat(u.SHA256); fault.CodeOf(err) == fault.NotFound {
				missing[u.SHA256] = u.Name
			}
		}
	}
	return missing
}

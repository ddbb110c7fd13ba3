// Package replica copies uploads between the instances of the service. Uploads are stored by the instance that led when they
// came. So that another machine can take over, every standby copies them from the leader; and an instance that begins to
// lead copies what the others have, and asks them again for those that a cluster needs and it lacks. Paths are signed
// with the key that all instances find in the state, and content that is not what its hash says is refused.
package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

const (
	// Interval is the time between two looks at what there is to copy.
	Interval = 2 * time.Second
	// cleanEvery and cleanAfter are when a standby removes copies that the leader no longer has and no cluster names.
	cleanEvery = 10 * time.Minute
	cleanAfter = 24 * time.Hour
	// copyTimeout bounds the copying of one upload, listTimeout the listing of an instance's.
	copyTimeout = 30 * time.Minute
	listTimeout = 30 * time.Second
	// pathLifetime is how long a path between instances is good: their clocks may differ.
	pathLifetime = time.Hour
)

// listKind is the kind of artifact that lists an instance's uploads for the other instances; listID is its one id.
const (
	listKind = "list"
	listID   = "uploads"
)

// Serve has a store list its uploads to other instances.
func Serve(store *artifact.Store) {
	store.Handle(listKind, func(context.Context, string) ([]byte, time.Time, error) {
		list, err := store.List()
		if err != nil {
			return nil, time.Time{}, err
		}
		// What is public is a Flink that each instance finds by itself.
		list = slices.DeleteFunc(list, func(x artifact.Artifact) bool { return x.Public })
		content, err := json.Marshal(list)
		return content, time.Time{}, err
	})
}

// Options configure a Replicator. Store, Transport and Log are required.
type Options struct {
	// Store is that of this instance.
	Store *artifact.Store
	// Transport reaches the other instances.
	Transport http.RoundTripper
	// Header is sent with each request, so that an instance that does not lead answers for itself.
	Header http.Header
	Log    *slog.Logger
}

// Replicator brings uploads from other instances into a store. It is safe for use by several goroutines.
type Replicator struct {
	o      Options
	client *http.Client

	mu sync.Mutex
	// missing has, for the hash of each artifact that no instance has, which instances were asked.
	missing map[string][]string
}

// New returns a Replicator. It calls nobody yet.
func New(o Options) *Replicator {
	return &Replicator{o: o, client: &http.Client{Transport: o.Transport}, missing: make(map[string][]string)}
}

// get asks another instance for a path of the artifact server.
func (r *Replicator) get(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, r.o.Header)
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(errors.New("the answer is "+resp.Status), resp.Body.Close())
	}
	return resp.Body, nil
}

// list asks an instance which uploads it has.
func (r *Replicator) list(ctx context.Context, instance string) ([]artifact.Artifact, error) {
	path, err := r.o.Store.RenderedPath(listKind, listID, "artifacts.json", time.Now().Add(pathLifetime))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	body, err := r.get(ctx, instance+path)
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
func (r *Replicator) bring(ctx context.Context, instance, sha, name string) error {
	path, err := r.o.Store.SignedPath(sha, name, time.Now().Add(pathLifetime))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	body, err := r.get(ctx, instance+path)
	if err != nil {
		return fmt.Errorf("copy artifact %s from %s: %w", sha, instance, err)
	}
	defer body.Close()
	a, err := r.o.Store.Put(ctx, body, artifact.PutOptions{Name: name, MaxBytes: math.MaxInt64})
	if err != nil {
		return fmt.Errorf("copy artifact %s from %s: %w", sha, instance, err)
	}
	if a.SHA256 != sha {
		return errors.Join(fmt.Errorf("copy artifact %s from %s: the content has the hash %s", sha, instance, a.SHA256), r.o.Store.Delete(a.SHA256))
	}
	r.o.Log.Info("artifact copied", "sha256", sha, "name", name, "bytes", a.Size, "from", instance)
	return nil
}

// Mirror copies what an instance has and this one lacks, and returns what the other has. The instance is a URL without a slash
// at its end.
func (r *Replicator) Mirror(ctx context.Context, instance string) ([]artifact.Artifact, error) {
	list, err := r.list(ctx, instance)
	var problems []error
	for _, a := range list {
		if _, err := r.o.Store.Stat(a.SHA256); fault.CodeOf(err) != fault.NotFound || ctx.Err() != nil {
			continue
		}
		if err := r.bring(ctx, instance, a.SHA256, a.Name); err != nil {
			problems = append(problems, err)
		}
	}
	return list, errors.Join(append(problems, err)...)
}

// find looks for one upload at other instances, and remembers which it asked in vain.
func (r *Replicator) find(ctx context.Context, instances []string, sha, name string) {
	for _, instance := range instances {
		err := r.bring(ctx, instance, sha, name)
		if err == nil {
			r.mu.Lock()
			delete(r.missing, sha)
			r.mu.Unlock()
			return
		}
		r.o.Log.Debug("artifact is not there", "error", err)
	}
	if ctx.Err() != nil {
		return // It was not asked to the end.
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.missing[sha]; !known {
		r.o.Log.Warn("an artifact that a cluster needs is on no instance that answers; upload it again", "sha256", sha, "name", name, "asked", instances)
	}
	r.missing[sha] = instances
}

// Explain adds to the error of an artifact that is not here on which other instances it was looked for.
func (r *Replicator) Explain(sha string, err error) error {
	r.mu.Lock()
	asked, ok := r.missing[sha]
	r.mu.Unlock()
	if !ok || fault.CodeOf(err) != fault.NotFound {
		return err
	}
	if len(asked) == 0 {
		return fmt.Errorf("%w (there is no other instance of the service to ask)", err)
	}
	return fmt.Errorf("%w (also not found on %s)", err, strings.Join(asked, ", "))
}

// Follow keeps a standby supplied until ctx ends. Leader returns the URL of the leader; empty while it is not known. Named
// returns the hashes of the artifacts that clusters name: copies that neither the leader nor a cluster has any more are
// removed after a day.
func (r *Replicator) Follow(ctx context.Context, leader func() string, named func(context.Context) ([]string, error)) {
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	var last string
	cleaned := time.Now()
	for ; ctx.Err() == nil; wait(ctx, ticker) {
		instance := leader()
		if instance == "" {
			continue
		}
		list, err := r.Mirror(ctx, instance)
		if err == nil && time.Since(cleaned) > cleanEvery {
			cleaned = time.Now()
			err = r.clean(ctx, list, named)
		}
		words := ""
		if err != nil {
			words = err.Error()
		}
		if words != last && words != "" && ctx.Err() == nil {
			r.o.Log.Warn("uploads are not copied to this standby", "error", err)
		}
		last = words
	}
}

// clean removes old copies of what the leader has deleted and no cluster names.
func (r *Replicator) clean(ctx context.Context, leaders []artifact.Artifact, named func(context.Context) ([]string, error)) error {
	inUse, err := named(ctx)
	if err != nil {
		return err
	}
	keep := make(map[string]bool)
	for _, sha := range inUse {
		keep[sha] = true
	}
	list, err := r.o.Store.List()
	if err != nil {
		return err
	}
	for _, a := range append(slices.DeleteFunc(list, func(a artifact.Artifact) bool { return !a.Public }), leaders...) {
		keep[a.SHA256] = true
	}
	_, err = r.o.Store.Collect(ctx, func(sha string) bool { return keep[sha] }, cleanAfter)
	return err
}

// Supply copies at once what other instances have, which may have led before, and then, while this instance leads, looks for
// the artifacts that clusters name and that are not here. Missing returns those: their file names by their hashes.
func (r *Replicator) Supply(ctx context.Context, others func(context.Context) ([]string, error), missing func() map[string]string) {
	instances, err := others(ctx)
	if err != nil {
		r.o.Log.Warn("the other instances are not known", "error", err)
	}
	for _, instance := range instances {
		if _, err := r.Mirror(ctx, instance); err != nil && ctx.Err() == nil {
			r.o.Log.Info("what another instance has is not copied", "error", err) // One that starts has nothing to give yet.
		}
	}
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	for ; ctx.Err() == nil; wait(ctx, ticker) {
		lacking := missing()
		if len(lacking) == 0 {
			continue
		}
		instances, err := others(ctx)
		if err != nil {
			continue // ZooKeeper is away; the lease ends when it stays so.
		}
		for sha, name := range lacking {
			r.find(ctx, instances, sha, name)
		}
	}
}

func wait(ctx context.Context, ticker *time.Ticker) {
	select {
	case <-ticker.C:
	case <-ctx.Done():
	}
}

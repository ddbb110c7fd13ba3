package app

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/artifact/replica"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// openArtifacts opens the artifacts of this instance. InUse names the clusters that use one; nil for unknown.
func (s *Service) openArtifacts(k keys, r prometheus.Registerer, inUse func(string) []string) (*artifact.Store, error) {
	a, err := artifact.New(artifact.Options{
		Dir: filepath.Join(s.c.State.DataDir, "artifacts"), Prefix: k.Prefix, Key: k.Signing, MaxUpload: int64(s.c.Flink.ArtifactMaxSize),
		InUse: inUse, Registerer: r, Log: s.log.With("part", "artifacts"),
	})
	if err == nil {
		replica.Serve(a)
	}
	return a, err
}

// newReplicator brings uploads of other instances into a store.
func (s *Service) newReplicator(store *artifact.Store) *replica.Replicator {
	transport := s.others.Clone()
	transport.ResponseHeaderTimeout = 30 * time.Second
	s.steps.add("idle connections to other instances", func() error { transport.CloseIdleConnections(); return nil })
	return replica.New(replica.Options{
		Store: store, Transport: transport, Header: http.Header{forwarded: {"1"}}, Log: s.log.With("part", "copies"),
	})
}

// copyFromLeader keeps a standby supplied until ctx ends, and lets it serve its copies to other instances.
func (s *Service) copyFromLeader(ctx context.Context, st *openedState, h *standby) {
	log := s.log.With("part", "copies")
	k, ok := s.awaitKeys(ctx, st)
	if !ok {
		return
	}
	store, err := s.openArtifacts(k, nil, nil)
	if err != nil {
		log.Warn("uploads are not copied to this standby", "error", err)
		return
	}
	h.artifacts.Store(store)
	defer func() {
		h.artifacts.Store(nil)
		if err := store.Close(); err != nil {
			log.Warn("artifacts are not closed", "error", err)
		}
	}()
	leader := func() string {
		if u := h.leader.Load(); u != nil {
			return u.String()
		}
		return ""
	}
	s.newReplicator(store).Follow(ctx, leader, func(ctx context.Context) ([]string, error) {
		stored, _, err := read(ctx, st)
		var named []string
		for _, c := range stored.Clusters {
			for _, u := range c.Spec.Artifacts() {
				named = append(named, u.SHA256)
			}
		}
		return named, err
	})
}

// awaitKeys waits for the keys of the paths, which the first leader ever makes; ok is false when ctx ends first.
func (s *Service) awaitKeys(ctx context.Context, st *openedState) (k keys, ok bool) {
	ticker := time.NewTicker(replica.Interval)
	defer ticker.Stop()
	for {
		if _, k, err := read(ctx, st); err == nil && k.Prefix != "" {
			return k, true
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return k, false
		}
	}
}

// missing are the artifacts that clusters name and that are not here: their file names by their hashes.
func (p *components) missing() map[string]string {
	missing := make(map[string]string)
	published := p.loop.View()
	for _, name := range view.Names(published) {
		spec, ok := view.Spec(published, name)
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

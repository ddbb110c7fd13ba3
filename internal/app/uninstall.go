package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/marathon"
	"github.com/flink-on-mesos/flink-service/internal/store"
)

// removeService waits until nothing of the service is left with Mesos, removes what is stored, and then lets the process
// be idle and healthy: whoever asked for the removal reads of its end in the plan, and removes the app. Each step looks
// at what there is, so that a process that was stopped is followed by one that goes on.
func (p *components) removeService(ctx context.Context, st *openedState, side *flinkSide) error {
	log := p.service.log.With("part", "uninstall")
	log.Info("the service is being removed", "clusters", view.Uninstalling(p.loop.View()).Clusters)
	if !p.gone(ctx) {
		return nil
	}
	// An answer comes after the actions of every earlier event: what is to be forgotten is being forgotten by now.
	_ = p.loop.Do(ctx, func(request uint64) state.Event { return state.DeleteCluster{Request: request} }) // There is no cluster without a name.
	side.wait()
	n, err := st.remove(ctx)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // Being told to stop is no error.
	}
	if err != nil {
		return err
	}
	log.Info("the service is removed; this process waits to be stopped", "records", n)
	p.removed.Store(true)
	return p.removeApp(ctx, log)
}

// removeApp removes the Marathon app that this process is, so that Marathon stops it. Cosmos does that itself. What
// stands in the way is tried again: until then the process is idle.
func (p *components) removeApp(ctx context.Context, log *slog.Logger) error {
	c := p.service.c
	if c.Marathon.URL == "" || c.Facts.AppID == "" || c.Facts.SDKUninstall {
		return nil
	}
	m, err := p.service.marathon(c.Facts.AppID)
	if err != nil {
		return fmt.Errorf("MARATHON_URL: %w", err)
	}
	for {
		// With force: the deployment under way may be the one that started this process.
		_, err := m.Destroy(ctx, true)
		if err == nil || ctx.Err() != nil {
			return nil //nolint:nilerr // Being told to stop is no error.
		}
		log.Warn("the app is not removed yet", "error", err)
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
			return nil
		}
	}
}

// marathon works on an app in the Marathon of MARATHON_URL. A Marathon with users of its own knows no service account.
func (s *Service) marathon(appID string) (*marathon.Client, error) {
	o := marathon.Options{URL: s.c.Marathon.URL, User: s.c.Marathon.User, Password: s.c.Marathon.Password.Reveal(), AppID: appID, Transport: s.transport()}
	if o.User == "" {
		o.Transport = s.authorized(o.Transport)
	}
	return marathon.New(o)
}

// gone waits for the end of the clusters, the tasks and the framework. It returns false when ctx ends first.
func (p *components) gone(ctx context.Context) bool {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for !view.Uninstalling(p.loop.View()).Done() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// removeRecords deletes everything that is stored, all or nothing.
func removeRecords(ctx context.Context, st store.Store) (int, error) {
	records, err := st.Load(ctx)
	if err != nil {
		return 0, fmt.Errorf("remove the state: %w", err)
	}
	for i := range records {
		records[i].Value = nil
	}
	if err := st.Apply(ctx, records); err != nil {
		return 0, fmt.Errorf("remove the state: %w", err)
	}
	return len(records), nil
}

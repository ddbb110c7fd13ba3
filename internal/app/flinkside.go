package app

import (
	"context"
	"sync"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/ha"
	"github.com/flink-on-mesos/flink-service/internal/hadata"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/tasklog"
)

// flinkSide performs the actions that concern Flink: those of the conversations, those about what Flink's high
// availability leaves in ZooKeeper, and those about the logs of tasks.
type flinkSide struct {
	*jobmanager.Watcher
	*hadata.Worker
	p    *components
	logs *tasklog.Reader
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup
}

func newFlinkSide(p *components, w *jobmanager.Watcher, logs *tasklog.Reader) *flinkSide {
	ctx, stop := context.WithCancel(context.Background())
	worker := hadata.New(p.locator(), func(e state.Event) { p.loop.Post(e) }, p.service.log.With("part", "leadership"))
	return &flinkSide{Watcher: w, Worker: worker, p: p, logs: logs, ctx: ctx, stop: stop}
}

// locator finds the high-availability data of clusters.
func (p *components) locator() hadata.Locator {
	c := p.service.c
	l := hadata.Locator{Configuration: p.planner.Configuration, ZooKeeper: c.Flink.ZooKeeper}
	if c.HA.User != "" {
		l.SASL = &ha.SASL{User: c.HA.User, Password: string(c.HA.Password.Reveal())}
	}
	return l
}

// Close ends the conversations and the work under way.
func (f *flinkSide) Close() error {
	f.stop()
	f.Watcher.Close()
	f.Worker.Close()
	f.wg.Wait()
	return nil
}

// wait returns when no work is under way.
func (f *flinkSide) wait() {
	f.Worker.Wait()
	f.wg.Wait()
}

// FindLogError implements loop.Jobs. It does not wait.
func (f *flinkSide) FindLogError(a state.FindLogError) {
	f.wg.Go(func() {
		text, err := f.logs.LastError(f.ctx, a.Endpoint, a.Sandbox)
		if err != nil || text == "" {
			f.p.service.log.Debug("the last error of a task was not found", "cluster", a.Cluster, "task", a.TaskID, "error", err)
			return
		}
		if f.ctx.Err() == nil {
			f.p.loop.Post(state.LogErrorFound{Cluster: a.Cluster, TaskID: a.TaskID, Error: text})
		}
	})
}

package jobmanager

import (
	"context"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// RESTURL is the address of a JobManager's REST API: https where the task is secure, else http.
func RESTURL(jm task.Task) string {
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(jm.Host(), strconv.Itoa(jm.Ports[flink.PortREST]))}
	if jm.Secure {
		u.Scheme = "https"
	}
	return u.String()
}

// staleRegistration is how long after the loss of a TaskManager Flink may still count it: until its heartbeat fails
// (heartbeat.timeout, 50 s by default), and some time for Flink to report that.
const staleRegistration = 2 * time.Minute

// Observe asks the REST API of a JobManager for the state of its cluster. For two minutes after the loss of a
// TaskManager it leaves out the TaskManagers that Flink still counts though Mesos has ended them.
func Observe(ctx context.Context, c *rest.Client, vw func() *state.State, jm task.Task) (wire.Flink, error) {
	o, err := c.Overview(ctx)
	if err != nil {
		return wire.Flink{}, err
	}
	f := wire.Flink{
		Version: o.Version, TaskManagers: o.TaskManagers, SlotsTotal: o.SlotsTotal, SlotsAvailable: o.SlotsAvailable,
		JobsRunning: o.JobsRunning, JobsFinished: o.JobsFinished, JobsCancelled: o.JobsCancelled, JobsFailed: o.JobsFailed,
		Observed: time.Now(),
	}
	if time.Since(view.LastLoss(vw(), jm.Cluster)) > staleRegistration {
		return f, nil
	}
	registered, err := c.TaskManagers(ctx)
	if err != nil {
		return wire.Flink{}, err
	}
	state := vw()
	for _, tm := range registered {
		if t, ok := view.TaskOf(state, jm.Cluster, tm.ID); ok && !t.State.Terminal() || !strings.HasPrefix(tm.ID, jm.Cluster+"-") {
			continue
		}
		f.TaskManagers--
		f.SlotsTotal -= tm.SlotsNumber
		f.SlotsAvailable -= tm.FreeSlots
	}
	f.TaskManagers, f.SlotsTotal, f.SlotsAvailable = max(0, f.TaskManagers), max(0, f.SlotsTotal), max(0, f.SlotsAvailable)
	return f, nil
}

// WorkersWanted is the event for a set of workers that the driver of a JobManager wants.
func WorkersWanted(jm task.Task, w driver.Wanted) state.WorkersWanted {
	e := state.WorkersWanted{
		Cluster: jm.Cluster, JobManager: jm.ID, Epoch: w.Epoch, Version: w.Version, Ready: w.Ready, Started: make(map[string]bool),
	}
	for _, x := range w.Workers {
		e.Workers = append(e.Workers, x.Spec())
		if x.Launched || x.Recovered {
			e.Started[x.ID] = true
		}
	}
	if w.Finished != nil {
		e.Result = &wire.JobResult{Status: w.Finished.Status, Diagnostics: w.Finished.Diagnostics}
	}
	return e
}

// Report is the complete report on the workers of a cluster for its driver.
func Report(vw *state.State, name string) driver.Report {
	epoch, workers, finished := view.WorkerReports(vw, name)
	r := driver.Report{Epoch: epoch, FinishedSeen: finished, Workers: []driver.WorkerStatus{}}
	for _, w := range workers {
		r.Workers = append(r.Workers, driver.WorkerStatus{ID: w.ID, State: driver.State(w.State), Message: w.Message, Host: w.Host, Surplus: w.Surplus})
	}
	return r
}

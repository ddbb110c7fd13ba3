package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// The kinds of events. All but the last are those of the Flink Kubernetes operator.
const (
	EventReport       = "ScalingReport"
	EventLimited      = "ScalingLimited"
	EventIneffective  = "IneffectiveScaling"
	EventMemory       = "MemoryPressure"
	EventQuota        = "ResourceQuotaReached"
	EventError        = "AutoscalerError"
	EventInsufficient = "InsufficientResources"
)

// event is something to tell the users of a cluster.
type event struct {
	kind, message string
	// about tells the event from others of its kind, where the message has numbers that change.
	about string
	data  map[string]string
}

// events are what is to be told of an evaluation.
func events(t target, result autoscale.Result, shown report.Job) []event {
	if !result.Ready {
		return nil
	}
	var list []event
	held := len(result.Reasons) > 0 && result.Reasons[len(result.Reasons)-1].Code == autoscale.OnHold
	if e, ok := scalingReport(t, result); ok && !held {
		list = append(list, e)
	}
	for _, r := range shown.Reasons {
		switch r.Code {
		case autoscale.GCPressure, autoscale.HeapUsage:
			list = append(list, event{kind: EventMemory, about: string(r.Code), message: r.Message})
		case autoscale.QuotaCPUs, autoscale.QuotaMemory:
			list = append(list, event{kind: EventQuota, about: string(r.Code), message: r.Message})
		case autoscale.NoRoom:
			text := r.Message
			if len(shown.Blocked) > 0 {
				text += "; " + strings.Join(shown.Blocked, "; ")
			}
			list = append(list, event{kind: EventInsufficient, about: r.Limit.String(), message: text})
		default:
		}
	}
	for _, v := range shown.Vertices {
		for _, r := range v.Reasons {
			text := "vertex " + v.Name + ": " + r.Message
			switch r.Code {
			case autoscale.Ineffective:
				list = append(list, event{kind: EventIneffective, about: v.ID, message: text})
			case autoscale.ParallelismLimited, autoscale.Aligned:
				if v.Recommended != v.Parallelism {
					list = append(list, event{kind: EventLimited, about: v.ID + string(r.Code) + r.Limit.String(), message: text})
				}
			default:
			}
		}
	}
	return list
}

// scalingReport tells of vertices that are scaled, or would be.
func scalingReport(t target, result autoscale.Result) (event, bool) {
	var changes, about []string
	for _, v := range result.Vertices {
		if v.Recommended == v.Parallelism {
			continue
		}
		changes = append(changes, fmt.Sprintf("%s: %d -> %d, true rate %s/s -> %s/s, target rate %s/s",
			v.Name, v.Parallelism, v.Planned, report.Number(v.TrueRate), report.Number(v.Expected), report.Number(v.TargetRate)))
		about = append(about, fmt.Sprintf("%s %d %d %d", v.ID, v.Parallelism, v.Recommended, v.Planned))
	}
	if len(changes) == 0 {
		return event{}, false
	}
	verb := "recommended"
	if result.Act {
		verb = "scaled"
	}
	return event{
		kind: EventReport, about: verb + strings.Join(about, ","), message: fmt.Sprintf("job %s %s: %s", t.id, verb, strings.Join(changes, "; ")),
		data: map[string]string{"job": t.id, "acted": fmt.Sprint(result.Act)},
	}, true
}

// tell posts events for the history of the cluster, unless they were told within scaling.event.interval.
func (r *Runner) tell(ctx context.Context, j *job, t target, list []event) {
	now := r.o.Now()
	if j.told == nil {
		j.told = map[string]time.Time{}
	}
	for about, at := range j.told {
		if now.Sub(at) >= t.options.Window.EventInterval {
			delete(j.told, about)
		}
	}
	list = slices.DeleteFunc(list, func(e event) bool {
		id := e.kind + "\n" + e.about
		_, known := j.told[id]
		j.told[id] = now
		return known
	})
	if len(list) == 0 {
		return
	}
	e := state.Autoscaled{Cluster: t.cluster}
	for _, one := range list {
		e.Events = append(e.Events, wire.Event{Type: one.kind, Message: redact.Text(one.message), Data: one.data})
	}
	err := r.o.Do(ctx, func(request uint64) state.Event {
		e.Request = request
		return e
	})
	if err != nil && ctx.Err() == nil {
		r.o.Log.Warn("the events of the autoscaler are lost", "cluster", t.cluster, "error", err)
	}
}

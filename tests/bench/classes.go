package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/cluster"
	"github.com/flink-on-mesos/flink-service/internal/flink/classes"
)

// The bench of prepared classes (AppCDS): by the command line of our tasks, how long a JobManager takes from the start of
// its process until REST answers, and a TaskManager until it is registered, with and without, taking turns.
const classesRounds = 5

func benchClasses(ctx context.Context, e env) ([]Result, error) {
	h, err := newHand(ctx, e.dir, 1)
	if err != nil {
		return nil, err
	}
	prepared, err := classes.Scan(distributions, h.flink.SHA256)
	if err != nil {
		return nil, err
	}
	both := map[cluster.Role]string{}
	for _, a := range prepared {
		if both[a.Role] == "" {
			both[a.Role], h.java = filepath.Join(distributions, a.File), classes.SandboxFile(a.Java)
		}
	}
	if len(both) != 2 {
		return nil, fmt.Errorf("%s has no prepared classes for Flink %s: run make flink", distributions, h.flink.Version)
	}
	var with, without [2][]float64 // JobManager, TaskManager
	for range classesRounds {
		for _, c := range []struct {
			classes map[cluster.Role]string
			into    *[2][]float64
		}{{both, &with}, {nil, &without}} {
			h.classes = c.classes
			jm, tm, err := h.startTwo(ctx)
			if err != nil {
				return nil, err
			}
			c.into[0], c.into[1] = append(c.into[0], jm), append(c.into[1], tm)
		}
		fmt.Fprintf(e.progress, "  JobManager %.2f s and TaskManager %.2f s with, %.2f s and %.2f s without\n",
			last(with[0]), last(with[1]), last(without[0]), last(without[1]))
	}
	return []Result{
		NewResult("appcds_jm_start_s", "s", with[0], "without prepared classes", without[0]),
		NewResult("appcds_tm_start_s", "s", with[1], "without prepared classes", without[1]),
		NewResult("appcds_jm_gain", "%", gains(with[0], without[0]), "", nil),
		NewResult("appcds_tm_gain", "%", gains(with[1], without[1]), "", nil),
	}, nil
}

func last(values []float64) float64 { return values[len(values)-1] }

// gains is what each round saved, in percent of the time without.
func gains(with, without []float64) []float64 {
	out := make([]float64, len(with))
	for i := range with {
		out[i] = 100 * (1 - with[i]/without[i])
	}
	return out
}

// startTwo starts a JobManager and then a TaskManager, and says how long each took, in seconds.
func (h *hand) startTwo(ctx context.Context) (jmTook, tmTook float64, err error) {
	jm, err := h.start(ctx, cluster.JobManagerRole)
	if err != nil {
		return 0, 0, err
	}
	defer jm.end()
	api, err := h.api()
	if err != nil {
		return 0, 0, err
	}
	if err := jm.until(ctx, "REST answers", func(ctx context.Context) (bool, error) {
		_, err := api.Overview(ctx)
		return err == nil, err
	}); err != nil {
		return 0, 0, err
	}
	jmTook = time.Since(jm.began).Seconds()
	tm, err := h.start(ctx, cluster.TaskManagerRole)
	if err != nil {
		return 0, 0, err
	}
	defer tm.end()
	if err := registered(ctx, api, tm.ended, 1); err != nil {
		return 0, 0, err
	}
	return jmTook, time.Since(tm.began).Seconds(), nil
}

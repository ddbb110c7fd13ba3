package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// The bench of prepared classes (AppCDS): by the command line of our tasks, how long a JobManager takes from the start of
// its process until REST answers, and a TaskManager until it is registered, with and without, taking turns. Beside the
// time stands the processor time, which hardly changes when the machine has other things to do.
const classesRounds = 5

func benchClasses(ctx context.Context, e env) ([]Result, error) {
	h, err := newHand(ctx, e.dir, 1)
	if err != nil {
		return nil, err
	}
	if err := h.bringJava(ctx); err != nil {
		return nil, err
	}
	both := h.classes
	var with, without [4][]float64 // JobManager, TaskManager, and the processor time of each
	for range classesRounds {
		for _, c := range []struct {
			classes map[spec.TaskKind]string
			into    *[4][]float64
		}{{both, &with}, {nil, &without}} {
			h.classes = c.classes
			took, err := h.startTwo(ctx)
			if err != nil {
				return nil, err
			}
			for i := range took {
				c.into[i] = append(c.into[i], took[i])
			}
		}
		fmt.Fprintf(e.progress, "  JobManager %.2f s and TaskManager %.2f s with, %.2f s and %.2f s without\n",
			last(with[0]), last(with[1]), last(without[0]), last(without[1]))
	}
	return []Result{
		NewResult("appcds_jm_start_s", "s", with[0], "without prepared classes", without[0]),
		NewResult("appcds_tm_start_s", "s", with[1], "without prepared classes", without[1]),
		NewResult("appcds_jm_cpu_s", "s", with[2], "without prepared classes", without[2]),
		NewResult("appcds_tm_cpu_s", "s", with[3], "without prepared classes", without[3]),
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

// startTwo starts a JobManager and then a TaskManager, and says how long each took until it was there, and how much
// processor time, in seconds.
func (h *hand) startTwo(ctx context.Context) (took [4]float64, err error) {
	jm, err := h.start(ctx, spec.JobManagerTask)
	if err != nil {
		return took, err
	}
	defer jm.end()
	api, err := h.api()
	if err != nil {
		return took, err
	}
	if err := jm.until(ctx, "REST answers", func(ctx context.Context) (bool, error) {
		_, err := api.Overview(ctx)
		return err == nil, err
	}); err != nil {
		return took, err
	}
	took[0], took[2] = time.Since(jm.began).Seconds(), jm.cpu()
	tm, err := h.start(ctx, spec.TaskManagerTask)
	if err != nil {
		return took, err
	}
	defer tm.end()
	if err := tm.until(ctx, "the TaskManager is registered", func(ctx context.Context) (bool, error) {
		list, err := api.TaskManagers(ctx)
		return len(list) == 1, err
	}); err != nil {
		return took, err
	}
	took[1], took[3] = time.Since(tm.began).Seconds(), tm.cpu()
	return took, nil
}

// cpu is the processor time that the process has used, in seconds; 0 when it is gone.
func (x *handProcess) cpu() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", x.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	// After the name in parentheses: the state, ten numbers, and the ticks in the process and in the kernel.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks float64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return ticks / 100 // Linux shows a hundred a second on every machine that we know.
}

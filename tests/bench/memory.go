package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// The bench of memory: what the service's process holds when it has nothing to do, with 1,000 and 10,000 workers,
// and while it compares 10,000 tasks with the master after a start. The workers run no processes; the service does
// not know.
const memoryRest = 5 * time.Second

func benchMemory(ctx context.Context, e env) ([]Result, error) {
	f, err := newFleet(10_000)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	variables := []string{"MESOS_MASTER=" + f.Address(), "DATA_DIR=" + filepath.Join(e.dir, "data")}
	i, err := startInstance(ctx, e.dir, "service", variables...)
	if err != nil {
		return nil, err
	}
	defer func() { i.kill() }()
	if err := i.connected(ctx); err != nil {
		return nil, err
	}
	var results []Result
	take := func(name string, tasks int) error {
		if err := i.holds(ctx, tasks); err != nil {
			return err
		}
		values, err := i.memory(ctx, memoryRest)
		if err != nil {
			return err
		}
		results = append(results, NewResult(name, "MB", values, "", nil))
		fmt.Fprintf(e.progress, "  %s: %.0f MB, at most %.0f MB so far\n", name, Median(values), i.status("VmHWM"))
		return nil
	}
	if err := take("rss_mb_idle", 0); err != nil {
		return nil, err
	}
	if err := i.run(ctx, "thousand", 999); err != nil {
		return nil, err
	}
	if err := take("rss_mb_1000", 1000); err != nil {
		return nil, err
	}
	if err := i.run(ctx, "many", 8_999); err != nil {
		return nil, err
	}
	if err := take("rss_mb_10000", 10000); err != nil {
		return nil, err
	}
	// The next process finds 10,000 tasks in its state and asks the master for each.
	i.kill()
	if i, err = startInstance(ctx, e.dir, "service", variables...); err != nil {
		return nil, err
	}
	if err := i.until(ctx, "all tasks are reconciled", 20*time.Millisecond, func() bool { return i.updates(ctx) >= 10_000 }); err != nil {
		return nil, err
	}
	return results, take("rss_mb_reconcile_10000", 10000)
}

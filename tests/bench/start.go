package main

import (
	"context"
	"fmt"
)

// The bench of the start of Flink's processes: from the start of the process until REST answers (JobManager) or until it is
// registered (TaskManager), with the package's Java, its prepared classes and our options, beside the machine's
// Java with the options of Flink's own scripts, taking turns.
const startRounds = 5

func benchStart(ctx context.Context, e env) ([]Result, error) {
	ours, err := newHand(ctx, e.dir, 1)
	if err != nil {
		return nil, err
	}
	stock := *ours
	stock.stock = true
	if err := ours.bringJava(ctx); err != nil {
		return nil, err
	}
	var mine, theirs [4][]float64 // JobManager, TaskManager, and the processor time of each
	for range startRounds {
		for _, c := range []struct {
			h    *hand
			into *[4][]float64
		}{{ours, &mine}, {&stock, &theirs}} {
			took, err := c.h.startTwo(ctx)
			if err != nil {
				return nil, err
			}
			ours.made, stock.made = c.h.made, c.h.made // Sandboxes of both lie in one directory.
			for i := range took {
				c.into[i] = append(c.into[i], took[i])
			}
		}
		fmt.Fprintf(e.progress, "  JobManager %.2f s and TaskManager %.2f s, stock %.2f s and %.2f s\n", last(mine[0]), last(mine[1]), last(theirs[0]), last(theirs[1]))
	}
	const stockName = "stock command line, Java of the machine"
	return []Result{
		NewResult("jm_start_vs_stock", "s", mine[0], stockName, theirs[0]),
		NewResult("tm_start_vs_stock", "s", mine[1], stockName, theirs[1]),
		NewResult("jm_start_cpu_vs_stock", "s", mine[2], stockName, theirs[2]),
		NewResult("tm_start_cpu_vs_stock", "s", mine[3], stockName, theirs[3]),
	}, nil
}

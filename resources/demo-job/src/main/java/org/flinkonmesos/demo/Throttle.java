package org.flinkonmesos.demo;

import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;

/** Lets at most so many records a second through each subtask; 0 means all. */
final class Throttle extends RichMapFunction<Long, Long> {
    private final long perSecond;
    private transient long begin;
    private transient long passed;

    Throttle(long perSecond) {
        this.perSecond = perSecond;
    }

    @Override
    public void open(OpenContext context) {
        begin = System.nanoTime();
        passed = 0;
    }

    @Override
    public Long map(Long value) throws InterruptedException {
        if (perSecond > 0) {
            long due = begin + (long) (1e9 * passed++ / perSecond);
            long wait = due - System.nanoTime();
            // Below a millisecond sleeping is longer than asked for; the next record makes up for
            // it.
            if (wait > 1_000_000) {
                TimeUnit.NANOSECONDS.sleep(wait);
            }
        }
        return value;
    }
}

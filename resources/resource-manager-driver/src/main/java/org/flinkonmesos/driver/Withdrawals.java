package org.flinkonmesos.driver;

import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessSpec;
import org.apache.flink.util.concurrent.ScheduledExecutor;

/**
 * Keeps workers for a moment that Flink releases before they can have registered: a restarting job
 * releases a worker and asks for an equal one within a second or two. All methods are called under
 * the lock of the registry.
 */
final class Withdrawals {

    private final Duration delay;
    private final Clock clock;
    private final ScheduledExecutor mainThread;
    private final BiConsumer<String, Object> end;

    /**
     * Creates them.
     *
     * @param delay how long a worker is kept; zero keeps none
     * @param end is called on the main thread, without the lock, with the id of a worker and its
     *     withdrawal when the delay is over
     */
    Withdrawals(
            Duration delay,
            Clock clock,
            ScheduledExecutor mainThread,
            BiConsumer<String, Object> end) {
        this.delay = delay;
        this.clock = clock;
        this.mainThread = mainThread;
        this.end = end;
    }

    /** Keeps a worker for the delay; false when it is to go at once. */
    boolean begin(WorkerEntry entry) {
        boolean young = !entry.launched() || clock.instant().isBefore(entry.launchedAt.plus(delay));
        if (entry.spec == null || delay.isZero() || !young) {
            return false;
        }
        String id = entry.worker.id;
        Object withdrawal = new Object();
        entry.withdrawal = withdrawal;
        mainThread.schedule(
                () -> end.accept(id, withdrawal), delay.toMillis(), TimeUnit.MILLISECONDS);
        return true;
    }

    /**
     * A kept worker of the size, or null. One that is launched is nearer to registering than one
     * that is not.
     */
    static WorkerEntry equalTo(TaskExecutorProcessSpec spec, Iterable<WorkerEntry> entries) {
        WorkerEntry found = null;
        for (WorkerEntry entry : entries) {
            if (entry.withdrawn() && spec.equals(entry.spec)) {
                if (entry.launched()) {
                    return entry;
                }
                found = found == null ? entry : found;
            }
        }
        return found;
    }
}

package org.flinkonmesos.driver;

import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessSpec;

/**
 * A wanted worker as the {@link WorkerRegistry} knows it. It is used under the lock of the
 * registry.
 */
final class WorkerEntry {

    final WantedWorker worker;

    /** Null for a worker that Flink did not ask for. */
    final TaskExecutorProcessSpec spec;

    /**
     * Null for a worker that Flink did not ask for; replaced when another request takes the worker
     * over.
     */
    CompletableFuture<MesosWorker> request;

    /** When the service said that it launched the worker; null before. */
    Instant launchedAt;

    /** Set while the worker is kept though Flink released it; tells one such time from another. */
    Object withdrawal;

    /** What the service last said that the worker waits for; null before. */
    String waitingMessage;

    WorkerEntry(WantedWorker worker, TaskExecutorProcessSpec spec) {
        this.worker = worker;
        this.spec = spec;
    }

    boolean launched() {
        return launchedAt != null;
    }

    boolean withdrawn() {
        return withdrawal != null;
    }
}

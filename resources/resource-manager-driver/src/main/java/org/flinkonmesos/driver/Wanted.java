package org.flinkonmesos.driver;

import java.util.Collections;
import java.util.List;

/**
 * What the service reads: every worker that Flink wants now, and whether the cluster has ended.
 * Immutable.
 */
final class Wanted {

    final String epoch;

    /** Grows by one with each change of what stands below. */
    final long version;

    /**
     * False until the first report of this epoch: until then the service launches and kills
     * nothing.
     */
    final boolean ready;

    final List<Worker> workers;

    /** Null while the cluster goes on. */
    final Finished finished;

    Wanted(String epoch, long version, boolean ready, List<Worker> workers, Finished finished) {
        this.epoch = epoch;
        this.version = version;
        this.ready = ready;
        this.workers = Collections.unmodifiableList(workers);
        this.finished = finished;
    }

    /** A worker, and whether the service has said that it launched it. */
    static final class Worker {
        final WantedWorker worker;

        /** A service that has no such task any more must not launch it again. */
        final boolean launched;

        Worker(WantedWorker worker, boolean launched) {
            this.worker = worker;
            this.launched = launched;
        }
    }

    /** How the cluster ended, in Flink's words. */
    static final class Finished {

        /** A name of Flink's ApplicationStatus. */
        final String status;

        /** Never null, often empty. */
        final String diagnostics;

        Finished(String status, String diagnostics) {
            this.status = status;
            this.diagnostics = diagnostics == null ? "" : diagnostics;
        }
    }
}

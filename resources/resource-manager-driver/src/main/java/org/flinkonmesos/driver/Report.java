package org.flinkonmesos.driver;

import java.util.Collections;
import java.util.Map;

/**
 * What the service says of this cluster's workers: the whole truth as of its sequence number.
 * Immutable.
 */
final class Report {

    /** What is so of a worker. */
    enum State {
        /** No offer has fitted yet; the message says why. */
        WAITING,
        /** The launch was sent to Mesos. */
        LAUNCHING,
        /** Mesos says that the process runs. */
        RUNNING,
        /** It will never run (again); the message is the diagnostics. */
        TERMINATED;

        boolean live() {
            return this == LAUNCHING || this == RUNNING;
        }
    }

    /** One worker of a report. */
    static final class Entry {
        final State state;
        final String message;
        final String host;

        /**
         * Flink did not ask for the worker and is to adopt it: it replaces one that will be gone.
         */
        final boolean surplus;

        Entry(State state, String message, String host, boolean surplus) {
            this.state = state;
            this.message = message == null ? "" : message;
            this.host = host == null ? "" : host;
            this.surplus = surplus;
        }
    }

    final String epoch;
    final long sequence;

    /** By id, in the order of the report. */
    final Map<String, Entry> workers;

    /** The service has read and kept the final status. */
    final boolean finishedSeen;

    Report(String epoch, long sequence, Map<String, Entry> workers, boolean finishedSeen) {
        this.epoch = epoch;
        this.sequence = sequence;
        this.workers = Collections.unmodifiableMap(workers);
        this.finishedSeen = finishedSeen;
    }

    /** What a report is answered. */
    static final class Answer {
        /** False when the report was of another epoch, and so was not applied. */
        final boolean current;

        final String epoch;
        final long version;

        /**
         * The highest sequence applied in this epoch. A service whose own is lower must go above
         * it.
         */
        final long sequence;

        Answer(boolean current, String epoch, long version, long sequence) {
            this.current = current;
            this.epoch = epoch;
            this.version = version;
            this.sequence = sequence;
        }
    }
}

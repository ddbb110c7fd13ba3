package org.flinkonmesos.driver;

import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * The version of what is wanted, and the readers that wait for the next one. It has no lock of its
 * own: all methods are called under the one that it was made with.
 */
final class LongPoll {

    /**
     * A reader whose connection broke leaves its poll behind; the oldest gives way to a new one.
     */
    private static final int MAX_READERS = 8;

    /**
     * Flink asks for the workers of a job one after the other. A reader is answered when nothing
     * has changed for {@code QUIET}, so that it sees them all and Mesos is asked for all of them at
     * once; {@code LONGEST_BURST} after it saw the first change it is answered in any case.
     */
    private static final Duration QUIET = Duration.ofMillis(5);

    private static final Duration LONGEST_BURST = Duration.ofMillis(20);

    private final Object lock;
    private final Set<Object> readers = new LinkedHashSet<>();
    private long version = 1;

    /** The {@link System#nanoTime} of the last change. */
    private long changedAt = System.nanoTime();

    private boolean closed;

    LongPoll(Object lock) {
        this.lock = lock;
    }

    /** Grows by one with each change. */
    long version() {
        return version;
    }

    boolean closed() {
        return closed;
    }

    /** Notes a change. */
    void changed() {
        version++;
        changedAt = System.nanoTime();
        lock.notifyAll();
    }

    /** Answers all readers, now and from now on. */
    void close() {
        closed = true;
        lock.notifyAll();
    }

    /**
     * Returns when the version is not the known one and rests for a moment, or when the time is
     * over.
     */
    void await(long knownVersion, Duration wait) throws InterruptedException {
        Object reader = new Object();
        readers.add(reader);
        try {
            if (readers.size() > MAX_READERS) {
                readers.remove(readers.iterator().next());
                lock.notifyAll();
            }
            long deadline = System.nanoTime() + wait.toNanos();
            long answerAt = Long.MAX_VALUE;
            boolean noticed = false;
            while (!closed && readers.contains(reader)) {
                long now = System.nanoTime();
                long left = deadline - now;
                if (version != knownVersion) {
                    if (!noticed) {
                        noticed = true;
                        answerAt = now + LONGEST_BURST.toNanos();
                    }
                    left = Math.min(left, changedAt + QUIET.toNanos() - now);
                    left = Math.min(left, answerAt - now);
                }
                if (left <= 0) {
                    return;
                }
                TimeUnit.NANOSECONDS.timedWait(lock, left);
            }
        } finally {
            readers.remove(reader);
        }
    }
}

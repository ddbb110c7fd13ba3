package org.flinkonmesos.driver;

import org.apache.flink.runtime.clusterframework.TaskExecutorProcessSpec;
import org.apache.flink.runtime.clusterframework.types.ResourceID;
import org.apache.flink.runtime.resourcemanager.active.ResourceEventHandler;
import org.apache.flink.util.FlinkException;
import org.apache.flink.util.concurrent.ScheduledExecutor;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Which workers Flink wants, and what the service last said of them.
 *
 * <p>Flink calls from its main thread, the service's requests come on other threads; one lock guards
 * everything. Flink is only ever called back through its main thread, in the order in which things
 * happened.
 */
final class WorkerBook {

    private static final Logger LOG = LoggerFactory.getLogger(WorkerBook.class);

    /** A reader whose connection broke leaves its poll behind; the oldest gives way to a new one. */
    private static final int MAX_WAITING_READERS = 8;

    /**
     * Flink asks for the workers of a job one after the other. A reader who waits for a change is answered when
     * nothing has changed for {@code QUIET}, so that it sees them all and Mesos is asked for all of them at
     * once; {@code LONGEST_BURST} after the first change it is answered in any case.
     */
    private static final Duration QUIET = Duration.ofMillis(5);

    private static final Duration LONGEST_BURST = Duration.ofMillis(20);

    private final String epoch;
    private final String idPrefix;
    private final Duration withdrawDelay;
    private final ResourceEventHandler<MesosWorker> flink;
    private final ScheduledExecutor mainThread;
    private final Clock clock;

    private final Map<String, Entry> entries = new LinkedHashMap<>();
    /** The surplus workers that Flink took in, so that none is taken in twice by a report that comes late. */
    private final Set<String> takenIn = new HashSet<>();

    private final Set<Object> readers = new LinkedHashSet<>();
    private long nextId = 1;
    private long version = 1;
    /** The {@link System#nanoTime} of the last change. */
    private long changedAt = System.nanoTime();
    private long lastSequence = -1;
    private boolean ready;
    private Wanted.Finished finished;
    private boolean finishedSeen;
    private boolean closed;
    /** What Flink is to be told while its main thread waits for the first report; null once it does not. */
    private List<Runnable> early = new ArrayList<>();

    /** A wanted worker. */
    private static final class Entry {
        final WantedWorker worker;
        /** Null for a worker of the previous attempt. */
        final TaskExecutorProcessSpec spec;
        /** Null for a worker of the previous attempt; replaced when another request takes the worker over. */
        CompletableFuture<MesosWorker> request;
        /** When the service said that it launched the worker; null before. */
        Instant launchedAt;
        /** Set while the worker is kept though Flink gave it back; tells one such time from another. */
        Object withdrawal;
        String waitingMessage;

        Entry(WantedWorker worker, TaskExecutorProcessSpec spec) {
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

    WorkerBook(
            String epoch,
            String idPrefix,
            Duration withdrawDelay,
            ResourceEventHandler<MesosWorker> flink,
            ScheduledExecutor mainThread,
            Clock clock) {
        this.epoch = epoch;
        this.idPrefix = idPrefix + "-" + epoch.substring(0, 4) + "-";
        this.withdrawDelay = withdrawDelay;
        this.flink = flink;
        this.mainThread = mainThread;
        this.clock = clock;
    }

    // ---- Flink's side, called on its main thread ----

    /**
     * Waits for the first report and tells Flink of the workers from before, at most so long. Flink publishes
     * its leadership after this: a TaskManager that registered before its ResourceManager knew it would be
     * turned away, and end.
     *
     * @return whether the report came
     */
    boolean awaitFirstReport(Duration timeout) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        List<Runnable> calls;
        boolean came;
        synchronized (this) {
            for (long left = timeout.toNanos(); !ready && !closed && left > 0; left = deadline - System.nanoTime()) {
                TimeUnit.NANOSECONDS.timedWait(this, left);
            }
            calls = early;
            early = null;
            came = ready;
        }
        calls.forEach(Runnable::run);
        return came;
    }

    /**
     * Wants one more worker: a new one, or one of the same size that was given back a moment ago.
     *
     * @return completes when the worker is launched; exceptionally when it ended before
     */
    synchronized CompletableFuture<MesosWorker> request(TaskExecutorProcessSpec spec) {
        Entry entry = withdrawnEqualTo(spec);
        if (entry == null) {
            entry = new Entry(WantedWorker.requested(newId(), spec, clock.instant()), spec);
            entries.put(entry.worker.id, entry);
            changed();
            LOG.info(
                    "Worker {} is wanted: {} cpus, {} bytes, {} slots.",
                    entry.worker.id,
                    entry.worker.cpus,
                    entry.worker.memoryBytes,
                    entry.worker.slots);
        } else {
            LOG.info("Worker {} is wanted again.", entry.worker.id);
        }
        String id = entry.worker.id;
        CompletableFuture<MesosWorker> request = new CompletableFuture<>();
        entry.withdrawal = null;
        entry.request = request;
        request.whenComplete(
                (worker, failure) -> {
                    if (request.isCancelled()) {
                        cancelled(id, request);
                    }
                });
        if (entry.launched()) {
            mainThread.execute(() -> request.complete(new MesosWorker(id)));
        }
        return request;
    }

    /**
     * Wants a worker no longer. One that was launched a moment ago, which cannot have registered yet, is kept
     * for a moment like a cancelled request; any other ends now. An unknown id is nothing to do.
     */
    synchronized void release(ResourceID id) {
        Entry entry = entries.get(id.getResourceIdString());
        if (entry != null) {
            giveBack(entry);
        }
    }

    private synchronized void cancelled(String id, CompletableFuture<MesosWorker> request) {
        Entry entry = entries.get(id);
        if (entry != null && entry.request == request) {
            giveBack(entry);
        }
    }

    /** Notes that the cluster has ended. The first end counts. */
    synchronized void finish(String status, String diagnostics) {
        if (finished == null) {
            finished = new Wanted.Finished(status, diagnostics);
            changed();
        }
    }

    /** Waits until the service has read and kept the end of the cluster; false when it did not in time. */
    synchronized boolean awaitFinishedSeen(Duration timeout) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (!finishedSeen && !closed) {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                return false;
            }
            TimeUnit.NANOSECONDS.timedWait(this, left);
        }
        return finishedSeen;
    }

    /** Answers all waiting readers. */
    synchronized void close() {
        closed = true;
        notifyAll();
    }

    // ---- the service's side, called on request threads ----

    /** What is wanted now. */
    synchronized Wanted wanted() {
        List<Wanted.Worker> workers = new ArrayList<>(entries.size());
        for (Entry entry : entries.values()) {
            workers.add(new Wanted.Worker(entry.worker, entry.launched()));
        }
        return new Wanted(epoch, version, ready, workers, finished);
    }

    /**
     * What is wanted when it is not what the reader knows and rests for a moment, or when the time is over.
     *
     * @return null when the book is closed
     */
    synchronized Wanted await(String knownEpoch, long knownVersion, Duration wait)
            throws InterruptedException {
        Object reader = new Object();
        readers.add(reader);
        try {
            if (readers.size() > MAX_WAITING_READERS) {
                readers.remove(readers.iterator().next());
                notifyAll();
            }
            long deadline = System.nanoTime() + wait.toNanos();
            boolean noticed = false;
            long noticedAt = 0;
            while (epoch.equals(knownEpoch) && !closed && readers.contains(reader)) {
                long now = System.nanoTime();
                long left = deadline - now;
                if (version != knownVersion) {
                    if (!noticed) {
                        noticed = true;
                        noticedAt = now;
                    }
                    left = Math.min(left, changedAt + QUIET.toNanos() - now);
                    left = Math.min(left, noticedAt + LONGEST_BURST.toNanos() - now);
                }
                if (left <= 0) {
                    break;
                }
                TimeUnit.NANOSECONDS.timedWait(this, left);
            }
        } finally {
            readers.remove(reader);
        }
        return closed ? null : wanted();
    }

    /**
     * Takes what the service says, unless it is of another epoch or not newer than what was taken.
     *
     * @return null when the book is closed
     */
    synchronized Report.Answer report(Report report) {
        if (closed) {
            return null;
        }
        boolean current = epoch.equals(report.epoch);
        if (current && report.sequence > lastSequence) {
            lastSequence = report.sequence;
            List<Runnable> calls = new ArrayList<>();
            take(report, calls);
            if (early != null) {
                early.addAll(calls);
            } else if (!calls.isEmpty()) {
                mainThread.execute(() -> calls.forEach(Runnable::run));
            }
        }
        return new Report.Answer(current, epoch, version, lastSequence);
    }

    // ---- under the lock ----

    private void take(Report report, List<Runnable> calls) {
        if (!ready) {
            ready = true;
            recover(report, calls);
            changed();
        } else {
            takeIn(report, calls);
        }
        for (Map.Entry<String, Report.Entry> said : report.workers.entrySet()) {
            Entry entry = entries.get(said.getKey());
            if (entry != null) {
                take(entry, said.getValue(), calls);
            }
        }
        for (Entry entry : new ArrayList<>(entries.values())) {
            if (entry.launched() && !report.workers.containsKey(entry.worker.id)) {
                terminated(entry, "the service no longer knows it", calls);
            }
        }
        if (report.finishedSeen && finished != null && !finishedSeen) {
            finishedSeen = true;
            notifyAll();
        }
    }

    /** The live workers of the first report that we did not ask for are those of the previous attempt. */
    private void recover(Report report, List<Runnable> calls) {
        List<MesosWorker> recovered = new ArrayList<>();
        report.workers.forEach(
                (id, said) -> {
                    if (said.state.live() && !entries.containsKey(id)) {
                        recovered.add(unasked(id));
                    }
                });
        LOG.info("The service told of {} workers from before.", recovered.size());
        calls.add(() -> flink.onPreviousAttemptWorkersRecovered(recovered));
    }

    /**
     * Surplus workers are to replace others whose agents are being taken away. Flink takes a worker that it did not ask for
     * only as one of the previous attempt, and does so at any time.
     */
    private void takeIn(Report report, List<Runnable> calls) {
        List<MesosWorker> surplus = new ArrayList<>();
        report.workers.forEach(
                (id, said) -> {
                    if (said.surplus && said.state.live() && !entries.containsKey(id) && takenIn.add(id)) {
                        surplus.add(unasked(id));
                    }
                });
        if (!surplus.isEmpty()) {
            changed();
            LOG.info("The service told of {} workers that are to replace others.", surplus.size());
            calls.add(() -> flink.onPreviousAttemptWorkersRecovered(surplus));
        }
    }

    /** Wants a worker that runs and that Flink did not ask for. */
    private MesosWorker unasked(String id) {
        Entry entry = new Entry(WantedWorker.recovered(id, clock.instant()), null);
        entry.launchedAt = clock.instant();
        entries.put(id, entry);
        return new MesosWorker(id);
    }

    private void take(Entry entry, Report.Entry said, List<Runnable> calls) {
        switch (said.state) {
            case WAITING:
                if (!entry.launched() && !said.message.equals(entry.waitingMessage)) {
                    entry.waitingMessage = said.message;
                    LOG.info(
                            "Worker {} is waiting{}",
                            entry.worker.id,
                            said.message.isEmpty() ? "." : ": " + said.message);
                }
                break;
            case LAUNCHING:
            case RUNNING:
                if (!entry.launched()) {
                    launched(entry, said, calls);
                }
                break;
            case TERMINATED:
                terminated(entry, said.message, calls);
                break;
            default:
                throw new IllegalStateException("unknown state " + said.state);
        }
    }

    private void launched(Entry entry, Report.Entry said, List<Runnable> calls) {
        String id = entry.worker.id;
        entry.launchedAt = clock.instant();
        LOG.info("Worker {} is launched{}.", id, said.host.isEmpty() ? "" : " on " + said.host);
        if (!entry.withdrawn()) {
            CompletableFuture<MesosWorker> request = entry.request;
            calls.add(() -> request.complete(new MesosWorker(id)));
        }
    }

    private void terminated(Entry entry, String message, List<Runnable> calls) {
        String id = entry.worker.id;
        remove(entry);
        LOG.info("Worker {} has ended: {}", id, message);
        if (entry.withdrawn()) {
            return;
        }
        if (entry.launched()) {
            calls.add(() -> flink.onWorkerTerminated(new ResourceID(id), message));
        } else {
            CompletableFuture<MesosWorker> request = entry.request;
            String failure = "worker " + id + " ended before it was launched: " + message;
            calls.add(() -> request.completeExceptionally(new FlinkException(failure)));
        }
    }

    /** A restarting job gives a worker back and asks for it again within a second or two. */
    private void giveBack(Entry entry) {
        String id = entry.worker.id;
        boolean young =
                !entry.launched() || clock.instant().isBefore(entry.launchedAt.plus(withdrawDelay));
        if (entry.spec == null || withdrawDelay.isZero() || !young) {
            remove(entry);
            LOG.info("Worker {} is released.", id);
            return;
        }
        Object withdrawal = new Object();
        entry.withdrawal = withdrawal;
        mainThread.schedule(
                () -> endWithdrawal(id, withdrawal), withdrawDelay.toMillis(), TimeUnit.MILLISECONDS);
    }

    private synchronized void endWithdrawal(String id, Object withdrawal) {
        Entry entry = entries.get(id);
        if (entry != null && entry.withdrawal == withdrawal) {
            remove(entry);
            LOG.info("Worker {} is released.", id);
        }
    }

    private void remove(Entry entry) {
        entries.remove(entry.worker.id);
        changed();
    }

    /** One that is launched is nearer to registering than one that is not. */
    private Entry withdrawnEqualTo(TaskExecutorProcessSpec spec) {
        Entry found = null;
        for (Entry entry : entries.values()) {
            if (entry.withdrawn() && spec.equals(entry.spec)) {
                if (entry.launched()) {
                    return entry;
                }
                found = found == null ? entry : found;
            }
        }
        return found;
    }

    /** A worker of the previous attempt may have the same four digits in its id. */
    private String newId() {
        String id = idPrefix + nextId++;
        while (entries.containsKey(id)) {
            id = idPrefix + nextId++;
        }
        return id;
    }

    private void changed() {
        version++;
        changedAt = System.nanoTime();
        notifyAll();
    }
}

package org.flinkonmesos.driver;

import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessSpec;
import org.apache.flink.runtime.clusterframework.types.ResourceID;
import org.apache.flink.runtime.resourcemanager.active.ResourceEventHandler;
import org.apache.flink.util.concurrent.ScheduledExecutor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which workers Flink wants, and what the service last said of them.
 *
 * <p>Flink calls from its main thread, the service's requests come on other threads; one lock
 * guards everything, here and in {@link LongPoll}, {@link ReportMerge} and {@link Withdrawals}.
 * Flink is only ever called back through its main thread, in the order in which things happened.
 */
final class WorkerRegistry {

    private static final Logger LOG = LoggerFactory.getLogger(WorkerRegistry.class);

    private final String epoch;
    private final String idPrefix;
    private final ScheduledExecutor mainThread;
    private final Clock clock;

    private final Map<String, WorkerEntry> entries = new LinkedHashMap<>();
    private final LongPoll poll = new LongPoll(this);
    private final ReportMerge merge;
    private final Withdrawals withdrawals;
    private long nextId = 1;
    private long lastSequence = -1;
    private boolean ready;
    private boolean recounting;
    private Wanted.Finished finished;
    private boolean finishedSeen;

    /**
     * What Flink is to be told while its main thread waits for the first report; null once it does
     * not.
     */
    private List<Runnable> early = new ArrayList<>();

    WorkerRegistry(
            String epoch,
            String idPrefix,
            Duration withdrawDelay,
            ResourceEventHandler<MesosWorker> flink,
            ScheduledExecutor mainThread,
            Clock clock) {
        this.epoch = epoch;
        this.idPrefix = idPrefix + "-" + epoch.substring(0, 4) + "-";
        this.mainThread = mainThread;
        this.clock = clock;
        this.merge = new ReportMerge(entries, flink, clock);
        this.withdrawals = new Withdrawals(withdrawDelay, clock, mainThread, this::endWithdrawal);
    }

    // ---- Flink's side, called on its main thread ----

    /**
     * Waits for the first report and tells Flink of the workers from before, at most so long. Flink
     * publishes its leadership after this: a TaskManager that registered before its ResourceManager
     * knew it would be turned away, and end.
     *
     * @return whether the report came
     */
    boolean awaitFirstReport(Duration timeout) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        List<Runnable> calls;
        boolean came;
        synchronized (this) {
            for (long left = timeout.toNanos();
                    !ready && !poll.closed() && left > 0;
                    left = deadline - System.nanoTime()) {
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
     * Wants one more worker: a new one, or one of the same size that was released a moment ago.
     *
     * @return completes when the worker is launched; exceptionally when it ended before
     */
    synchronized CompletableFuture<MesosWorker> request(TaskExecutorProcessSpec spec) {
        WorkerEntry entry = Withdrawals.equalTo(spec, entries.values());
        if (entry == null) {
            entry = new WorkerEntry(WantedWorker.requested(newId(), spec, clock.instant()), spec);
            entries.put(entry.worker.id, entry);
            poll.changed();
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
     * Wants a worker no longer. One that was launched a moment ago, which cannot have registered
     * yet, is kept for a moment like a cancelled request; any other ends now. An unknown id is
     * nothing to do.
     */
    synchronized void release(ResourceID id) {
        WorkerEntry entry = entries.get(id.getResourceIdString());
        if (entry != null) {
            withdraw(entry);
        }
    }

    private synchronized void cancelled(String id, CompletableFuture<MesosWorker> request) {
        WorkerEntry entry = entries.get(id);
        if (entry != null && entry.request == request) {
            withdraw(entry);
        }
    }

    private void withdraw(WorkerEntry entry) {
        if (!withdrawals.begin(entry)) {
            remove(entry);
        }
    }

    private synchronized void endWithdrawal(String id, Object withdrawal) {
        WorkerEntry entry = entries.get(id);
        if (entry != null && entry.withdrawal == withdrawal) {
            remove(entry);
        }
    }

    private void remove(WorkerEntry entry) {
        entries.remove(entry.worker.id);
        poll.changed();
        LOG.info("Worker {} is released.", entry.worker.id);
        if (!recounting && merge.uncounted(entry)) {
            recounting = true;
            mainThread.execute(() -> recount(entry.worker.id));
        }
    }

    private void recount(String id) {
        synchronized (this) {
            recounting = false;
        }
        merge.recount(id);
    }

    /** A worker of the previous attempt may have the same four digits in its id. */
    private String newId() {
        String id = idPrefix + nextId++;
        while (entries.containsKey(id)) {
            id = idPrefix + nextId++;
        }
        return id;
    }

    /** Notes that the cluster has ended. The first end counts. */
    synchronized void finish(String status, String diagnostics) {
        if (finished == null) {
            finished = new Wanted.Finished(status, diagnostics);
            poll.changed();
        }
    }

    /**
     * Waits until the service has read and kept the end of the cluster; false when it did not in
     * time.
     */
    synchronized boolean awaitFinishedSeen(Duration timeout) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (!finishedSeen && !poll.closed()) {
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
        poll.close();
    }

    // ---- the service's side, called on request threads ----

    /** What is wanted now. */
    synchronized Wanted wanted() {
        List<Wanted.Worker> workers = new ArrayList<>(entries.size());
        for (WorkerEntry entry : entries.values()) {
            workers.add(new Wanted.Worker(entry.worker, entry.launched()));
        }
        return new Wanted(epoch, poll.version(), ready, workers, finished);
    }

    /**
     * What is wanted when it is not what the reader knows and rests for a moment, or when the time
     * is over.
     *
     * @return null when the registry is closed
     */
    synchronized Wanted await(String knownEpoch, long knownVersion, Duration wait)
            throws InterruptedException {
        if (epoch.equals(knownEpoch)) {
            poll.await(knownVersion, wait);
        }
        return poll.closed() ? null : wanted();
    }

    /**
     * Applies what the service says, unless it is of another epoch or not newer than what was
     * applied.
     *
     * @return null when the registry is closed
     */
    synchronized Report.Answer report(Report report) {
        if (poll.closed()) {
            return null;
        }
        boolean current = epoch.equals(report.epoch);
        if (current && report.sequence > lastSequence) {
            lastSequence = report.sequence;
            apply(report);
        }
        return new Report.Answer(current, epoch, poll.version(), lastSequence);
    }

    private void apply(Report report) {
        List<Runnable> calls = new ArrayList<>();
        boolean first = !ready;
        ready = true;
        if (merge.apply(report, first, calls)) {
            poll.changed();
        }
        if (report.finishedSeen && finished != null && !finishedSeen) {
            finishedSeen = true;
            notifyAll();
        }
        if (early != null) {
            early.addAll(calls);
        } else if (!calls.isEmpty()) {
            mainThread.execute(() -> calls.forEach(Runnable::run));
        }
    }
}

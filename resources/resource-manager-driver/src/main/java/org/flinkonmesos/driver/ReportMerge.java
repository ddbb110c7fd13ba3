package org.flinkonmesos.driver;

import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.runtime.clusterframework.types.ResourceID;
import org.apache.flink.runtime.resourcemanager.active.ResourceEventHandler;
import org.apache.flink.util.FlinkException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the wanted workers and a report of the service together, and says what Flink is to be
 * told. All methods are called under the lock of the registry.
 */
final class ReportMerge {

    private static final Logger LOG = LoggerFactory.getLogger(ReportMerge.class);

    private final Map<String, WorkerEntry> entries;
    private final ResourceEventHandler<MesosWorker> flink;
    private final Clock clock;

    /**
     * The surplus workers that Flink was given, so that a report that comes late gives none again.
     */
    private final Set<String> adopted = new HashSet<>();

    /** Works on the entries of the registry: it adds and removes some. */
    ReportMerge(
            Map<String, WorkerEntry> entries,
            ResourceEventHandler<MesosWorker> flink,
            Clock clock) {
        this.entries = entries;
        this.flink = flink;
        this.clock = clock;
    }

    /**
     * Applies a report.
     *
     * @param first whether it is the first of the epoch
     * @param calls gets what Flink is to be told, in this order
     * @return whether another set of workers is wanted now
     */
    boolean apply(Report report, boolean first, List<Runnable> calls) {
        boolean changed = first;
        if (first) {
            recover(report, calls);
        } else {
            changed = adoptSurplus(report, calls);
        }
        for (Map.Entry<String, Report.Entry> said : report.workers.entrySet()) {
            WorkerEntry entry = entries.get(said.getKey());
            if (entry != null) {
                changed |= apply(entry, said.getValue(), calls);
            }
        }
        for (WorkerEntry entry : new ArrayList<>(entries.values())) {
            if (entry.launched() && !report.workers.containsKey(entry.worker.id)) {
                terminated(entry, "the service no longer knows it", calls);
                changed = true;
            }
        }
        return changed;
    }

    /**
     * The live workers of the first report that we did not ask for are those of the previous
     * attempt.
     */
    private void recover(Report report, List<Runnable> calls) {
        List<MesosWorker> recovered = new ArrayList<>();
        report.workers.forEach(
                (id, said) -> {
                    if (said.state.live() && !entries.containsKey(id)) {
                        recovered.add(adopt(id));
                    }
                });
        LOG.info("The service told of {} workers from before.", recovered.size());
        calls.add(() -> flink.onPreviousAttemptWorkersRecovered(recovered));
    }

    /**
     * Surplus workers are to replace others whose agents are being taken away. Flink takes a worker
     * that it did not ask for only as one of the previous attempt, and does so at any time.
     */
    private boolean adoptSurplus(Report report, List<Runnable> calls) {
        List<MesosWorker> surplus = new ArrayList<>();
        report.workers.forEach(
                (id, said) -> {
                    if (said.surplus
                            && said.state.live()
                            && !entries.containsKey(id)
                            && adopted.add(id)) {
                        surplus.add(adopt(id));
                    }
                });
        if (surplus.isEmpty()) {
            return false;
        }
        LOG.info("The service told of {} workers that are to replace others.", surplus.size());
        calls.add(() -> flink.onPreviousAttemptWorkersRecovered(surplus));
        return true;
    }

    /** Wants a worker that runs and that Flink did not ask for. */
    private MesosWorker adopt(String id) {
        WorkerEntry entry = new WorkerEntry(WantedWorker.recovered(id, clock.instant()), null);
        entry.launchedAt = clock.instant();
        entries.put(id, entry);
        return new MesosWorker(id);
    }

    private boolean apply(WorkerEntry entry, Report.Entry said, List<Runnable> calls) {
        switch (said.state) {
            case WAITING:
                if (!entry.launched() && !said.message.equals(entry.waitingMessage)) {
                    entry.waitingMessage = said.message;
                    LOG.info(
                            "Worker {} is waiting{}",
                            entry.worker.id,
                            said.message.isEmpty() ? "." : ": " + said.message);
                }
                return false;
            case LAUNCHING:
            case RUNNING:
                if (!entry.launched()) {
                    launched(entry, said, calls);
                }
                return false;
            case TERMINATED:
                terminated(entry, said.message, calls);
                return true;
            default:
                throw new IllegalStateException("unknown state " + said.state);
        }
    }

    private void launched(WorkerEntry entry, Report.Entry said, List<Runnable> calls) {
        String id = entry.worker.id;
        entry.launchedAt = clock.instant();
        LOG.info("Worker {} is launched{}.", id, said.host.isEmpty() ? "" : " on " + said.host);
        if (!entry.withdrawn()) {
            CompletableFuture<MesosWorker> request = entry.request;
            calls.add(() -> request.complete(new MesosWorker(id)));
        }
    }

    private void terminated(WorkerEntry entry, String message, List<Runnable> calls) {
        String id = entry.worker.id;
        entries.remove(id);
        LOG.info("Worker {} has ended: {}", id, message);
        if (entry.withdrawn()) {
            if (uncounted(entry)) {
                calls.add(() -> recount(id));
            }
        } else if (entry.launched()) {
            calls.add(() -> flink.onWorkerTerminated(new ResourceID(id), message));
        } else {
            CompletableFuture<MesosWorker> request = entry.request;
            String failure = "worker " + id + " ended before it was launched: " + message;
            calls.add(() -> request.completeExceptionally(new FlinkException(failure)));
        }
    }

    /**
     * Whether Flink may not have counted its workers after it released this one. While surplus
     * workers live it must not: it would release the difference, whichever workers that hits.
     */
    boolean uncounted(WorkerEntry released) {
        return released.launched()
                && !adopted.contains(released.worker.id)
                && Collections.disjoint(adopted, entries.keySet());
    }

    /**
     * Has Flink count its workers, on its main thread, after it released one. Its ResourceManager
     * does not when it loses a worker whose slots were not reported yet: its SlotManager goes on
     * waiting for that worker, and a job without slots for as long as slot.request.timeout. It
     * counts when a worker that it knows has ended, so it gets to know the released one once more,
     * as one from before.
     */
    void recount(String id) {
        flink.onPreviousAttemptWorkersRecovered(List.of(new MesosWorker(id)));
        flink.onWorkerTerminated(new ResourceID(id), "it was released");
    }
}

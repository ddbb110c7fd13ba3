package org.flinkonmesos.driver;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.resources.CPUResource;
import org.apache.flink.api.common.resources.ExternalResource;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessSpec;
import org.apache.flink.runtime.clusterframework.types.ResourceID;
import org.apache.flink.runtime.resourcemanager.active.ResourceEventHandler;
import org.apache.flink.util.concurrent.ScheduledExecutor;

/**
 * Stands in for Flink's ResourceManager: notes what it is told, has a main thread that runs when
 * the test says so, and a clock that the test moves.
 */
final class FakeFlink extends Clock
        implements ResourceEventHandler<MesosWorker>, ScheduledExecutor {

    final List<String> told = Collections.synchronizedList(new ArrayList<>());
    private final List<Runnable> posted = new ArrayList<>();
    private final List<Timer> timers = new ArrayList<>();
    private Instant now = Instant.parse("2026-01-01T00:00:00Z");

    private static final class Timer {
        final Instant at;
        final Runnable work;

        Timer(Instant at, Runnable work) {
            this.at = at;
            this.work = work;
        }
    }

    /** Notes what becomes of a request. */
    CompletableFuture<MesosWorker> watch(CompletableFuture<MesosWorker> request) {
        request.whenComplete(
                (worker, failure) -> {
                    if (failure == null) {
                        told.add("launched " + worker);
                    } else if (!request.isCancelled()) {
                        told.add("failed: " + failure.getMessage());
                    }
                });
        return request;
    }

    /** Runs what was posted to the main thread. */
    synchronized List<String> run() {
        while (!posted.isEmpty()) {
            posted.remove(0).run();
        }
        List<String> all = new ArrayList<>(told);
        told.clear();
        return all;
    }

    /** Lets time pass. */
    synchronized void pass(Duration time) {
        now = now.plus(time);
        List<Timer> due = new ArrayList<>();
        for (Timer timer : timers) {
            if (!timer.at.isAfter(now)) {
                due.add(timer);
            }
        }
        timers.removeAll(due);
        due.forEach(timer -> timer.work.run());
    }

    static TaskExecutorProcessSpec spec(double cpus) {
        return new TaskExecutorProcessSpec(
                new CPUResource(cpus),
                MemorySize.ofMebiBytes(128),
                MemorySize.ofMebiBytes(128),
                MemorySize.ofMebiBytes(384),
                MemorySize.ofMebiBytes(1),
                MemorySize.ofMebiBytes(64),
                MemorySize.ofMebiBytes(256),
                MemorySize.ofMebiBytes(256),
                MemorySize.ofMebiBytes(192),
                Collections.singletonList(new ExternalResource("gpu", 2)));
    }

    // ---- ResourceEventHandler ----

    @Override
    public void onPreviousAttemptWorkersRecovered(Collection<MesosWorker> workers) {
        told.add("recovered " + workers);
    }

    @Override
    public void onWorkerTerminated(ResourceID id, String diagnostics) {
        told.add("terminated " + id + ": " + diagnostics);
    }

    @Override
    public void onError(Throwable failure) {
        told.add("error " + failure);
    }

    // ---- main thread ----

    @Override
    public synchronized void execute(Runnable work) {
        posted.add(work);
    }

    @Override
    public synchronized ScheduledFuture<?> schedule(Runnable work, long delay, TimeUnit unit) {
        timers.add(new Timer(now.plusNanos(unit.toNanos(delay)), work));
        return null;
    }

    @Override
    public <V> ScheduledFuture<V> schedule(Callable<V> work, long delay, TimeUnit unit) {
        throw new UnsupportedOperationException();
    }

    @Override
    public ScheduledFuture<?> scheduleAtFixedRate(
            Runnable work, long first, long period, TimeUnit unit) {
        throw new UnsupportedOperationException();
    }

    @Override
    public ScheduledFuture<?> scheduleWithFixedDelay(
            Runnable work, long first, long delay, TimeUnit unit) {
        throw new UnsupportedOperationException();
    }

    // ---- Clock ----

    @Override
    public synchronized Instant instant() {
        return now;
    }

    @Override
    public ZoneId getZone() {
        return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
        return this;
    }
}

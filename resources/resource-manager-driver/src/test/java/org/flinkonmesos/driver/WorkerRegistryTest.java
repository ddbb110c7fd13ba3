package org.flinkonmesos.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.apache.flink.runtime.clusterframework.types.ResourceID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(10)
class WorkerRegistryTest {

    private static final String EPOCH = "beef0123";
    private static final Duration DELAY = Duration.ofSeconds(2);

    /** What has Flink count its workers after it released tm-beef-1. */
    private static final List<String> COUNTED =
            List.of("recovered [tm-beef-1]", "terminated tm-beef-1: it was released");

    private FakeFlink flink;
    private WorkerRegistry registry;
    private long sequence;

    @BeforeEach
    void open() {
        flink = new FakeFlink();
        registry = new WorkerRegistry(EPOCH, "tm", DELAY, flink, flink, flink);
        sequence = 0;
        normal(registry);
    }

    /** Most tests are about the time after the start, when Flink's main thread no longer waits. */
    private static void normal(WorkerRegistry registry) {
        try {
            registry.awaitFirstReport(Duration.ZERO);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void tellsOfWorkersFromBeforeWhileFlinkWaits() throws Exception {
        registry = new WorkerRegistry(EPOCH, "tm", DELAY, flink, flink, flink);
        Thread service = new Thread(() -> report("old-1=running"));
        service.start();
        assertTrue(registry.awaitFirstReport(Duration.ofSeconds(10)));
        service.join();
        assertEquals(List.of("recovered [old-1]"), flink.run());
    }

    @Test
    void doesNotWaitForEverForTheFirstReport() throws Exception {
        registry = new WorkerRegistry(EPOCH, "tm", DELAY, flink, flink, flink);
        assertFalse(registry.awaitFirstReport(Duration.ofMillis(1)));
        report("old-1=running");
        assertEquals(List.of("recovered [old-1]"), flink.run());
    }

    @Test
    void isReadyAfterTheFirstReport() {
        assertFalse(registry.wanted().ready);
        assertEquals(List.of(), flink.run());
        report();
        assertTrue(registry.wanted().ready);
        assertEquals(List.of("recovered []"), flink.run());
        report();
        assertEquals(List.of(), flink.run());
    }

    @Test
    void recoversTheLiveWorkersOfTheFirstReportOnly() {
        report("old-1=running", "old-2=waiting", "old-3=terminated", "old-4=launching");
        assertEquals(List.of("recovered [old-1, old-4]"), flink.run());
        assertEquals(List.of("old-1", "old-4"), wanted());
        assertTrue(registry.wanted().workers.get(0).worker.recovered);

        report("old-1=running", "old-4=running", "stranger=running");
        assertEquals(List.of(), flink.run());
        assertEquals(List.of("old-1", "old-4"), wanted());

        report("old-4=terminated:exit 1");
        assertEquals(
                List.of(
                        "terminated old-4: exit 1",
                        "terminated old-1: the service no longer knows it"),
                flink.run());
        assertEquals(List.of(), wanted());
    }

    @Test
    void takesInSurplusWorkersOnce() {
        ready();
        report("new-1=launching+", "new-2=waiting+", "new-3=terminated+");
        assertEquals(List.of("recovered [new-1]"), flink.run());
        assertEquals(List.of("new-1"), wanted());
        assertTrue(registry.wanted().workers.get(0).worker.recovered);
        report("new-1=running+");
        assertEquals(List.of(), flink.run());

        // What Flink has given back does not come again by a report that does not know of that yet.
        registry.release(new ResourceID("new-1"));
        assertEquals(List.of(), wanted());
        report("new-1=running+");
        assertEquals(List.of(), flink.run());
        assertEquals(List.of(), wanted());
    }

    @Test
    void completesARequestAtTheLaunch() {
        ready();
        CompletableFuture<MesosWorker> request = request(1);
        assertEquals(List.of("tm-beef-1"), wanted());
        report("tm-beef-1=waiting:cpus");
        assertEquals(List.of(), flink.run());
        report("tm-beef-1=launching");
        assertFalse(request.isDone(), "completed outside of the main thread");
        assertEquals(List.of("launched tm-beef-1"), flink.run());
        report("tm-beef-1=running");
        assertEquals(List.of(), flink.run());
        assertTrue(registry.wanted().workers.get(0).launched);
    }

    @Test
    void completesARequestWhoseLaunchWasMissed() {
        ready();
        request(1);
        report("tm-beef-1=running");
        assertEquals(List.of("launched tm-beef-1"), flink.run());
    }

    @Test
    void tellsOfALaunchBeforeTheEnd() {
        ready();
        request(1);
        report("tm-beef-1=launching");
        report("tm-beef-1=terminated:exit 137");
        assertEquals(List.of("launched tm-beef-1", "terminated tm-beef-1: exit 137"), flink.run());
        assertEquals(List.of(), wanted());
    }

    @Test
    void failsARequestThatEndsBeforeTheLaunch() {
        ready();
        request(1);
        report("tm-beef-1=terminated:no fetch");
        assertEquals(
                List.of("failed: worker tm-beef-1 ended before it was launched: no fetch"),
                flink.run());
        assertEquals(List.of(), wanted());
    }

    @Test
    void keepsAWorkerThatTheServiceHasNotLaunchedYet() {
        ready();
        request(1);
        report();
        assertEquals(List.of("tm-beef-1"), wanted());
        assertEquals(List.of(), flink.run());
    }

    @Test
    void keepsACancelledRequestForAMoment() {
        ready();
        request(1).cancel(true);
        assertEquals(List.of("tm-beef-1"), wanted());
        flink.pass(DELAY.minusMillis(1));
        assertEquals(List.of("tm-beef-1"), wanted());
        flink.pass(Duration.ofMillis(1));
        assertEquals(List.of(), wanted());
    }

    @Test
    void handsACancelledRequestToAnEqualOne() {
        ready();
        request(1).cancel(true);
        long version = registry.wanted().version;
        request(2);
        assertEquals(List.of("tm-beef-1", "tm-beef-2"), wanted());
        request(1);
        assertEquals(List.of("tm-beef-1", "tm-beef-2"), wanted());
        assertEquals(version + 1, registry.wanted().version);
        flink.pass(DELAY);
        assertEquals(List.of("tm-beef-1", "tm-beef-2"), wanted());
        report("tm-beef-1=running", "tm-beef-2=waiting");
        assertEquals(List.of("launched tm-beef-1"), flink.run());
    }

    @Test
    void neverLeavesACancelledWorkerBehind() {
        ready();
        request(1).cancel(true);
        report("tm-beef-1=running");
        assertEquals(List.of(), flink.run());
        flink.pass(DELAY);
        assertEquals(List.of(), wanted());
    }

    @Test
    void releasesARequestCancelledBetweenLaunchAndCompletion() {
        ready();
        CompletableFuture<MesosWorker> request = request(1);
        report("tm-beef-1=launching");
        request.cancel(true);
        assertEquals(List.of(), flink.run());
        flink.pass(DELAY);
        assertEquals(List.of(), wanted());
    }

    @Test
    void handsAYoungReleasedWorkerToAnEqualRequest() {
        ready();
        request(1);
        report("tm-beef-1=launching");
        flink.run();
        registry.release(new ResourceID("tm-beef-1"));
        assertEquals(List.of("tm-beef-1"), wanted());
        request(1);
        assertEquals(List.of("launched tm-beef-1"), flink.run());
        flink.pass(DELAY);
        assertEquals(List.of("tm-beef-1"), wanted());
    }

    @Test
    void hasFlinkCountAtTheEndOfAWorkerGivenBack() {
        ready();
        request(1);
        report("tm-beef-1=launching");
        flink.run();
        registry.release(new ResourceID("tm-beef-1"));
        report("tm-beef-1=terminated:x");
        assertEquals(COUNTED, flink.run());
        assertEquals(List.of(), wanted());
        flink.pass(DELAY);
        assertEquals(List.of(), wanted());
    }

    @Test
    void releasesAnOldWorkerAtOnce() {
        ready();
        request(1);
        report("tm-beef-1=running");
        flink.run();
        flink.pass(DELAY);
        registry.release(new ResourceID("tm-beef-1"));
        assertEquals(List.of(), wanted());
        registry.release(new ResourceID("tm-beef-1"));
        registry.release(new ResourceID("never"));
        report("tm-beef-1=terminated:killed");
        assertEquals(COUNTED, flink.run());
    }

    @Test
    void hasFlinkCountOnceForManyReleases() {
        ready();
        request(1);
        request(1);
        report("tm-beef-1=running", "tm-beef-2=running");
        flink.run();
        flink.pass(DELAY);
        registry.release(new ResourceID("tm-beef-1"));
        registry.release(new ResourceID("tm-beef-2"));
        assertEquals(COUNTED, flink.run());
        report();
        assertEquals(List.of(), flink.run());
    }

    /** It would release workers that are wanted, of which it does not know that they are. */
    @Test
    void doesNotHaveFlinkCountWhileSurplusWorkersLive() {
        ready();
        request(1);
        report("tm-beef-1=running", "new-1=running+");
        flink.run();
        flink.pass(DELAY);
        registry.release(new ResourceID("tm-beef-1"));
        assertEquals(List.of(), flink.run());
    }

    @Test
    void ignoresOldReportsAndThoseOfAnotherEpoch() {
        ready();
        request(1);
        long version = registry.wanted().version;
        Report.Answer old = registry.report(new Report(EPOCH, sequence, Map.of(), false));
        assertTrue(old.current);
        assertEquals(sequence, old.sequence);
        Report.Answer other = registry.report(new Report("other", sequence + 1, Map.of(), false));
        assertFalse(other.current);
        assertEquals(EPOCH, other.epoch);
        assertEquals(version, registry.wanted().version);
    }

    @Test
    void countsEachChange() {
        assertEquals(1, registry.wanted().version);
        report();
        assertEquals(2, registry.wanted().version);
        request(1);
        assertEquals(3, registry.wanted().version);
        report("tm-beef-1=running");
        assertEquals(3, registry.wanted().version);
        registry.finish("FAILED", null);
        registry.finish("SUCCEEDED", "later");
        assertEquals(4, registry.wanted().version);
        assertEquals("FAILED", registry.wanted().finished.status);
        assertEquals("", registry.wanted().finished.diagnostics);
    }

    @Test
    void avoidsTheIdOfARecoveredWorker() {
        report("tm-beef-1=running");
        request(1);
        assertEquals(List.of("tm-beef-1", "tm-beef-2"), wanted());
    }

    @Test
    void waitsForTheEndToBeSeen() throws Exception {
        ready();
        assertFalse(registry.awaitFinishedSeen(Duration.ZERO));
        registry.report(new Report(EPOCH, ++sequence, Map.of(), true));
        assertFalse(registry.awaitFinishedSeen(Duration.ZERO), "seen before there was an end");
        registry.finish("SUCCEEDED", "");
        Thread service =
                new Thread(() -> registry.report(new Report(EPOCH, ++sequence, Map.of(), true)));
        service.start();
        assertTrue(registry.awaitFinishedSeen(Duration.ofSeconds(5)));
        service.join();
    }

    @Test
    void answersAReaderAtOnceOrAtAChange() throws Exception {
        assertEquals(1, registry.await("", 1, Duration.ofMinutes(1)).version);
        assertEquals(1, registry.await(EPOCH, 0, Duration.ofMinutes(1)).version);
        assertEquals(1, registry.await(EPOCH, 1, Duration.ofMillis(1)).version);
        Thread service = new Thread(this::report);
        service.start();
        assertEquals(2, registry.await(EPOCH, 1, Duration.ofMinutes(1)).version);
        service.join();
        Thread end = new Thread(() -> registry.close());
        end.start();
        assertNull(registry.await(EPOCH, 2, Duration.ofMinutes(1)));
        end.join();
        assertNull(registry.report(new Report(EPOCH, 100, Map.of(), false)));
    }

    @Test
    void showsABurstOfRequestsAtOnce() throws Exception {
        // Each pause is far below the quiet time, but nobody promises a thread its processor: one
        // of many
        // bursts has to be seen whole, and without the quiet time none would be.
        int most = 0;
        for (int round = 0; round < 50 && most < 4; round++) {
            open();
            CompletableFuture<Wanted> seen = new CompletableFuture<>();
            Thread reader = reader(seen);
            while (reader.getState() != Thread.State.TIMED_WAITING) {
                Thread.onSpinWait();
            }
            for (int i = 0; i < 4; i++) {
                request(1);
                Thread.sleep(1);
            }
            most = Math.max(most, seen.get().workers.size());
        }
        assertEquals(4, most);
    }

    @Test
    void answersThoughThereIsNoEndOfChanges() throws Exception {
        CompletableFuture<Wanted> seen = new CompletableFuture<>();
        reader(seen);
        while (!seen.isDone()) {
            request(1);
            Thread.sleep(1);
        }
        assertTrue(seen.get().version > 1);
    }

    @Test
    void letsTheOldestOfTooManyReadersGo() throws Exception {
        CompletableFuture<Wanted> oldest = new CompletableFuture<>();
        Thread first = reader(oldest);
        while (first.getState() != Thread.State.TIMED_WAITING) {
            Thread.onSpinWait();
        }
        for (int i = 0; i < 8; i++) {
            reader(new CompletableFuture<>());
        }
        assertEquals(1, oldest.get().version);
        registry.close();
    }

    private Thread reader(CompletableFuture<Wanted> into) {
        Thread thread =
                new Thread(
                        () -> {
                            try {
                                into.complete(registry.await(EPOCH, 1, Duration.ofMinutes(1)));
                            } catch (InterruptedException e) {
                                into.completeExceptionally(e);
                            }
                        });
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private void ready() {
        report();
        flink.run();
    }

    private CompletableFuture<MesosWorker> request(double cpus) {
        return flink.watch(registry.request(FakeFlink.spec(cpus)));
    }

    /**
     * Each worker as id=state or id=state:message; a state with a plus is that of a surplus worker.
     */
    private void report(String... workers) {
        Map<String, Report.Entry> entries = new LinkedHashMap<>();
        for (String worker : workers) {
            String[] parts = worker.split("[=:]", 3);
            entries.put(
                    parts[0],
                    new Report.Entry(
                            Report.State.valueOf(parts[1].replace("+", "").toUpperCase()),
                            parts.length > 2 ? parts[2] : "",
                            "",
                            parts[1].endsWith("+")));
        }
        registry.report(new Report(EPOCH, ++sequence, entries, false));
    }

    private List<String> wanted() {
        return registry.wanted().workers.stream()
                .map(w -> w.worker.id)
                .collect(Collectors.toList());
    }
}

package org.flinkonmesos.driver;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.flink.runtime.clusterframework.ApplicationStatus;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.rpc.RpcService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How this process' cluster ends, which Flink's own shutdown call says in one word at best: a
 * failed application has no text, and a job cluster that is shut down has always succeeded.
 */
final class ClusterEnd {

    private static final Logger LOG = LoggerFactory.getLogger(ClusterEnd.class);

    /** A stack trace or two; the service keeps it with the cluster's status. */
    private static final int MAX_DIAGNOSTICS = 16 << 10;

    /** How long a ResourceManager takes to start at most, on a machine that is busy. */
    private static final Duration MAX_START = Duration.ofSeconds(30);

    private volatile Wanted.Finished known;
    private final CountDownLatch led = new CountDownLatch(1);
    private volatile Listener leader;
    private volatile RpcService rpc;
    private volatile HighAvailabilityServices highAvailability;

    /** Passes the end on to the service. */
    interface Listener {
        /** Returns when the service has read the end, or has not for a while. */
        void finish(Wanted.Finished end) throws InterruptedException;
    }

    /** Sets the end; what Flink says at the shutdown no longer counts. */
    void set(ApplicationStatus status, String diagnostics) {
        known = finished(status, diagnostics);
    }

    /** Null while nothing was set. */
    Wanted.Finished known() {
        return known;
    }

    /** Notes how the dispatcher, which knows why a job failed, is reached. */
    void services(RpcService rpc, HighAvailabilityServices highAvailability) {
        this.rpc = rpc;
        this.highAvailability = highAvailability;
    }

    /** Notes who speaks with the service now: the exchange of the ResourceManager that leads. */
    void leads(Listener listener) {
        leader = listener;
        led.countDown();
    }

    /**
     * Tells the service of an end. A main method may end before the ResourceManager is up, whose
     * exchange is waited for; it does nothing when there never is one.
     */
    void tell(ApplicationStatus status, String diagnostics) {
        try {
            if (!led.await(MAX_START.toMillis(), TimeUnit.MILLISECONDS)) {
                LOG.warn(
                        "No ResourceManager within {}; the service is not told of the end.",
                        MAX_START);
                return;
            }
            leader.finish(explain(status, diagnostics));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The end to tell when Flink shuts the cluster down. */
    Wanted.Finished explain(ApplicationStatus status, String diagnostics) {
        if (known != null) {
            return known;
        }
        boolean failed = status == ApplicationStatus.FAILED || status == ApplicationStatus.UNKNOWN;
        if (failed && (diagnostics == null || diagnostics.isEmpty()) && rpc != null) {
            try {
                return finished(status, new FailureCauses(rpc, highAvailability).find());
            } catch (Exception e) {
                // The status matters more than its text; the text is in Flink's log as well.
                LOG.warn("Could not ask the dispatcher why the application failed.", e);
            }
        }
        return finished(status, diagnostics);
    }

    private static Wanted.Finished finished(ApplicationStatus status, String diagnostics) {
        String text = diagnostics == null ? "" : diagnostics;
        if (text.length() > MAX_DIAGNOSTICS) {
            text = text.substring(0, MAX_DIAGNOSTICS) + "...";
        }
        return new Wanted.Finished(status.name(), text);
    }
}

package org.flinkonmesos.driver;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.clusterframework.ApplicationStatus;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessSpec;
import org.apache.flink.runtime.resourcemanager.active.AbstractResourceManagerDriver;
import org.apache.flink.runtime.resourcemanager.active.ResourceManagerDriver;

/**
 * Flink's view of the service: a {@link ResourceManagerDriver} that keeps a {@link WorkerRegistry}
 * and serves it while this process leads.
 *
 * <p>Each driver is an epoch of its own. Flink makes a new one when the ResourceManager gets its
 * leadership back, and that one has to learn the running workers like a new process has to.
 */
public final class MesosResourceManagerDriver extends AbstractResourceManagerDriver<MesosWorker> {

    private final ClusterEnd clusterEnd;
    private Exchange exchange;

    /** A driver that is not serving yet. */
    MesosResourceManagerDriver(Configuration configuration, ClusterEnd clusterEnd) {
        super(configuration, configuration);
        this.clusterEnd = clusterEnd;
    }

    @Override
    protected void initializeInternal() throws Exception {
        exchange = Exchange.open(flinkConfig, getResourceEventHandler(), getMainThreadExecutor());
        clusterEnd.leads(exchange);
        Duration timeout = flinkConfig.get(MesosDriverOptions.FIRST_REPORT_TIMEOUT);
        if (!exchange.registry.awaitFirstReport(timeout) && !timeout.isZero()) {
            log.warn(
                    "The service did not report within {}; workers from before are not known.",
                    timeout);
        }
    }

    @Override
    public CompletableFuture<MesosWorker> requestResource(TaskExecutorProcessSpec spec) {
        return exchange.registry.request(spec);
    }

    @Override
    public void releaseResource(MesosWorker worker) {
        exchange.registry.release(worker.getResourceID());
    }

    /** Blocks Flink's main thread for a while; at this point nothing else is left for it to do. */
    @Override
    public void deregisterApplication(ApplicationStatus status, String diagnostics)
            throws Exception {
        exchange.finish(clusterEnd.explain(status, diagnostics));
    }

    @Override
    public void terminate() {
        if (exchange != null) {
            exchange.close();
        }
    }

    /** The port that is served, for tests. */
    int port() {
        return exchange.port();
    }
}

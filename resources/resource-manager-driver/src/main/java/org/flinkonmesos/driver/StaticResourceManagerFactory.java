package org.flinkonmesos.driver;

import java.util.Collection;
import java.util.UUID;
import java.util.concurrent.Executor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.clusterframework.types.ResourceID;
import org.apache.flink.runtime.entrypoint.ClusterInformation;
import org.apache.flink.runtime.heartbeat.HeartbeatServices;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.metrics.MetricRegistry;
import org.apache.flink.runtime.metrics.groups.ResourceManagerMetricGroup;
import org.apache.flink.runtime.resourcemanager.ResourceManager;
import org.apache.flink.runtime.resourcemanager.ResourceManagerFactory;
import org.apache.flink.runtime.resourcemanager.ResourceManagerProcessContext;
import org.apache.flink.runtime.resourcemanager.ResourceManagerRuntimeServices;
import org.apache.flink.runtime.resourcemanager.ResourceManagerRuntimeServicesConfiguration;
import org.apache.flink.runtime.resourcemanager.StandaloneResourceManagerFactory;
import org.apache.flink.runtime.resourcemanager.active.ResourceEventHandler;
import org.apache.flink.runtime.rpc.FatalErrorHandler;
import org.apache.flink.runtime.rpc.RpcService;
import org.apache.flink.runtime.security.token.DelegationTokenManager;
import org.apache.flink.util.ConfigurationException;

/**
 * Makes Flink's standalone ResourceManager, which takes every TaskManager that registers and asks
 * for none. Beside it stands an {@link Exchange} without workers, through which the service learns
 * how the cluster ends.
 */
final class StaticResourceManagerFactory extends ResourceManagerFactory<ResourceID> {

    private final StandaloneResourceManagerFactory standalone =
            StandaloneResourceManagerFactory.getInstance();
    private final ClusterEnd clusterEnd;

    /** That of the newest leadership; null before the first. */
    private Exchange exchange;

    StaticResourceManagerFactory(ClusterEnd clusterEnd) {
        this.clusterEnd = clusterEnd;
    }

    @Override
    public ResourceManagerProcessContext createResourceManagerProcessContext(
            Configuration configuration,
            ResourceID resourceId,
            RpcService rpcService,
            HighAvailabilityServices highAvailabilityServices,
            HeartbeatServices heartbeatServices,
            DelegationTokenManager delegationTokenManager,
            FatalErrorHandler fatalErrorHandler,
            ClusterInformation clusterInformation,
            String webInterfaceUrl,
            MetricRegistry metricRegistry,
            String hostname,
            Executor ioExecutor)
            throws ConfigurationException {
        clusterEnd.services(rpcService, highAvailabilityServices);
        return standalone.createResourceManagerProcessContext(
                configuration,
                resourceId,
                rpcService,
                highAvailabilityServices,
                heartbeatServices,
                delegationTokenManager,
                fatalErrorHandler,
                clusterInformation,
                webInterfaceUrl,
                metricRegistry,
                hostname,
                ioExecutor);
    }

    /** Called each time when this process becomes the leader. */
    @Override
    public synchronized ResourceManager<ResourceID> createResourceManager(
            ResourceManagerProcessContext context, UUID leaderSessionId) throws Exception {
        if (exchange != null) {
            exchange.close();
        }
        Exchange opened =
                Exchange.open(
                        context.getRmConfig(),
                        new NoWorkers(),
                        context.getRpcService().getScheduledExecutor());
        exchange = opened;
        ResourceManager<ResourceID> resourceManager;
        try {
            resourceManager = standalone.createResourceManager(context, leaderSessionId);
        } catch (Exception e) {
            opened.close();
            throw e;
        }
        clusterEnd.leads(opened);
        resourceManager.getTerminationFuture().whenComplete((done, failure) -> opened.close());
        return resourceManager;
    }

    @Override
    protected ResourceManager<ResourceID> createResourceManager(
            Configuration configuration,
            ResourceID resourceId,
            RpcService rpcService,
            UUID leaderSessionId,
            HeartbeatServices heartbeatServices,
            DelegationTokenManager delegationTokenManager,
            FatalErrorHandler fatalErrorHandler,
            ClusterInformation clusterInformation,
            String webInterfaceUrl,
            ResourceManagerMetricGroup resourceManagerMetricGroup,
            ResourceManagerRuntimeServices resourceManagerRuntimeServices,
            Executor ioExecutor) {
        throw new IllegalStateException("the public methods lead to Flink's standalone factory");
    }

    @Override
    protected ResourceManagerRuntimeServicesConfiguration
            createResourceManagerRuntimeServicesConfiguration(Configuration configuration) {
        throw new IllegalStateException("the public methods lead to Flink's standalone factory");
    }

    /**
     * The service reports no workers of a static cluster: its TaskManagers register by themselves.
     */
    private static final class NoWorkers implements ResourceEventHandler<MesosWorker> {
        @Override
        public void onPreviousAttemptWorkersRecovered(Collection<MesosWorker> recoveredWorkers) {}

        @Override
        public void onWorkerTerminated(ResourceID resourceId, String diagnostics) {}

        @Override
        public void onError(Throwable exception) {}
    }
}

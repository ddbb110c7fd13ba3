package org.flinkonmesos.driver;

import java.util.concurrent.Executor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessUtils;
import org.apache.flink.runtime.clusterframework.types.ResourceID;
import org.apache.flink.runtime.entrypoint.ClusterInformation;
import org.apache.flink.runtime.heartbeat.HeartbeatServices;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.metrics.MetricRegistry;
import org.apache.flink.runtime.resourcemanager.ResourceManagerProcessContext;
import org.apache.flink.runtime.resourcemanager.ResourceManagerRuntimeServicesConfiguration;
import org.apache.flink.runtime.resourcemanager.WorkerResourceSpec;
import org.apache.flink.runtime.resourcemanager.WorkerResourceSpecFactory;
import org.apache.flink.runtime.resourcemanager.active.ActiveResourceManagerFactory;
import org.apache.flink.runtime.resourcemanager.active.ResourceManagerDriver;
import org.apache.flink.runtime.rpc.FatalErrorHandler;
import org.apache.flink.runtime.rpc.RpcService;
import org.apache.flink.runtime.security.token.DelegationTokenManager;
import org.apache.flink.util.ConfigurationException;

/** Makes Flink's active ResourceManager with our driver in it. */
final class MesosResourceManagerFactory extends ActiveResourceManagerFactory<MesosWorker> {

    private final ClusterEnd clusterEnd;

    MesosResourceManagerFactory(ClusterEnd clusterEnd) {
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
        return super.createResourceManagerProcessContext(
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

    @Override
    protected ResourceManagerDriver<MesosWorker> createResourceManagerDriver(
            Configuration configuration, String webInterfaceUrl, String rpcAddress) {
        return new MesosResourceManagerDriver(configuration, clusterEnd);
    }

    @Override
    protected ResourceManagerRuntimeServicesConfiguration
            createResourceManagerRuntimeServicesConfiguration(Configuration configuration)
                    throws ConfigurationException {
        return ResourceManagerRuntimeServicesConfiguration.fromConfiguration(
                configuration, new ConfiguredWorkers());
    }

    /**
     * The size of a worker when the job asks for no particular one: taskmanager.* of the
     * configuration.
     */
    private static final class ConfiguredWorkers extends WorkerResourceSpecFactory {
        @Override
        public WorkerResourceSpec createDefaultWorkerResourceSpec(Configuration configuration) {
            // Without taskmanager.cpu.cores a worker has one cpu for each slot, as on Flink's other
            // platforms; a fallback that is not positive asks for that rule.
            return workerResourceSpecFromConfigAndCpu(
                    configuration,
                    TaskExecutorProcessUtils.getCpuCoresWithFallback(configuration, -1.0));
        }
    }
}

package org.flinkonmesos.driver;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessUtils;
import org.apache.flink.runtime.resourcemanager.ResourceManagerRuntimeServicesConfiguration;
import org.apache.flink.runtime.resourcemanager.WorkerResourceSpec;
import org.apache.flink.runtime.resourcemanager.WorkerResourceSpecFactory;
import org.apache.flink.runtime.resourcemanager.active.ActiveResourceManagerFactory;
import org.apache.flink.runtime.resourcemanager.active.ResourceManagerDriver;
import org.apache.flink.util.ConfigurationException;

import java.util.concurrent.atomic.AtomicReference;

/** Makes Flink's active ResourceManager with our driver in it. */
final class MesosResourceManagerFactory extends ActiveResourceManagerFactory<MesosWorker> {

    private final AtomicReference<Wanted.Finished> knownEnd;

    /** For session and application clusters, whose end Flink itself describes. */
    MesosResourceManagerFactory() {
        this(new AtomicReference<>());
    }

    /** For job clusters: what stands in the reference at the end goes before what Flink says. */
    MesosResourceManagerFactory(AtomicReference<Wanted.Finished> knownEnd) {
        this.knownEnd = knownEnd;
    }

    @Override
    protected ResourceManagerDriver<MesosWorker> createResourceManagerDriver(
            Configuration configuration, String webInterfaceUrl, String rpcAddress) {
        return new MesosResourceManagerDriver(configuration, knownEnd);
    }

    @Override
    protected ResourceManagerRuntimeServicesConfiguration
            createResourceManagerRuntimeServicesConfiguration(Configuration configuration)
                    throws ConfigurationException {
        return ResourceManagerRuntimeServicesConfiguration.fromConfiguration(
                configuration, new ConfiguredWorkers());
    }

    /** The size of a worker when the job asks for no particular one: taskmanager.* of the configuration. */
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

package org.flinkonmesos.client;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.DefaultExecutorServiceLoader;
import org.apache.flink.core.execution.PipelineExecutor;
import org.apache.flink.core.execution.PipelineExecutorFactory;

/**
 * Submits jobs to a session cluster of the service. Flink's own executor for remote clusters does
 * the work: what the service passes on is a JobManager like any other.
 */
public final class MesosSessionExecutorFactory implements PipelineExecutorFactory {

    @Override
    public String getName() {
        return MesosClientOptions.SESSION;
    }

    @Override
    public boolean isCompatibleWith(Configuration configuration) {
        return MesosClientOptions.targets(configuration, MesosClientOptions.SESSION);
    }

    @Override
    public PipelineExecutor getExecutor(Configuration configuration) {
        return (pipeline, settings, loader) -> {
            Configuration remote =
                    MesosClientOptions.remote(settings, MesosClientOptions.clusterId(settings));
            return new DefaultExecutorServiceLoader()
                    .getExecutorFactory(remote)
                    .getExecutor(remote)
                    .execute(pipeline, remote, loader);
        };
    }
}

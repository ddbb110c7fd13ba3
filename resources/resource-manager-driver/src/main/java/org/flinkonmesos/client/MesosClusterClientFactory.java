package org.flinkonmesos.client;

import java.util.Optional;
import org.apache.flink.client.deployment.ClusterClientFactory;
import org.apache.flink.client.deployment.ClusterDescriptor;
import org.apache.flink.client.deployment.ClusterSpecification;
import org.apache.flink.configuration.Configuration;

/** Finds and makes clusters of the service for Flink's command line. A cluster's id is its name. */
public final class MesosClusterClientFactory implements ClusterClientFactory<String> {

    @Override
    public boolean isCompatibleWith(Configuration configuration) {
        return MesosClientOptions.targets(
                configuration, MesosClientOptions.SESSION, MesosClientOptions.APPLICATION);
    }

    @Override
    public ClusterDescriptor<String> createClusterDescriptor(Configuration configuration) {
        return new MesosClusterDescriptor(configuration);
    }

    /** Null when a cluster is to be made. */
    @Override
    public String getClusterId(Configuration configuration) {
        return configuration.getOptional(MesosClientOptions.CLUSTER_ID).orElse(null);
    }

    /** The service completes the sizes; nothing needs to be configured here. */
    @Override
    public ClusterSpecification getClusterSpecification(Configuration configuration) {
        return new ClusterSpecification.ClusterSpecificationBuilder().createClusterSpecification();
    }

    @Override
    public Optional<String> getApplicationTargetName() {
        return Optional.of(MesosClientOptions.APPLICATION);
    }
}

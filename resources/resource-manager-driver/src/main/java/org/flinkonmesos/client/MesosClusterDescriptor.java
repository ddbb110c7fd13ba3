package org.flinkonmesos.client;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.List;
import java.util.UUID;
import org.apache.flink.client.deployment.ClusterDeploymentException;
import org.apache.flink.client.deployment.ClusterDescriptor;
import org.apache.flink.client.deployment.ClusterRetrieveException;
import org.apache.flink.client.deployment.ClusterSpecification;
import org.apache.flink.client.deployment.application.ApplicationConfiguration;
import org.apache.flink.client.program.ClusterClientProvider;
import org.apache.flink.client.program.rest.RestClusterClient;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.util.FlinkException;

/** Makes clusters through the service's API, and reaches their JobManagers through its proxy. */
final class MesosClusterDescriptor implements ClusterDescriptor<String> {

    private final Configuration configuration;
    private final ServiceClient service;

    MesosClusterDescriptor(Configuration configuration) {
        this.configuration = configuration;
        this.service =
                new ServiceClient(
                        MesosClientOptions.serviceUrl(configuration),
                        MesosClientOptions.token(configuration));
    }

    @Override
    public String getClusterDescription() {
        return "Flink clusters on Mesos at " + MesosClientOptions.serviceUrl(configuration);
    }

    @Override
    public ClusterClientProvider<String> retrieve(String clusterId)
            throws ClusterRetrieveException {
        if (clusterId == null) {
            throw new ClusterRetrieveException(
                    "The cluster is not known: set its name, as with -D mesos.cluster-id=NAME.");
        }
        return () -> {
            try {
                return new RestClusterClient<>(
                        MesosClientOptions.remote(configuration, clusterId), clusterId);
            } catch (Exception e) {
                throw new IllegalStateException(
                        "Could not make a client of cluster " + clusterId + ".", e);
            }
        };
    }

    @Override
    public ClusterClientProvider<String> deploySessionCluster(ClusterSpecification sizes)
            throws ClusterDeploymentException {
        return deploy(ClusterSpec.session(name("session"), configuration));
    }

    @Override
    public ClusterClientProvider<String> deployApplicationCluster(
            ClusterSpecification sizes, ApplicationConfiguration application)
            throws ClusterDeploymentException {
        List<String> jars = configuration.getOptional(PipelineOptions.JARS).orElse(List.of());
        if (jars.size() != 1) {
            throw new ClusterDeploymentException(
                    "An application is one jar, and " + jars.size() + " were given: " + jars);
        }
        try {
            String uri = jarUri(jars.get(0));
            return deploy(ClusterSpec.application(name("app"), configuration, application, uri));
        } catch (IOException e) {
            throw new ClusterDeploymentException(
                    "Could not upload " + jars.get(0) + ": " + e.getMessage(), e);
        }
    }

    /**
     * Part of the interface in Flink 1.x only. Job clusters are made through the service's API or
     * CLI.
     */
    @SuppressWarnings("deprecation") // It is abstract there.
    public ClusterClientProvider<String> deployJobCluster(
            ClusterSpecification sizes, JobGraph job, boolean detached)
            throws ClusterDeploymentException {
        throw new ClusterDeploymentException(
                "Use -t mesos-application, or a cluster of kind job: dcos flink cluster create"
                        + " --kind job.");
    }

    @Override
    public void killCluster(String clusterId) throws FlinkException {
        try {
            service.delete(clusterId);
        } catch (IOException e) {
            throw new FlinkException(
                    "Could not delete cluster " + clusterId + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {}

    private String name(String prefix) {
        return configuration
                .getOptional(MesosClientOptions.CLUSTER_ID)
                .orElseGet(() -> prefix + "-" + UUID.randomUUID().toString().substring(0, 8));
    }

    /** Uploads a local file; anything else is fetched by the agents themselves. */
    private String jarUri(String jar) throws IOException {
        URI uri = URI.create(jar);
        if (uri.getScheme() != null
                && !"file".equals(uri.getScheme())
                && !"local".equals(uri.getScheme())) {
            return jar;
        }
        Path file = "file".equals(uri.getScheme()) ? Paths.get(uri) : Paths.get(uri.getPath());
        return service.upload(file);
    }

    private ClusterClientProvider<String> deploy(ClusterSpec spec)
            throws ClusterDeploymentException {
        try {
            service.create(spec);
            service.awaitJobManager(
                    spec.name, configuration.get(MesosClientOptions.DEPLOY_TIMEOUT));
            return retrieve(spec.name);
        } catch (IOException | ClusterRetrieveException e) {
            throw new ClusterDeploymentException(
                    "Could not deploy cluster " + spec.name + ": " + e.getMessage(), e);
        }
    }
}

package org.flinkonmesos.client;

import java.net.URI;
import java.time.Duration;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.DeploymentOptions;
import org.apache.flink.configuration.IllegalConfigurationException;

/**
 * What {@code flink -t mesos-session} and {@code -t mesos-application} read, and what follows from
 * it.
 */
public final class MesosClientOptions {

    /** The target of jobs for a session cluster that is there. */
    public static final String SESSION = "mesos-session";

    /** The target of an application in a cluster of its own. */
    public static final String APPLICATION = "mesos-application";

    /** Where the service is. */
    public static final ConfigOption<String> SERVICE_URL =
            ConfigOptions.key("mesos.service.url")
                    .stringType()
                    .noDefaultValue()
                    .withDescription(
                            "Address of the service, such as http://127.0.0.1:8080, or"
                                + " https://dcos.example/service/flink. The environment variable"
                                + " DCOS_FLINK_URL stands in for it.");

    /** Who is asking, on DC/OS. */
    public static final ConfigOption<String> SERVICE_TOKEN =
            ConfigOptions.key("mesos.service.token")
                    .stringType()
                    .noDefaultValue()
                    .withDescription(
                            "Token of the DC/OS login. The environment variable DCOS_ACS_TOKEN"
                                    + " stands in for it. Flink's own REST calls need it in"
                                    + " FLINK_REST_CLIENT_HEADERS too.");

    /** Which cluster. */
    public static final ConfigOption<String> CLUSTER_ID =
            ConfigOptions.key("mesos.cluster-id")
                    .stringType()
                    .noDefaultValue()
                    .withDescription("Name of the cluster at the service.");

    /** How long a new cluster may take to come up. */
    public static final ConfigOption<Duration> DEPLOY_TIMEOUT =
            ConfigOptions.key("mesos.deploy-timeout")
                    .durationType()
                    .defaultValue(Duration.ofMinutes(10))
                    .withDescription("How long a new cluster is waited for.");

    private MesosClientOptions() {}

    /** Whether one of our targets is meant. */
    static boolean targets(Configuration configuration, String... names) {
        String target = configuration.get(DeploymentOptions.TARGET);
        for (String name : names) {
            if (name.equalsIgnoreCase(target)) {
                return true;
            }
        }
        return false;
    }

    static URI serviceUrl(Configuration configuration) {
        String url = orEnvironment(configuration, SERVICE_URL, "DCOS_FLINK_URL");
        if (url == null) {
            throw new IllegalConfigurationException(
                    "The service is not known: set mesos.service.url, as with -D"
                            + " mesos.service.url=http://HOST:PORT.");
        }
        URI uri = URI.create(url.endsWith("/") ? url.substring(0, url.length() - 1) : url);
        if (uri.getHost() == null
                || !("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))) {
            throw new IllegalConfigurationException(
                    "mesos.service.url "
                            + url
                            + " is not an address: write http://HOST:PORT or https://HOST/PATH.");
        }
        return uri;
    }

    static String token(Configuration configuration) {
        return orEnvironment(configuration, SERVICE_TOKEN, "DCOS_ACS_TOKEN");
    }

    private static String orEnvironment(
            Configuration configuration, ConfigOption<String> option, String variable) {
        String value = configuration.getOptional(option).orElse(System.getenv(variable));
        return value == null || value.isEmpty() ? null : value;
    }

    static String clusterId(Configuration configuration) {
        return configuration
                .getOptional(CLUSTER_ID)
                .orElseThrow(
                        () ->
                                new IllegalConfigurationException(
                                        "The cluster is not known: set its name, as with -D"
                                                + " mesos.cluster-id=NAME."));
    }

    /**
     * The same configuration with the REST API of a cluster's JobManager, which the service passes
     * on.
     */
    static Configuration remote(Configuration configuration, String clusterId) {
        URI service = serviceUrl(configuration);
        boolean tls = "https".equals(service.getScheme());
        Configuration remote = new Configuration(configuration);
        remote.setString("rest.address", service.getHost());
        remote.setString(
                "rest.port",
                String.valueOf(service.getPort() > 0 ? service.getPort() : tls ? 443 : 80));
        remote.setString("rest.path", service.getPath() + "/v1/clusters/" + clusterId + "/ui");
        remote.setString("security.ssl.rest.enabled", String.valueOf(tls));
        remote.setString("high-availability.type", "NONE");
        remote.setString("high-availability", "NONE");
        remote.set(DeploymentOptions.TARGET, "remote");
        return remote;
    }
}

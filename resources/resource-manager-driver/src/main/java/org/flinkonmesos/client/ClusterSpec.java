package org.flinkonmesos.client;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.client.deployment.application.ApplicationConfiguration;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * The spec of a cluster as the service's API takes it. Sizes stand in Flink's own options, which
 * the service reads and completes.
 */
final class ClusterSpec {

    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** What says where the client runs, or how it was called, is no business of the cluster. */
    private static final List<String> CLIENTS_OWN =
            List.of(
                    "$internal.",
                    "execution.target",
                    "execution.attached",
                    "execution.shutdown-on-attached-exit",
                    "execution.savepoint.path",
                    "execution.savepoint.ignore-unclaimed-state",
                    "execution.state-recovery.path",
                    "execution.state-recovery.ignore-unclaimed-state",
                    "pipeline.jars",
                    "pipeline.classpaths",
                    "mesos.service.",
                    "mesos.cluster-id",
                    "mesos.deploy-timeout",
                    "rest.",
                    "jobmanager.rpc.",
                    "jobmanager.bind-host",
                    "taskmanager.bind-host",
                    "taskmanager.host",
                    "env.log.",
                    "env.pid.",
                    "env.java.home");

    final String name;
    private final ObjectNode root;

    private ClusterSpec(String name, String kind, Configuration configuration) {
        this.name = name;
        root = MAPPER.createObjectNode().put("name", name).put("kind", kind);
        // The program was compiled, and its plan may be made, with the client's Flink.
        root.put("flinkVersion", EnvironmentInformation.getVersion());
        ObjectNode options = root.putObject("flinkConfiguration");
        for (Map.Entry<String, String> option : new TreeMap<>(configuration.toMap()).entrySet()) {
            if (CLIENTS_OWN.stream().noneMatch(option.getKey()::startsWith)) {
                options.put(option.getKey(), option.getValue());
            }
        }
    }

    static ClusterSpec session(String name, Configuration configuration) {
        return new ClusterSpec(name, "session", configuration);
    }

    static ClusterSpec application(
            String name,
            Configuration configuration,
            ApplicationConfiguration application,
            String jarUri) {
        ClusterSpec spec = new ClusterSpec(name, "application", configuration);
        ObjectNode job = spec.root.putObject("job").put("jarURI", jarUri);
        if (application.getApplicationClassName() != null) {
            job.put("entryClass", application.getApplicationClassName());
        }
        for (String argument : application.getProgramArguments()) {
            job.withArray("args").add(argument);
        }
        job.put("parallelism", Math.max(1, configuration.get(CoreOptions.DEFAULT_PARALLELISM)));
        String savepoint =
                first(configuration, "execution.state-recovery.path", "execution.savepoint.path");
        if (savepoint != null) {
            job.put("initialSavepointPath", savepoint);
            String ignore =
                    first(
                            configuration,
                            "execution.state-recovery.ignore-unclaimed-state",
                            "execution.savepoint.ignore-unclaimed-state");
            job.put("allowNonRestoredState", Boolean.parseBoolean(ignore));
        }
        return spec;
    }

    private static String first(Configuration configuration, String... keys) {
        Map<String, String> all = configuration.toMap();
        for (String key : keys) {
            if (all.containsKey(key)) {
                return all.get(key);
            }
        }
        return null;
    }

    byte[] json() throws IOException {
        return MAPPER.writeValueAsBytes(root);
    }
}

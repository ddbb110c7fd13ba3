package org.flinkonmesos.driver;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessSpec;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessUtils;
import org.apache.flink.runtime.util.config.memory.ProcessMemoryUtils;

/** One worker as the service reads it. Immutable. */
final class WantedWorker {

    final String id;
    final double cpus;
    final long memoryBytes;
    final int slots;
    final List<String> jvmArguments;
    final List<String> dynamicProperties;
    final Map<String, Long> externalResources;
    final Instant requestedAt;

    /** A worker of the previous attempt: the service started it and knows its size, we do not. */
    final boolean recovered;

    private WantedWorker(
            String id,
            double cpus,
            long memoryBytes,
            int slots,
            List<String> jvmArguments,
            List<String> dynamicProperties,
            Map<String, Long> externalResources,
            Instant requestedAt,
            boolean recovered) {
        this.id = id;
        this.cpus = cpus;
        this.memoryBytes = memoryBytes;
        this.slots = slots;
        this.jvmArguments = Collections.unmodifiableList(jvmArguments);
        this.dynamicProperties = Collections.unmodifiableList(dynamicProperties);
        this.externalResources = Collections.unmodifiableMap(externalResources);
        this.requestedAt = requestedAt;
        this.recovered = recovered;
    }

    /** The worker that Flink described with a process spec. */
    static WantedWorker requested(String id, TaskExecutorProcessSpec spec, Instant now) {
        return new WantedWorker(
                id,
                spec.getCpuCores().getValue().doubleValue(),
                spec.getTotalProcessMemorySize().getBytes(),
                spec.getNumSlots(),
                jvmArguments(spec),
                dynamicProperties(spec),
                externalResources(spec),
                now,
                false);
    }

    /** A worker that was running before this attempt; everything but the id is empty. */
    static WantedWorker recovered(String id, Instant now) {
        return new WantedWorker(
                id,
                0,
                0,
                0,
                Collections.emptyList(),
                Collections.emptyList(),
                Collections.emptyMap(),
                now,
                true);
    }

    private static List<String> jvmArguments(TaskExecutorProcessSpec spec) {
        List<String> arguments = new ArrayList<>();
        for (String argument :
                ProcessMemoryUtils.generateJvmParametersStr(spec).trim().split("\\s+")) {
            if (!argument.isEmpty()) {
                arguments.add(argument);
            }
        }
        return arguments;
    }

    /**
     * Flink gives "-D key=value -D key=value" in the order of a hash map; sorted here, so that it
     * repeats.
     */
    private static List<String> dynamicProperties(TaskExecutorProcessSpec spec) {
        List<String> properties = new ArrayList<>();
        String all = " " + TaskExecutorProcessUtils.generateDynamicConfigsStr(spec);
        for (String property : all.split("\\s-D\\s*")) {
            if (!property.trim().isEmpty()) {
                properties.add(property.trim());
            }
        }
        Collections.sort(properties);
        return properties;
    }

    private static Map<String, Long> externalResources(TaskExecutorProcessSpec spec) {
        Map<String, Long> amounts = new TreeMap<>();
        spec.getExtendedResources()
                .forEach((name, resource) -> amounts.put(name, resource.getValue().longValue()));
        return amounts;
    }
}

package org.apache.flink.autoscaler;

import org.apache.flink.api.common.JobID;
import org.apache.flink.autoscaler.metrics.FlinkMetric;
import org.apache.flink.client.program.rest.RestClusterClient;
import org.apache.flink.runtime.jobgraph.JobVertexID;
import org.apache.flink.runtime.rest.messages.job.JobDetailsInfo;
import org.apache.flink.runtime.rest.messages.job.metrics.AggregatedMetric;
import org.apache.flink.runtime.rest.messages.job.metrics.Metric;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonProcessingException;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/** Collects what a script says that Flink's REST API answers. */
final class ScriptedCollector extends ScalingMetricCollector<String, ScriptedJob.Context> {

    private JobDetailsInfo job;
    private final Map<JobVertexID, Map<String, AggregatedMetric>> vertices = new HashMap<>();
    private final Map<FlinkMetric, AggregatedMetric> taskManagers = new HashMap<>();
    private final Map<FlinkMetric, Metric> jobManager = new HashMap<>();

    /** Shows the answers of one step. */
    void show(ObjectMapper json, JsonNode step) {
        try {
            job = json.treeToValue(step.get("job"), JobDetailsInfo.class);
            vertices.clear();
            for (var it = step.get("vertices").fields(); it.hasNext(); ) {
                var entry = it.next();
                Map<String, AggregatedMetric> metrics = new HashMap<>();
                for (JsonNode metric : entry.getValue()) {
                    metrics.put(metric.get("id").asText(), json.treeToValue(metric, AggregatedMetric.class));
                }
                vertices.put(JobVertexID.fromHexString(entry.getKey()), metrics);
            }
            taskManagers.clear();
            for (JsonNode metric : step.get("taskManagers")) {
                taskManagers.put(known(metric.get("id").asText()), json.treeToValue(metric, AggregatedMetric.class));
            }
            jobManager.clear();
            for (JsonNode metric : step.get("jobManager")) {
                jobManager.put(known(metric.get("id").asText()), json.treeToValue(metric, Metric.class));
            }
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("the script is wrong: " + e.getMessage(), e);
        }
    }

    private static FlinkMetric known(String name) {
        for (FlinkMetric metric : FlinkMetric.values()) {
            if (metric.predicate.test(name)) {
                return metric;
            }
        }
        throw new IllegalArgumentException("the autoscaler does not ask for " + name);
    }

    @Override
    public JobDetailsInfo getJobDetailsInfo(
            JobAutoScalerContext<String> context, java.time.Duration timeout) {
        return job;
    }

    @Override
    protected Collection<String> queryAggregatedMetricNames(
            RestClusterClient<?> client, JobID id, JobVertexID vertex) {
        return vertices.getOrDefault(vertex, Map.of()).keySet();
    }

    @Override
    protected Map<JobVertexID, Map<FlinkMetric, AggregatedMetric>> queryAllAggregatedMetrics(
            ScriptedJob.Context context, Map<JobVertexID, Map<String, FlinkMetric>> names) {
        return names.entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, e -> values(e.getKey(), e.getValue())));
    }

    private Map<FlinkMetric, AggregatedMetric> values(JobVertexID vertex, Map<String, FlinkMetric> names) {
        var shown = vertices.getOrDefault(vertex, Map.of());
        return StreamSupport.stream(names.entrySet().spliterator(), false)
                .filter(e -> shown.containsKey(e.getKey()))
                .collect(Collectors.toMap(Map.Entry::getValue, e -> shown.get(e.getKey()), ScriptedCollector::add));
    }

    private static AggregatedMetric add(AggregatedMetric a, AggregatedMetric b) {
        return new AggregatedMetric(a.getId(), null, null, null, a.getSum() + b.getSum(), null);
    }

    @Override
    protected Map<FlinkMetric, Metric> queryJmMetrics(ScriptedJob.Context context) {
        return jobManager;
    }

    @Override
    protected Map<FlinkMetric, AggregatedMetric> queryTmMetrics(ScriptedJob.Context context) {
        return taskManagers;
    }
}

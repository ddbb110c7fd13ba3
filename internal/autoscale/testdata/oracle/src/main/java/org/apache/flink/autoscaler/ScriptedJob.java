package org.apache.flink.autoscaler;

import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.autoscaler.event.AutoScalerEventHandler;
import org.apache.flink.autoscaler.metrics.ScalingMetric;
import org.apache.flink.autoscaler.realizer.ScalingRealizer;
import org.apache.flink.autoscaler.state.InMemoryAutoScalerStateStore;
import org.apache.flink.autoscaler.tuning.ConfigChanges;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

import java.lang.reflect.Field;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TimeZone;

/** Runs the autoscaler on the script of one job, step by step, and notes what it decides. */
final class ScriptedJob {

    /** A clock that stands still until it is set. */
    private static final class StandingClock extends Clock {
        private Instant now = Instant.EPOCH;

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return now;
        }
    }

    /** A job whose TaskManagers have a known number of processors. */
    static final class Context extends JobAutoScalerContext<String> {
        private final double cpus;

        Context(JobID job, Configuration conf, double cpus) {
            super("job", job, JobStatus.RUNNING, conf, new UnregisteredMetricsGroup(), () -> null);
            this.cpus = cpus;
        }

        @Override
        public Optional<Double> getTaskManagerCpu() {
            return cpus > 0 ? Optional.of(cpus) : Optional.empty();
        }
    }

    /** Notes the kinds of events of the present step. */
    private static final class Events implements AutoScalerEventHandler<String, Context> {
        private final ArrayNode events;
        private String error;

        Events(ArrayNode events) {
            this.events = events;
        }

        @Override
        public void handleEvent(
                Context context, Type type, String reason, String message, String key, Duration interval) {
            events.add(reason);
        }

        @Override
        public void handleException(Context context, String reason, Throwable e) {
            error = e.getClass().getSimpleName() + ": " + e.getMessage();
        }
    }

    /** Changes nothing: the script says what becomes of the job. */
    private static final class NoRealizer implements ScalingRealizer<String, Context> {
        @Override
        public void realizeParallelismOverrides(Context context, Map<String, String> overrides) {}

        @Override
        public void realizeConfigOverrides(Context context, ConfigChanges changes) {}
    }

    private final ObjectMapper json;
    private final JsonNode script;
    private final StandingClock clock = new StandingClock();
    private final InMemoryAutoScalerStateStore<String, Context> store = new InMemoryAutoScalerStateStore<>();
    private final ScriptedCollector collector = new ScriptedCollector();
    private final ObjectNode answer;
    private final ArrayNode steps;

    ScriptedJob(ObjectMapper json, JsonNode script) {
        this.json = json;
        this.script = script;
        this.answer = json.createObjectNode();
        this.steps = answer.putArray("steps");
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        collector.setClock(clock);
    }

    ObjectNode run() {
        var events = json.createArrayNode();
        var handler = new Events(events);
        var executor = new ScalingExecutor<String, Context>(handler, store);
        setClock(executor);
        var autoscaler =
                new JobAutoScalerImpl<>(
                        collector, new ScalingMetricEvaluator(), executor, handler, new NoRealizer(), store);
        autoscaler.setClock(clock);
        for (JsonNode step : script.get("steps")) {
            var context = newContext();
            events.removeAll();
            handler.error = null;
            clock.now = Instant.ofEpochMilli(step.get("at").asLong());
            collector.show(json, step);
            autoscaler.lastEvaluatedMetrics.clear();
            try {
                autoscaler.scale(context);
            } catch (Exception e) {
                handler.error = e.toString();
            }
            note(autoscaler, context, events, handler.error);
        }
        return answer;
    }

    /** The configuration is new for each step, as it is in the operator. */
    private Context newContext() {
        Map<String, String> conf = new HashMap<>();
        script.get("config").fields().forEachRemaining(e -> conf.put(e.getKey(), e.getValue().asText()));
        return new Context(
                JobID.fromHexString(script.get("job").asText()),
                Configuration.fromMap(conf),
                script.path("cpus").asDouble());
    }

    private void note(
            JobAutoScalerImpl<String, Context> autoscaler, Context context, ArrayNode events, String error) {
        var step = steps.addObject();
        if (error != null) {
            step.put("error", error);
        }
        var latest = store.getScalingTracking(context).getLatestScalingRecordEntry();
        boolean acted = latest.isPresent() && latest.get().getKey().equals(clock.now);
        step.put("act", acted);
        if (acted) {
            var overrides = step.putObject("overrides");
            store.getParallelismOverrides(context).forEach((id, p) -> overrides.put(id, Integer.parseInt(p)));
            var changes = store.getConfigChanges(context);
            if (!changes.getOverrides().isEmpty()) {
                var memory = step.putObject("memory");
                changes.getOverrides().forEach(memory::put);
            }
        }
        if (!events.isEmpty()) {
            step.set("events", events.deepCopy());
        }
        var evaluated = autoscaler.lastEvaluatedMetrics.get("job");
        if (evaluated == null) {
            return;
        }
        var vertices = step.putObject("vertices");
        evaluated
                .getVertexMetrics()
                .forEach(
                        (id, metrics) -> {
                            var vertex = vertices.putObject(id.toHexString());
                            metrics.forEach(
                                    (metric, value) -> {
                                        if (value == null) {
                                            return;
                                        }
                                        double number =
                                                metric.isCalculateAverage() ? value.getAverage() : value.getCurrent();
                                        vertex.put(name(metric), number);
                                    });
                        });
    }

    private static String name(ScalingMetric metric) {
        return metric.name();
    }

    private void setClock(ScalingExecutor<String, Context> executor) {
        try {
            Field field = ScalingExecutor.class.getDeclaredField("jobVertexScaler");
            field.setAccessible(true);
            ((JobVertexScaler<?, ?>) field.get(executor)).setClock(clock);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this version of the autoscaler is not known", e);
        }
    }
}

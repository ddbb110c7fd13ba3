package org.flinkonmesos.driver;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * The messages of the exchange as JSON. Flink's own shaded Jackson is used: its package has had the
 * same name in every supported version, and the JobManager has it loaded for its REST API anyway.
 */
final class Json {

    private static final ObjectMapper MAPPER = new ObjectMapper();

    private Json() {}

    static byte[] wanted(Wanted wanted) throws IOException {
        ObjectNode root = MAPPER.createObjectNode();
        root.put("epoch", wanted.epoch);
        root.put("version", wanted.version);
        root.put("ready", wanted.ready);
        ArrayNode workers = root.putArray("workers");
        for (Wanted.Worker wantedWorker : wanted.workers) {
            WantedWorker worker = wantedWorker.worker;
            ObjectNode node = workers.addObject();
            node.put("id", worker.id);
            node.put("cpus", worker.cpus);
            node.put("memoryBytes", worker.memoryBytes);
            node.put("slots", worker.slots);
            worker.jvmArguments.forEach(node.putArray("jvmArguments")::add);
            worker.dynamicProperties.forEach(node.putArray("dynamicProperties")::add);
            worker.externalResources.forEach(node.putObject("externalResources")::put);
            node.put("requestedAt", worker.requestedAt.toString());
            node.put("recovered", worker.recovered);
            node.put("launched", wantedWorker.launched);
        }
        if (wanted.finished == null) {
            root.putNull("finished");
        } else {
            root.putObject("finished")
                    .put("status", wanted.finished.status)
                    .put("diagnostics", wanted.finished.diagnostics);
        }
        return MAPPER.writeValueAsBytes(root);
    }

    static byte[] answer(Report.Answer answer) throws IOException {
        ObjectNode root = MAPPER.createObjectNode().put("epoch", answer.epoch);
        if (answer.current) {
            root.put("version", answer.version).put("sequence", answer.sequence);
        }
        return MAPPER.writeValueAsBytes(root);
    }

    static byte[] error(String message) throws IOException {
        return MAPPER.writeValueAsBytes(MAPPER.createObjectNode().put("error", message));
    }

    /**
     * Reads a report.
     *
     * @throws IllegalArgumentException naming the field that is missing or wrong
     */
    static Report report(byte[] body) {
        JsonNode root;
        try {
            root = MAPPER.readTree(body);
        } catch (IOException e) {
            throw new IllegalArgumentException("the body is not JSON");
        }
        if (root == null || !root.isObject()) {
            throw new IllegalArgumentException("the body is not a JSON object");
        }
        JsonNode sequence = root.path("sequence");
        if (!sequence.isIntegralNumber()
                || !sequence.canConvertToLong()
                || sequence.longValue() < 0) {
            throw new IllegalArgumentException("sequence: a number of at least 0 is needed");
        }
        Map<String, Report.Entry> workers = new LinkedHashMap<>();
        JsonNode list = root.path("workers");
        if (!list.isArray()) {
            // An absent list is refused: taken for an empty one it would end every worker.
            throw new IllegalArgumentException(
                    "workers: a list is needed, empty when there are none");
        }
        for (JsonNode node : list) {
            Report.Entry entry =
                    new Report.Entry(
                            state(text(node, "workers.state", "state")),
                            node.path("message").asText(""),
                            node.path("host").asText(""),
                            node.path("surplus").asBoolean(false));
            workers.put(text(node, "workers.id", "id"), entry);
        }
        return new Report(
                text(root, "epoch", "epoch"),
                sequence.longValue(),
                workers,
                root.path("finishedSeen").asBoolean(false));
    }

    private static String text(JsonNode node, String path, String field) {
        JsonNode value = node.path(field);
        if (!value.isTextual() || value.textValue().isEmpty()) {
            throw new IllegalArgumentException(path + ": a text is needed");
        }
        return value.textValue();
    }

    private static Report.State state(String name) {
        for (Report.State state : Report.State.values()) {
            if (state.name().toLowerCase(Locale.ROOT).equals(name)) {
                return state;
            }
        }
        throw new IllegalArgumentException(
                "workers.state: \""
                        + name
                        + "\" is none of waiting, launching, running, terminated");
    }
}

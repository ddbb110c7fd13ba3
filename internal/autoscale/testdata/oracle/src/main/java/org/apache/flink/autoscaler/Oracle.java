package org.apache.flink.autoscaler;

import org.apache.flink.autoscaler.config.AutoScalerOptions;
import org.apache.flink.autoscaler.utils.CalendarUtils;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.util.TimeUtils;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.TimeZone;

/**
 * Answers questions on standard input, one JSON object a line, with one JSON object a line: what the
 * autoscaler decides on a history ("steps"), whether times are in an excluded period ("expression"),
 * and how Flink reads a duration or a memory size ("duration", "memory").
 */
public final class Oracle {

    private static final ObjectMapper JSON = new ObjectMapper();

    private Oracle() {}

    public static void main(String[] args) throws IOException {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            var question = JSON.readTree(line);
            ObjectNode answer;
            if (question.has("steps")) {
                answer = new ScriptedJob(JSON, question).run();
            } else if (question.has("expression")) {
                answer = calendar(question);
            } else {
                answer = unit(question);
            }
            out.println(JSON.writeValueAsString(answer));
            out.flush();
        }
    }

    private static ObjectNode calendar(JsonNode question) {
        TimeZone.setDefault(TimeZone.getTimeZone(question.get("zone").asText()));
        var conf = new Configuration();
        conf.set(AutoScalerOptions.EXCLUDED_PERIODS, List.of(question.get("expression").asText()));
        var answer = JSON.createObjectNode();
        var error = CalendarUtils.validateExcludedPeriods(conf);
        if (error.isPresent()) {
            answer.put("error", error.get());
            return answer;
        }
        var excluded = answer.putArray("excluded");
        question.get("at")
                .forEach(
                        at ->
                                excluded.add(
                                        CalendarUtils.inExcludedPeriods(
                                                conf, Instant.ofEpochMilli(at.asLong()))));
        return answer;
    }

    private static ObjectNode unit(JsonNode question) {
        var answer = JSON.createObjectNode();
        try {
            if (question.has("duration")) {
                answer.put("value", TimeUtils.parseDuration(question.get("duration").asText()).toNanos());
            } else {
                answer.put("value", MemorySize.parse(question.get("memory").asText()).getBytes());
            }
        } catch (RuntimeException e) {
            answer.put("error", String.valueOf(e.getMessage()));
        }
        return answer;
    }
}

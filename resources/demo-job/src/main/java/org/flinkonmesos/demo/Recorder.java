package org.flinkonmesos.demo;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Counts, and writes down what it does, so that a test can tell what became of a job over upgrades,
 * failures and moves: what the program was given, under which job id it ran, from which state it
 * started, and when it processed which number.
 *
 * <pre>
 *   --directory DIR        where the files go; required, and the same place on every agent
 *   --marker TEXT          which version of the program this is; default: the file "marker" of its jar, or empty
 *   --name NAME            of the job, default "recorder"
 *   --count N              numbers from 1 on, default 0, which means no end
 *   --rate R               numbers a second, default 100
 *   --parallelism P        of the recording operator, default 1
 *   --keys K               numbers are recorded by the subtask that has their remainder by K, default 16
 *   --checkpoints URI      where checkpoints go; default: as the cluster is configured
 *   --interval MS          time between checkpoints, default 500; 0 means none
 *   --fail-after N         an attempt fails when one of its subtasks has recorded so many; default 0, never
 *   --restart-delay MS     it is restarted for ever after this time; default: as the cluster is configured
 *   --fail-checkpoints-after N  checkpoints and savepoints fail after so many good ones of an attempt; default -1, never
 *   --ignore-state true    the operators have other ids: their state is not found by a restore, which Flink refuses
 *                          unless it may skip state
 * </pre>
 *
 * <p>Files, of lines that are written at once and survive the death of the process: {@code main-*}
 * by each run of this program, {@code task-*} by each attempt of each recording subtask. A line is
 * an event in JSON, or the number and the time (ms since 1970) of a record.
 */
public final class Recorder {
    private static final Set<String> ARGUMENTS =
            Set.of(
                    "directory",
                    "marker",
                    "name",
                    "count",
                    "rate",
                    "parallelism",
                    "keys",
                    "checkpoints",
                    "interval",
                    "fail-after",
                    "restart-delay",
                    "fail-checkpoints-after",
                    "ignore-state");

    private Recorder() {}

    /** Writes down the arguments and runs the job. */
    public static void main(String[] args) throws Exception {
        Arguments arguments = new Arguments(args, ARGUMENTS);
        Path directory = Paths.get(arguments.required("directory")).toAbsolutePath();
        String marker = arguments.text("marker", bakedMarker());
        String name = arguments.text("name", "recorder");
        try (RecordFile file = RecordFile.create(directory, "main")) {
            file.event(
                    "main",
                    event -> {
                        event.put("marker", marker).put("jobName", name);
                        List.of(args).forEach(event.putArray("args")::add);
                    });
        }
        StreamExecutionEnvironment env =
                StreamExecutionEnvironment.getExecutionEnvironment(configuration(arguments));
        long interval = arguments.number("interval", 500);
        if (interval > 0) {
            env.enableCheckpointing(interval);
        }
        long count = arguments.number("count", 0);
        int keys = Math.toIntExact(arguments.number("keys", 16));
        String ids = arguments.text("ignore-state", "false").equals("true") ? "other-" : "";
        env.fromSequence(1, count == 0 ? Long.MAX_VALUE - 1 : count)
                .name("numbers")
                .uid(ids + "numbers")
                .setParallelism(1)
                .map(new Throttle(arguments.number("rate", 100)))
                .returns(Types.LONG)
                .name("throttle")
                .uid(ids + "throttle")
                .setParallelism(1)
                .keyBy(n -> Math.floorMod(n, (long) keys), Types.LONG)
                .process(
                        new Recording(
                                directory.toString(),
                                marker,
                                keys,
                                arguments.number("fail-after", 0),
                                arguments.number("fail-checkpoints-after", -1)))
                .returns(Types.LONG)
                .name("record")
                .uid(ids + "record")
                .setParallelism(Math.toIntExact(arguments.number("parallelism", 1)));
        env.execute(name);
    }

    private static Configuration configuration(Arguments arguments) {
        Configuration configuration = new Configuration();
        String checkpoints = arguments.text("checkpoints", "");
        if (!checkpoints.isEmpty()) {
            configuration.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, checkpoints);
        }
        long delay = arguments.number("restart-delay", -1);
        if (delay >= 0) {
            configuration.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
            configuration.set(
                    RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS,
                    Integer.MAX_VALUE);
            configuration.set(
                    RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY,
                    Duration.ofMillis(delay));
        }
        if (arguments.number("fail-checkpoints-after", -1) >= 0) {
            // By its option's name: the class that holds it changed between the Flink versions.
            configuration.setString(
                    "execution.checkpointing.tolerable-failed-checkpoints",
                    String.valueOf(Integer.MAX_VALUE));
        }
        return configuration;
    }

    /** What a test has put into its copy of the jar. */
    private static String bakedMarker() throws IOException {
        try (InputStream in = Recorder.class.getResourceAsStream("/marker")) {
            return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8).trim();
        }
    }
}

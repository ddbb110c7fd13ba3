package org.flinkonmesos.demo;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.util.Set;
import org.apache.flink.api.common.accumulators.IntMaximum;
import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * Adds up the numbers from 1 to N in checkpointed state. Whatever happens meanwhile, the result is
 * N numbers with the sum N(N+1)/2: one lost or counted twice shows.
 *
 * <pre>
 *   --count N            default 100000
 *   --rate R             numbers a second, all subtasks together; default 0, which means no limit
 *   --parallelism P      default 4
 *   --checkpoints URI    where checkpoints go; default: as the cluster is configured
 *   --interval MS        time between checkpoints, default 500
 *   --output FILE        "count sum" is written there at the end, if given
 * </pre>
 *
 * The accumulators {@code count}, {@code sum} and {@code attempt} (0 when nothing was restarted)
 * tell the same.
 */
public final class Sum {
    private Sum() {}

    public static void main(String[] args) throws Exception {
        Arguments arguments =
                new Arguments(
                        args,
                        Set.of(
                                "count",
                                "rate",
                                "parallelism",
                                "checkpoints",
                                "interval",
                                "output"));
        int parallelism = Math.toIntExact(arguments.number("parallelism", 4));
        long rate = arguments.number("rate", 0);

        Configuration configuration = new Configuration();
        String checkpoints = arguments.text("checkpoints", "");
        if (!checkpoints.isEmpty()) {
            configuration.set(
                    ConfigOptions.key("execution.checkpointing.dir").stringType().noDefaultValue(),
                    checkpoints);
        }
        StreamExecutionEnvironment env =
                StreamExecutionEnvironment.getExecutionEnvironment(configuration);
        env.setParallelism(parallelism);
        env.enableCheckpointing(arguments.number("interval", 500));
        env.fromSequence(1, arguments.number("count", 100_000))
                .name("numbers")
                .map(new Throttle(rate == 0 ? 0 : Math.max(1, rate / parallelism)))
                .name("throttle")
                .map(n -> Tuple2.of(1L, n))
                .returns(Types.TUPLE(Types.LONG, Types.LONG))
                .name("pairs")
                .keyBy(n -> Math.floorMod(n.f1, 64L), Types.LONG)
                .process(new Add(false, ""))
                .returns(Types.TUPLE(Types.LONG, Types.LONG))
                .name("sums")
                .keyBy(n -> 0L, Types.LONG)
                .process(new Add(true, arguments.text("output", "")))
                .returns(Types.TUPLE(Types.LONG, Types.LONG))
                .name("sum")
                .setParallelism(1);
        env.execute("Sum");
    }

    /** Adds up counts and sums in keyed state, and hands them on when the input is at its end. */
    private static final class Add
            extends KeyedProcessFunction<Long, Tuple2<Long, Long>, Tuple2<Long, Long>> {
        private final boolean last;
        private final String file;
        private transient ValueState<Tuple2<Long, Long>> state;

        Add(boolean last, String file) {
            this.last = last;
            this.file = file;
        }

        @Override
        public void open(OpenContext context) {
            state =
                    getRuntimeContext()
                            .getState(
                                    new ValueStateDescriptor<>(
                                            "sum", Types.TUPLE(Types.LONG, Types.LONG)));
            if (last) {
                IntMaximum attempt = new IntMaximum();
                attempt.add(getRuntimeContext().getTaskInfo().getAttemptNumber());
                getRuntimeContext().addAccumulator("attempt", attempt);
            }
        }

        @Override
        public void processElement(
                Tuple2<Long, Long> add, Context context, Collector<Tuple2<Long, Long>> out)
                throws Exception {
            Tuple2<Long, Long> before = state.value();
            state.update(before == null ? add : Tuple2.of(before.f0 + add.f0, before.f1 + add.f1));
            context.timerService().registerEventTimeTimer(Long.MAX_VALUE);
        }

        @Override
        public void onTimer(long time, OnTimerContext context, Collector<Tuple2<Long, Long>> out)
                throws Exception {
            Tuple2<Long, Long> total = state.value();
            if (!last) {
                out.collect(total);
                return;
            }
            getRuntimeContext().addAccumulator("count", new LongCounter(total.f0));
            getRuntimeContext().addAccumulator("sum", new LongCounter(total.f1));
            if (!file.isEmpty()) {
                Path path = Paths.get(file).toAbsolutePath();
                Files.createDirectories(path.getParent());
                Path unfinished = Files.createTempFile(path.getParent(), ".sum", "");
                Files.write(
                        unfinished,
                        (total.f0 + " " + total.f1 + "\n").getBytes(StandardCharsets.US_ASCII));
                Files.move(unfinished, path, StandardCopyOption.ATOMIC_MOVE);
            }
        }
    }
}

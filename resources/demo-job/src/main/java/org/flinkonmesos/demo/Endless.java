package org.flinkonmesos.demo;

import java.util.Set;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Runs until it is cancelled or stopped.
 *
 * <pre>
 *   --rate R             numbers a second, all subtasks together; default 100
 *   --parallelism P      default 1
 *   --interval MS        time between checkpoints; default 0, which means none
 * </pre>
 */
public final class Endless {
    private Endless() {}

    public static void main(String[] args) throws Exception {
        Arguments arguments = new Arguments(args, Set.of("rate", "parallelism", "interval"));
        int parallelism = Math.toIntExact(arguments.number("parallelism", 1));
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(parallelism);
        long interval = arguments.number("interval", 0);
        if (interval > 0) {
            env.enableCheckpointing(interval);
        }
        env.fromSequence(1, Long.MAX_VALUE - 1)
                .name("numbers")
                .map(new Throttle(Math.max(1, arguments.number("rate", 100) / parallelism)))
                .returns(Types.LONG)
                .name("throttle");
        env.execute("Endless");
    }
}

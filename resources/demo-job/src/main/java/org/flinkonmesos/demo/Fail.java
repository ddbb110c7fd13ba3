package org.flinkonmesos.demo;

import java.util.Set;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Throws.
 *
 * <pre>
 *   --where main|task    in the program that makes the job, or in a task (default)
 *   --after N            numbers that a task lets pass before it throws, default 100
 *   --message TEXT       of the exception, default "this job fails on purpose"
 * </pre>
 *
 * Whether Flink tries again is up to the restart strategy of the cluster; without checkpoints it
 * does not.
 */
public final class Fail {
    private Fail() {}

    public static void main(String[] args) throws Exception {
        Arguments arguments = new Arguments(args, Set.of("where", "after", "message"));
        String message = arguments.text("message", "this job fails on purpose");
        String where = arguments.text("where", "task");
        if (where.equals("main")) {
            throw new IllegalStateException(message);
        }
        if (!where.equals("task")) {
            throw new IllegalArgumentException("--where " + where + " is neither main nor task");
        }
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(1);
        env.fromSequence(1, Long.MAX_VALUE - 1)
                .name("numbers")
                .map(new Break(arguments.number("after", 100), message))
                .returns(Types.LONG)
                .name("break");
        env.execute("Fail");
    }

    /** Throws after some numbers. */
    private static final class Break implements MapFunction<Long, Long> {
        private final long after;
        private final String message;

        Break(long after, String message) {
            this.after = after;
            this.message = message;
        }

        @Override
        public Long map(Long n) {
            if (n > after) {
                throw new IllegalStateException(message);
            }
            return n;
        }
    }
}

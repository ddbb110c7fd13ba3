package org.flinkonmesos.driver;

import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * A job that ends at once. A JobManager and a TaskManager run it to load the classes that every job
 * needs, when an archive of loaded classes is made for a distribution; no cluster of a user ever
 * runs it.
 *
 * <p>It has a source, a shuffle, state and a checkpoint. Its functions are Flink's own, for this
 * class is in lib and the user code class loader must find nothing to do.
 */
public final class Rehearsal {

    private Rehearsal() {}

    /** Submits the job. Arguments are ignored. */
    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.enableCheckpointing(100);
        env.fromSequence(1, 100).keyBy(n -> n % 10).reduce(Long::sum).print();
        env.execute("rehearsal");
    }
}

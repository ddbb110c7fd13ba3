package org.flinkonmesos.demo;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * Counts the words of a text.
 *
 * <pre>
 *   --input LOCATION     a path or an http URL that every TaskManager can read
 *   --output DIRECTORY   where every TaskManager writes all counts ("word count" lines, part-NN), if given
 *   --parallelism N      default 4
 *   --top N              how many of the most frequent words to report, default 100
 * </pre>
 *
 * The results that need no shared directory are accumulators, readable at {@code
 * /jobs/ID/accumulators}: {@code words} and {@code distinct} are numbers, {@code top} has lines
 * "word count".
 */
public final class WordCount {
    private static final int BUCKETS = 64;

    private WordCount() {}

    public static void main(String[] args) throws Exception {
        Arguments arguments = new Arguments(args, Set.of("input", "output", "parallelism", "top"));
        Text text = new Text(arguments.required("input"));
        int parallelism = Math.toIntExact(arguments.number("parallelism", 4));
        int top = Math.toIntExact(arguments.number("top", 100));
        long parts = 4L * parallelism;

        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(parallelism);
        env.fromSequence(0, parts - 1)
                .name("parts of the text")
                .flatMap(new Words(text, parts))
                .name("words")
                .returns(Types.TUPLE(Types.STRING, Types.LONG))
                .keyBy(w -> Words.bucket(w.f0, BUCKETS), Types.INT)
                .process(new Count(arguments.text("output", ""), top))
                .name("counts");
        JobExecutionResult result = env.execute("WordCount");
        if (result.isJobExecutionResult()) {
            System.out.print(result.<String>getAccumulatorResult("top"));
        }
    }

    /**
     * Adds up the counts of the words of one bucket, and reports them when the text is at its end.
     */
    private static final class Count
            extends KeyedProcessFunction<Integer, Tuple2<String, Long>, Void> {
        private final String directory;
        private final int top;
        private transient MapState<String, Long> counts;
        private transient LongCounter words;
        private transient LongCounter distinct;
        private transient Top best;

        Count(String directory, int top) {
            this.directory = directory;
            this.top = top;
        }

        @Override
        public void open(OpenContext context) {
            counts =
                    getRuntimeContext()
                            .getMapState(
                                    new MapStateDescriptor<>("counts", Types.STRING, Types.LONG));
            words = new LongCounter();
            distinct = new LongCounter();
            best = new Top(top);
            getRuntimeContext().addAccumulator("words", words);
            getRuntimeContext().addAccumulator("distinct", distinct);
            getRuntimeContext().addAccumulator("top", best);
        }

        @Override
        public void processElement(Tuple2<String, Long> word, Context context, Collector<Void> out)
                throws Exception {
            Long before = counts.get(word.f0);
            counts.put(word.f0, before == null ? word.f1 : before + word.f1);
            // The end of a bounded input moves the event time to its end.
            context.timerService().registerEventTimeTimer(Long.MAX_VALUE);
        }

        @Override
        public void onTimer(long time, OnTimerContext context, Collector<Void> out)
                throws Exception {
            Map<String, Long> sorted = new TreeMap<>();
            for (Map.Entry<String, Long> e : counts.entries()) {
                sorted.put(e.getKey(), e.getValue());
                words.add(e.getValue());
                distinct.add(1);
                best.add(Tuple2.of(e.getKey(), e.getValue()));
            }
            if (!directory.isEmpty()) {
                write(String.format("part-%02d", context.getCurrentKey()), sorted);
            }
        }

        private void write(String name, Map<String, Long> sorted) throws IOException {
            Path dir = Paths.get(directory);
            Files.createDirectories(dir);
            Path unfinished = Files.createTempFile(dir, "." + name, "");
            try (BufferedWriter w =
                    Files.newBufferedWriter(unfinished, StandardCharsets.US_ASCII)) {
                for (Map.Entry<String, Long> e : sorted.entrySet()) {
                    w.write(e.getKey() + " " + e.getValue() + "\n");
                }
            }
            Files.move(unfinished, dir.resolve(name), StandardCopyOption.ATOMIC_MOVE);
        }
    }
}

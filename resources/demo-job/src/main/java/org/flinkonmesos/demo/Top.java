package org.flinkonmesos.demo;

import java.util.Comparator;
import java.util.TreeSet;
import org.apache.flink.api.common.accumulators.Accumulator;
import org.apache.flink.api.java.tuple.Tuple2;

/**
 * The most frequent words of a job, as lines {@code word count}, the most frequent first and equal
 * ones by the alphabet. Each word is counted in one place, so the best of all are among the best of
 * each.
 */
final class Top implements Accumulator<Tuple2<String, Long>, String> {
    private static final Comparator<Tuple2<String, Long>> ORDER = new ByCount();

    private final int size;
    private TreeSet<Tuple2<String, Long>> best = new TreeSet<>(ORDER);

    Top(int size) {
        this.size = size;
    }

    @Override
    public void add(Tuple2<String, Long> counted) {
        best.add(counted);
        if (best.size() > size) {
            best.pollLast();
        }
    }

    @Override
    public String getLocalValue() {
        StringBuilder lines = new StringBuilder();
        best.forEach(w -> lines.append(w.f0).append(' ').append(w.f1).append('\n'));
        return lines.toString();
    }

    @Override
    public void resetLocal() {
        best.clear();
    }

    @Override
    public void merge(Accumulator<Tuple2<String, Long>, String> other) {
        ((Top) other).best.forEach(this::add);
    }

    @Override
    public Accumulator<Tuple2<String, Long>, String> clone() {
        Top copy = new Top(size);
        copy.best = new TreeSet<>(best);
        return copy;
    }

    private static final class ByCount
            implements Comparator<Tuple2<String, Long>>, java.io.Serializable {
        @Override
        public int compare(Tuple2<String, Long> a, Tuple2<String, Long> b) {
            int byCount = Long.compare(b.f1, a.f1);
            return byCount != 0 ? byCount : a.f0.compareTo(b.f0);
        }
    }
}

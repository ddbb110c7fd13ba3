package org.flinkonmesos.demo;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.util.Collector;

/**
 * Counts the words of one part of a text. A word is a run of ASCII letters, digits and underscores,
 * in lower case; every other byte ends it. It belongs to the part in which it begins. This is what
 * {@code LC_ALL=C tr -cs A-Za-z0-9_ '\n' | tr A-Z a-z} makes of the whole.
 */
final class Words implements FlatMapFunction<Long, Tuple2<String, Long>> {
    /** Bounds the counts that are kept before they are handed on. */
    private static final int DISTINCT = 50_000;

    private final Text text;
    private final long parts;

    Words(Text text, long parts) {
        this.text = text;
        this.parts = parts;
    }

    @Override
    public void flatMap(Long part, Collector<Tuple2<String, Long>> out) throws Exception {
        long length = text.length();
        long begin = length / parts * part;
        long end = part == parts - 1 ? length : length / parts * (part + 1);
        if (begin == end) {
            return;
        }
        Map<String, Long> counts = new HashMap<>();
        // One byte earlier tells whether the part begins inside a word of its predecessor.
        long position = Math.max(0, begin - 1);
        try (InputStream in = text.from(position)) {
            StringBuilder word = new StringBuilder();
            boolean foreign = false;
            if (begin > 0) {
                foreign = letter(in.read()) != 0;
                position++;
            }
            while (true) {
                char c = letter(in.read());
                if (c != 0) {
                    if (word.length() == 0 && !foreign && position >= end) {
                        break;
                    }
                    if (!foreign) {
                        word.append(c);
                    }
                } else {
                    foreign = false;
                    if (word.length() > 0) {
                        counts.merge(word.toString(), 1L, Long::sum);
                        word.setLength(0);
                        if (counts.size() >= DISTINCT) {
                            handOn(counts, out);
                        }
                    }
                    if (position >= end) {
                        break;
                    }
                }
                position++;
            }
        }
        handOn(counts, out);
    }

    private static void handOn(Map<String, Long> counts, Collector<Tuple2<String, Long>> out) {
        counts.forEach((word, count) -> out.collect(Tuple2.of(word, count)));
        counts.clear();
    }

    /** The lower-case letter, or 0 for what is none and for the end of the text. */
    private static char letter(int b) {
        if (b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '_') {
            return (char) b;
        }
        return b >= 'A' && b <= 'Z' ? (char) (b + 32) : 0;
    }

    /** Which of n buckets counts a word. */
    static int bucket(String word, int n) {
        int h = 0;
        for (byte b : word.getBytes(StandardCharsets.US_ASCII)) {
            h = 31 * h + b;
        }
        return Math.floorMod(h ^ h >>> 15, n);
    }
}

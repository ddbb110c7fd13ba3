package org.flinkonmesos.demo;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.UUID;
import java.util.function.Consumer;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/** A file of lines, each of which the operating system has when the call returns. */
final class RecordFile implements Closeable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final FileChannel channel;

    private RecordFile(FileChannel channel) {
        this.channel = channel;
    }

    /** A new file in a directory, which is created when there is none. */
    static RecordFile create(Path directory, String kind) throws IOException {
        Files.createDirectories(directory);
        Path file =
                directory.resolve(
                        kind + "-" + System.currentTimeMillis() + "-" + UUID.randomUUID());
        return new RecordFile(
                FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
    }

    /** Writes an event with its name and time, and with what {@code fill} adds. */
    void event(String name, Consumer<ObjectNode> fill) throws IOException {
        ObjectNode event = JSON.createObjectNode();
        event.put("event", name).put("time", System.currentTimeMillis());
        fill.accept(event);
        write(JSON.writeValueAsString(event));
    }

    /** Writes that a number was processed. */
    void record(long number) throws IOException {
        write(number + " " + System.currentTimeMillis());
    }

    private void write(String line) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}

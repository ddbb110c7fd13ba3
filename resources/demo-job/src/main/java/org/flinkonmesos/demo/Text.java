package org.flinkonmesos.demo;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.net.HttpURLConnection;
import java.net.URL;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.Path;

/**
 * A text that several tasks read in parts: a file on a file system that Flink knows, or an http URL
 * whose server answers ranges. Every task reads it itself, so it must be reachable from every
 * TaskManager.
 */
final class Text implements Serializable {
    private final String location;

    Text(String location) {
        this.location = location;
    }

    private boolean remote() {
        return location.startsWith("http://") || location.startsWith("https://");
    }

    /** The length in bytes. */
    long length() throws IOException {
        if (!remote()) {
            Path path = new Path(location);
            return path.getFileSystem().getFileStatus(path).getLen();
        }
        HttpURLConnection connection = connect("HEAD");
        try {
            if (connection.getResponseCode() != HttpURLConnection.HTTP_OK
                    || connection.getContentLengthLong() < 0) {
                throw new IOException(
                        location + " answers " + connection.getResponseCode() + " and no length");
            }
            return connection.getContentLengthLong();
        } finally {
            connection.disconnect();
        }
    }

    /** The bytes from an offset on. */
    InputStream from(long offset) throws IOException {
        if (!remote()) {
            Path path = new Path(location);
            FileSystem fs = path.getFileSystem();
            FSDataInputStream in = fs.open(path);
            in.seek(offset);
            return new BufferedInputStream(in, 1 << 16);
        }
        HttpURLConnection connection = connect("GET");
        connection.setRequestProperty("Range", "bytes=" + offset + "-");
        InputStream in = new BufferedInputStream(connection.getInputStream(), 1 << 16);
        if (connection.getResponseCode() != HttpURLConnection.HTTP_PARTIAL) {
            // A server without ranges sends everything.
            for (long left = offset; left > 0; left--) {
                if (in.read() < 0) {
                    throw new EOFException(location + " became shorter while it was read");
                }
            }
        }
        return in;
    }

    private HttpURLConnection connect(String method) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(location).openConnection();
        connection.setRequestMethod(method);
        connection.setConnectTimeout(10_000);
        connection.setReadTimeout(30_000);
        return connection;
    }
}

package org.flinkonmesos.driver;

import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.flink.runtime.entrypoint.ClusterEntrypointUtils;

/**
 * The user's jars: the directory usrlib of the sandbox, or of Flink's home when the sandbox has
 * none.
 */
final class UserLibrary {

    /** Null when there is none. */
    final File directory;

    /** Ordered by name. */
    final List<File> jars;

    private UserLibrary(File directory, List<File> jars) {
        this.directory = directory;
        this.jars = Collections.unmodifiableList(jars);
    }

    static UserLibrary find() {
        File sandbox = new File("usrlib").getAbsoluteFile();
        return in(
                sandbox.isDirectory()
                        ? sandbox
                        : ClusterEntrypointUtils.tryFindUserLibDirectory().orElse(null));
    }

    static UserLibrary in(File directory) {
        List<File> jars = new ArrayList<>();
        if (directory != null) {
            collect(directory, jars);
        }
        return new UserLibrary(directory, jars);
    }

    /** With subdirectories, as Flink looks for them. */
    private static void collect(File directory, List<File> jars) {
        File[] found = directory.listFiles();
        if (found == null) {
            return;
        }
        Arrays.sort(found);
        for (File file : found) {
            if (file.isDirectory()) {
                collect(file, jars);
            } else if (file.getName().endsWith(".jar")) {
                jars.add(file);
            }
        }
    }
}

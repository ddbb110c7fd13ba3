package org.flinkonmesos.driver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.flink.client.deployment.application.ApplicationConfiguration;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.PipelineOptionsInternal;
import org.apache.flink.runtime.jobgraph.SavepointRestoreSettings;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EntrypointArgumentsTest {

    @TempDir Path dir;

    private Configuration parse(String... args) throws Exception {
        Path conf = Files.createDirectories(dir.resolve("conf"));
        Files.writeString(conf.resolve("config.yaml"), "a.key: file\nb.key: file\n");
        String[] all = new String[args.length + 2];
        all[0] = "--configDir";
        all[1] = conf.toString();
        System.arraycopy(args, 0, all, 2, args.length);
        return EntrypointArguments.parse(all).configuration();
    }

    @Test
    void setsPropertiesOverTheFile() throws Exception {
        Configuration c = parse("-D", "b.key=line=1", "-Dc.key=");
        assertEquals("file", c.getString("a.key", ""));
        assertEquals("line=1", c.getString("b.key", ""));
        assertEquals("", c.getString("c.key", "none"));
    }

    @Test
    void readsAnApplication() throws Exception {
        String id = "0123456789abcdef0123456789abcdef";
        Configuration c =
                parse(
                        "--job-classname",
                        "a.B",
                        "--job-id",
                        id,
                        "-s",
                        "file:/sp",
                        "-n",
                        "--",
                        "-D",
                        "x;y",
                        "--z");
        ApplicationConfiguration application = ApplicationConfiguration.fromConfiguration(c);
        assertEquals("a.B", application.getApplicationClassName());
        assertArrayEquals(new String[] {"-D", "x;y", "--z"}, application.getProgramArguments());
        assertEquals(id, c.get(PipelineOptionsInternal.PIPELINE_FIXED_JOB_ID));
        SavepointRestoreSettings restore = SavepointRestoreSettings.fromConfiguration(c);
        assertEquals("file:/sp", restore.getRestorePath());
        assertTrue(restore.allowNonRestoredState());
    }

    @Test
    void takesTheFirstUnknownWordForTheProgram() throws Exception {
        ApplicationConfiguration application =
                ApplicationConfiguration.fromConfiguration(parse("input", "-D", "k=v"));
        assertArrayEquals(new String[] {"input", "-D", "k=v"}, application.getProgramArguments());
    }

    @Test
    void namesWhatIsWrong() {
        for (String[] args :
                new String[][] {
                    {}, {"-c"}, {"-c", "d", "-D"}, {"-c", "d", "-D", "k"}, {"-c", "d", "-jid", "1"}
                }) {
            assertThrows(IllegalArgumentException.class, () -> EntrypointArguments.parse(args));
        }
    }

    @Test
    void shipsTheJarsOfTheUserAndKeepsOtherPaths() throws Exception {
        Path usrlib = Files.createDirectories(dir.resolve("usrlib/sub"));
        File a = Files.createFile(usrlib.getParent().resolve("a.jar")).toFile();
        File b = Files.createFile(usrlib.resolve("b.jar")).toFile();
        Files.createFile(usrlib.resolve("c.txt"));
        UserLibrary library = UserLibrary.in(usrlib.getParent().toFile());
        assertEquals(List.of(a, b), library.jars);
        Configuration c = new Configuration();
        c.set(PipelineOptions.JARS, List.of(a.toURI().toString()));
        c.set(PipelineOptions.CLASSPATHS, List.of(b.toURI().toString(), "https://127.0.0.1/x.jar"));
        MesosApplicationClusterEntrypoint.shipLibrary(c, library);
        assertEquals(
                List.of(a.toURI().toString(), b.toURI().toString()), c.get(PipelineOptions.JARS));
        assertEquals(List.of("https://127.0.0.1/x.jar"), c.get(PipelineOptions.CLASSPATHS));
    }
}

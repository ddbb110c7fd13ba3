package org.flinkonmesos.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.flink.client.program.PackagedProgram;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.clusterframework.ApplicationStatus;
import org.apache.flink.runtime.entrypoint.ClusterEntrypoint;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A whole JobManager of an application cluster in this process, without TaskManagers. */
@Timeout(600) // A machine may be busy with other tests.
class ApplicationClusterTest {

    /** A program whose job waits for slots. */
    public static final class Waits {
        private Waits() {}

        /** Submits the job. */
        public static void main(String[] args) throws Exception {
            StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
            env.fromSequence(1, Long.MAX_VALUE - 1).print();
            env.execute("waits");
        }
    }

    @TempDir Path dir;

    private final HttpClient http = HttpClient.newHttpClient();
    private int exchange;
    private ClusterEntrypoint cluster;

    @AfterEach
    void stop() throws Exception {
        if (cluster != null) {
            cluster.closeAsync().get(60, TimeUnit.SECONDS);
        }
    }

    /** The whole life of a job: its id, its end, and what the service has to say before the end. */
    @ParameterizedTest
    @EnumSource(MesosDriverOptions.Allocation.class)
    void runsTheJobUnderTheGivenIdAndTellsItsEnd(MesosDriverOptions.Allocation allocation)
            throws Exception {
        String id = "00c0ffee000000000000000000000" + (allocation.ordinal() + 100);
        start(allocation, Waits.class, "-D", "$internal.pipeline.job-id=" + id);
        JsonNode jobs = jobs();
        while (jobs.isEmpty()) {
            TimeUnit.MILLISECONDS.sleep(100); // The JobManager runs main in a thread of its own.
            jobs = jobs();
        }
        assertEquals(1, jobs.size());
        assertEquals(id, jobs.get(0).get("id").asText());

        assertEquals(202, send(rest("/jobs/" + id), "PATCH", "").statusCode());
        JsonNode wanted = wanted("", -1);
        while (wanted.get("finished").isNull()) {
            wanted = wanted(wanted.get("epoch").asText(), wanted.get("version").asLong());
        }
        assertEquals("CANCELED", wanted.get("finished").get("status").asText());
        CompletableFuture<ApplicationStatus> end = cluster.getTerminationFuture();
        assertFalse(end.isDone());
        String seen =
                "{\"epoch\":"
                        + wanted.get("epoch")
                        + ",\"sequence\":1,\"workers\":[],\"finishedSeen\":true}";
        assertEquals(200, send(exchange("/v1/workers"), "PUT", seen).statusCode());
        assertEquals(ApplicationStatus.CANCELED, end.get(60, TimeUnit.SECONDS));
    }

    private void start(MesosDriverOptions.Allocation allocation, Class<?> main, String... more)
            throws Exception {
        Path conf = Files.createDirectory(dir.resolve("conf"));
        Path token = Files.writeString(dir.resolve("token"), "secret");
        exchange = freePort();
        Files.writeString(
                conf.resolve("config.yaml"),
                String.join(
                        "\n",
                        "jobmanager.rpc.address: 127.0.0.1",
                        "jobmanager.rpc.port: 0",
                        "jobmanager.bind-host: 127.0.0.1",
                        "rest.bind-address: 127.0.0.1",
                        "rest.bind-port: \"0\"",
                        "blob.storage.directory: " + dir,
                        "io.tmp.dirs: " + dir,
                        "taskmanager.memory.process.size: 1g",
                        "mesos.driver.bind-host: 127.0.0.1",
                        "mesos.driver.port: " + exchange,
                        "mesos.driver.token-file: " + token,
                        "mesos.driver.first-report-timeout: 0 s",
                        "mesos.worker.id-prefix: demo-tm",
                        "mesos.allocation: " + allocation,
                        ""));
        String[] arguments = new String[more.length + 2];
        arguments[0] = "--configDir";
        arguments[1] = conf.toString();
        System.arraycopy(more, 0, arguments, 2, more.length);
        Configuration configuration = EntrypointArguments.parse(arguments).configuration();
        PackagedProgram program =
                PackagedProgram.newBuilder().setEntryPointClassName(main.getName()).build();
        cluster =
                MesosApplicationClusterEntrypoint.create(
                        configuration, program, UserLibrary.in(null));
        cluster.startCluster();
    }

    private JsonNode jobs() throws Exception {
        HttpResponse<String> answer = send(rest("/jobs"), "GET", "");
        // The dispatcher leads a moment after the REST API is up.
        return answer.statusCode() == 503
                ? new ObjectMapper().createArrayNode()
                : new ObjectMapper().readTree(answer.body()).get("jobs");
    }

    private JsonNode wanted(String epoch, long version) throws Exception {
        String query = "/v1/wanted?epoch=" + epoch + "&after=" + version + "&wait=30";
        return new ObjectMapper().readTree(send(exchange(query), "GET", "").body());
    }

    private HttpResponse<String> send(HttpRequest.Builder request, String method, String body)
            throws IOException, InterruptedException {
        HttpRequest.BodyPublisher publisher = HttpRequest.BodyPublishers.ofString(body);
        return http.send(
                request.method(method, publisher).build(), HttpResponse.BodyHandlers.ofString());
    }

    private HttpRequest.Builder rest(String path) {
        return HttpRequest.newBuilder(
                URI.create("http://127.0.0.1:" + cluster.getRestPort() + path));
    }

    private HttpRequest.Builder exchange(String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + exchange + path))
                .header("Authorization", "Bearer secret");
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }
}

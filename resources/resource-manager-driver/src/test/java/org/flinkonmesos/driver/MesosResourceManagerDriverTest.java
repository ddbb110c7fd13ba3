package org.flinkonmesos.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.clusterframework.ApplicationStatus;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The driver over its own port, as the service sees it, with a fake Flink behind. */
@Timeout(30)
class MesosResourceManagerDriverTest {

    @TempDir Path dir;

    private final FakeFlink flink = new FakeFlink();
    private final Configuration configuration = new Configuration();
    private HttpClient http = HttpClient.newHttpClient();
    private String scheme = "http";
    private MesosResourceManagerDriver driver;

    @BeforeEach
    void configure() throws IOException {
        configuration.set(MesosDriverOptions.PORT, 0);
        configuration.set(MesosDriverOptions.BIND_HOST, "127.0.0.1");
        configuration.set(MesosDriverOptions.ID_PREFIX, "demo-tm");
        configuration.set(MesosDriverOptions.FIRST_REPORT_TIMEOUT, Duration.ZERO);
        configuration.set(
                MesosDriverOptions.TOKEN_FILE,
                Files.writeString(dir.resolve("token"), " geheim\n").toString());
    }

    private void start() throws Exception {
        driver = new MesosResourceManagerDriver(configuration, new ClusterEnd());
        driver.initialize(flink, flink, Runnable::run, Collections::emptySet);
    }

    @AfterEach
    void stop() {
        if (driver != null) {
            driver.terminate();
        }
    }

    @Test
    void servesAWorkerFromRequestToEnd() throws Exception {
        start();
        JsonNode first = json(get("/v1/wanted"), 200);
        String epoch = first.get("epoch").asText();
        assertEquals(1, first.get("version").asInt());
        assertTrue(first.get("finished").isNull());

        json(put("{\"epoch\":\"" + epoch + "\",\"sequence\":1,\"workers\":[]}"), 200);
        assertEquals(List.of("recovered []"), flink.run());

        CompletableFuture<MesosWorker> request = driver.requestResource(FakeFlink.spec(1.5));
        JsonNode worker =
                json(get("/v1/wanted?epoch=" + epoch + "&after=2&wait=20"), 200)
                        .get("workers")
                        .get(0);
        String id = "demo-tm-" + epoch.substring(0, 4) + "-1";
        assertEquals(id, worker.get("id").asText());
        assertEquals(1.5, worker.get("cpus").asDouble());
        assertEquals(MemorySize.ofMebiBytes(1409).getBytes(), worker.get("memoryBytes").asLong());
        assertTrue(worker.get("slots").asInt() >= 1);
        assertTrue(
                worker.get("jvmArguments").toString().contains("\"-Xmx536870912\""),
                worker.toString());
        assertTrue(
                worker.get("dynamicProperties")
                        .toString()
                        .contains("\"taskmanager.cpu.cores=1.5\""),
                worker.toString());
        assertTrue(worker.get("dynamicProperties").toString().contains("gpu"), worker.toString());
        assertEquals("{\"gpu\":2}", worker.get("externalResources").toString());

        json(put(workers(epoch, 2, id, "running")), 200);
        flink.run();
        assertEquals(id, request.get().getResourceID().getResourceIdString());
        json(put(workers(epoch, 3, id, "terminated")), 200);
        assertEquals(List.of("terminated " + id + ": why"), flink.run());
    }

    @Test
    void refusesWhoeverDoesNotShowTheToken() throws Exception {
        start();
        for (String token :
                new String[] {
                    null, "", "Bearer", "Bearer ", "Bearer geheim2", "Basic geheim", "geheim"
                }) {
            HttpRequest.Builder request = HttpRequest.newBuilder(uri("/v1/wanted"));
            if (token != null) {
                request.header("Authorization", token);
            }
            assertEquals(
                    401,
                    http.send(request.build(), HttpResponse.BodyHandlers.ofString()).statusCode(),
                    token);
        }
        json(get("/v1/wanted"), 200);
    }

    @Test
    void answersWhatItCannotTakeWithAReason() throws Exception {
        start();
        assertTrue(json(put("{"), 400).get("error").asText().contains("JSON"));
        assertTrue(
                json(put("{\"epoch\":\"e\",\"sequence\":1}"), 400)
                        .get("error")
                        .asText()
                        .contains("workers"));
        json(put("{\"epoch\":\"e\",\"sequence\":1,\"workers\":[]}"), 409);
        json(get("/v1/wanted?wait=x"), 400);
        json(get("/v1/elsewhere"), 404);
        json(get("/v1/workers"), 405);
        json(put(" ".repeat((8 << 20) + 1)), 413);
    }

    @Test
    void staysUpUntilTheEndIsSeen() throws Exception {
        start();
        String epoch = json(get("/v1/wanted"), 200).get("epoch").asText();
        Thread end =
                new Thread(
                        () -> {
                            try {
                                driver.deregisterApplication(ApplicationStatus.SUCCEEDED, null);
                            } catch (Exception e) {
                                flink.told.add(e.toString());
                            }
                            flink.told.add("deregistered");
                        });
        end.start();
        JsonNode finished =
                json(get("/v1/wanted?epoch=" + epoch + "&after=1&wait=20"), 200).get("finished");
        assertEquals("{\"status\":\"SUCCEEDED\",\"diagnostics\":\"\"}", finished.toString());
        assertEquals(List.of(), flink.told);
        json(
                put(
                        "{\"epoch\":\""
                                + epoch
                                + "\",\"sequence\":1,\"workers\":[],\"finishedSeen\":true}"),
                200);
        end.join();
        assertTrue(flink.run().contains("deregistered"));
    }

    @Test
    void tellsOfAnEndThatCameBeforeTheDriver() throws Exception {
        ClusterEnd clusterEnd = new ClusterEnd();
        Thread end = new Thread(() -> clusterEnd.tell(ApplicationStatus.FAILED, "main threw"));
        end.start();
        driver = new MesosResourceManagerDriver(configuration, clusterEnd);
        driver.initialize(flink, flink, Runnable::run, Collections::emptySet);
        JsonNode first = json(get("/v1/wanted"), 200);
        String epoch = first.get("epoch").asText();
        JsonNode finished =
                first.get("finished").isNull()
                        ? json(get("/v1/wanted?epoch=" + epoch + "&after=1&wait=20"), 200)
                                .get("finished")
                        : first.get("finished");
        assertEquals("{\"status\":\"FAILED\",\"diagnostics\":\"main threw\"}", finished.toString());
        json(
                put(
                        "{\"epoch\":\""
                                + epoch
                                + "\",\"sequence\":1,\"workers\":[],\"finishedSeen\":true}"),
                200);
        end.join();
    }

    @Test
    void doesNotWaitForeverForAService() throws Exception {
        configuration.setString("mesos.driver.finish-timeout", "50 ms");
        start();
        driver.deregisterApplication(ApplicationStatus.CANCELED, null);
    }

    @Test
    void waitsLessThanFlinkDoes() {
        configuration.setString("pekko.ask.timeout", "5 s");
        assertEquals(4, MesosDriverOptions.finishTimeout(configuration).getSeconds());
        configuration.setString("pekko.ask.timeout", "100 s");
        assertEquals(10, MesosDriverOptions.finishTimeout(configuration).getSeconds());
    }

    @Test
    void endsAReadWhenItStopsAndStartsAnotherEpochOnTheSamePort() throws Exception {
        start();
        String epoch = json(get("/v1/wanted"), 200).get("epoch").asText();
        int port = driver.port();
        CompletableFuture<HttpResponse<String>> read =
                http.sendAsync(
                        request("/v1/wanted?epoch=" + epoch + "&after=1&wait=60").build(),
                        HttpResponse.BodyHandlers.ofString());
        Thread.sleep(50);
        driver.terminate();
        assertEquals(503, read.get(5, TimeUnit.SECONDS).statusCode());

        configuration.set(MesosDriverOptions.PORT, port);
        start();
        assertTrue(!epoch.equals(json(get("/v1/wanted"), 200).get("epoch").asText()));
    }

    @Test
    void speaksTlsWithTheCertificateOfFlinksRestApi() throws Exception {
        Path store = dir.resolve("rest.p12");
        Process keytool =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "keytool")
                                        .toString(),
                                "-genkeypair",
                                "-keyalg",
                                "EC",
                                "-dname",
                                "CN=localhost",
                                "-ext",
                                "san=ip:127.0.0.1",
                                "-alias",
                                "rest",
                                "-keystore",
                                store.toString(),
                                "-storepass",
                                "password",
                                "-storetype",
                                "PKCS12")
                        .redirectErrorStream(true)
                        .start();
        assertEquals(0, keytool.waitFor());
        configuration.setString("security.ssl.rest.enabled", "true");
        configuration.setString("security.ssl.rest.keystore", store.toString());
        configuration.setString("security.ssl.rest.keystore-password", "password");
        configuration.setString("security.ssl.rest.key-password", "password");
        configuration.setString("security.ssl.rest.truststore", store.toString());
        configuration.setString("security.ssl.rest.truststore-password", "password");
        configuration.setString(
                "security.ssl.algorithms",
                "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
        start();

        KeyStore trusted = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            trusted.load(in, "password".toCharArray());
        }
        TrustManagerFactory trust =
                TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        HttpClient plain = http;
        http = HttpClient.newBuilder().sslContext(context).build();
        scheme = "https";
        json(get("/v1/wanted"), 200);
        scheme = "http";
        http = plain;
        assertThrows(IOException.class, () -> get("/v1/wanted"));
    }

    @Test
    void namesTheOptionThatIsMissing() throws Exception {
        for (String key :
                new String[] {
                    "mesos.driver.port", "mesos.driver.token-file", "mesos.worker.id-prefix"
                }) {
            Configuration without = new Configuration(configuration);
            without.removeKey(key);
            MesosResourceManagerDriver broken =
                    new MesosResourceManagerDriver(without, new ClusterEnd());
            Exception e =
                    assertThrows(
                            IllegalConfigurationException.class,
                            () ->
                                    broken.initialize(
                                            flink, flink, Runnable::run, Collections::emptySet));
            assertTrue(e.getMessage().contains(key), e.getMessage());
        }
    }

    @Test
    void refusesAnEmptyOrMissingToken() throws Exception {
        Files.writeString(dir.resolve("token"), "\n");
        assertThrows(IllegalConfigurationException.class, this::start);
        Files.delete(dir.resolve("token"));
        IOException e = assertThrows(IOException.class, this::start);
        assertTrue(e.getMessage().contains("mesos.driver.token-file"), e.getMessage());
        driver = null;
        try (Stream<Path> left = Files.list(dir)) {
            assertEquals(0, left.count());
        }
    }

    private URI uri(String path) {
        return URI.create(scheme + "://127.0.0.1:" + driver.port() + path);
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(uri(path)).header("Authorization", "Bearer geheim");
    }

    private HttpResponse<String> get(String path) throws Exception {
        return http.send(request(path).build(), HttpResponse.BodyHandlers.ofString());
    }

    private HttpResponse<String> put(String body) throws Exception {
        return http.send(
                request("/v1/workers").PUT(HttpRequest.BodyPublishers.ofString(body)).build(),
                HttpResponse.BodyHandlers.ofString());
    }

    private static JsonNode json(HttpResponse<String> response, int status) throws IOException {
        assertEquals(status, response.statusCode(), response.body());
        return new ObjectMapper().readTree(response.body());
    }

    private static String workers(String epoch, int sequence, String id, String state) {
        return "{\"epoch\":\""
                + epoch
                + "\",\"sequence\":"
                + sequence
                + ",\"workers\":[{\"id\":\""
                + id
                + "\",\"state\":\""
                + state
                + "\",\"message\":\"why\"}]}";
    }
}

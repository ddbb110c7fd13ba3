package org.flinkonmesos.client;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The few calls of the service's API that Flink's command line needs. */
final class ServiceClient {

    private static final Logger LOG = LoggerFactory.getLogger(ServiceClient.class);
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(500);

    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
    private final URI service;
    private final String token;

    /** A client; token may be null. */
    ServiceClient(URI service, String token) {
        this.service = service;
        this.token = token;
    }

    /** Uploads a file and returns the URI by which a spec names it. */
    String upload(Path file) throws IOException {
        String name = URLEncoder.encode(file.getFileName().toString(), StandardCharsets.UTF_8);
        HttpRequest.Builder request =
                request("/v1/artifacts?name=" + name)
                        .header("Content-Type", "application/java-archive")
                        .POST(HttpRequest.BodyPublishers.ofFile(file));
        return send(request).path("uri").asText();
    }

    void create(ClusterSpec spec) throws IOException {
        send(
                request("/v1/clusters")
                        .timeout(Duration.ofMinutes(1))
                        .header("Content-Type", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofByteArray(spec.json())));
        LOG.info("The service has accepted cluster {}.", spec.name);
    }

    void delete(String name) throws IOException {
        send(
                request("/v1/clusters/" + name + "?force=true")
                        .timeout(Duration.ofMinutes(1))
                        .DELETE());
    }

    /** Waits until the JobManager of a cluster answers, and tells why it does not yet. */
    void awaitJobManager(String name, Duration timeout) throws IOException {
        long deadline = System.nanoTime() + timeout.toNanos();
        String told = "";
        while (true) {
            JsonNode status =
                    send(request("/v1/clusters/" + name).timeout(Duration.ofMinutes(1)).GET());
            JsonNode state = status.path("status");
            // An application may be over before it was seen running.
            if (state.has("flink") || state.has("result")) {
                return;
            }
            if ("FAILED".equals(state.path("state").asText())) {
                throw new IOException(
                        "cluster " + name + " failed: " + state.path("message").asText());
            }
            String why =
                    status.path("waiting")
                            .path(0)
                            .path("reason")
                            .asText(state.path("phase").asText());
            if (!why.equals(told)) {
                LOG.info("Cluster {} is coming up: {}", name, why);
                told = why;
            }
            if (System.nanoTime() - deadline > 0) {
                throw new IOException(
                        "cluster " + name + " is not up after " + timeout + ": " + why);
            }
            try {
                Thread.sleep(BETWEEN_LOOKS.toMillis());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted while cluster " + name + " was coming up", e);
            }
        }
    }

    private HttpRequest.Builder request(String path) {
        HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(service + path));
        if (token != null) {
            builder.header("Authorization", "token=" + token);
        }
        return builder;
    }

    private JsonNode send(HttpRequest.Builder builder) throws IOException {
        HttpRequest request = builder.build();
        HttpResponse<byte[]> response;
        try {
            response = http.send(request, HttpResponse.BodyHandlers.ofByteArray());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } catch (IOException e) {
            throw new IOException("the service at " + service + " does not answer: " + e, e);
        }
        JsonNode body = response.body().length == 0 ? MAPPER.createObjectNode() : parse(response);
        if (response.statusCode() / 100 == 2) {
            return body;
        }
        StringBuilder message =
                new StringBuilder(body.path("message").asText("status " + response.statusCode()));
        for (JsonNode detail : body.path("details")) {
            message.append("; ")
                    .append(detail.path("field").asText())
                    .append(": ")
                    .append(detail.path("message").asText());
        }
        throw new IOException(message.toString());
    }

    private JsonNode parse(HttpResponse<byte[]> response) throws IOException {
        try {
            return MAPPER.readTree(response.body());
        } catch (IOException e) {
            throw new IOException(
                    "what answers at "
                            + service
                            + " is not the service (status "
                            + response.statusCode()
                            + ")",
                    e);
        }
    }
}

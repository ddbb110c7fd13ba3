package org.flinkonmesos.driver;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Serves a {@link WorkerRegistry} to the holder of the token, over HTTP or HTTPS. */
final class ExchangeServer implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(ExchangeServer.class);

    /** Some ten thousand workers with long messages; more is a mistake or an attack. */
    private static final int MAX_BODY_BYTES = 8 << 20;

    private static final long MAX_WAIT_SECONDS = 60;

    /**
     * The registry lets eight requests wait, so half of the threads are always there for the
     * others.
     */
    private static final int THREADS = 16;

    private final WorkerRegistry registry;
    private final byte[] authorization;
    private final HttpServer server;
    private final ExecutorService threads;
    private final AtomicInteger inFlight = new AtomicInteger();

    /** TLS of the server, in terms of Flink's REST options. */
    static final class Tls {
        final SSLContext context;
        final String[] protocols;
        final String[] cipherSuites;
        final boolean clientCertificate;

        Tls(
                SSLContext context,
                String[] protocols,
                String[] cipherSuites,
                boolean clientCertificate) {
            this.context = context;
            this.protocols = protocols;
            this.cipherSuites = cipherSuites;
            this.clientCertificate = clientCertificate;
        }
    }

    /**
     * Opens the port and serves.
     *
     * @param tls null for plain HTTP
     * @throws IOException when the address cannot be bound
     */
    ExchangeServer(WorkerRegistry registry, String token, InetSocketAddress address, Tls tls)
            throws IOException {
        this.registry = registry;
        this.authorization = ("Bearer " + token).getBytes(StandardCharsets.UTF_8);
        // The JDK's server reads these once. Without the first, small answers wait 40 ms for the
        // reader's
        // delayed acknowledgement; without the second, a reader that sends half a request holds a
        // thread.
        setUnlessSet("sun.net.httpserver.nodelay", "true");
        setUnlessSet("sun.net.httpserver.maxReqTime", "30");
        server = tls == null ? HttpServer.create(address, 0) : https(address, tls);
        threads = threads();
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    int port() {
        return server.getAddress().getPort();
    }

    /**
     * Lets answers under way go out for a moment, then closes the port. Close the registry first.
     */
    @Override
    public void close() {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(1);
        try {
            while (inFlight.get() > 0 && System.nanoTime() < deadline) {
                Thread.sleep(10);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        server.stop(0);
        threads.shutdownNow();
    }

    private void handle(HttpExchange exchange) {
        inFlight.incrementAndGet();
        try {
            answer(exchange);
        } catch (IOException e) {
            LOG.debug("The service went away during a request.", e);
        } catch (RuntimeException e) {
            LOG.warn("Could not answer a request of the service.", e);
        } finally {
            exchange.close();
            inFlight.decrementAndGet();
        }
    }

    private void answer(HttpExchange exchange) throws IOException {
        if (!authorized(exchange)) {
            send(exchange, 401, Json.error("unauthorized: send the cluster's token as Bearer"));
            return;
        }
        String path = exchange.getRequestURI().getPath();
        String route = exchange.getRequestMethod() + " " + path;
        switch (route) {
            case "GET /v1/wanted":
                wanted(exchange);
                return;
            case "PUT /v1/workers":
                workers(exchange);
                return;
            default:
                boolean known = path.equals("/v1/wanted") || path.equals("/v1/workers");
                send(exchange, known ? 405 : 404, Json.error(route + " is not served here"));
        }
    }

    private boolean authorized(HttpExchange exchange) {
        String shown = exchange.getRequestHeaders().getFirst("Authorization");
        return shown != null
                && MessageDigest.isEqual(shown.getBytes(StandardCharsets.UTF_8), authorization);
    }

    private void wanted(HttpExchange exchange) throws IOException {
        String query = exchange.getRequestURI().getQuery();
        String epoch = parameter(query, "epoch", "");
        long after;
        long wait;
        try {
            after = Long.parseLong(parameter(query, "after", "-1"));
            wait = Long.parseLong(parameter(query, "wait", "0"));
        } catch (NumberFormatException e) {
            send(exchange, 400, Json.error("after, wait: whole numbers are needed"));
            return;
        }
        wait = Math.max(0, Math.min(wait, MAX_WAIT_SECONDS));
        Wanted wanted;
        try {
            wanted = registry.await(epoch, after, Duration.ofSeconds(wait));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            wanted = null;
        }
        if (wanted == null) {
            sendClosing(exchange);
            return;
        }
        send(exchange, 200, Json.wanted(wanted));
    }

    private void workers(HttpExchange exchange) throws IOException {
        byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY_BYTES + 1);
        if (body.length > MAX_BODY_BYTES) {
            send(
                    exchange,
                    413,
                    Json.error("the report is larger than " + MAX_BODY_BYTES + " bytes"));
            return;
        }
        Report report;
        try {
            report = Json.report(body);
        } catch (IllegalArgumentException e) {
            send(exchange, 400, Json.error(e.getMessage()));
            return;
        }
        Report.Answer answer = registry.report(report);
        if (answer == null) {
            sendClosing(exchange);
            return;
        }
        send(exchange, answer.current ? 200 : 409, Json.answer(answer));
    }

    private static void sendClosing(HttpExchange exchange) throws IOException {
        send(exchange, 503, Json.error("the JobManager is going down"));
    }

    private static void send(HttpExchange exchange, int status, byte[] body) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "application/json; charset=utf-8");
        exchange.getResponseHeaders().set("Cache-Control", "no-store");
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }

    private static String parameter(String query, String name, String missing) {
        if (query != null) {
            for (String pair : query.split("&")) {
                if (pair.startsWith(name + "=")) {
                    return pair.substring(name.length() + 1);
                }
            }
        }
        return missing;
    }

    private static HttpServer https(InetSocketAddress address, Tls tls) throws IOException {
        HttpsServer https = HttpsServer.create(address, 0);
        https.setHttpsConfigurator(
                new HttpsConfigurator(tls.context) {
                    @Override
                    public void configure(HttpsParameters parameters) {
                        SSLParameters ssl = tls.context.getDefaultSSLParameters();
                        ssl.setProtocols(tls.protocols);
                        ssl.setCipherSuites(tls.cipherSuites);
                        ssl.setNeedClientAuth(tls.clientCertificate);
                        parameters.setSSLParameters(ssl);
                    }
                });
        return https;
    }

    private static ExecutorService threads() {
        AtomicInteger number = new AtomicInteger();
        ThreadPoolExecutor pool =
                new ThreadPoolExecutor(
                        THREADS,
                        THREADS,
                        30,
                        TimeUnit.SECONDS,
                        new LinkedBlockingQueue<>(),
                        work -> {
                            Thread thread =
                                    new Thread(
                                            work,
                                            "mesos-driver-exchange-" + number.incrementAndGet());
                            thread.setDaemon(true);
                            return thread;
                        });
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }

    private static void setUnlessSet(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }
}

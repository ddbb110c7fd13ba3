package org.flinkonmesos.driver;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.configuration.SecurityOptions;
import org.apache.flink.runtime.clusterframework.ApplicationStatus;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessSpec;
import org.apache.flink.runtime.net.SSLUtils;
import org.apache.flink.runtime.resourcemanager.active.AbstractResourceManagerDriver;
import org.apache.flink.runtime.resourcemanager.active.ResourceManagerDriver;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

import javax.net.ssl.SSLContext;

/**
 * Flink's view of the service: a {@link ResourceManagerDriver} that keeps a {@link WorkerBook} and serves
 * it while this process leads.
 *
 * <p>Each driver is an epoch of its own. Flink makes a new one when the ResourceManager gets its
 * leadership back, and that one has to learn the running workers like a new process has to.
 */
public final class MesosResourceManagerDriver extends AbstractResourceManagerDriver<MesosWorker> {

    private final ClusterEnd clusterEnd;
    private WorkerBook book;
    private ExchangeServer server;

    /** A driver that is not serving yet. */
    MesosResourceManagerDriver(Configuration configuration, ClusterEnd clusterEnd) {
        super(configuration, configuration);
        this.clusterEnd = clusterEnd;
    }

    @Override
    protected void initializeInternal() throws Exception {
        String epoch = newEpoch();
        String token = token(MesosDriverOptions.required(flinkConfig, MesosDriverOptions.TOKEN_FILE));
        book =
                new WorkerBook(
                        epoch,
                        MesosDriverOptions.required(flinkConfig, MesosDriverOptions.ID_PREFIX),
                        flinkConfig.get(MesosDriverOptions.WITHDRAW_DELAY),
                        getResourceEventHandler(),
                        getMainThreadExecutor(),
                        Clock.systemUTC());
        InetSocketAddress address =
                new InetSocketAddress(
                        flinkConfig.get(MesosDriverOptions.BIND_HOST),
                        MesosDriverOptions.required(flinkConfig, MesosDriverOptions.PORT));
        ExchangeServer.Tls tls = tls(flinkConfig);
        try {
            server = new ExchangeServer(book, token, address, tls);
        } catch (IOException e) {
            throw new IOException("bind the exchange to " + address + " (mesos.driver.port)", e);
        }
        clusterEnd.leads(this);
        log.info(
                "Exchange with the service on port {} ({}), epoch {}; waiting for its first report.",
                server.port(),
                tls == null ? "http" : "https",
                epoch);
        Duration timeout = flinkConfig.get(MesosDriverOptions.FIRST_REPORT_TIMEOUT);
        if (!book.awaitFirstReport(timeout) && !timeout.isZero()) {
            log.warn("The service did not report within {}; workers from before are not known.", timeout);
        }
    }

    @Override
    public CompletableFuture<MesosWorker> requestResource(TaskExecutorProcessSpec spec) {
        return book.request(spec);
    }

    @Override
    public void releaseResource(MesosWorker worker) {
        book.release(worker.getResourceID());
    }

    /** Blocks Flink's main thread for a while; at this point nothing else is left for it to do. */
    @Override
    public void deregisterApplication(ApplicationStatus status, String diagnostics) throws Exception {
        finish(clusterEnd.explain(status, diagnostics));
    }

    /** Tells the service how the cluster ended, and waits a while for it to have read that. */
    void finish(Wanted.Finished end) throws InterruptedException {
        log.info("The cluster ends as {}; telling the service.", end.status);
        book.finish(end.status, end.diagnostics);
        Duration timeout = MesosDriverOptions.finishTimeout(flinkConfig);
        if (!book.awaitFinishedSeen(timeout)) {
            log.warn("The service did not read the final status {} within {}.", end.status, timeout);
        }
    }

    @Override
    public void terminate() {
        if (book != null) {
            book.close();
        }
        if (server != null) {
            server.close();
        }
    }

    /** The port that is served, for tests. */
    int port() {
        return server.port();
    }

    private static String newEpoch() {
        byte[] bytes = new byte[8];
        new SecureRandom().nextBytes(bytes);
        StringBuilder hex = new StringBuilder();
        for (byte b : bytes) {
            hex.append(String.format("%02x", b));
        }
        return hex.toString();
    }

    private static String token(String file) throws IOException {
        Path path = Paths.get(file);
        String token;
        try {
            token = new String(Files.readAllBytes(path), StandardCharsets.UTF_8).trim();
        } catch (IOException e) {
            throw new IOException("read mesos.driver.token-file " + path.toAbsolutePath(), e);
        }
        if (token.isEmpty()) {
            throw new IllegalConfigurationException(
                    "mesos.driver.token-file " + path.toAbsolutePath() + " is empty");
        }
        return token;
    }

    /** The exchange is as secret as Flink's REST API, and uses the same certificate. */
    private static ExchangeServer.Tls tls(Configuration configuration) throws Exception {
        SSLContext context = SSLUtils.createRestSSLContext(configuration, false);
        if (context == null) {
            return null;
        }
        return new ExchangeServer.Tls(
                context,
                configuration.get(SecurityOptions.SSL_PROTOCOL).split("\\s*,\\s*"),
                configuration.get(SecurityOptions.SSL_ALGORITHMS).split("\\s*,\\s*"),
                configuration.get(SecurityOptions.SSL_REST_AUTHENTICATION_ENABLED));
    }
}

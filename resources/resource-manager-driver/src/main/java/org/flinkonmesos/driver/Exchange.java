package org.flinkonmesos.driver;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import javax.net.ssl.SSLContext;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.configuration.SecurityOptions;
import org.apache.flink.runtime.net.SSLUtils;
import org.apache.flink.runtime.resourcemanager.active.ResourceEventHandler;
import org.apache.flink.util.concurrent.ScheduledExecutor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One epoch of the conversation with the service: a {@link WorkerRegistry} and the port on which it
 * is served. An epoch begins when the ResourceManager of this process becomes the leader and ends
 * with its leadership.
 */
final class Exchange implements ClusterEnd.Listener, AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Exchange.class);

    final WorkerRegistry registry;
    private final ExchangeServer server;
    private final Duration finishTimeout;

    private Exchange(WorkerRegistry registry, ExchangeServer server, Duration finishTimeout) {
        this.registry = registry;
        this.server = server;
        this.finishTimeout = finishTimeout;
    }

    /**
     * Opens the port of the configuration.
     *
     * @throws IOException when the token cannot be read or the port cannot be bound
     * @throws IllegalConfigurationException when a required option is not set
     */
    static Exchange open(
            Configuration configuration,
            ResourceEventHandler<MesosWorker> flink,
            ScheduledExecutor mainThread)
            throws Exception {
        String epoch = newEpoch();
        String token =
                token(MesosDriverOptions.required(configuration, MesosDriverOptions.TOKEN_FILE));
        WorkerRegistry registry =
                new WorkerRegistry(
                        epoch,
                        MesosDriverOptions.required(configuration, MesosDriverOptions.ID_PREFIX),
                        configuration.get(MesosDriverOptions.WITHDRAW_DELAY),
                        flink,
                        mainThread,
                        Clock.systemUTC());
        InetSocketAddress address =
                new InetSocketAddress(
                        configuration.get(MesosDriverOptions.BIND_HOST),
                        MesosDriverOptions.required(configuration, MesosDriverOptions.PORT));
        ExchangeServer.Tls tls = tls(configuration);
        ExchangeServer server;
        try {
            server = new ExchangeServer(registry, token, address, tls);
        } catch (IOException e) {
            throw new IOException("bind the exchange to " + address + " (mesos.driver.port)", e);
        }
        LOG.info(
                "Exchange with the service on port {} ({}), epoch {}.",
                server.port(),
                tls == null ? "http" : "https",
                epoch);
        return new Exchange(registry, server, MesosDriverOptions.finishTimeout(configuration));
    }

    /**
     * Tells the service how the cluster ended, and waits for a while until the service has read it.
     */
    @Override
    public void finish(Wanted.Finished end) throws InterruptedException {
        LOG.info("The cluster ends as {}; telling the service.", end.status);
        registry.finish(end.status, end.diagnostics);
        if (!registry.awaitFinishedSeen(finishTimeout)) {
            LOG.warn(
                    "The service did not read the final status {} within {}.",
                    end.status,
                    finishTimeout);
        }
    }

    /** The port that is served, for tests. */
    int port() {
        return server.port();
    }

    @Override
    public void close() {
        registry.close();
        server.close();
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

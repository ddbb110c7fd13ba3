package org.flinkonmesos.driver;

import java.time.Duration;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.IllegalConfigurationException;

/** The Flink options that the driver reads. The service sets them all; users need none of them. */
public final class MesosDriverOptions {

    /** Who decides how many TaskManagers there are. */
    enum Allocation {
        /** Flink's ResourceManager asks the service for them. */
        DYNAMIC,
        /** The service keeps a fixed number; they register by themselves. */
        STATIC
    }

    /** The allocation of an application or job cluster. */
    static final ConfigOption<Allocation> ALLOCATION =
            ConfigOptions.key("mesos.allocation")
                    .enumType(Allocation.class)
                    .defaultValue(Allocation.DYNAMIC)
                    .withDescription(
                            "Whether Flink asks the service for TaskManagers (dynamic) or takes"
                                    + " those that the service keeps (static).");

    /** Where the service reaches the driver. */
    public static final ConfigOption<Integer> PORT =
            ConfigOptions.key("mesos.driver.port")
                    .intType()
                    .noDefaultValue()
                    .withDescription(
                            "Port of the exchange with the service, 0 for any free one. Required.");

    /** The local address of {@link #PORT}. */
    public static final ConfigOption<String> BIND_HOST =
            ConfigOptions.key("mesos.driver.bind-host")
                    .stringType()
                    .defaultValue("0.0.0.0")
                    .withDescription("Local address on which the exchange is served.");

    /** The file with the secret that the service shows. */
    public static final ConfigOption<String> TOKEN_FILE =
            ConfigOptions.key("mesos.driver.token-file")
                    .stringType()
                    .noDefaultValue()
                    .withDescription(
                            "File with the token that the service must show, absolute or relative"
                                + " to the working directory. Surrounding white space is ignored."
                                + " Required.");

    /** What the worker ids of this cluster start with. */
    public static final ConfigOption<String> ID_PREFIX =
            ConfigOptions.key("mesos.worker.id-prefix")
                    .stringType()
                    .noDefaultValue()
                    .withDescription(
                            "Start of the ids of this cluster's workers, which are Mesos task ids."
                                    + " Required.");

    /** How long a worker that Flink releases before it can have registered stays wanted. */
    public static final ConfigOption<Duration> WITHDRAW_DELAY =
            ConfigOptions.key("mesos.worker.withdraw-delay")
                    .durationType()
                    .defaultValue(Duration.ofSeconds(2))
                    .withDescription(
                            "How long a worker that Flink releases before its launch, or within"
                                + " this time after it, stays wanted in case Flink asks for an"
                                + " equal one again, as a restarting job does. 0 turns it off.");

    /**
     * How long a new leader waits for the service's first report before it publishes its
     * leadership.
     */
    public static final ConfigOption<Duration> FIRST_REPORT_TIMEOUT =
            ConfigOptions.key("mesos.driver.first-report-timeout")
                    .durationType()
                    .defaultValue(Duration.ofSeconds(30))
                    .withDescription(
                            "How long a ResourceManager that begins to lead waits for the service"
                                + " to tell which workers run already. TaskManagers that register"
                                + " earlier would be turned away and end. 0 waits for nothing.");

    /** How long the end of the cluster waits for the service to have read its final status. */
    public static final ConfigOption<Duration> FINISH_TIMEOUT =
            ConfigOptions.key("mesos.driver.finish-timeout")
                    .durationType()
                    .defaultValue(Duration.ofSeconds(10))
                    .withDescription(
                            "How long the JobManager stays up at its end for the service to read"
                                    + " the final status; at most four fifths of pekko.ask.timeout,"
                                    + " after which Flink would take the shutdown for a failure.");

    /** Flink's own limit for the call in which {@link #FINISH_TIMEOUT} is spent. */
    private static final ConfigOption<Duration> ASK_TIMEOUT =
            ConfigOptions.key("pekko.ask.timeout")
                    .durationType()
                    .defaultValue(Duration.ofSeconds(10))
                    .withFallbackKeys("akka.ask.timeout");

    private MesosDriverOptions() {}

    /**
     * Reads an option that has no default.
     *
     * @throws IllegalConfigurationException naming the option when it is not set
     */
    static <T> T required(Configuration configuration, ConfigOption<T> option) {
        return configuration
                .getOptional(option)
                .orElseThrow(
                        () ->
                                new IllegalConfigurationException(
                                        "option "
                                                + option.key()
                                                + " is not set; the service sets it in the"
                                                + " cluster's flinkConfiguration"));
    }

    /** The time that {@link MesosResourceManagerDriver#deregisterApplication} may take. */
    static Duration finishTimeout(Configuration configuration) {
        Duration wanted = configuration.get(FINISH_TIMEOUT);
        Duration bound = configuration.get(ASK_TIMEOUT).multipliedBy(4).dividedBy(5);
        return wanted.compareTo(bound) < 0 ? wanted : bound;
    }
}

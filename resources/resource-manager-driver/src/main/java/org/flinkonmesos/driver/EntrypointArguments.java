package org.flinkonmesos.driver;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.flink.client.deployment.application.ApplicationConfiguration;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.configuration.PipelineOptionsInternal;
import org.apache.flink.configuration.StateRecoveryOptions;

/**
 * The command line of the entry points, with the option names of Flink's standalone ones.
 *
 * <p>It is read here and not by Flink's parsers because those have changed between the supported
 * versions. Everything it says ends in the configuration, where a {@code -D} says the same.
 */
final class EntrypointArguments {

    static final String USAGE =
            "--configDir DIR [-D key=value]...\n"
                    + "application and job clusters:\n"
                    + "  [--job-id ID]                 32 hex digits; the same after a restart\n"
                    + "  [--fromSavepoint PATH] [--allowNonRestoredState]\n"
                    + "application clusters:\n"
                    + "  [--job-classname CLASS] [--] [ARGUMENT]...";

    private final String configDir;
    private final Configuration dynamic;

    private EntrypointArguments(String configDir, Configuration dynamic) {
        this.configDir = configDir;
        this.dynamic = dynamic;
    }

    /** Reads the arguments, or prints what is wrong with them and ends the process with code 1. */
    static EntrypointArguments parseOrExit(String[] args, String name) {
        try {
            return parse(args);
        } catch (IllegalArgumentException e) {
            System.err.println(name + ": " + e.getMessage() + "\nusage: " + name + " " + USAGE);
            System.exit(1);
            throw e;
        }
    }

    /**
     * Reads the arguments.
     *
     * @throws IllegalArgumentException naming the argument that is wrong
     */
    static EntrypointArguments parse(String[] args) {
        String configDir = null;
        String mainClass = null;
        List<String> programArguments = Collections.emptyList();
        Configuration dynamic = new Configuration();
        int i = 0;
        while (i < args.length) {
            String arg = args[i++];
            switch (arg) {
                case "-c":
                case "--configDir":
                    configDir = value(args, i++, arg);
                    break;
                case "-j":
                case "--job-classname":
                    mainClass = value(args, i++, arg);
                    break;
                case "-jid":
                case "--job-id":
                    dynamic.set(
                            PipelineOptionsInternal.PIPELINE_FIXED_JOB_ID,
                            jobId(value(args, i++, arg)));
                    break;
                case "-s":
                case "--fromSavepoint":
                    dynamic.set(StateRecoveryOptions.SAVEPOINT_PATH, value(args, i++, arg));
                    break;
                case "-n":
                case "--allowNonRestoredState":
                    dynamic.set(StateRecoveryOptions.SAVEPOINT_IGNORE_UNCLAIMED_STATE, true);
                    break;
                case "-D":
                    property(value(args, i++, arg), dynamic);
                    break;
                case "--":
                    programArguments = new ArrayList<>(Arrays.asList(args).subList(i, args.length));
                    i = args.length;
                    break;
                default:
                    if (arg.startsWith("-D")) {
                        property(arg.substring(2), dynamic);
                    } else {
                        // The program's arguments may also begin without the two dashes.
                        programArguments =
                                new ArrayList<>(Arrays.asList(args).subList(i - 1, args.length));
                        i = args.length;
                    }
            }
        }
        if (configDir == null) {
            throw new IllegalArgumentException("--configDir is missing");
        }
        if (mainClass != null) {
            dynamic.set(ApplicationConfiguration.APPLICATION_MAIN_CLASS, mainClass);
        }
        if (!programArguments.isEmpty()) {
            dynamic.set(ApplicationConfiguration.APPLICATION_ARGS, programArguments);
        }
        return new EntrypointArguments(configDir, dynamic);
    }

    /** The configuration files, with the command line over them. */
    Configuration configuration() {
        return GlobalConfiguration.loadConfiguration(configDir, dynamic);
    }

    private static String value(String[] args, int i, String option) {
        if (i >= args.length) {
            throw new IllegalArgumentException(option + " needs a value");
        }
        return args[i];
    }

    private static void property(String property, Configuration dynamic) {
        int equals = property.indexOf('=');
        if (equals < 1) {
            throw new IllegalArgumentException("-D " + property + " is not of the form key=value");
        }
        dynamic.setString(property.substring(0, equals), property.substring(equals + 1));
    }

    private static String jobId(String id) {
        if (!id.matches("[0-9a-fA-F]{32}")) {
            throw new IllegalArgumentException("--job-id " + id + " is not 32 hex digits");
        }
        return id;
    }
}

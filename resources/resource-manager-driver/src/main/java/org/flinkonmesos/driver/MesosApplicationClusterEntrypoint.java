package org.flinkonmesos.driver;

import java.io.File;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.apache.flink.client.deployment.application.ApplicationClusterEntryPoint;
import org.apache.flink.client.deployment.application.ApplicationConfiguration;
import org.apache.flink.client.deployment.application.ApplicationExecutionException;
import org.apache.flink.client.program.DefaultPackagedProgramRetriever;
import org.apache.flink.client.program.PackagedProgram;
import org.apache.flink.client.program.PackagedProgramUtils;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.runtime.clusterframework.ApplicationStatus;
import org.apache.flink.runtime.entrypoint.ClusterEntrypoint;
import org.apache.flink.runtime.entrypoint.component.DispatcherResourceManagerComponentFactory;
import org.apache.flink.runtime.resourcemanager.ResourceManagerFactory;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.runtime.util.JvmShutdownSafeguard;
import org.apache.flink.runtime.util.SignalHandler;
import org.apache.flink.util.ExceptionUtils;
import org.apache.flink.util.FlinkException;

/**
 * JobManager of an application cluster: runs the main method of the user's jar here, and ends with
 * its jobs.
 *
 * <p>Arguments: {@code --configDir DIR [-D key=value]... [--job-classname CLASS] [--job-id ID]
 * [--fromSavepoint PATH] [--allowNonRestoredState] [--] [ARGUMENT]...} The jars are those of {@link
 * UserLibrary}; without a class name the only one with a main class in its manifest is run. For a
 * Python program the class is {@code org.apache.flink.client.python.PythonDriver} and the arguments
 * are {@code -py main.py ...}; Flink says so when its distribution has no flink-python.
 */
@SuppressWarnings("try") // Flink declares close() so.
public class MesosApplicationClusterEntrypoint extends ApplicationClusterEntryPoint {

    private final ClusterEnd clusterEnd;

    private MesosApplicationClusterEntrypoint(
            Configuration configuration,
            PackagedProgram program,
            ResourceManagerFactory<?> resourceManagers,
            ClusterEnd clusterEnd) {
        super(configuration, program, resourceManagers);
        this.clusterEnd = clusterEnd;
    }

    /**
     * A JobManager for the program, which runs it when it is started; the configuration is
     * completed.
     */
    static ClusterEntrypoint create(
            Configuration configuration, PackagedProgram program, UserLibrary library)
            throws Exception {
        configureExecution(configuration, program);
        shipLibrary(configuration, library);
        ClusterEnd end = new ClusterEnd();
        return configuration.get(MesosDriverOptions.ALLOCATION)
                        == MesosDriverOptions.Allocation.STATIC
                ? new Static(configuration, program, end)
                : new MesosApplicationClusterEntrypoint(
                        configuration, program, new MesosResourceManagerFactory(end), end);
    }

    /**
     * With the TaskManagers that the service keeps; they may be all that the job uses (reactive
     * mode).
     */
    @SuppressWarnings("try") // Flink declares close() so.
    private static final class Static extends MesosApplicationClusterEntrypoint {
        private final ClusterEnd end;

        Static(Configuration configuration, PackagedProgram program, ClusterEnd end) {
            super(configuration, program, new StaticResourceManagerFactory(end), end);
            this.end = end;
        }

        @Override
        protected boolean supportsReactiveMode() {
            return true;
        }

        @Override
        protected DispatcherResourceManagerComponentFactory
                createDispatcherResourceManagerComponentFactory(Configuration configuration) {
            return ShutDownNotice.before(
                    super.createDispatcherResourceManagerComponentFactory(configuration), end);
        }
    }

    /**
     * Before 2.3, Flink takes a main method that throws for a crash of the JobManager, which would
     * only throw again after a restart. Here the application has failed, as in 2.3.
     */
    @Override
    public void onFatalError(Throwable failure) {
        if (ExceptionUtils.findThrowable(failure, ApplicationExecutionException.class).isEmpty()) {
            super.onFatalError(failure);
            return;
        }
        LOG.error("The application failed.", failure);
        clusterEnd.tell(ApplicationStatus.FAILED, ExceptionUtils.stringifyException(failure));
        System.exit(ApplicationStatus.FAILED.processExitCode());
    }

    /**
     * Starts the JobManager and exits with Flink's code for how the application ended: 0 for
     * success.
     */
    public static void main(String[] args) {
        String name = MesosApplicationClusterEntrypoint.class.getSimpleName();
        EnvironmentInformation.logEnvironmentInfo(LOG, name, args);
        SignalHandler.register(LOG);
        JvmShutdownSafeguard.installAsShutdownHook(LOG);

        Configuration configuration = EntrypointArguments.parseOrExit(args, name).configuration();
        UserLibrary library = UserLibrary.find();
        ClusterEntrypoint cluster;
        try {
            cluster = create(configuration, program(configuration, library), library);
        } catch (Exception e) {
            LOG.error("Could not prepare the application.", e);
            System.exit(STARTUP_FAILURE_RETURN_CODE);
            return;
        }
        ClusterEntrypoint.runClusterEntrypoint(cluster);
    }

    private static PackagedProgram program(Configuration configuration, UserLibrary library)
            throws FlinkException {
        ApplicationConfiguration application =
                ApplicationConfiguration.fromConfiguration(configuration);
        String mainClass = application.getApplicationClassName();
        String[] arguments = application.getProgramArguments();
        boolean python =
                PackagedProgramUtils.isPython(mainClass)
                        || PackagedProgramUtils.isPython(arguments);
        // A single jar is opened as a jar, so that jars inside it are found; several are a class
        // path.
        boolean single = library.jars.size() == 1 && !python;
        return DefaultPackagedProgramRetriever.create(
                        single ? null : library.directory,
                        single ? library.jars.get(0) : null,
                        mainClass,
                        arguments,
                        configuration)
                .getPackagedProgram();
    }

    /**
     * Hands the user's jars to the TaskManagers through Flink's blob server. Flink would have them
     * load the jars from the path they have here, which does not exist in another sandbox.
     */
    static void shipLibrary(Configuration configuration, UserLibrary library)
            throws URISyntaxException {
        Set<String> jars = new LinkedHashSet<>();
        configuration.getOptional(PipelineOptions.JARS).ifPresent(jars::addAll);
        List<File> known = files(jars);
        for (File jar : library.jars) {
            if (!known.contains(jar.getAbsoluteFile())) {
                jars.add(jar.getAbsoluteFile().toURI().toString());
            }
        }
        List<String> elsewhere = new ArrayList<>();
        for (String path :
                configuration.getOptional(PipelineOptions.CLASSPATHS).orElse(List.of())) {
            if (!library.jars.contains(file(path))) {
                elsewhere.add(path);
            }
        }
        configuration.set(PipelineOptions.JARS, new ArrayList<>(jars));
        configuration.set(PipelineOptions.CLASSPATHS, elsewhere);
    }

    private static List<File> files(Iterable<String> urls) throws URISyntaxException {
        List<File> files = new ArrayList<>();
        for (String url : urls) {
            files.add(file(url));
        }
        return files;
    }

    /**
     * The file of a file URL, which in Flink may be relative ("file:usrlib/a.jar"); null for
     * another URL.
     */
    private static File file(String url) throws URISyntaxException {
        URI uri = new URI(url);
        if (!"file".equals(uri.getScheme())) {
            return null;
        }
        String path = uri.isOpaque() ? uri.getSchemeSpecificPart() : uri.getPath();
        return new File(path).getAbsoluteFile();
    }
}

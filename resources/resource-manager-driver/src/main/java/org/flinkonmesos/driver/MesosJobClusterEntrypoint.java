package org.flinkonmesos.driver;

import java.util.concurrent.ExecutionException;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.clusterframework.ApplicationStatus;
import org.apache.flink.runtime.entrypoint.ClusterEntrypointException;
import org.apache.flink.runtime.entrypoint.SessionClusterEntrypoint;
import org.apache.flink.runtime.entrypoint.component.DefaultDispatcherResourceManagerComponentFactory;
import org.apache.flink.runtime.entrypoint.component.DispatcherResourceManagerComponentFactory;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.runtime.util.JvmShutdownSafeguard;
import org.apache.flink.runtime.util.SignalHandler;

/**
 * JobManager of a job cluster: runs the job of a serialized job graph, and ends with it.
 *
 * <p>Flink took its job cluster out in 2.x. The same is had with any version by starting a session
 * cluster, submitting the job graph to this cluster's own REST API, waiting for the result and
 * shutting the cluster down; {@link JobGraphRunner} does that.
 *
 * <p>Arguments: {@code --configDir DIR [-D key=value]... [--job-id ID] [--fromSavepoint PATH]
 * [--allowNonRestoredState]}
 */
@SuppressWarnings("try") // Flink declares close() so.
public final class MesosJobClusterEntrypoint extends SessionClusterEntrypoint {

    private final ClusterEnd end;

    private MesosJobClusterEntrypoint(Configuration configuration, ClusterEnd end) {
        super(configuration);
        this.end = end;
    }

    @Override
    protected DispatcherResourceManagerComponentFactory
            createDispatcherResourceManagerComponentFactory(Configuration configuration) {
        if (configuration.get(MesosDriverOptions.ALLOCATION)
                == MesosDriverOptions.Allocation.DYNAMIC) {
            return DefaultDispatcherResourceManagerComponentFactory.createSessionComponentFactory(
                    new MesosResourceManagerFactory(end));
        }
        return ShutDownNotice.before(
                DefaultDispatcherResourceManagerComponentFactory.createSessionComponentFactory(
                        new StaticResourceManagerFactory(end)),
                end);
    }

    /** Starts the JobManager and exits with Flink's code for how the job ended: 0 for success. */
    public static void main(String[] args) {
        String name = MesosJobClusterEntrypoint.class.getSimpleName();
        EnvironmentInformation.logEnvironmentInfo(LOG, name, args);
        SignalHandler.register(LOG);
        JvmShutdownSafeguard.installAsShutdownHook(LOG);

        Configuration configuration = EntrypointArguments.parseOrExit(args, name).configuration();
        ClusterEnd end = new ClusterEnd();
        JobGraphRunner runner;
        try {
            runner = JobGraphRunner.load(configuration, UserLibrary.find(), end);
        } catch (Exception e) {
            LOG.error("Could not load the job graph.", e);
            System.exit(STARTUP_FAILURE_RETURN_CODE);
            return;
        }
        MesosJobClusterEntrypoint cluster = new MesosJobClusterEntrypoint(configuration, end);
        try {
            cluster.startCluster();
        } catch (ClusterEntrypointException e) {
            LOG.error("Could not start the job cluster.", e);
            System.exit(STARTUP_FAILURE_RETURN_CODE);
            return;
        }
        runner.start(cluster.getRestPort(), cluster);
        System.exit(cluster.awaitEnd());
    }

    private int awaitEnd() {
        int code;
        try {
            ApplicationStatus status = getTerminationFuture().get();
            Wanted.Finished known = end.known();
            code =
                    (known == null ? status : ApplicationStatus.valueOf(known.status))
                            .processExitCode();
        } catch (ExecutionException e) {
            LOG.error("The job cluster did not shut down properly.", e);
            code = RUNTIME_FAILURE_RETURN_CODE;
        } catch (InterruptedException e) {
            code = RUNTIME_FAILURE_RETURN_CODE;
        }
        LOG.info("The job cluster ends with exit code {}.", code);
        return code;
    }
}

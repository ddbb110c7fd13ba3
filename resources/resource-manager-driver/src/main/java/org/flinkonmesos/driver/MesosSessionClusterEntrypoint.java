package org.flinkonmesos.driver;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.entrypoint.ClusterEntrypoint;
import org.apache.flink.runtime.entrypoint.SessionClusterEntrypoint;
import org.apache.flink.runtime.entrypoint.component.DefaultDispatcherResourceManagerComponentFactory;
import org.apache.flink.runtime.entrypoint.component.DispatcherResourceManagerComponentFactory;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.runtime.util.JvmShutdownSafeguard;
import org.apache.flink.runtime.util.SignalHandler;

/**
 * JobManager of a session cluster: runs the jobs that are submitted to its REST API, until DELETE
 * /cluster.
 *
 * <p>Arguments: {@code --configDir DIR [-D key=value]...}
 */
@SuppressWarnings("try") // Flink declares close() so.
public final class MesosSessionClusterEntrypoint extends SessionClusterEntrypoint {

    private MesosSessionClusterEntrypoint(Configuration configuration) {
        super(configuration);
    }

    @Override
    protected DispatcherResourceManagerComponentFactory
            createDispatcherResourceManagerComponentFactory(Configuration configuration) {
        return DefaultDispatcherResourceManagerComponentFactory.createSessionComponentFactory(
                new MesosResourceManagerFactory(new ClusterEnd()));
    }

    /** Starts the JobManager and exits with Flink's code for how it ended: 0 for success. */
    public static void main(String[] args) {
        String name = MesosSessionClusterEntrypoint.class.getSimpleName();
        EnvironmentInformation.logEnvironmentInfo(LOG, name, args);
        SignalHandler.register(LOG);
        JvmShutdownSafeguard.installAsShutdownHook(LOG);

        Configuration configuration = EntrypointArguments.parseOrExit(args, name).configuration();
        ClusterEntrypoint.runClusterEntrypoint(new MesosSessionClusterEntrypoint(configuration));
    }
}

package org.flinkonmesos.driver;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.client.program.rest.RestClusterClient;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.HighAvailabilityOptions;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.configuration.PipelineOptionsInternal;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.core.fs.Path;
import org.apache.flink.runtime.clusterframework.ApplicationStatus;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.SavepointRestoreSettings;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.apache.flink.runtime.rpc.FatalErrorHandler;
import org.apache.flink.util.ExceptionUtils;
import org.apache.flink.util.FlinkException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Submits one job graph to the JobManager of this process and ends the cluster with the job. */
final class JobGraphRunner {

    private static final Logger LOG = LoggerFactory.getLogger(JobGraphRunner.class);

    /** The option under which flink-mesos and Flink's YARN per-job mode knew the file. */
    static final ConfigOption<String> JOB_GRAPH_PATH =
            ConfigOptions.key("internal.jobgraph-path")
                    .stringType()
                    .defaultValue("job.graph")
                    .withFallbackKeys("$internal.jobgraph-path")
                    .withDescription(
                            "File with the serialized JobGraph, relative to the working"
                                    + " directory.");

    private final Configuration configuration;
    private final JobGraph graph;
    private final ClusterEnd end;

    private JobGraphRunner(Configuration configuration, JobGraph graph, ClusterEnd end) {
        this.configuration = configuration;
        this.graph = graph;
        this.end = end;
    }

    /**
     * Reads the job graph of the configuration.
     *
     * @param end is set to how the job ended, before the cluster is shut down
     * @throws FlinkException when the file is missing, or not a job graph of this Flink version
     */
    static JobGraphRunner load(Configuration configuration, UserLibrary library, ClusterEnd end)
            throws FlinkException {
        File file = new File(configuration.get(JOB_GRAPH_PATH)).getAbsoluteFile();
        Object read;
        try (ObjectInputStream in = new ObjectInputStream(new FileInputStream(file))) {
            read = in.readObject();
        } catch (IOException | ClassNotFoundException e) {
            throw new FlinkException(
                    "read the job graph " + file + "; was it made with this version of Flink?", e);
        }
        if (!(read instanceof JobGraph)) {
            throw new FlinkException(
                    file + " holds a " + read.getClass().getName() + ", not a JobGraph");
        }
        JobGraph graph = (JobGraph) read;
        locateJars(graph, library);
        configuration
                .getOptional(PipelineOptionsInternal.PIPELINE_FIXED_JOB_ID)
                .ifPresent(id -> graph.setJobID(JobID.fromHexString(id)));
        SavepointRestoreSettings restore =
                SavepointRestoreSettings.fromConfiguration(configuration);
        if (restore.restoreSavepoint()) {
            graph.setSavepointRestoreSettings(restore);
        }
        return new JobGraphRunner(configuration, graph, end);
    }

    /**
     * The jars of the graph have the paths of the machine on which it was made; here they are in
     * usrlib. Those of usrlib that the graph does not name go along with it.
     */
    private static void locateJars(JobGraph graph, UserLibrary library) throws FlinkException {
        List<Path> jars = new ArrayList<>();
        for (Path jar : graph.getUserJars()) {
            boolean ours =
                    library.jars.stream().anyMatch(file -> file.getName().equals(jar.getName()));
            if (!ours) {
                if (!new File(jar.getPath()).isFile()) {
                    throw new FlinkException(
                            "the job graph needs " + jar.getName() + ", which is not in usrlib");
                }
                jars.add(jar);
            }
        }
        for (File file : library.jars) {
            jars.add(new Path(file.toURI()));
        }
        graph.getUserJars().clear();
        jars.forEach(graph::addJar);
    }

    /** Runs in the background; a failure to talk to our own JobManager is fatal. */
    void start(int restPort, FatalErrorHandler fatal) {
        Thread thread =
                new Thread(
                        () -> {
                            try (RestClusterClient<String> client = client(restPort)) {
                                run(client);
                                client.shutDownCluster();
                            } catch (Exception e) {
                                fatal.onFatalError(e);
                            }
                        },
                        "mesos-job-graph");
        thread.setDaemon(true);
        thread.start();
    }

    private RestClusterClient<String> client(int port) throws Exception {
        Configuration own = new Configuration(configuration);
        // The JobManager is in this process; a leader need not be looked up.
        own.set(HighAvailabilityOptions.HA_MODE, "NONE");
        String host =
                configuration
                        .getOptional(RestOptions.ADDRESS)
                        .orElse(
                                configuration
                                        .getOptional(JobManagerOptions.ADDRESS)
                                        .orElse("localhost"));
        own.set(RestOptions.ADDRESS, host);
        own.set(RestOptions.PORT, port);
        // The dispatcher leads a moment after the REST API is up, and answers 503 until then.
        own.setString("rest.retry.delay", "200 ms");
        own.setString("rest.retry.max-attempts", "600");
        return new RestClusterClient<>(own, "this JobManager");
    }

    /** Returns when the end is set. */
    private void run(RestClusterClient<?> client) throws InterruptedException {
        JobID job = graph.getJobID();
        try {
            if (known(client, job)) {
                LOG.info("Job {} is here already, recovered from before.", job);
            } else {
                submit(client);
                LOG.info("Job {} ({}) is submitted.", graph.getName(), job);
            }
            JobResult result = client.requestJobResult(job).get();
            JobStatus status = client.getJobStatus(job).get();
            String diagnostics =
                    result.getSerializedThrowable()
                            .map(failure -> failure.getFullStringifiedStackTrace())
                            .orElse("");
            end.set(ApplicationStatus.fromJobStatus(status), diagnostics);
        } catch (ExecutionException | FlinkException e) {
            Throwable cause = ExceptionUtils.stripExecutionException(e);
            LOG.error("The job graph could not be run.", cause);
            end.set(ApplicationStatus.FAILED, ExceptionUtils.stringifyException(cause));
        }
    }

    private static boolean known(RestClusterClient<?> client, JobID job)
            throws InterruptedException, ExecutionException {
        return client.listJobs().get().stream().anyMatch(status -> status.getJobId().equals(job));
    }

    /**
     * The method's parameter is JobGraph in 1.20 and an interface of it in 2.x, so it is called by
     * name.
     */
    private void submit(RestClusterClient<?> client)
            throws InterruptedException, ExecutionException, FlinkException {
        Optional<Method> submit = Optional.empty();
        for (Method method : RestClusterClient.class.getMethods()) {
            if (method.getName().equals("submitJob")
                    && method.getParameterCount() == 1
                    && method.getParameterTypes()[0].isInstance(graph)) {
                submit = Optional.of(method);
            }
        }
        if (submit.isEmpty()) {
            throw new FlinkException(
                    "this version of Flink has no RestClusterClient.submitJob(JobGraph)");
        }
        try {
            ((CompletableFuture<?>) submit.get().invoke(client, graph)).get();
        } catch (IllegalAccessException | InvocationTargetException e) {
            throw new FlinkException("submit the job graph", e);
        }
    }
}

package org.flinkonmesos.driver;

import java.lang.reflect.Method;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.runtime.dispatcher.DispatcherGateway;
import org.apache.flink.runtime.dispatcher.DispatcherId;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalListener;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalService;
import org.apache.flink.runtime.messages.webmonitor.JobDetails;
import org.apache.flink.runtime.messages.webmonitor.MultipleJobsDetails;
import org.apache.flink.runtime.rpc.RpcService;

/**
 * Asks the dispatcher of this process why jobs or the application failed. At a cluster's end
 * Flink's REST API is already closed; the dispatcher is not.
 *
 * <p>Some of its methods are called by name: the class of their timeout changed in Flink 2, and
 * those about applications came with 2.3.
 */
final class FailureCauses {

    private static final Duration TIMEOUT = Duration.ofSeconds(1);

    private final RpcService rpc;
    private final HighAvailabilityServices highAvailability;

    FailureCauses(RpcService rpc, HighAvailabilityServices highAvailability) {
        this.rpc = rpc;
        this.highAvailability = highAvailability;
    }

    /**
     * The stack traces, without repetition; empty when nothing failed that the dispatcher knows of.
     */
    String find() throws Exception {
        DispatcherGateway dispatcher = dispatcher();
        Set<String> causes = new LinkedHashSet<>();
        ofJobs(dispatcher, causes);
        if (causes.isEmpty()) {
            ofApplications(dispatcher, causes);
        }
        return String.join("\n", causes);
    }

    private static void ofJobs(DispatcherGateway dispatcher, Set<String> causes) throws Exception {
        MultipleJobsDetails all =
                (MultipleJobsDetails) ask(dispatcher, "requestMultipleJobDetails").orElseThrow();
        for (JobDetails job : all.getJobs()) {
            if (job.getStatus() != JobStatus.FAILED) {
                continue;
            }
            JobResult result =
                    (JobResult) ask(dispatcher, "requestJobResult", job.getJobId()).orElseThrow();
            result.getSerializedThrowable()
                    .ifPresent(failure -> causes.add(failure.getFullStringifiedStackTrace()));
        }
    }

    /** A main method that throws before there is a job, from Flink 2.3 on. */
    private static void ofApplications(DispatcherGateway dispatcher, Set<String> causes)
            throws Exception {
        Optional<Object> all = ask(dispatcher, "requestMultipleApplicationDetails");
        if (all.isEmpty()) {
            return;
        }
        for (Object application : (Collection<?>) get(all.get(), "getApplications")) {
            Optional<Object> archived =
                    ask(dispatcher, "requestApplication", get(application, "getApplicationId"));
            if (archived.isPresent()) {
                for (Object failure : (Collection<?>) get(archived.get(), "getExceptionHistory")) {
                    causes.add((String) get(failure, "getExceptionAsString"));
                }
            }
        }
    }

    /**
     * Calls a method whose last parameter is a timeout; empty when this Flink version has none of
     * the name.
     */
    private static Optional<Object> ask(
            DispatcherGateway dispatcher, String name, Object... arguments) throws Exception {
        for (Method method : DispatcherGateway.class.getMethods()) {
            int last = method.getParameterCount() - 1;
            if (method.getName().equals(name) && last == arguments.length) {
                Object[] all = Arrays.copyOf(arguments, last + 1);
                all[last] = timeout(method.getParameterTypes()[last]);
                Object answer = method.invoke(dispatcher, all);
                return Optional.of(
                        ((CompletableFuture<?>) answer)
                                .get(TIMEOUT.toMillis(), TimeUnit.MILLISECONDS));
            }
        }
        return Optional.empty();
    }

    private static Object timeout(Class<?> type) throws ReflectiveOperationException {
        return type == Duration.class
                ? TIMEOUT
                : type.getMethod("milliseconds", long.class).invoke(null, TIMEOUT.toMillis());
    }

    private static Object get(Object object, String name) throws ReflectiveOperationException {
        return object.getClass().getMethod(name).invoke(object);
    }

    private DispatcherGateway dispatcher() throws Exception {
        CompletableFuture<DispatcherGateway> gateway = new CompletableFuture<>();
        LeaderRetrievalService retriever = highAvailability.getDispatcherLeaderRetriever();
        retriever.start(
                new LeaderRetrievalListener() {
                    @Override
                    public void notifyLeaderAddress(String address, UUID session) {
                        if (address != null && session != null) {
                            rpc.connect(
                                            address,
                                            DispatcherId.fromUuid(session),
                                            DispatcherGateway.class)
                                    .whenComplete(
                                            (connected, failure) -> {
                                                if (failure == null) {
                                                    gateway.complete(connected);
                                                } else {
                                                    gateway.completeExceptionally(failure);
                                                }
                                            });
                        }
                    }

                    @Override
                    public void handleError(Exception failure) {
                        gateway.completeExceptionally(failure);
                    }
                });
        try {
            return gateway.get(TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
        } finally {
            retriever.stop();
        }
    }
}

package org.flinkonmesos.driver;

import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.runtime.clusterframework.ApplicationStatus;
import org.apache.flink.runtime.dispatcher.runner.DispatcherRunner;
import org.apache.flink.runtime.dispatcher.runner.DispatcherRunnerFactory;
import org.apache.flink.runtime.entrypoint.component.DefaultDispatcherResourceManagerComponentFactory;
import org.apache.flink.runtime.entrypoint.component.DispatcherResourceManagerComponentFactory;
import org.apache.flink.runtime.resourcemanager.ResourceManagerFactory;
import org.apache.flink.runtime.rest.RestEndpointFactory;

/**
 * Holds the end of a cluster back until the service was told of it. Flink tells its active
 * ResourceManager of the end, and no other; here the dispatcher, which decides on it, is overheard.
 *
 * <p>The dispatcher's factory is an interface whose parameters differ between the Flink versions,
 * so it is wrapped by a proxy, and found by the type of the field that holds it.
 */
final class ShutDownNotice {

    private ShutDownNotice() {}

    /** The same components, whose dispatcher has {@code end} told before it is taken down. */
    static DispatcherResourceManagerComponentFactory before(
            DispatcherResourceManagerComponentFactory components, ClusterEnd end) {
        return new DefaultDispatcherResourceManagerComponentFactory(
                wrap(part(components, DispatcherRunnerFactory.class), end),
                part(components, ResourceManagerFactory.class),
                part(components, RestEndpointFactory.class));
    }

    private static <T> T part(DispatcherResourceManagerComponentFactory components, Class<T> type) {
        for (Field field :
                DefaultDispatcherResourceManagerComponentFactory.class.getDeclaredFields()) {
            if (field.getType() == type) {
                try {
                    field.setAccessible(true);
                    return type.cast(field.get(components));
                } catch (IllegalAccessException e) {
                    throw new IllegalStateException("read " + field, e);
                }
            }
        }
        throw new IllegalStateException(
                "this version of Flink is not supported: no field of " + type.getName());
    }

    private static DispatcherRunnerFactory wrap(DispatcherRunnerFactory factory, ClusterEnd end) {
        return (DispatcherRunnerFactory)
                Proxy.newProxyInstance(
                        ShutDownNotice.class.getClassLoader(),
                        new Class<?>[] {DispatcherRunnerFactory.class},
                        (proxy, method, arguments) -> {
                            try {
                                Object made = method.invoke(factory, arguments);
                                return made instanceof DispatcherRunner
                                        ? new Runner((DispatcherRunner) made, end)
                                        : made;
                            } catch (InvocationTargetException e) {
                                throw e.getCause();
                            }
                        });
    }

    /** A dispatcher whose end is told first. */
    @SuppressWarnings("try") // Flink declares close() so.
    private static final class Runner implements DispatcherRunner {
        private final DispatcherRunner runner;
        private final CompletableFuture<ApplicationStatus> shutDown;

        Runner(DispatcherRunner runner, ClusterEnd end) {
            this.runner = runner;
            this.shutDown =
                    runner.getShutDownFuture()
                            .thenApplyAsync(
                                    status -> {
                                        end.tell(status, "");
                                        return status;
                                    },
                                    work -> {
                                        Thread thread = new Thread(work, "mesos-cluster-end");
                                        thread.setDaemon(true);
                                        thread.start();
                                    });
        }

        @Override
        public CompletableFuture<ApplicationStatus> getShutDownFuture() {
            return shutDown;
        }

        @Override
        public CompletableFuture<Void> closeAsync() {
            return runner.closeAsync();
        }
    }
}

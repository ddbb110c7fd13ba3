package org.flinkonmesos.driver;

import java.util.Objects;
import org.apache.flink.runtime.clusterframework.types.ResourceID;
import org.apache.flink.runtime.clusterframework.types.ResourceIDRetrievable;

/** A TaskManager as Flink's ResourceManager knows it: its id is the Mesos task id. */
public final class MesosWorker implements ResourceIDRetrievable {

    private final ResourceID id;

    MesosWorker(String id) {
        this.id = new ResourceID(id);
    }

    @Override
    public ResourceID getResourceID() {
        return id;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof MesosWorker && id.equals(((MesosWorker) other).id);
    }

    @Override
    public int hashCode() {
        return Objects.hash(id);
    }

    @Override
    public String toString() {
        return id.getResourceIdString();
    }
}

package org.flinkonmesos.bench;

import com.netflix.fenzo.ConstraintEvaluator;
import com.netflix.fenzo.SchedulingResult;
import com.netflix.fenzo.TaskRequest;
import com.netflix.fenzo.TaskScheduler;
import com.netflix.fenzo.VMAssignmentResult;
import com.netflix.fenzo.VMTaskFitnessCalculator;
import com.netflix.fenzo.VirtualMachineLease;
import com.netflix.fenzo.plugins.BinPackingFitnessCalculators;
import com.netflix.fenzo.plugins.HostAttrValueConstraint;
import com.netflix.fenzo.plugins.VMLeaseObject;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.mesos.Protos;

/**
 * Has Fenzo make the assignments of the bench, over and over. Each round is a scheduler without tasks that is given all
 * offers and all tasks at once; only that call is measured, by the processor time of the whole process.
 *
 * <p>Arguments: the way (plain, as flink-mesos used Fenzo; quick, which takes the first agent that fits; packing, which
 * fills agents and takes the first that is full enough), agents, tasks, rules, rounds to warm up, rounds to measure.
 * Each measured round is a line: processor seconds, tasks placed, agents used.
 */
public final class Fenzo {
    private Fenzo() {}

    public static void main(String[] args) {
        String way = args[0];
        List<Protos.Offer> offers = offers(Integer.parseInt(args[1]), Integer.parseInt(args[3]));
        List<TaskRequest> tasks = tasks(Integer.parseInt(args[2]), Integer.parseInt(args[3]));
        int warmUp = Integer.parseInt(args[4]);
        int rounds = warmUp + Integer.parseInt(args[5]);
        OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        for (int round = 0; round < rounds; round++) {
            TaskScheduler scheduler = scheduler(way);
            List<VirtualMachineLease> leases = new ArrayList<>(offers.size());
            for (Protos.Offer offer : offers) {
                leases.add(new VMLeaseObject(offer));
            }
            System.gc();
            long began = system.getProcessCpuTime();
            SchedulingResult result = scheduler.scheduleOnce(tasks, leases);
            long used = system.getProcessCpuTime() - began;
            int placed = 0;
            Map<String, VMAssignmentResult> agents = result.getResultMap();
            for (VMAssignmentResult agent : agents.values()) {
                placed += agent.getTasksAssigned().size();
            }
            scheduler.shutdown();
            if (round >= warmUp) {
                System.out.println(used / 1e9 + " " + placed + " " + agents.size());
            }
        }
    }

    private static TaskScheduler scheduler(String way) {
        TaskScheduler.Builder builder = new TaskScheduler.Builder()
                .withLeaseOfferExpirySecs(120)
                .withLeaseRejectAction(lease -> {});
        switch (way) {
            case "plain":
                return builder.build();
            case "quick":
                return builder.withFitnessCalculator(anyAgent()).withFitnessGoodEnoughFunction(f -> f > 0).build();
            case "packing":
                return builder
                        .withFitnessCalculator(BinPackingFitnessCalculators.cpuMemBinPacker)
                        .withFitnessGoodEnoughFunction(f -> f > 0.9)
                        .build();
            default:
                throw new IllegalArgumentException(way);
        }
    }

    private static VMTaskFitnessCalculator anyAgent() {
        return new VMTaskFitnessCalculator() {
            @Override
            public String getName() {
                return "any";
            }

            @Override
            public double calculateFitness(
                    TaskRequest task, com.netflix.fenzo.VirtualMachineCurrentState agent, com.netflix.fenzo.TaskTrackerState state) {
                return 1;
            }
        };
    }

    /** Offers of as many agents; one in ten has the right value of every attribute, each other one a wrong one. */
    private static List<Protos.Offer> offers(int count, int rules) {
        List<Protos.Offer> offers = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            Protos.Offer.Builder offer = Protos.Offer.newBuilder()
                    .setId(Protos.OfferID.newBuilder().setValue("offer-" + i))
                    .setFrameworkId(Protos.FrameworkID.newBuilder().setValue("bench"))
                    .setSlaveId(Protos.SlaveID.newBuilder().setValue("agent-" + i))
                    .setHostname("host-" + i)
                    .addResources(scalar("cpus", 8.5))
                    .addResources(scalar("mem", 16384))
                    .addResources(scalar("disk", 8192))
                    .addResources(Protos.Resource.newBuilder()
                            .setName("ports")
                            .setType(Protos.Value.Type.RANGES)
                            .setRanges(Protos.Value.Ranges.newBuilder()
                                    .addRange(Protos.Value.Range.newBuilder().setBegin(31000).setEnd(32000))));
            for (int a = 0; a < rules; a++) {
                String value = i % 10 != 0 && a == i % rules ? "wrong" : "right";
                offer.addAttributes(Protos.Attribute.newBuilder()
                        .setName("a" + a)
                        .setType(Protos.Value.Type.TEXT)
                        .setText(Protos.Value.Text.newBuilder().setValue(value)));
            }
            offers.add(offer.build());
        }
        return offers;
    }

    private static Protos.Resource scalar(String name, double value) {
        return Protos.Resource.newBuilder()
                .setName(name)
                .setType(Protos.Value.Type.SCALAR)
                .setScalar(Protos.Value.Scalar.newBuilder().setValue(value))
                .build();
    }

    private static List<TaskRequest> tasks(int count, int rules) {
        List<ConstraintEvaluator> constraints = new ArrayList<>(rules);
        for (int a = 0; a < rules; a++) {
            constraints.add(new HostAttrValueConstraint("a" + a, task -> "right"));
        }
        List<TaskRequest> tasks = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            tasks.add(new Worker("task-" + i, constraints));
        }
        return tasks;
    }

    /** A TaskManager: 2 cpus, 2 GiB and three ports, as flink-mesos asked for it. */
    private static final class Worker implements TaskRequest {
        private final String id;
        private final List<ConstraintEvaluator> constraints;
        private AssignedResources assigned;

        Worker(String id, List<ConstraintEvaluator> constraints) {
            this.id = id;
            this.constraints = constraints;
        }

        @Override
        public String getId() {
            return id;
        }

        @Override
        public String taskGroupName() {
            return "";
        }

        @Override
        public double getCPUs() {
            return 2;
        }

        @Override
        public double getMemory() {
            return 2048;
        }

        @Override
        public double getNetworkMbps() {
            return 0;
        }

        @Override
        public double getDisk() {
            return 0;
        }

        @Override
        public int getPorts() {
            return 3;
        }

        @Override
        public Map<String, Double> getScalarRequests() {
            return null;
        }

        @Override
        public Map<String, NamedResourceSetRequest> getCustomNamedResources() {
            return null;
        }

        @Override
        public List<? extends ConstraintEvaluator> getHardConstraints() {
            return constraints;
        }

        @Override
        public List<? extends VMTaskFitnessCalculator> getSoftConstraints() {
            return null;
        }

        @Override
        public void setAssignedResources(AssignedResources resources) {
            assigned = resources;
        }

        @Override
        public AssignedResources getAssignedResources() {
            return assigned;
        }
    }
}

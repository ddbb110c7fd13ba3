package org.flinkonmesos.demo;

import java.io.IOException;
import java.nio.file.Paths;
import java.util.List;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** Writes down each number that it is given, and fails where it is to. */
final class Recording extends KeyedProcessFunction<Long, Long, Long>
        implements CheckpointedFunction, CheckpointListener {
    private final String directory;
    private final String marker;
    private final int keys;
    private final long failAfter;
    private final long failCheckpointsAfter;

    private transient RecordFile file;
    private transient ListState<Long> processedState;

    /** The last number of a key: a state that does not fit to the source shows in it. */
    private transient ValueState<Long> last;

    /**
     * Since the job began, over all restores; after a restore the first subtask has those of all.
     */
    private transient long processed;

    private transient long recorded;
    private transient long snapshots;
    private transient boolean restored;
    private transient long restoredCheckpoint;
    private transient long restoredProcessed;

    Recording(
            String directory, String marker, int keys, long failAfter, long failCheckpointsAfter) {
        this.directory = directory;
        this.marker = marker;
        this.keys = keys;
        this.failAfter = failAfter;
        this.failCheckpointsAfter = failCheckpointsAfter;
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        processedState =
                context.getOperatorStateStore()
                        .getUnionListState(new ListStateDescriptor<>("processed", Types.LONG));
        restored = context.isRestored();
        restoredCheckpoint = context.getRestoredCheckpointId().orElse(-1);
        for (long part : processedState.get()) {
            restoredProcessed += part;
        }
    }

    @Override
    public void open(OpenContext context) throws IOException {
        last = getRuntimeContext().getState(new ValueStateDescriptor<>("last", Types.LONG));
        processed =
                getRuntimeContext().getTaskInfo().getIndexOfThisSubtask() == 0
                        ? restoredProcessed
                        : 0;
        file = RecordFile.create(Paths.get(directory), "task");
        file.event(
                "start",
                event -> {
                    event.put("marker", marker)
                            .put("jobId", getRuntimeContext().getJobInfo().getJobId().toHexString())
                            .put("jobName", getRuntimeContext().getJobInfo().getJobName())
                            .put(
                                    "subtask",
                                    getRuntimeContext().getTaskInfo().getIndexOfThisSubtask())
                            .put(
                                    "parallelism",
                                    getRuntimeContext().getTaskInfo().getNumberOfParallelSubtasks())
                            .put("attempt", getRuntimeContext().getTaskInfo().getAttemptNumber())
                            .put("keys", keys)
                            .put("restored", restored);
                    if (restored) {
                        event.put("restoredCheckpoint", restoredCheckpoint)
                                .put("restoredProcessed", restoredProcessed);
                    }
                });
    }

    @Override
    public void processElement(Long number, Context context, Collector<Long> out) throws Exception {
        Long before = last.value();
        long expected = before == null ? (number <= keys ? number : -1) : before + keys;
        if (expected != number) {
            file.event("inconsistent", event -> event.put("number", number).put("last", before));
        }
        last.update(number);
        processed++;
        recorded++;
        file.record(number);
        if (failAfter > 0 && recorded >= failAfter) {
            file.event("failing", event -> event.put("recorded", recorded));
            throw new IllegalStateException(
                    "the recorder fails on purpose after " + recorded + " records");
        }
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        if (failCheckpointsAfter >= 0 && snapshots >= failCheckpointsAfter) {
            throw new IOException("the recorder fails its checkpoints on purpose");
        }
        snapshots++;
        processedState.update(List.of(processed));
    }

    @Override
    public void notifyCheckpointComplete(long checkpointId) throws IOException {
        file.event(
                "checkpoint", event -> event.put("id", checkpointId).put("processed", processed));
    }

    @Override
    public void close() throws IOException {
        if (file != null) {
            file.event("close", event -> event.put("processed", processed));
            file.close();
        }
    }
}

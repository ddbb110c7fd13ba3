import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Paths;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/** Writes the serialized job graph of a bounded job that needs no user code. */
public class JobGraphFile {
    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(2);
        env.fromSequence(1, 1000).rebalance().sinkTo(new DiscardingSink<>()).name("nowhere");
        JobGraph graph = env.getStreamGraph().getJobGraph();
        try (ObjectOutputStream out = new ObjectOutputStream(Files.newOutputStream(Paths.get(args[0])))) {
            out.writeObject(graph);
        }
    }
}

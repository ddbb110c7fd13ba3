import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.apache.flink.runtime.util.bash.BashJavaUtils;

/**
 * Asks Flink's own tool about many configurations in one JVM. Each line of the input is a command
 * and its dynamic properties, separated by tabs; each answer is "ok", the two result
 * lines, separated by tabs, or "error" and the message.
 */
public final class MemoryOracle {
    private static final String PREFIX = "BASH_JAVA_UTILS_EXEC_RESULT:";

    public static void main(String[] args) throws Exception {
        PrintStream out = System.out;
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String[] fields = line.split("\t");
            String[] call = new String[3 + 2 * (fields.length - 1)];
            call[0] = fields[0];
            call[1] = "--configDir";
            call[2] = args[0];
            for (int i = 1; i < fields.length; i++) {
                call[1 + 2 * i] = "-D";
                call[2 + 2 * i] = fields[i];
            }
            ByteArrayOutputStream captured = new ByteArrayOutputStream();
            System.setOut(new PrintStream(captured, true, "UTF-8"));
            StringBuilder answer = new StringBuilder("ok");
            try {
                BashJavaUtils.main(call);
                for (String l : captured.toString("UTF-8").split("\n")) {
                    if (l.startsWith(PREFIX)) {
                        answer.append('\t').append(l.substring(PREFIX.length()));
                    }
                }
            } catch (Throwable t) {
                answer = new StringBuilder("error\t" + String.valueOf(t.getMessage()).replaceAll("\\s+", " "));
            } finally {
                System.setOut(out);
            }
            out.println(answer);
        }
    }
}

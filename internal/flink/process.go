package flink

import (
	"fmt"
	"math"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// The main classes of Flink's own standalone processes. A cluster with the driver uses the
// driver's entry points instead of SessionEntryClass.
const (
	SessionEntryClass     = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
	TaskManagerEntryClass = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
)

// Process says what one Flink process is to be. The zero value of a field that is not
// marked as required means what its comment says.
type Process struct {
	Role spec.TaskKind
	// Version is Flink's full version; required.
	Version string
	// EntryClass is the main class; empty means Flink's standalone one for the role.
	EntryClass string
	// Arguments follow the service's own arguments of the main class.
	Arguments []string
	// TaskID is the Mesos task id; required. It becomes taskmanager.resource-id or
	// jobmanager.resource-id.
	TaskID string
	// Host is the name or address under which others reach the process; required.
	Host string
	// BindHost is the address to listen on; empty means all, 0.0.0.0.
	BindHost string
	// Ports has a port for each of PortNames; required.
	Ports map[string]int
	// CPUs is the share of processors of the task; required unless Worker is set.
	CPUs float64
	// Configuration is what conf/config.yaml says (see Configuration), with the process size of
	// the role in it unless Worker is set.
	Configuration map[string]string
	// JobManagerHost and JobManagerPort (rpc) tell a TaskManager where its JobManager is.
	// With high availability it finds that out itself, and they are left empty.
	JobManagerHost string
	JobManagerPort int
	// Worker is what Flink's ResourceManager asked for, with its own memory split.
	Worker *task.Worker
	// JVMArguments are further JVM options, stronger than all but the memory split.
	JVMArguments []string
	// DriverTokenFile is the path of the token's file relative to the sandbox, and
	// WorkerPrefix begins the ids of workers; both for a JobManager with the driver.
	DriverTokenFile string
	WorkerPrefix    string
	// Log is how the process logs; it must be the one given to the Overlay.
	Log Log
}

// Launch is how to start a process.
type Launch struct {
	// Command is for `sh -c` in the sandbox.
	Command string
	// Environment has what the start script and Flink read there.
	Environment map[string]string
	// JVM are the JVM options, Properties the dynamic properties ("key=value") that are in
	// Command. Neither has anything secret.
	JVM, Properties []string
	// Warnings are sentences for the user.
	Warnings []string
}

// badHost matches what can be neither a host name nor an address.
var badHost = regexp.MustCompile(`[^0-9A-Za-z._:\-]`)

func (p *Process) validate() error {
	var problems Problems
	add := func(field, format string, args ...any) {
		problems = append(problems, Problem{field, fmt.Sprintf(format, args...)})
	}
	if p.Role != spec.JobManagerTask && p.Role != spec.TaskManagerTask {
		add("role", "%q is neither jobmanager nor taskmanager", p.Role)
	}
	if p.Version == "" {
		add("version", "Flink's version is missing")
	}
	if p.TaskID == "" {
		add("taskId", "the id of the task is missing")
	}
	if p.Host == "" || badHost.MatchString(p.Host) {
		add("host", "%q is neither a host name nor an address", p.Host)
	}
	if badHost.MatchString(p.BindHost) {
		add("bindHost", "%q is neither a host name nor an address", p.BindHost)
	}
	for _, name := range PortNames(p.Role, p.DriverTokenFile != "") {
		if port := p.Ports[name]; port < 1 || port > 65535 {
			add("ports."+name, "%d is no port", port)
		}
	}
	if p.Worker == nil && !(p.CPUs > 0) {
		add("cpus", "%v is not a share of processors", p.CPUs)
	}
	if p.Role == spec.TaskManagerTask && !highlyAvailable(p.Configuration) {
		p.validateJobManager(add)
	}
	for _, w := range slices.Concat(p.Arguments, p.JVMArguments) {
		if strings.ContainsRune(w, 0) {
			add("arguments", "an argument has a NUL character, which no command line can carry")
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// validateJobManager looks at the address that a TaskManager is given, as nothing else tells it.
func (p *Process) validateJobManager(add func(field, format string, args ...any)) {
	if p.JobManagerHost == "" || badHost.MatchString(p.JobManagerHost) {
		add("jobManagerHost", "%q is neither a host name nor an address", p.JobManagerHost)
	}
	if p.JobManagerPort < 1 || p.JobManagerPort > 65535 {
		add("jobManagerPort", "%d is no port", p.JobManagerPort)
	}
}

// Launch works out how to start the process. The error is of type Problems.
func (p Process) Launch() (Launch, error) {
	if err := p.validate(); err != nil {
		return Launch{}, err
	}
	var l Launch
	sizes, heap, err := p.memory(&l)
	if err != nil {
		return Launch{}, err
	}
	user, err := p.userOptions()
	if err != nil {
		return Launch{}, err
	}
	// The last of several equal JVM options counts: ours, the user's, the memory split.
	l.JVM = slices.Concat(p.ownOptions(heap, user), moduleOptions(), user, sizes)
	l.Properties = append(p.identity(), l.Properties...)

	entry := p.EntryClass
	if entry == "" {
		entry = SessionEntryClass
		if p.Role == spec.TaskManagerTask {
			entry = TaskManagerEntryClass
		}
	}
	words := []string{"exec", "sh", "./" + StartScriptName, strconv.Itoa(dist.JavaFor(p.Version)), string(p.Role), entry}
	words = append(words, l.JVM...)
	words = append(words, "--")
	for _, property := range l.Properties {
		words = append(words, "-D", property)
	}
	words = append(words, p.Arguments...)
	l.Command = commandLine(words)
	l.Environment = p.environment()
	return l, nil
}

// memory returns the JVM options for the sizes and the heap, and adds the split to l.
func (p Process) memory(l *Launch) (sizes []string, heap spec.Memory, err error) {
	if p.Worker != nil {
		for _, d := range p.Worker.DynamicProperties {
			key, value, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(d, "-D")), "=")
			if !ok || key == "" {
				return nil, 0, Problems{{"worker.dynamicProperties", fmt.Sprintf("%q is not key=value", d)}}
			}
			// Flink quotes lists for the shell that its own scripts use.
			if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			l.Properties = append(l.Properties, key+"="+value)
		}
		for _, a := range p.Worker.JVMArguments {
			if n, err := strconv.ParseInt(strings.TrimPrefix(a, "-Xmx"), 10, 64); err == nil {
				heap = spec.Memory(n)
			}
		}
		return slices.Clone(p.Worker.JVMArguments), heap, nil
	}
	if p.Role == spec.JobManagerTask {
		m, err := SplitJobManager(p.Configuration)
		if err != nil {
			return nil, 0, err
		}
		l.Properties, l.Warnings = m.DynamicProperties(), m.Warnings
		return m.JVMParameters(), m.Heap, nil
	}
	config := p.Configuration
	if _, ok := config[cpuCores]; !ok {
		config = Configuration(spec.Spec{FlinkConfiguration: config}, map[string]string{cpuCores: javaDouble(p.CPUs)})
	}
	m, err := SplitTaskManager(config)
	if err != nil {
		return nil, 0, err
	}
	l.Properties, l.Warnings = m.DynamicProperties(), m.Warnings
	return m.JVMParameters(), m.Heap(), nil
}

// identity are the properties that only the service can know: who and where the process is.
func (p Process) identity() []string {
	bind := p.BindHost
	if bind == "" {
		bind = "0.0.0.0"
	}
	port := func(name string) string { return strconv.Itoa(p.Ports[name]) }
	if p.Role == spec.TaskManagerTask {
		list := []string{
			"taskmanager.resource-id=" + p.TaskID,
			"taskmanager.host=" + p.Host,
			"taskmanager.bind-host=" + bind,
			"taskmanager.rpc.port=" + port(PortRPC),
			"taskmanager.data.port=" + port(PortData),
			"metrics.internal.query-service.port=" + port(PortMetrics),
		}
		if p.JobManagerHost != "" {
			list = append(list, "jobmanager.rpc.address="+p.JobManagerHost, "jobmanager.rpc.port="+strconv.Itoa(p.JobManagerPort))
		}
		return list
	}
	list := []string{
		"jobmanager.resource-id=" + p.TaskID,
		"jobmanager.rpc.address=" + p.Host,
		"jobmanager.rpc.port=" + port(PortRPC),
		"jobmanager.rpc.bind-port=" + port(PortRPC),
		"jobmanager.bind-host=" + bind,
		"rest.address=" + p.Host,
		"rest.bind-address=" + bind,
		"rest.port=" + port(PortREST),
		"rest.bind-port=" + port(PortREST),
		"blob.server.port=" + port(PortBlob),
		"metrics.internal.query-service.port=" + port(PortMetrics),
	}
	if highlyAvailable(p.Configuration) {
		list = append(list, "high-availability.jobmanager.port="+port(PortRPC))
	}
	if p.DriverTokenFile != "" {
		list = append(list,
			"mesos.driver.port="+port(PortDriver),
			"mesos.driver.bind-host="+bind,
			"mesos.driver.token-file="+p.DriverTokenFile,
			"mesos.worker.id-prefix="+p.WorkerPrefix)
	}
	return list
}

// collector matches the choice of a garbage collector.
var collector = regexp.MustCompile(`^-XX:\+Use[A-Za-z0-9]*GC$`)

// ownOptions are the JVM options that we choose, by role and size. The reasons:
//
//   - ActiveProcessorCount: on an agent with 64 processors a JVM starts 64 collector and
//     compiler threads for a task that was given one. Never below 2, because what a task
//     does not use of its share others may have, and one compiler thread doubles start-up.
//   - file.encoding: tasks have no locale, and before Java 18 that means ASCII.
//   - JobManager with at most 1 GiB of heap: the serial collector and the first compiler
//     only. Start to REST costs 4.1 s of processor time without both and 2.2 s with them, and 90 MB
//     less; such a JobManager idles. A larger heap says that there is work to do, and gets G1
//     and full compilation.
//   - TaskManager: all compilers, always, for the speed of jobs counts for more than the start; and G1, as in Flink's own
//     script, because the JVM's own choice below two processors or 1792 MiB is the serial collector, whose
//     pauses grow with the heap. With at most 256 MiB of heap the pauses are short and G1's own memory is
//     not. With at most 512 MiB and one processor likewise: G1's concurrent threads have no
//     processor of their own then; a job took the same processor time under both (3.1 s), the process
//     345 MB instead of 465 MB.
//
// Prepared classes (package classes) are the start script's business; with them the JobManager's 2.2 s become 1.4 s. Measured
// and turned down, since they changed nothing beside them: unverified bytecode (-XX:-BytecodeVerificationRemote;
// prepared classes are verified already), -XX:-UsePerfData, smaller stacks, the parallel collector.
func (p Process) ownOptions(heap spec.Memory, user []string) []string {
	cpus := p.CPUs
	if p.Worker != nil && p.Worker.CPUs > 0 {
		cpus = p.Worker.CPUs
	}
	list := []string{
		"-Dfile.encoding=UTF-8",
		fmt.Sprintf("-XX:ActiveProcessorCount=%d", max(2, int(math.Ceil(cpus)))),
	}
	chosen := slices.ContainsFunc(user, collector.MatchString)
	small := spec.GiB
	if p.Role == spec.TaskManagerTask {
		small = 256 * spec.MiB
		if cpus <= 1 {
			small = 512 * spec.MiB
		}
	}
	switch {
	case chosen:
	case heap <= small:
		list = append(list, "-XX:+UseSerialGC")
	default:
		list = append(list, "-XX:+UseG1GC")
	}
	if p.Role == spec.JobManagerTask && heap <= small {
		list = append(list, "-XX:TieredStopAtLevel=1")
	}
	return list
}

// moduleOptions open to Flink what Java 16 and later close: the list in the configuration file
// that Flink 1.20 and 2.x are released with (env.java.opts.all). Here it is not the
// user's to lose.
func moduleOptions() []string {
	var list []string
	for _, e := range []string{
		"java.base/sun.net.util", "java.rmi/sun.rmi.registry", "jdk.compiler/com.sun.tools.javac.api",
		"jdk.compiler/com.sun.tools.javac.file", "jdk.compiler/com.sun.tools.javac.parser",
		"jdk.compiler/com.sun.tools.javac.tree", "jdk.compiler/com.sun.tools.javac.util",
		"java.security.jgss/sun.security.krb5",
	} {
		list = append(list, "--add-exports="+e+"=ALL-UNNAMED")
	}
	for _, o := range []string{
		"lang", "net", "io", "nio", "lang.reflect", "text", "time", "util",
		"util.concurrent", "util.concurrent.atomic", "util.concurrent.locks",
	} {
		list = append(list, "--add-opens=java.base/java."+o+"=ALL-UNNAMED")
	}
	return append(list, "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED")
}

// userOptions are the JVM options of the configuration, in the order of Flink's scripts, and JVMArguments.
func (p Process) userOptions() ([]string, error) {
	role := string(p.Role)
	var all []string
	for _, key := range []string{
		"env.java.default-opts.all", "env.java.default-opts." + role,
		"env.java.opts", "env.java.opts.all", "env.java.opts." + role,
	} {
		words, err := splitOptions(p.Configuration[key])
		if err != nil {
			return nil, Problems{{key, err.Error()}}
		}
		all = append(all, words...)
	}
	return append(all, p.JVMArguments...), nil
}

// environment has the variables that the configuration sets (containerized.*.env.*, as on
// YARN and once on Mesos) and those that the start script and the logging read.
func (p Process) environment() map[string]string {
	env := map[string]string{}
	prefix := "containerized.master.env."
	if p.Role == spec.TaskManagerTask {
		prefix = "containerized.taskmanager.env."
	}
	for k, v := range p.Configuration {
		if name, ok := strings.CutPrefix(k, prefix); ok && name != "" {
			env[name] = v
		}
	}
	for key, name := range map[string]string{
		"env.java.home": "JAVA_HOME", "env.hadoop.conf.dir": "HADOOP_CONF_DIR",
		"env.yarn.conf.dir": "YARN_CONF_DIR", "env.hbase.conf.dir": "HBASE_CONF_DIR",
	} {
		if v := p.Configuration[key]; v != "" {
			env[name] = v
		}
	}
	p.Log.environment(env, p.Configuration)
	return env
}

// RESTAddress is the base URL of the JobManager's REST API on a host and port.
func RESTAddress(host string, port int) string {
	return "http://" + net.JoinHostPort(host, strconv.Itoa(port))
}

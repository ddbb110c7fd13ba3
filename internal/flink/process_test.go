package flink_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/program"
	"github.com/flink-on-mesos/flink-service/resources"
)

func jobManager() flink.Process {
	return flink.Process{
		Role: spec.JobManagerTask, Version: "2.3.0", TaskID: "demo-jm-1", Host: "agent-1",
		Ports:         map[string]int{"rest": 31000, "rpc": 31001, "blob": 31002, "metrics": 31003, "driver": 31004},
		CPUs:          0.5,
		Configuration: map[string]string{"jobmanager.memory.process.size": "1600m"},
	}
}

func taskManager() flink.Process {
	return flink.Process{
		Role: spec.TaskManagerTask, Version: "1.20.5", TaskID: "demo-tm-1", Host: "agent-2", BindHost: "10.0.0.2",
		Ports:          map[string]int{"rpc": 31000, "data": 31001, "metrics": 31002},
		CPUs:           3.5,
		Configuration:  map[string]string{"taskmanager.memory.process.size": "1728m", "taskmanager.numberOfTaskSlots": "2"},
		JobManagerHost: "agent-1", JobManagerPort: 31001,
	}
}

func launch(t *testing.T, p flink.Process) flink.Launch {
	t.Helper()
	l, err := p.Launch()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLaunchJobManager(t *testing.T) {
	l := launch(t, jobManager())
	wantProperties := []string{
		"jobmanager.resource-id=demo-jm-1", "jobmanager.rpc.address=agent-1", "jobmanager.rpc.port=31001",
		"jobmanager.rpc.bind-port=31001", "jobmanager.bind-host=0.0.0.0", "rest.address=agent-1", "rest.bind-address=0.0.0.0",
		"rest.port=31000", "rest.bind-port=31000", "blob.server.port=31002", "metrics.internal.query-service.port=31003",
		"jobmanager.memory.off-heap.size=134217728b", "jobmanager.memory.jvm-overhead.min=201326592b",
		"jobmanager.memory.jvm-metaspace.size=268435456b", "jobmanager.memory.heap.size=1073741824b",
		"jobmanager.memory.jvm-overhead.max=201326592b",
	}
	if diff := cmp.Diff(wantProperties, l.Properties); diff != "" {
		t.Errorf("Properties mismatch (-want +got):\n%s", diff)
	}
	withoutModules := slices.DeleteFunc(slices.Clone(l.JVM), func(s string) bool { return strings.HasPrefix(s, "--add-") })
	wantJVM := []string{
		"-Dfile.encoding=UTF-8", "-XX:ActiveProcessorCount=2", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Xmx1073741824", "-Xms1073741824", "-XX:MaxMetaspaceSize=268435456",
	}
	if diff := cmp.Diff(wantJVM, withoutModules); diff != "" {
		t.Errorf("JVM mismatch (-want +got):\n%s", diff)
	}
	if len(l.JVM)-len(withoutModules) != 20 {
		t.Errorf("%d module options, want the 20 of Flink's own configuration", len(l.JVM)-len(withoutModules))
	}
	const begin = "exec sh ./start-flink.sh 11 jobmanager org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint -Dfile.encoding=UTF-8 "
	if !strings.HasPrefix(l.Command, begin) || !strings.Contains(l.Command, " -- -D jobmanager.resource-id=demo-jm-1 ") {
		t.Errorf("Command = %s", l.Command)
	}
}

func TestLaunchTaskManager(t *testing.T) {
	l := launch(t, taskManager())
	for _, want := range []string{
		"taskmanager.resource-id=demo-tm-1", "taskmanager.host=agent-2", "taskmanager.bind-host=10.0.0.2",
		"taskmanager.rpc.port=31000", "taskmanager.data.port=31001", "metrics.internal.query-service.port=31002",
		"jobmanager.rpc.address=agent-1", "jobmanager.rpc.port=31001", "taskmanager.cpu.cores=3.5",
		"taskmanager.numberOfTaskSlots=2", "taskmanager.memory.managed.size=536870920b",
	} {
		if !slices.Contains(l.Properties, want) {
			t.Errorf("Properties lack %s: %v", want, l.Properties)
		}
	}
	for _, want := range []string{"-XX:ActiveProcessorCount=4", "-XX:+UseG1GC", "-Xmx536870902", "-XX:MaxDirectMemorySize=268435458"} {
		if !slices.Contains(l.JVM, want) {
			t.Errorf("JVM lacks %s: %v", want, l.JVM)
		}
	}
	if !strings.HasPrefix(l.Command, "exec sh ./start-flink.sh 8 taskmanager org.apache.flink.runtime.taskexecutor.TaskManagerRunner ") {
		t.Errorf("Command = %s", l.Command)
	}
}

func TestLaunchVariants(t *testing.T) {
	tests := []struct {
		name        string
		process     func() flink.Process
		has, hasNot []string // words of the command line
	}{
		{"a large JobManager", func() flink.Process {
			p := jobManager()
			p.Configuration["jobmanager.memory.process.size"] = "4g"
			return p
		}, []string{"-XX:+UseG1GC"}, []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"}},
		{"a tiny TaskManager", func() flink.Process {
			p := taskManager()
			p.Configuration["taskmanager.memory.process.size"] = "1g"
			return p
		}, []string{"-XX:+UseSerialGC"}, []string{"-XX:+UseG1GC", "-XX:TieredStopAtLevel=1"}},
		{"a small TaskManager on one processor", func() flink.Process {
			p := taskManager()
			p.CPUs = 1
			return p
		}, []string{"-XX:+UseSerialGC"}, []string{"-XX:+UseG1GC", "-XX:TieredStopAtLevel=1"}},
		{"a large TaskManager on one processor", func() flink.Process {
			p := taskManager()
			p.CPUs = 1
			p.Configuration["taskmanager.memory.process.size"] = "4g"
			return p
		}, []string{"-XX:+UseG1GC"}, []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}},
		{"a collector of the user's", func() flink.Process {
			p := taskManager()
			p.Configuration["env.java.opts.taskmanager"] = "-XX:+UseZGC '-Da=b c'"
			p.Configuration["env.java.opts.all"] = "-Dall=1"
			p.Configuration["env.java.opts.jobmanager"] = "-Dother=1"
			p.JVMArguments = []string{"-Dlast=1"}
			return p
		}, []string{"-XX:+UseZGC", "'-Da=b c'", "-Dall=1", "-Dlast=1"}, []string{"-XX:+UseG1GC", "-Dother=1"}},
		{"high availability", func() flink.Process {
			p := jobManager()
			p.Configuration["high-availability.type"] = "zookeeper"
			return p
		}, []string{"high-availability.jobmanager.port=31001"}, nil},
		{"a TaskManager with high availability", func() flink.Process {
			p := taskManager()
			p.Configuration["high-availability"] = "zookeeper"
			p.JobManagerHost, p.JobManagerPort = "", 0
			return p
		}, nil, []string{"jobmanager.rpc.address="}},
		{"the driver", func() flink.Process {
			p := jobManager()
			p.DriverTokenFile, p.WorkerPrefix = "conf/driver.token", "demo-x7k2-tm"
			p.EntryClass, p.Arguments = "org.example.Entry", []string{"--name", "it's"}
			return p
		}, []string{
			"mesos.driver.port=31004", "mesos.driver.bind-host=0.0.0.0", "mesos.driver.token-file=conf/driver.token",
			"mesos.worker.id-prefix=demo-x7k2-tm", "org.example.Entry", `'it'\''s'`,
		}, nil},
		{"a worker that Flink asked for", func() flink.Process {
			p := taskManager()
			p.CPUs = 0
			p.Worker = &task.Worker{
				ID: "demo-tm-1", CPUs: 6, Memory: spec.GiB, Slots: 2,
				JVMArguments:      []string{"-Xmx268435457", "-Xms268435457"},
				DynamicProperties: []string{"taskmanager.cpu.cores=6.0", `external-resources="gpu;fpga"`, "-D taskmanager.numberOfTaskSlots=2"},
			}
			return p
		}, []string{"-XX:ActiveProcessorCount=6", "-Xmx268435457", "-XX:+UseG1GC", "taskmanager.cpu.cores=6.0", "'external-resources=gpu;fpga'", "taskmanager.numberOfTaskSlots=2"}, []string{"taskmanager.memory.task.heap.size="}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			command := " " + launch(t, tt.process()).Command + " "
			for _, w := range tt.has {
				if !strings.Contains(command, " "+w+" ") {
					t.Errorf("the command lacks %s:\n%s", w, command)
				}
			}
			for _, w := range tt.hasNot {
				if strings.Contains(command, " "+w) {
					t.Errorf("the command has %s:\n%s", w, command)
				}
			}
		})
	}
}

func TestMemorySplitWinsOverTheUser(t *testing.T) {
	p := jobManager()
	p.Configuration["env.java.opts.jobmanager"] = "-Xmx9g -XX:TieredStopAtLevel=4"
	jvm := launch(t, p).JVM
	if slices.Index(jvm, "-Xmx9g") > slices.Index(jvm, "-Xmx1073741824") {
		t.Error("-Xmx of the user comes last and would win over the memory split")
	}
	if slices.Index(jvm, "-XX:TieredStopAtLevel=1") > slices.Index(jvm, "-XX:TieredStopAtLevel=4") {
		t.Error("our TieredStopAtLevel comes last and would win over the user's")
	}
}

func TestNothingSecretOnTheCommandLine(t *testing.T) {
	const canary = "canary-5f2c"
	for _, p := range []flink.Process{jobManager(), taskManager()} {
		for _, k := range []string{"s3.secret-key", "security.ssl.rest.key-password", "fs.s3a.access.key", "anything.else"} {
			p.Configuration[k] = canary
		}
		l := launch(t, p)
		if strings.Contains(l.Command, canary) || slices.Contains(slices.Collect(maps.Values(l.Environment)), canary) {
			t.Errorf("a value of the configuration is on the command line: %s", l.Command)
		}
	}
}

func TestLaunchEnvironment(t *testing.T) {
	p := taskManager()
	maps.Copy(p.Configuration, map[string]string{
		"containerized.taskmanager.env.LD_LIBRARY_PATH": "/opt/lib", "containerized.master.env.OTHER": "x",
		"env.java.home": "/opt/java", "env.hadoop.conf.dir": "/etc/hadoop", "env.log.level": "debug",
	})
	p.Log = flink.Log{File: true, FileSize: 3 * spec.MiB}
	want := map[string]string{
		"LD_LIBRARY_PATH": "/opt/lib", "JAVA_HOME": "/opt/java", "HADOOP_CONF_DIR": "/etc/hadoop",
		"FLINK_LOG_LEVEL": "DEBUG", "FLINK_LOG_SIZE": "3072KB", "FLINK_LOG_FILES": "5",
	}
	if diff := cmp.Diff(want, launch(t, p).Environment); diff != "" {
		t.Errorf("Environment mismatch (-want +got):\n%s", diff)
	}
}

func TestLaunchRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*flink.Process)
		option string
	}{
		{"no host", func(p *flink.Process) { p.Host = "" }, "host"},
		{"a host with a blank", func(p *flink.Process) { p.Host = "a b" }, "host"},
		{"no port", func(p *flink.Process) { delete(p.Ports, "data") }, "ports.data"},
		{"no cpus", func(p *flink.Process) { p.CPUs = 0 }, "cpus"},
		{"no JobManager", func(p *flink.Process) { p.JobManagerHost = "" }, "jobManagerHost"},
		{"no memory", func(p *flink.Process) { p.Configuration = map[string]string{} }, "taskmanager.memory.process.size"},
		{"an open quote", func(p *flink.Process) { p.Configuration["env.java.opts.all"] = "'-Da" }, "env.java.opts.all"},
		{"no role", func(p *flink.Process) { p.Role = "" }, "role"},
		{"a bad worker", func(p *flink.Process) { p.Worker = &task.Worker{DynamicProperties: []string{"oops"}} }, "worker.dynamicProperties"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := taskManager()
			tt.change(&p)
			_, err := p.Launch()
			problems, ok := errors.AsType[flink.Problems](err)
			if !ok || !slices.ContainsFunc(problems, func(q flink.Problem) bool { return q.Option == tt.option }) {
				t.Errorf("Launch() = %v, want a problem of %s", err, tt.option)
			}
		})
	}
}

// fakeJava writes a java that prints its arguments, one a line, into a Java home.
func fakeJava(t *testing.T, home, version string) {
	t.Helper()
	script := "#!/bin/sh\nfor a in \"$@\"; do echo \"[$a]\"; done\necho \"pid $$\"\n"
	program.Write(t, filepath.Join(home, "bin", "java"), script)
	if err := os.WriteFile(filepath.Join(home, "release"), []byte("IMPLEMENTOR=\"x\"\nJAVA_VERSION=\""+version+"\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

type scriptTest struct {
	name    string
	prepare func(t *testing.T, dir string) []string // returns the environment
	code    int
	stdout  []string // lines that must be there
	not     []string // lines that must not
	stderr  string
}

// preparedClasses are shown to the Java that wrote them and to no other.
func preparedClasses() []scriptTest {
	inSandbox := func(runtime, size string) func(t *testing.T, dir string) []string {
		return func(t *testing.T, dir string) []string {
			t.Helper()
			home := filepath.Join(dir, "jdk")
			fakeJava(t, home, "17.0.15")
			f, err := os.OpenFile(filepath.Join(home, "release"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString("JAVA_RUNTIME_VERSION=\"" + runtime + "\"\n"); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "classes-17.0.15+6-"+size+".jsa"), "12345")
			return nil
		}
	}
	return []scriptTest{
		{"classes of this Java", inSandbox("17.0.15+6", "5"), 0, []string{"[-XX:SharedArchiveFile=/", "/classes-17.0.15+6-5.jsa]\n[-Xshare:auto]"}, nil, ""},
		{"half of the classes of this Java", inSandbox("17.0.15+6", "10"), 0, nil, []string{"SharedArchiveFile", "-Xshare"}, "is not whole"},
		{"classes of another Java", inSandbox("17.0.15+6-x", "5"), 0, nil, []string{"SharedArchiveFile", "-Xshare"}, ""},
		{"a Java that does not say which it is", func(t *testing.T, dir string) []string {
			t.Helper()
			fakeJava(t, filepath.Join(dir, "jdk"), "17.0.15")
			write(t, filepath.Join(dir, "classes--5.jsa"), "12345")
			return nil
		}, 0, nil, []string{"SharedArchiveFile"}, ""},
	}
}

func TestStartScript(t *testing.T) {
	tests := []scriptTest{
		{
			"Java in the sandbox", func(t *testing.T, dir string) []string {
				fakeJava(t, filepath.Join(dir, "jdk-17"), "17.0.15")
				return nil
			}, 0, []string{"[--add-opens=java.base/java.lang=ALL-UNNAMED]", "[-Dquoted=a 'b' \"c\" $HOME]", "[org.example.Main]", "[--configDir]", "[-D]", "[k=v w]"}, nil, "Java 17.0.15",
		},
		{
			"JAVA_HOME before the sandbox", func(t *testing.T, dir string) []string {
				fakeJava(t, filepath.Join(dir, "jdk-17"), "17.0.15")
				other := filepath.Join(t.TempDir(), "other java")
				fakeJava(t, other, "21")
				return []string{"JAVA_HOME=" + other}
			}, 0, nil, nil, "Java 21 (",
		},
		{
			"a useless JAVA_HOME", func(t *testing.T, dir string) []string {
				fakeJava(t, filepath.Join(dir, "archive", "jre-11"), "11.0.2")
				return []string{"JAVA_HOME=/no/where"}
			}, 0, nil, nil, "JAVA_HOME is /no/where",
		},
		{
			"Java in PATH", func(t *testing.T, _ string) []string {
				other := t.TempDir()
				fakeJava(t, other, "17")
				return []string{"PATH=" + filepath.Join(other, "bin") + ":/usr/bin:/bin"}
			}, 0, nil, nil, "Java 17 (",
		},
		{
			"no Java", func(*testing.T, string) []string { return nil },
			127, nil, nil, "this agent has no Java: install Java 11 or newer on it, set JAVA_HOME",
		},
		{
			"an old Java", func(t *testing.T, dir string) []string {
				fakeJava(t, filepath.Join(dir, "jre8"), "1.8.0_392")
				return nil
			}, 126, nil, nil, "is Java 1.8.0_392, and this Flink needs Java 11 or newer",
		},
		{
			"a Java without the HTTP server of the driver", func(t *testing.T, dir string) []string {
				linked(t, dir, "java.base java.management")
				return nil
			}, 126, nil, nil, "has no module jdk.httpserver",
		},
		{
			"no Flink", func(t *testing.T, dir string) []string {
				fakeJava(t, filepath.Join(dir, "jre"), "17")
				if err := os.RemoveAll(filepath.Join(dir, "flink")); err != nil {
					t.Fatal(err)
				}
				return nil
			}, 72, nil, nil, "there is no Flink in",
		},
		{
			"Hadoop", func(t *testing.T, dir string) []string {
				fakeJava(t, filepath.Join(dir, "jre"), "17")
				return []string{"HADOOP_CLASSPATH=/opt/hadoop/*"}
			}, 0, []string{"CLASSPATH:/opt/hadoop/*"}, nil, "",
		},
	}
	for _, tt := range append(tests, preparedClasses()...) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "a sandbox")
			for _, jar := range []string{"b.jar", "a.jar"} {
				write(t, filepath.Join(dir, "flink", "lib", jar), "")
			}
			write(t, filepath.Join(dir, flink.StartScriptName), resources.StartScript())
			write(t, filepath.Join(dir, "stdout"), "")
			stdout, stderr, code := runScript(t, dir, tt.prepare(t, dir), "11")
			if code != tt.code || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("exit code %d, stderr %q, want %d and %q", code, stderr, tt.code, tt.stderr)
			}
			// The same in every sandbox, as prepared classes need it.
			const classpath = "flink/lib/a.jar:flink/lib/b.jar"
			for _, l := range tt.stdout {
				if l = strings.ReplaceAll(l, "CLASSPATH", "["+classpath); !strings.Contains(stdout, l) {
					t.Errorf("java was not given %s:\n%s", l, stdout)
				}
			}
			for _, l := range tt.not {
				if strings.Contains(stdout, l) {
					t.Errorf("java was given %s:\n%s", l, stdout)
				}
			}
			if tt.code != 0 {
				return
			}
			for _, l := range []string{"[-cp]\n[" + classpath, "[-Djava.io.tmpdir=" + dir + "/tmp]", "[-Dlog4j.configurationFile=file:" + dir + "/conf/log4j.properties]", "[-Dlog.file=" + dir + "/log/jobmanager.log]"} {
				if !strings.Contains(stdout, l) {
					t.Errorf("java was not given %s:\n%s", l, stdout)
				}
			}
			if link, err := os.Readlink(filepath.Join(dir, "log", "jobmanager.log")); err != nil || link != "../stdout" {
				t.Errorf("the log is a link to %q (%v), want standard output", link, err)
			}
		})
	}
}

// linked puts a Java of some modules and the driver into a sandbox.
func linked(t *testing.T, dir, modules string) {
	t.Helper()
	write(t, filepath.Join(dir, "flink", "lib", "flink-mesos-driver.jar"), "")
	fakeJava(t, filepath.Join(dir, "jre"), "17")
	release := filepath.Join(dir, "jre", "release")
	data, err := os.ReadFile(release)
	if err != nil {
		t.Fatal(err)
	}
	write(t, release, string(data)+"MODULES=\""+modules+"\"\n")
}

func TestStartScriptTakesLinkedJava(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	linked(t, dir, "java.base jdk.httpserver")
	write(t, filepath.Join(dir, flink.StartScriptName), resources.StartScript())
	if _, stderr, code := runScript(t, dir, nil, "11"); code != 0 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestStartScriptLeavesModulesOutForJava8(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "flink", "lib", "a.jar"), "")
	write(t, filepath.Join(dir, flink.StartScriptName), resources.StartScript())
	fakeJava(t, filepath.Join(dir, "jre"), "1.8.0_392")
	stdout, stderr, code := runScript(t, dir, nil, "8")
	if code != 0 || strings.Contains(stdout, "add-opens=java.base") || !strings.Contains(stdout, "[--add-opens=an-argument]") {
		t.Errorf("exit code %d, stderr %q, java was given\n%s", code, stderr, stdout)
	}
}

func runScript(t *testing.T, dir string, env []string, oldest string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", flink.StartScriptName, oldest, "jobmanager", "org.example.Main",
		"--add-opens=java.base/java.lang=ALL-UNNAMED", `-Dquoted=a 'b' "c" $HOME`, "--", "-D", "k=v w", "--add-opens=an-argument")
	cmd.Dir = dir
	// A PATH with the tools that the script uses and without any Java.
	tools := t.TempDir()
	for _, tool := range []string{"sh", "dirname", "readlink", "sed", "head", "mkdir", "ln", "wc", "tr"} {
		real, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(real, filepath.Join(tools, tool)); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Env = append([]string{"PATH=" + tools}, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

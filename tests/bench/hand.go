package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/appcds"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/flink/jre"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// The Flink that the benches start beside the service's: by hand, from the same distribution, with the same
// configuration and memory.

const distributions = "build/flink"

// flinkSpec is the cluster that is started both ways: one worker with as many slots.
func flinkSpec(version string, slots int) spec.Spec {
	return spec.Spec{
		Name: "bench", Kind: spec.Session, FlinkVersion: version, Allocation: spec.Dynamic, Role: "*",
		JobManager:  spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}},
		TaskManager: spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Slots: slots},
		FlinkConfiguration: map[string]string{
			"web.refresh-interval":                  "100", // Or else a job's page is up to 3 s old.
			"resourcemanager.taskmanager-timeout":   "1000",
			"restart-strategy.type":                 "fixed-delay",
			"restart-strategy.fixed-delay.attempts": "100",
			"restart-strategy.fixed-delay.delay":    "200 ms",
		},
	}
}

// newestFlink is the distribution that is measured.
func newestFlink() (dist.Manifest, error) {
	list, err := dist.Scan(distributions)
	if err != nil {
		return dist.Manifest{}, err
	}
	return dist.Pick(list, "")
}

// hand starts processes of one distribution.
type hand struct {
	flink   dist.Manifest
	dir     string
	home    string
	config  map[string]string
	overlay string
	made    int
	// stock has processes started with the command line of Flink's own scripts rather than by ours.
	stock bool
	// classes is a file of prepared classes for each role, for our command line; may be empty. sandboxFile is its name
	// in the sandbox.
	classes, sandboxFile map[spec.TaskKind]string
	jm                   map[string]int
	// java is the home of the Java, for our command line; empty takes that of the environment.
	java string
}

func newHand(ctx context.Context, dir string, slots int) (*hand, error) {
	m, err := newestFlink()
	if err != nil {
		return nil, err
	}
	h := &hand{flink: m, dir: dir, home: filepath.Join(dir, dist.Home), overlay: filepath.Join(dir, "overlay.tgz")}
	spec, err := flink.Adopt(flinkSpec(m.Version, slots))
	if err != nil {
		return nil, err
	}
	h.config = flink.Configuration(spec, nil)
	overlay, err := flink.Overlay{Configuration: h.config}.Archive()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(h.overlay, overlay, 0o600); err != nil {
		return nil, err
	}
	return h, h.unpack(ctx, h.home)
}

// bringJava has our command line use the Java of the DC/OS package, unpacked as an agent does it, and the classes that were
// prepared for it.
func (h *hand) bringJava(ctx context.Context) error {
	found, err := jre.Scan(distributions)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("%s has no Java archive: run make java", distributions)
	}
	if err := untar(ctx, filepath.Join(distributions, found[0].File), h.dir); err != nil {
		return err
	}
	h.java = filepath.Join(h.dir, jre.Home)
	h.classes, h.sandboxFile = map[spec.TaskKind]string{}, map[spec.TaskKind]string{}
	prepared, err := appcds.Scan(distributions, h.flink.SHA256)
	if err != nil {
		return err
	}
	for _, a := range prepared {
		if a.Java == found[0].Version {
			h.classes[a.Role], h.sandboxFile[a.Role] = filepath.Join(distributions, a.File), appcds.SandboxFile(a)
		}
	}
	if len(h.classes) != 2 {
		return fmt.Errorf("%s has no prepared classes for Flink %s and Java %s: run make java", distributions, h.flink.Version, found[0].Version)
	}
	return nil
}

// unpack brings the distribution to where home will be.
func (h *hand) unpack(ctx context.Context, home string) error {
	return untar(ctx, filepath.Join(distributions, h.flink.File), filepath.Dir(home))
}

func untar(ctx context.Context, archive, into string) error {
	if err := os.MkdirAll(into, 0o700); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "tar", "-C", into, "-xzf", archive).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack %s: %w: %s", archive, err, out)
	}
	return nil
}

// handProcess is a JobManager or TaskManager started by hand.
type handProcess struct {
	cmd   *exec.Cmd
	id    string
	said  string
	ended chan struct{}
	began time.Time
}

// start starts a process. For a TaskManager there must be a JobManager.
func (h *hand) start(ctx context.Context, role spec.TaskKind) (*handProcess, error) {
	h.made++
	sandbox := filepath.Join(h.dir, fmt.Sprintf("%s-%d", role, h.made))
	if err := untar(ctx, h.overlay, sandbox); err != nil {
		return nil, err
	}
	if err := os.Symlink(h.home, filepath.Join(sandbox, dist.Home)); err != nil {
		return nil, err
	}
	ports, err := freePorts(flink.PortNames(role, false))
	if err != nil {
		return nil, err
	}
	p := flink.Process{
		Role: role, Version: h.flink.Version, TaskID: fmt.Sprintf("hand-%d", h.made), Host: "127.0.0.1", BindHost: "127.0.0.1",
		Ports: ports, CPUs: 1, Configuration: h.config,
	}
	if role == spec.JobManagerTask {
		h.jm = ports
	} else {
		p.JobManagerHost, p.JobManagerPort = "127.0.0.1", h.jm[flink.PortRPC]
	}
	l, err := p.Launch()
	if err != nil {
		return nil, err
	}
	x := &handProcess{id: p.TaskID, said: filepath.Join(sandbox, "output"), ended: make(chan struct{})}
	if h.stock {
		x.cmd, err = stockCommand(sandbox, role, l)
		if err != nil {
			return nil, err
		}
	} else {
		if file := h.classes[role]; file != "" {
			if err := copyFile(file, filepath.Join(sandbox, h.sandboxFile[role])); err != nil {
				return nil, err
			}
		}
		x.cmd = exec.Command("sh", "-c", l.Command)
		for k, v := range l.Environment {
			x.cmd.Env = append(x.cmd.Env, k+"="+v)
		}
	}
	x.cmd.Dir = sandbox
	for _, name := range []string{"PATH", "JAVA_HOME"} {
		v := os.Getenv(name)
		if name == "JAVA_HOME" && h.java != "" && !h.stock {
			v = h.java
		}
		if v != "" {
			x.cmd.Env = append(x.cmd.Env, name+"="+v)
		}
	}
	out, err := os.Create(x.said)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	x.cmd.Stdout, x.cmd.Stderr = out, out
	x.began = time.Now()
	if err := x.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = x.cmd.Wait() // How it ended is in its output.
		close(x.ended)
	}()
	return x, nil
}

// stockCommand is what Flink's bin/jobmanager.sh and bin/taskmanager.sh come to: the memory split and the options of the
// configuration that Flink is released with, the G1 collector for a TaskManager, and every jar of lib. The JVM
// that those scripts start first, to work out the memory, is left out.
func stockCommand(sandbox string, role spec.TaskKind, l flink.Launch) (*exec.Cmd, error) {
	args := slices.DeleteFunc(slices.Clone(l.JVM), func(o string) bool {
		return strings.HasPrefix(o, "-XX:ActiveProcessorCount") || strings.HasPrefix(o, "-XX:TieredStopAtLevel") ||
			strings.HasPrefix(o, "-XX:+Use") || strings.HasPrefix(o, "-Dfile.encoding")
	})
	class := flink.SessionEntryClass
	if role == spec.TaskManagerTask {
		args, class = append(args, "-XX:+UseG1GC"), flink.TaskManagerEntryClass
	}
	jars, err := filepath.Glob(filepath.Join(sandbox, dist.Home, "lib", "*.jar"))
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(sandbox, "conf")
	args = append(args, "-Dlog.file="+filepath.Join(sandbox, "flink.log"), "-Dlog4j.configurationFile=file:"+filepath.Join(conf, "log4j.properties"),
		"-classpath", strings.Join(jars, ":"), class, "--configDir", conf)
	for _, p := range l.Properties {
		args = append(args, "-D", p)
	}
	return exec.Command("java", args...), nil
}

// end ends the process in order.
func (x *handProcess) end() {
	_ = x.cmd.Process.Signal(syscall.SIGTERM) // It has ended already when this fails.
	select {
	case <-x.ended:
	case <-time.After(20 * time.Second):
		x.kill()
	}
}

func (x *handProcess) kill() {
	_ = x.cmd.Process.Kill() // It has ended already when this fails.
	<-x.ended
}

// until polls until a condition holds; errors are those of a process that starts.
func (x *handProcess) until(ctx context.Context, what string, holds func(context.Context) (bool, error)) error {
	err := poll(ctx, x.ended, what, holds)
	if err != nil {
		text, _ := os.ReadFile(x.said) // The error says enough without.
		err = fmt.Errorf("%w: %s", err, text[max(0, len(text)-2000):])
	}
	return err
}

// pollEvery is how exactly the benches of Flink see a time.
const pollEvery = 10 * time.Millisecond

func poll(ctx context.Context, ended <-chan struct{}, what string, holds func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		ok, err := holds(ctx)
		if ok && err == nil {
			return nil
		}
		select {
		case <-time.After(pollEvery):
		case <-ended:
			return fmt.Errorf("%s: the process ended", what)
		case <-ctx.Done():
			return fmt.Errorf("%s: never: %w", what, errors.Join(ctx.Err(), err))
		}
	}
}

// api is the REST client of the JobManager.
func (h *hand) api() (*rest.Client, error) {
	return rest.New(rest.Options{URL: flink.RESTAddress("127.0.0.1", h.jm[flink.PortREST]), Timeout: 5 * time.Second})
}

// registered waits until so many TaskManagers are registered.
func registered(ctx context.Context, api *rest.Client, ended <-chan struct{}, n int) error {
	return poll(ctx, ended, fmt.Sprintf("%d TaskManagers are registered", n), func(ctx context.Context) (bool, error) {
		list, err := api.TaskManagers(ctx)
		return len(list) == n, err
	})
}

// upload brings the demo jobs to a JobManager.
func upload(ctx context.Context, api *rest.Client) (string, error) {
	f, err := os.Open("resources/demo-job/target/flink-mesos-demo-job.jar")
	if err != nil {
		return "", fmt.Errorf("%w: run make demo-job", err)
	}
	defer f.Close()
	return api.Upload(ctx, "demo.jar", f)
}

// endless starts a job that never ends.
func endless(ctx context.Context, api *rest.Client, jar string, parallelism int, more ...string) (string, error) {
	return api.Run(ctx, jar, rest.Run{
		EntryClass: "org.flinkonmesos.demo.Endless", Arguments: append([]string{"--parallelism", fmt.Sprint(parallelism)}, more...),
	})
}

// runs waits until every task of a job runs.
func runs(ctx context.Context, api *rest.Client, ended <-chan struct{}, id string) error {
	return poll(ctx, ended, "the job runs", func(ctx context.Context) (bool, error) {
		j, err := api.Job(ctx, id)
		return err == nil && len(j.Vertices) > 0 && j.Running(), err
	})
}

// cancel ends a job and waits for that.
func cancel(ctx context.Context, api *rest.Client, id string) error {
	if err := api.Cancel(ctx, id); err != nil {
		return err
	}
	_, err := api.WaitJob(ctx, id, pollEvery)
	return err
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func freePorts(names []string) (map[string]int, error) {
	ports := map[string]int{}
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports[name] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

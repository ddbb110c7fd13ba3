package appcds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Options say which archives to make.
type Options struct {
	// Dir holds the distribution, and takes the archives and temporary files.
	Dir          string
	Distribution dist.Manifest
	Java         Java
	// Progress is told what happens, one line at a time; nil means nobody.
	Progress io.Writer
}

// ErrNoDriver says that a distribution has no resource manager driver in lib, whose classes and whose job the
// archives need.
var ErrNoDriver = errors.New("the resource manager driver is not in the distribution's lib")

// limit bounds how long the processes run; on a slow machine it takes half a minute.
const limit = 10 * time.Minute

// Make makes the archives of a distribution for one Java, unless they are there: it runs a JobManager, which asks
// for a TaskManager to run a small job, as a session cluster of the service would, and has both write down at
// their exit which classes they had. It can be interrupted at any point: what has its final name is whole.
func Make(ctx context.Context, o Options) ([]Archive, error) {
	if o.Dir == "" || o.Distribution.SHA256 == "" || o.Java.Home == "" {
		return nil, errors.New("make class archives: Dir, Distribution and Java are required")
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	there, err := o.at()
	if err != nil || len(there) == 2 {
		return there, err
	}
	jar := slices.IndexFunc(o.Distribution.Libraries, func(l dist.Library) bool {
		return strings.HasPrefix(filepath.Base(l.Path), "flink-mesos-driver")
	})
	if jar < 0 {
		return nil, fmt.Errorf("make class archives of Flink %s: %w", o.Distribution.Version, ErrNoDriver)
	}
	fmt.Fprintf(o.Progress, "Flink %s: preparing its classes for Java %s\n", o.Distribution.Version, o.Java.Version)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	work, err := os.MkdirTemp(o.Dir, ".classes-")
	if err != nil {
		return nil, fmt.Errorf("make class archives: %w", err)
	}
	defer os.RemoveAll(work)
	r := rehearsal{o: o, dir: work, driver: o.Distribution.Libraries[jar].Path}
	if err := r.run(ctx); err != nil {
		return nil, fmt.Errorf("make class archives of Flink %s: %w", o.Distribution.Version, err)
	}
	for _, role := range []spec.TaskKind{spec.JobManagerTask, spec.TaskManagerTask} {
		if err := os.Rename(r.archive(role), filepath.Join(o.Dir, name(o.Distribution.SHA256, role, o.Java.Version))); err != nil {
			return nil, fmt.Errorf("make class archives: %w", err)
		}
	}
	if err := prune(o.Dir); err != nil {
		return nil, err
	}
	return o.at()
}

// at lists the archives that are there for the Java of the options.
func (o Options) at() ([]Archive, error) {
	list, err := Scan(o.Dir, o.Distribution.SHA256)
	return slices.DeleteFunc(list, func(a Archive) bool { return a.Java != o.Java.Version }), err
}

// rehearsal is one run of a JobManager and a TaskManager.
type rehearsal struct {
	o      Options
	dir    string
	driver string // the driver's jar, relative to Flink's home
	config map[string]string
	token  string
	ports  map[string]int
}

func (r *rehearsal) archive(role spec.TaskKind) string {
	return filepath.Join(r.dir, string(role)+".jsa")
}

func (r *rehearsal) sandbox(role spec.TaskKind) string { return filepath.Join(r.dir, string(role)) }

const (
	tokenFile = "conf/driver-token"
	prefix    = "rehearsal-tm"
)

func (r *rehearsal) run(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	var err error
	if r.ports, err = freePorts(flink.PortNames(spec.JobManagerTask, true)); err != nil {
		return err
	}
	jm, err := r.start(flink.Process{
		Role: spec.JobManagerTask, TaskID: "rehearsal-jm", EntryClass: "org.flinkonmesos.driver.MesosSessionClusterEntrypoint",
		Ports: r.ports, CPUs: 1, DriverTokenFile: tokenFile, WorkerPrefix: prefix,
	})
	if err != nil {
		return err
	}
	defer jm.kill()
	ctx, cancel := jm.bound(ctx)
	defer cancel()
	api, err := rest.New(rest.Options{URL: flink.RESTAddress(host, r.ports[flink.PortREST])})
	if err != nil {
		return err
	}
	var id string
	for id == "" {
		if id, err = r.submit(ctx, api); err != nil {
			select {
			case <-time.After(100 * time.Millisecond): // It starts.
			case <-ctx.Done():
				return fmt.Errorf("the JobManager: %w: %w", context.Cause(ctx), err)
			}
		}
	}
	tm, tell, err := r.worker(ctx)
	if err != nil {
		return err
	}
	defer tm.kill()
	state, err := api.WaitJob(ctx, id, 50*time.Millisecond)
	if err != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	if state != "FINISHED" {
		return fmt.Errorf("the job ended %s", state)
	}
	// Both write their archive at the end of an orderly exit.
	if err := tm.stop(r.archive(spec.TaskManagerTask)); err != nil {
		return err
	}
	tell()
	return jm.stop(r.archive(spec.JobManagerTask))
}

// prepare unpacks the distribution as an agent does, for Java compares the times of jars, and makes the sandboxes.
func (r *rehearsal) prepare(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, "tar", "-C", r.dir, "-xzf", filepath.Join(r.o.Dir, r.o.Distribution.File)).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack: %w: %s", err, out)
	}
	sp, err := flink.Adopt(spec.Spec{
		FlinkConfiguration: map[string]string{"rest.profiling.enabled": "false"},
		JobManager:         spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}},
		TaskManager:        spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Slots: 1},
	})
	if err != nil {
		return err
	}
	r.config = flink.Configuration(sp, nil)
	r.token = fmt.Sprintf("%x", time.Now().UnixNano()) // It guards a process of seconds on 127.0.0.1 that has nothing to hide.
	overlay, err := flink.Overlay{Configuration: r.config, Files: []flink.File{{Name: tokenFile, Content: []byte(r.token)}}}.Archive()
	if err != nil {
		return err
	}
	file := filepath.Join(r.dir, "overlay.tgz")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return err
	}
	for _, role := range []spec.TaskKind{spec.JobManagerTask, spec.TaskManagerTask} {
		if err := os.Mkdir(r.sandbox(role), 0o700); err != nil {
			return err
		}
		if err := os.Symlink(filepath.Join("..", dist.Home), filepath.Join(r.sandbox(role), dist.Home)); err != nil {
			return err
		}
		if out, err := exec.CommandContext(ctx, "tar", "-C", r.sandbox(role), "-xzf", file).CombinedOutput(); err != nil {
			return fmt.Errorf("unpack: %w: %s", err, out)
		}
	}
	return nil
}

// submit starts the job that is in the driver's jar.
func (r *rehearsal) submit(ctx context.Context, api *rest.Client) (string, error) {
	f, err := os.Open(filepath.Join(r.dir, dist.Home, r.driver))
	if err != nil {
		return "", err
	}
	defer f.Close()
	jar, err := api.Upload(ctx, "rehearsal.jar", f)
	if err != nil {
		return "", err
	}
	return api.Run(ctx, jar, rest.Run{EntryClass: "org.flinkonmesos.driver.Rehearsal"})
}

// worker plays the service for one worker: it starts the TaskManager that Flink asks for, and tells the driver so.
// tell says that it has ended.
func (r *rehearsal) worker(ctx context.Context) (tm *process, tell func(), err error) {
	c, err := driver.New(driver.Options{Address: net.JoinHostPort(host, fmt.Sprint(r.ports[flink.PortDriver])), Token: driver.Token(r.token)})
	if err != nil {
		return nil, nil, err
	}
	wanted := make(chan driver.Wanted)
	x, err := driver.NewExchange(driver.ExchangeOptions{
		Client: c, Log: slog.New(slog.DiscardHandler),
		OnWanted: func(w driver.Wanted) {
			select {
			case wanted <- w:
			case <-ctx.Done():
			}
		},
	})
	if err != nil {
		return nil, nil, err
	}
	go func() { _ = x.Run(ctx) }() // It ends with ctx.
	x.SetReport(driver.Report{})
	for {
		select {
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		case w := <-wanted:
			if !w.Ready || len(w.Workers) == 0 {
				continue
			}
			one := w.Workers[0]
			sp := one.Spec()
			ports, err := freePorts(flink.PortNames(spec.TaskManagerTask, false))
			if err != nil {
				return nil, nil, err
			}
			tm, err := r.start(flink.Process{
				Role: spec.TaskManagerTask, TaskID: one.ID, Ports: ports, Worker: &sp,
				JobManagerHost: host, JobManagerPort: r.ports[flink.PortRPC],
			})
			if err != nil {
				return nil, nil, err
			}
			go func() {
				for { // Nobody needs to hear more of what is wanted.
					select {
					case <-wanted:
					case <-ctx.Done():
						return
					}
				}
			}()
			x.SetReport(driver.Report{Workers: []driver.WorkerStatus{{ID: one.ID, State: driver.Running}}})
			return tm, func() {
				x.SetReport(driver.Report{Workers: []driver.WorkerStatus{{ID: one.ID, State: driver.Terminated, Message: "the rehearsal is over"}}})
			}, nil
		}
	}
}

const host = "127.0.0.1"

// process is a JobManager or a TaskManager.
type process struct {
	cmd   *exec.Cmd
	what  string
	said  string // the file with its output
	ended chan struct{}
	err   error
}

// start starts a process by the command line that a task has, with the one option more.
func (r *rehearsal) start(p flink.Process) (*process, error) {
	p.Version, p.Host, p.BindHost, p.Configuration = r.o.Distribution.Version, host, host, r.config
	p.JVMArguments = []string{"-XX:ArchiveClassesAtExit=" + r.archive(p.Role), "-Xlog:cds=off", "-Xlog:cds+dynamic=off", "-Xlog:class+load=off"}
	l, err := p.Launch()
	if err != nil {
		return nil, err
	}
	x := &process{cmd: exec.Command("sh", "-c", l.Command), what: string(p.Role), said: filepath.Join(r.dir, string(p.Role)+".out"), ended: make(chan struct{})}
	out, err := os.Create(x.said)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	x.cmd.Dir, x.cmd.Stdout, x.cmd.Stderr = r.sandbox(p.Role), out, out
	x.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "JAVA_HOME=" + r.o.Java.Home}
	for k, v := range l.Environment {
		if k != "JAVA_HOME" {
			x.cmd.Env = append(x.cmd.Env, k+"="+v)
		}
	}
	if err := x.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		x.err = x.cmd.Wait()
		close(x.ended)
	}()
	return x, nil
}

// bound returns a context that is over when the process is.
func (x *process) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-ctx.Done():
		case <-x.ended:
			cancel(x.failure("ended too early"))
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// stop ends the process in order and checks that it left its archive.
func (x *process) stop(archive string) error {
	if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return x.failure("ended too early")
	}
	select {
	case <-x.ended:
	case <-time.After(limit / 3):
		x.kill()
		return x.failure("did not end")
	}
	if info, err := os.Stat(archive); err != nil || info.Size() < 1<<20 {
		return x.failure("left no archive")
	}
	return os.Chmod(archive, 0o644)
}

func (x *process) kill() {
	_ = x.cmd.Process.Kill() // It has ended already when this fails.
	<-x.ended
}

func (x *process) failure(what string) error {
	text, err := os.ReadFile(x.said)
	if err != nil {
		text = []byte(err.Error())
	}
	return fmt.Errorf("the %s %s: %s", x.what, what, text[max(0, len(text)-2000):])
}

// freePorts finds a port for each name.
func freePorts(names []string) (map[string]int, error) {
	ports := map[string]int{}
	for _, name := range names {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports[name] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

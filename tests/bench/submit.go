package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// The bench of submission: a JobManager runs and there is no worker; how long after a job is submitted do all its tasks
// run? Through the service, Flink asks for a worker, the service launches it, and the agent fetches and starts it. By
// hand, somebody starts a TaskManager with Flink's stock command line in the moment of the submission. Cold, the
// agent's fetcher has never seen the distribution, and by hand it has to be unpacked first; warm, neither.
//
// Beside these, the warm submission with each lever of ours let go: without prepared classes, and with the JVM's own choices
// in place of our options. (The third lever, the fetcher's cache, is the difference between cold and warm.)
//
// Of the warm submissions it also says which part of the time from the demand to the registration of the TaskManager is the
// service's: until ACCEPT is sent.
const (
	submitWorlds = 3
	submitWarm   = 2 // of each world
	submitSlots  = 2
	clusterName  = "bench"
)

func benchSubmit(ctx context.Context, e env) ([]Result, error) {
	var ours, stock struct{ cold, warm []float64 }
	var share []float64
	without := map[lever][]float64{}
	for n := range submitWorlds {
		cold, warm, shares, err := submitOurs(ctx, filepath.Join(e.dir, fmt.Sprintf("ours-%d", n)), "")
		if err != nil {
			return nil, fmt.Errorf("through the service: %w", err)
		}
		ours.cold, ours.warm, share = append(ours.cold, cold), append(ours.warm, warm...), append(share, shares...)
		fmt.Fprintf(e.progress, "  service: cold %.2f s, warm %.2f s, its share of registration %.1f %%\n", cold, warm, shares)
		cold, warm, err = submitStock(ctx, filepath.Join(e.dir, fmt.Sprintf("stock-%d", n)))
		if err != nil {
			return nil, fmt.Errorf("by hand: %w", err)
		}
		stock.cold, stock.warm = append(stock.cold, cold), append(stock.warm, warm...)
		fmt.Fprintf(e.progress, "  by hand: cold %.2f s, warm %.2f s\n", cold, warm)
		for _, l := range []lever{preparedClasses, jvmOptions} {
			_, warm, _, err := submitOurs(ctx, filepath.Join(e.dir, fmt.Sprintf("without-%s-%d", l, n)), l)
			if err != nil {
				return nil, fmt.Errorf("without %s: %w", l, err)
			}
			without[l] = append(without[l], warm...)
			fmt.Fprintf(e.progress, "  without %s: warm %.2f s\n", l, warm)
		}
	}
	return []Result{
		NewResult("submit_running_without_"+string(preparedClasses), "s", without[preparedClasses], "stock command line by hand", stock.warm),
		NewResult("submit_running_without_"+string(jvmOptions), "s", without[jvmOptions], "stock command line by hand", stock.warm),
		NewResult("submit_running_vs_stock_cold", "s", ours.cold, "stock command line by hand", stock.cold),
		NewResult("submit_running_vs_stock_warm", "s", ours.warm, "stock command line by hand", stock.warm),
		NewResult("service_share_of_registration", "%", share, "", nil),
	}, nil
}

// lever is one of what makes a start faster.
type lever string

const (
	preparedClasses lever = "classes"
	jvmOptions      lever = "jvm_options"
)

// stockOptions come after ours on the command line and take them back: what a JVM chooses on a machine of a server's size.
const stockOptions = "-XX:+UseG1GC -XX:TieredStopAtLevel=4 -XX:ActiveProcessorCount=%d"

// bare makes a directory with the distributions and without their prepared classes, on the same disk.
func bare() (string, error) {
	into := distributions + "-bare"
	if err := errors.Join(os.RemoveAll(into), os.MkdirAll(into, 0o700)); err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(distributions, "flink-*"))
	if err != nil {
		return "", err
	}
	for _, f := range files {
		if err := os.Link(f, filepath.Join(into, filepath.Base(f))); err != nil {
			return "", err
		}
	}
	return into, nil
}

// flinkWorld is a service with a local Mesos of its own, whose tasks are real, and one cluster without workers.
type flinkWorld struct {
	*instance
	dir string
	api *rest.Client
	jar string
}

// newFlinkWorld starts one. An agent has room for one process, so that a worker never runs where the JobManager has
// warmed the fetcher's cache. without names the lever that is let go, if any.
func newFlinkWorld(ctx context.Context, dir string, slots, agents int, without lever) (*flinkWorld, error) {
	return newFlinkWorldWith(ctx, dir, worldSize{slots: slots, agents: agents, without: without})
}

// worldSize is what a flinkWorld is made of. Change, when set, changes the spec of its cluster, and more are further variables
// of the service.
type worldSize struct {
	slots, agents int
	without       lever
	change        func(*spec.Spec)
	more          []string
}

func newFlinkWorldWith(ctx context.Context, dir string, o worldSize) (*flinkWorld, error) {
	m, err := newestFlink()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	from := distributions
	spec := flinkSpec(m.Version, o.slots)
	if o.change != nil {
		o.change(&spec)
	}
	switch o.without {
	case preparedClasses:
		if from, err = bare(); err != nil {
			return nil, err
		}
	case jvmOptions:
		spec.FlinkConfiguration["env.java.opts.all"] = fmt.Sprintf(stockOptions, runtime.NumCPU())
	}
	first := 20000 + os.Getpid()%100*100
	i, err := startInstance(ctx, dir, "service", append([]string{
		"MESOS_MASTER=local", "FLINK_DISTRIBUTIONS=" + from, "DATA_DIR=" + filepath.Join(dir, "data"),
		fmt.Sprintf("LOCALMESOS_AGENTS=%d", o.agents), "LOCALMESOS_CPUS=1", "LOCALMESOS_MEM=2048", fmt.Sprintf("LOCALMESOS_PORTS=%d-%d", first, first+99),
	}, o.more...)...)
	if err != nil {
		return nil, err
	}
	w := &flinkWorld{instance: i, dir: dir}
	if err := w.prepare(ctx, spec); err != nil {
		err = fmt.Errorf("%w: %s", err, w.lastWords())
		w.end()
		return nil, err
	}
	return w, nil
}

func (w *flinkWorld) prepare(ctx context.Context, spec spec.Spec) error {
	if err := w.connected(ctx); err != nil {
		return err
	}
	if _, err := w.client.CreateCluster(ctx, spec); err != nil {
		return err
	}
	var err error
	if w.api, err = rest.New(rest.Options{URL: w.url + "/v1/clusters/" + clusterName + "/ui", Timeout: 5 * time.Second}); err != nil {
		return err
	}
	if err := poll(ctx, w.ended, "REST answers", func(ctx context.Context) (bool, error) {
		_, err := w.api.Overview(ctx)
		return err == nil, err
	}); err != nil {
		return err
	}
	w.jar, err = upload(ctx, w.api)
	return err
}

// end ends the service in order, and with it the local Mesos and its tasks.
func (w *flinkWorld) end() {
	_ = w.cmd.Process.Signal(syscall.SIGTERM) // It has ended already when this fails.
	select {
	case <-w.ended:
	case <-time.After(30 * time.Second):
		w.kill()
	}
}

// submit runs a job from no workers to none, and says how long it took until it ran.
func (w *flinkWorld) submit(ctx context.Context) (float64, error) {
	// The time between two rounds lets the service's idle state settle.
	if err := registered(ctx, w.api, w.ended, 0); err != nil {
		return 0, err
	}
	began := time.Now()
	id, err := endless(ctx, w.api, w.jar, submitSlots)
	if err != nil {
		return 0, err
	}
	if err := runs(ctx, w.api, w.ended, id); err != nil {
		return 0, err
	}
	took := time.Since(began).Seconds()
	if err := cancel(ctx, w.api, id); err != nil {
		return 0, err
	}
	if err := registered(ctx, w.api, w.ended, 0); err != nil {
		return 0, err
	}
	return took, poll(ctx, w.ended, "the worker's task has ended", func(ctx context.Context) (bool, error) {
		d, err := w.client.Cluster(ctx, clusterName)
		return err == nil && len(d.Tasks) == 1, err
	})
}

func submitOurs(ctx context.Context, dir string, without lever) (cold float64, warm, shares []float64, err error) {
	w, err := newFlinkWorld(ctx, dir, submitSlots, 2, without)
	if err != nil {
		return 0, nil, nil, err
	}
	defer w.end()
	if cold, err = w.submit(ctx); err != nil {
		return 0, nil, nil, fmt.Errorf("%w: %s", err, w.lastWords())
	}
	for range submitWarm {
		took, err := w.submit(ctx)
		if err != nil {
			return 0, nil, nil, fmt.Errorf("%w: %s", err, w.lastWords())
		}
		warm = append(warm, took)
	}
	all, err := w.shares()
	if err != nil {
		return 0, nil, nil, err
	}
	return cold, warm, all[1:], nil // The first worker was the cold one.
}

// In the JobManager's log: a worker is wanted, and is registered.
var (
	wantedLine     = regexp.MustCompile(`^(\S+ \S+) .* Worker (\S+) is wanted: `)
	registeredLine = regexp.MustCompile(`^(\S+ \S+) .* Registering TaskManager with ResourceID (\S+) `)
	launchedLine   = regexp.MustCompile(`^time=(\S+) .*msg="task launched".* task=(\S+)`)
)

// shares reads from the logs, for each worker in the order of their registrations, which part of the time between demand and
// registration had passed when the service had sent its ACCEPT, in percent.
func (w *flinkWorld) shares() ([]float64, error) {
	logs, err := filepath.Glob(filepath.Join(w.dir, "data", "localmesos", "*", "slaves", "*", "frameworks", "*", "executors", "*-jm-*", "runs", "latest", "stdout"))
	if err != nil || len(logs) != 1 {
		return nil, errors.Join(fmt.Errorf("there are %d logs of JobManagers, not 1", len(logs)), err)
	}
	wanted, _, err := times(logs[0], wantedLine, "2006-01-02 15:04:05,000")
	if err != nil {
		return nil, err
	}
	registered, order, err := times(logs[0], registeredLine, "2006-01-02 15:04:05,000")
	if err != nil {
		return nil, err
	}
	launched, _, err := times(w.logFile, launchedLine, time.RFC3339Nano)
	if err != nil {
		return nil, err
	}
	var out []float64
	for _, id := range order {
		a, b, c := wanted[id], launched[id], registered[id]
		if a.IsZero() || b.IsZero() || !c.After(a) {
			return nil, fmt.Errorf("worker %s was wanted at %s, launched at %s, registered at %s", id, a, b, c)
		}
		out = append(out, 100*max(0, b.Sub(a).Seconds())/c.Sub(a).Seconds())
	}
	return out, nil
}

// times finds the lines of a log that match: a time and an id. The first line of an id counts.
func times(file string, line *regexp.Regexp, layout string) (at map[string]time.Time, order []string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	at = map[string]time.Time{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := line.FindStringSubmatch(lines.Text())
		if m == nil || !at[m[2]].IsZero() {
			continue
		}
		t, err := time.ParseInLocation(layout, m[1], time.Local)
		if err != nil {
			return nil, nil, err
		}
		at[m[2]] = t
		order = append(order, strings.TrimSpace(m[2]))
	}
	return at, order, lines.Err()
}

func submitStock(ctx context.Context, dir string) (cold float64, warm []float64, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, nil, err
	}
	h, err := newHand(ctx, dir, submitSlots)
	if err != nil {
		return 0, nil, err
	}
	h.stock = true
	jm, err := h.start(ctx, spec.JobManagerTask)
	if err != nil {
		return 0, nil, err
	}
	defer jm.end()
	api, err := h.api()
	if err != nil {
		return 0, nil, err
	}
	if err := jm.until(ctx, "REST answers", func(ctx context.Context) (bool, error) {
		_, err := api.Overview(ctx)
		return err == nil, err
	}); err != nil {
		return 0, nil, err
	}
	jar, err := upload(ctx, api)
	if err != nil {
		return 0, nil, err
	}
	// The worker's machine is another one, without Flink.
	h.home = filepath.Join(dir, "other", dist.Home)
	for n := range 1 + submitWarm {
		began := time.Now()
		if n == 0 {
			if err := h.unpack(ctx, h.home); err != nil {
				return 0, nil, err
			}
		}
		took, err := h.submitStock(ctx, api, jar, began)
		if err != nil {
			return 0, nil, err
		}
		if n == 0 {
			cold = took
		} else {
			warm = append(warm, took)
		}
	}
	return cold, warm, nil
}

func (h *hand) submitStock(ctx context.Context, api *rest.Client, jar string, began time.Time) (float64, error) {
	tm, err := h.start(ctx, spec.TaskManagerTask)
	if err != nil {
		return 0, err
	}
	defer tm.end()
	id, err := endless(ctx, api, jar, submitSlots)
	if err != nil {
		return 0, err
	}
	if err := runs(ctx, api, tm.ended, id); err != nil {
		return 0, err
	}
	took := time.Since(began).Seconds()
	if err := cancel(ctx, api, id); err != nil {
		return 0, err
	}
	tm.end()
	return took, registered(ctx, api, nil, 0)
}

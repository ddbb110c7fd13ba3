// Demo is the main job, as a user does it: it starts the service with a local Mesos, creates a session cluster
// through the command line, runs Flink's word count on a real text over four slots, prints the most frequent
// words and the time of each phase, and stops everything that it started. See the README.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	d := demo{build: "build", out: os.Stdout, began: time.Now(), keep: os.Getenv("DEMO_KEEP") == "1"}
	err := d.run(ctx)
	err = errors.Join(err, d.end())
	if ctx.Err() != nil {
		fmt.Println("\ninterrupted; everything was stopped")
		os.Exit(130)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

type demo struct {
	build   string
	out     io.Writer
	began   time.Time
	keep    bool
	url     string
	flink   string // the archive
	dir     string
	service *exec.Cmd
	ended   chan error
	phases  []phase
}

type phase struct {
	name string
	took time.Duration
}

// run does the steps.
func (d *demo) run(ctx context.Context) error {
	input := os.Getenv("DEMO_INPUT")
	if input == "" {
		input = "LICENSE"
	}
	input, err := filepath.Abs(input)
	if err != nil {
		return err
	}
	info, err := os.Stat(input)
	if err != nil {
		return fmt.Errorf("DEMO_INPUT: %w", err)
	}
	if err := d.assemble(ctx); err != nil {
		return err
	}
	d.step("Flink", d.began)
	began := time.Now()
	if err := d.startService(ctx); err != nil {
		return err
	}
	d.step("service", began)
	fmt.Fprintf(d.out, "\nThe service runs at %s\n\n", d.url)

	began = time.Now()
	if _, err := d.cli(ctx, "cluster", "create", "demo", "--allocation", "static", "--task-managers", "2", "--slots", "2"); err != nil {
		return err
	}
	if err := d.clusterPhases(ctx); err != nil {
		return err
	}
	d.step("cluster, all of it", began)

	began = time.Now()
	jar := "resources/demo-job/target/flink-mesos-demo-job.jar"
	out, err := d.cli(ctx, "job", "run", "demo", jar, "--class", "org.flinkonmesos.demo.WordCount", "--accumulators", "--json", "--",
		"--input", input, "--parallelism", "4", "--top", "10")
	if err != nil {
		return err
	}
	d.step("job", began)
	return d.report(out, input, info.Size())
}

// assemble makes the one Flink that the demo needs, with no more than a word count needs, or finds it where an earlier demo
// left it. FLINK_VERSION and FLINK_DIST mean what they mean to `make flink`.
func (d *demo) assemble(ctx context.Context) error {
	args := []string{"-dir", filepath.Join(d.build, "flink")}
	if os.Getenv("FLINK_DIST") == "" {
		args = append(args, "-slim", "-modules", "", "-plugins", "", "-variant", "")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(d.build, "bin", "assemble"), args...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("assemble Flink: %w", err)
	}
	archives := strings.Fields(string(out))
	if len(archives) == 0 {
		return errors.New("assemble Flink: it names no archive")
	}
	d.flink = archives[0]
	return nil
}

// startService starts the service with a local Mesos and waits until it is well.
func (d *demo) startService(ctx context.Context) error {
	dir, err := filepath.Abs(filepath.Join(d.build, "demo"))
	if err != nil {
		return err
	}
	d.dir = dir
	if err := os.RemoveAll(dir); err != nil { // What an earlier demo left.
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "service.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	address, err := freeAddress()
	if err != nil {
		return err
	}
	d.url = "http://" + address
	cmd := exec.Command(filepath.Join(d.build, "flink-service"))
	cmd.Env = append(os.Environ(), "MESOS_MASTER=local", "LISTEN="+address, "ADVERTISE_HOST=127.0.0.1", "DATA_DIR="+filepath.Join(dir, "data"),
		"FLINK_DISTRIBUTIONS="+d.flink)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is for this program, which stops the service in order.
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the service: %w", err)
	}
	d.service, d.ended = cmd, make(chan error, 1)
	go func() { d.ended <- cmd.Wait() }()
	for {
		if leads(ctx, d.url) {
			return nil
		}
		select {
		case err := <-d.ended:
			d.service = nil
			text, _ := os.ReadFile(log.Name()) // It is shown if it is there.
			return fmt.Errorf("the service ended: %w\n%s", err, text)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freeAddress finds a port that nobody uses right now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// leads says whether the service at url takes requests.
func leads(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/service", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return errors.Join(response.Body.Close()) == nil && response.StatusCode == http.StatusOK
}

// cli runs the command line as a user would and returns what it printed; its progress is shown.
func (d *demo) cli(ctx context.Context, args ...string) ([]byte, error) {
	fmt.Fprintf(d.out, "$ dcos flink %s\n", strings.Join(args, " "))
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(d.build, "dcos-flink"), args...)
	cmd.Env = append(os.Environ(), "DCOS_FLINK_URL="+d.url)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("dcos flink %s: %w (log: %s)", strings.Join(args, " "), err, filepath.Join(d.dir, "service.log"))
	}
	return out.Bytes(), nil
}

// clusterPhases reads how long each step of the cluster took.
func (d *demo) clusterPhases(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/v1/clusters/demo", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var c struct {
		Status struct {
			Phases []struct {
				Phase string
				Since time.Time
			}
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&c); err != nil {
		return err
	}
	for i, p := range c.Status.Phases {
		if i+1 < len(c.Status.Phases) {
			d.phases = append(d.phases, phase{"cluster: " + p.Phase, c.Status.Phases[i+1].Since.Sub(p.Since)})
		}
	}
	return nil
}

func (d *demo) step(name string, since time.Time) {
	d.phases = append(d.phases, phase{name, time.Since(since)})
}

// report prints the words and the times.
func (d *demo) report(result []byte, input string, size int64) error {
	var job struct {
		Accumulators []struct{ Name, Value string }
	}
	if err := json.Unmarshal(result, &job); err != nil {
		return fmt.Errorf("read the job's result: %w\n%s", err, result)
	}
	a := make(map[string]string)
	for _, x := range job.Accumulators {
		a[x.Name] = x.Value
	}
	fmt.Fprintf(d.out, "\n%s (%d bytes) has %s words, %s of them different. The most frequent:\n\n", input, size, a["words"], a["distinct"])
	lines := bufio.NewScanner(strings.NewReader(a["top"]))
	for lines.Scan() {
		if word, count, ok := strings.Cut(lines.Text(), " "); ok {
			fmt.Fprintf(d.out, "  %10s  %s\n", count, word)
		}
	}
	fmt.Fprintf(d.out, "\nTimes:\n\n")
	for _, p := range d.phases {
		fmt.Fprintf(d.out, "  %-24s %7.2f s\n", p.name, p.took.Seconds())
	}
	fmt.Fprintf(d.out, "  %-24s %7.2f s\n\nThe page: %s/   Flink's own: %s/v1/clusters/demo/ui/\n", "all", time.Since(d.began).Seconds(), d.url, d.url)
	return lines.Err()
}

// end stops the service, and with it the tasks, unless it is to stay.
func (d *demo) end() error {
	if d.service == nil {
		return nil
	}
	if d.keep && d.url != "" {
		fmt.Fprintf(d.out, "\nIt stays up. To look: DCOS_FLINK_URL=%s %s/dcos-flink cluster list\nTo stop it: kill %d\n", d.url, d.build, d.service.Process.Pid)
		return nil
	}
	if err := d.service.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the service: %w", err)
	}
	select {
	case err := <-d.ended:
		if err != nil {
			return fmt.Errorf("the service: %w (log: %s)", err, filepath.Join(d.dir, "service.log"))
		}
		fmt.Fprintln(d.out, "Everything was stopped.")
		return nil
	case <-time.After(20 * time.Second):
		return errors.Join(errors.New("the service did not stop within 20 s and was killed"), d.service.Process.Kill())
	}
}

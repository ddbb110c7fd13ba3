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
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
)

// fleet is a Mesos master in this process whose agents run no processes.
type fleet struct {
	*localmesos.Master
	// launched counts the tasks that the agents were given.
	launched atomic.Int64
	// nth, when set, is told the time at which so many tasks had been launched.
	nth atomic.Pointer[milestone]
}

type milestone struct {
	count   int64
	reached chan time.Time
}

// newFleet starts a master and agents that together have room for so many workers of benchSpec, a hundred each.
func newFleet(workers int) (*fleet, error) {
	m, err := localmesos.New(localmesos.Options{})
	if err != nil {
		return nil, err
	}
	f := &fleet{Master: m}
	const each = 100
	for i := range (workers+each-1)/each + 1 {
		_, err := m.AddAgent(localmesos.AgentOptions{
			// A name of its own, which leads nowhere: the JobManager is asked for in vain, at little cost.
			Hostname: "127.0.0." + strconv.Itoa(2+i%200),
			CPUs:     2*each + 2, MemMiB: 2048*each + 2048, DiskMiB: 1 << 20, Ports: [2]uint64{10000, 10000 + 10*each},
			Runtime: executor.NewScripted(f.script),
		})
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	return f, nil
}

func (f *fleet) script(mesosgo.TaskInfo) executor.Behaviour {
	n := f.launched.Add(1)
	if m := f.nth.Load(); m != nil && n == m.count {
		m.reached <- time.Now()
	}
	return executor.Behaviour{}
}

// whenLaunched tells the time at which so many more tasks have been launched.
func (f *fleet) whenLaunched(more int) <-chan time.Time {
	m := &milestone{count: f.launched.Load() + int64(more), reached: make(chan time.Time, 1)}
	f.nth.Store(m)
	return m.reached
}

// instance is a process of the service.
type instance struct {
	cmd     *exec.Cmd
	ended   chan struct{}
	began   time.Time
	url     string
	client  *client.Client
	logFile string
}

// startInstance starts the service's program. Each instance has a port and an output of its own.
func startInstance(ctx context.Context, dir, name string, variables ...string) (*instance, error) {
	const binary = "build/flink-service"
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("%s is not built: run make build, then the bench in the project's directory", binary)
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	i := &instance{url: "http://" + address, ended: make(chan struct{}), logFile: filepath.Join(dir, name+".log")}
	if i.client, err = client.New(client.Options{BaseURL: i.url}); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(i.logFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	i.cmd = exec.CommandContext(ctx, binary)
	i.cmd.Env = append(os.Environ(), "LISTEN="+address, "ADVERTISE_HOST=127.0.0.1", "FLINK_DISTRIBUTIONS=build/flink", "FRAMEWORK_NAME=bench")
	i.cmd.Env = append(i.cmd.Env, variables...)
	i.cmd.Stdout, i.cmd.Stderr = log, log
	i.began = time.Now()
	if err := i.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = i.cmd.Wait() // How it ended is in its log.
		close(i.ended)
	}()
	return i, nil
}

// kill ends the process as a crash would, and waits.
func (i *instance) kill() {
	_ = i.cmd.Process.Kill() // It has ended already when this fails.
	<-i.ended
}

// until asks again and again until holds is true; the error of a process that ended carries the end of its log.
func (i *instance) until(ctx context.Context, what string, every time.Duration, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for !holds() {
		select {
		case <-time.After(every):
		case <-i.ended:
			return fmt.Errorf("%s: the service ended: %s", what, i.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%s: never: %s", what, i.lastWords())
		}
	}
	return nil
}

func (i *instance) lastWords() []byte {
	text, err := os.ReadFile(i.logFile)
	if err != nil {
		return []byte(err.Error())
	}
	return text[max(0, len(text)-2000):]
}

// connected waits until the instance leads and is subscribed.
func (i *instance) connected(ctx context.Context) error {
	return i.until(ctx, "the service is connected", 5*time.Millisecond, func() bool {
		var s struct{ Connected bool }
		return get(ctx, i.url+"/v1/service", &s) == nil && s.Connected
	})
}

// count reads a counter of the instance: its name with its labels, as /metrics writes it. It is 0 when there is none.
func (i *instance) count(ctx context.Context, counter string) float64 {
	var body bytes.Buffer
	if err := get(ctx, i.url+"/metrics", &body); err != nil {
		return 0
	}
	for lines := bufio.NewScanner(&body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), counter+" "); ok {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return 0
			}
			return v
		}
	}
	return 0
}

// updates counts the status updates that the instance has taken.
func (i *instance) updates(ctx context.Context) int {
	return int(i.count(ctx, `flink_mesos_loop_events_total{type="Updated"}`))
}

// run creates a cluster with so many workers and waits until all run.
func (i *instance) run(ctx context.Context, name string, workers int) error {
	updates := i.updates(ctx)
	if _, err := i.client.CreateCluster(ctx, benchSpec(name, workers)); err != nil {
		return err
	}
	// Each task says that it starts, and that it runs.
	return i.until(ctx, "all tasks run", 50*time.Millisecond, func() bool { return i.updates(ctx) >= updates+2*(workers+1) })
}

// holds says whether the instance knows so many tasks, and none waits.
func (i *instance) holds(ctx context.Context, tasks int) error {
	var s struct{ Tasks, Waiting int }
	if err := get(ctx, i.url+"/v1/service", &s); err != nil {
		return err
	}
	if s.Tasks != tasks || s.Waiting != 0 {
		return fmt.Errorf("the service has %d tasks and %d that wait, not %d tasks", s.Tasks, s.Waiting, tasks)
	}
	return nil
}

// status reads an amount of the process's memory in units of 10⁶ bytes, by the kernel's name: VmRSS is what is
// resident, VmHWM the most that ever was. It is 0 when the process is gone.
func (i *instance) status(name string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if kib, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(kib), " kB"), 64)
			if err != nil {
				return 0
			}
			return n * 1024 / 1e6
		}
	}
	return 0
}

// memory takes the resident memory every 200 ms for a while.
func (i *instance) memory(ctx context.Context, lasting time.Duration) ([]float64, error) {
	var values []float64
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(lasting); time.Now().Before(end); {
		v := i.status("VmRSS")
		if v == 0 {
			return nil, errors.New("the service has no memory: " + string(i.lastWords()))
		}
		values = append(values, v)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return values, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// get reads an answer: JSON into a value, or anything into a buffer.
func get(ctx context.Context, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	if b, ok := into.(*bytes.Buffer); ok {
		_, err = b.ReadFrom(io.LimitReader(response.Body, 16<<20))
		return err
	}
	return json.NewDecoder(response.Body).Decode(into)
}

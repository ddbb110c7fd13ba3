package sim_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jobmanager"
)

// flinks are the scripted JobManagers of the tasks that run. Each listens where its task is, and proves itself with
// the token that the service put into its overlay.
type flinks struct {
	w  *world
	wg sync.WaitGroup

	mu sync.Mutex
	// living are the JobManagers by task, in the order of their starts.
	living []scriptedFlink
}

type scriptedFlink struct {
	task string
	*jobmanager.JobManager
}

// newest is the JobManager that was started last; nil while none runs.
func (f *flinks) newest() *jobmanager.JobManager {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.living); n > 0 {
		return f.living[n-1].JobManager
	}
	return nil
}

// start starts the JobManager of a task and returns what ends it.
func (f *flinks) start(task mesosgo.TaskInfo, host string) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	f.wg.Go(func() {
		defer cancel()
		if err := f.run(ctx, task, host); err != nil && ctx.Err() == nil {
			f.w.t.Errorf("JobManager of task %s: %v", task.TaskID.Value, err)
		}
	})
	return cancel
}

// run is the life of a JobManager.
func (f *flinks) run(ctx context.Context, task mesosgo.TaskInfo, host string) error {
	token, err := f.token(ctx, task)
	if err != nil {
		return err
	}
	port := ""
	for _, p := range task.Discovery.Ports.Ports {
		if p.GetName() == flink.PortDriver {
			port = strconv.Itoa(int(p.Number))
		}
	}
	id := task.TaskID.Value
	prefix, _, _ := strings.Cut(id, "-jm-")
	machine := f.w.network.Host(host)
	defer machine.Cut()
	jm, err := jobmanager.Start(jobmanager.Options{
		Token: token, Prefix: prefix + "-tm", Fault: f.fault(),
		Listen: func(network, _ string) (net.Listener, error) { return machine.Listen(network, ":"+port) },
	})
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.living = append(f.living, scriptedFlink{id, jm})
	f.mu.Unlock()
	<-ctx.Done()
	f.mu.Lock()
	for i, x := range f.living {
		if x.task == id {
			f.living = append(f.living[:i:i], f.living[i+1:]...)
			break
		}
	}
	f.mu.Unlock()
	jm.Stop()
	return nil
}

// token fetches the overlay of a task and looks for the token of the driver. A task whose overlay cannot be fetched
// would fail; here it waits for the service's next life.
func (f *flinks) token(ctx context.Context, task mesosgo.TaskInfo) (driver.Token, error) {
	var address string
	for _, uri := range task.Command.URIs {
		if path.Base(uri.Value) == "overlay.tgz" {
			address = uri.Value
		}
	}
	for {
		content, err := f.fetch(ctx, address)
		if err == nil {
			return tokenIn(content)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return "", err
		}
	}
}

func (f *flinks) fetch(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := f.w.web.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return io.ReadAll(resp.Body)
}

func tokenIn(overlay []byte) (driver.Token, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(overlay))
	if err != nil {
		return "", err
	}
	for r := tar.NewReader(unpacked); ; {
		h, err := r.Next()
		if err != nil {
			return "", fmt.Errorf("the overlay has no token: %w", err)
		}
		if path.Base(h.Name) == "driver-token" {
			token, err := io.ReadAll(r)
			return driver.Token(token), err
		}
	}
}

// fault makes requests between the service and a JobManager late, lost or doubled while there is trouble.
func (f *flinks) fault() func(*http.Request) jobmanager.Fault {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(f.w.seed, 1))
	return func(*http.Request) jobmanager.Fault {
		mu.Lock()
		defer mu.Unlock()
		if rng.Int64N(1000) >= f.w.trouble.Load() {
			return jobmanager.Fault{}
		}
		switch rng.IntN(5) {
		case 0:
			return jobmanager.Fault{LoseRequest: true}
		case 1:
			return jobmanager.Fault{LoseAnswer: true}
		case 2:
			return jobmanager.Fault{Twice: true}
		case 3:
			return jobmanager.Fault{Status: 503}
		default:
			return jobmanager.Fault{Delay: upTo(rng, time.Second)}
		}
	}
}

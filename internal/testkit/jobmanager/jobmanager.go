// Package jobmanager owns a scripted JobManager for tests: it serves the exchange of wanted
// workers as the driver jar does, with the wanted set in the hands of the test, and with faults
// between the two sides on demand. It runs no Flink.
//
// The rules stand in book.go, next to those of WorkerRegistry.java; the conformance test plays the same
// requests to this package and to the jar inside a real JobManager and compares every answer.
package jobmanager

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
)

// Options configure a JobManager.
type Options struct {
	// Token is what the service has to show; "token" when empty.
	Token driver.Token
	// Prefix is the start of worker ids (mesos.worker.id-prefix); "tm" when empty.
	Prefix string
	// Epoch returns the id of the next life, at least 4 characters; nil for random ones.
	Epoch func() string
	// WithdrawDelay is mesos.worker.withdraw-delay; 2 s when 0, none when negative.
	WithdrawDelay time.Duration
	// Listen takes the place of net.Listen; nil for the network of the machine.
	Listen func(network, address string) (net.Listener, error)
	// Fault is asked for each request what shall go wrong with it; nil lets all be well.
	Fault func(*http.Request) Fault
}

// Fault is what goes wrong with one request. The zero value is nothing.
type Fault struct {
	// Delay holds the request back before it is looked at.
	Delay time.Duration
	// LoseRequest cuts the connection before the request is looked at.
	LoseRequest bool
	// LoseAnswer cuts the connection after the request was acted on.
	LoseAnswer bool
	// Twice acts on the request twice, as when a copy of it arrives.
	Twice bool
	// Status answers with this code instead, when it is not 0.
	Status int
}

// EventKind is what Flink is told.
type EventKind string

// The kinds of an Event.
const (
	// Recovered: a worker of the previous attempt was told of by the first report.
	Recovered EventKind = "recovered"
	// Launched: the request of a worker is complete; its registration clock runs.
	Launched EventKind = "launched"
	// Failed: a worker ended before it was launched.
	Failed EventKind = "failed"
	// Terminated: a worker that had been launched has ended.
	Terminated EventKind = "terminated"
	// Logged: the reason why a worker waits is new.
	Logged EventKind = "waiting"
)

// Event is one thing that Flink would have been told.
type Event struct {
	Kind    EventKind
	ID      string
	Message string
}

// JobManager is a scripted JobManager. Its methods are safe for use by several goroutines.
type JobManager struct {
	o    Options
	addr string

	mu     sync.Mutex
	book   *book
	server *http.Server
	gone   chan struct{} // closed when this life's server has ended
}

// New returns a JobManager that listens nowhere: requests are given to ServeHTTP.
func New(o Options) *JobManager {
	o.complete()
	return &JobManager{o: o, addr: "127.0.0.1:0", book: newBook(o.Epoch(), o)}
}

// ServeHTTP implements http.Handler: it answers as the server of the present life does.
func (j *JobManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler(j.current(), j.o).ServeHTTP(w, r)
}

// complete fills in what is open.
func (o *Options) complete() {
	if o.Token == "" {
		o.Token = "token"
	}
	if o.Prefix == "" {
		o.Prefix = "tm"
	}
	if o.WithdrawDelay == 0 {
		o.WithdrawDelay = 2 * time.Second
	}
	if o.Listen == nil {
		o.Listen = net.Listen
	}
	if o.Epoch == nil {
		o.Epoch = func() string {
			random := make([]byte, 8)
			_, _ = rand.Read(random) // Never fails.
			return hex.EncodeToString(random)
		}
	}
}

// Start serves on a free port of 127.0.0.1, with an epoch of its own.
func Start(o Options) (*JobManager, error) {
	o.complete()
	j := &JobManager{o: o, addr: "127.0.0.1:0"}
	if err := j.Resume(); err != nil {
		return nil, err
	}
	return j, nil
}

// Addr is host:port of the exchange; it stays over a restart.
func (j *JobManager) Addr() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.addr
}

// Token is what the service has to show.
func (j *JobManager) Token() driver.Token { return j.o.Token }

// Epoch is the id of the present life, or of the last one when it is stopped.
func (j *JobManager) Epoch() string { return j.current().epoch }

// Want asks for one more worker of the size of spec, whose ID does not count, and returns its id.
func (j *JobManager) Want(spec driver.Worker) string { return j.current().want(spec) }

// Release gives back a worker, as Flink does with an idle one.
func (j *JobManager) Release(id string) { j.current().release(id) }

// Withdraw cancels the request of a worker; to the driver it is the same as a release.
func (j *JobManager) Withdraw(id string) { j.current().release(id) }

// Finish ends the cluster with a status of Flink's ApplicationStatus.
func (j *JobManager) Finish(status, diagnostics string) { j.current().finish(status, diagnostics) }

// FinishedSeen says whether the service has said that it knows of the end.
func (j *JobManager) FinishedSeen() bool { return j.current().finishSeen() }

// Wanted is what the service would read now.
func (j *JobManager) Wanted() driver.Wanted { return j.current().wanted() }

// Reports counts the reports that were taken in this life.
func (j *JobManager) Reports() int { return j.current().reports() }

// Events are those of this life so far.
func (j *JobManager) Events() []Event { return j.current().told() }

// Changed is closed at the next change of what Wanted, Events, Reports or FinishedSeen return. Take
// it before looking at them.
func (j *JobManager) Changed() <-chan struct{} { return j.current().changes() }

func (j *JobManager) current() *book {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.book
}

// Stop ends this life as kill -9 does: connections break, the wanted set is gone.
func (j *JobManager) Stop() {
	j.mu.Lock()
	server, book, gone := j.server, j.book, j.gone
	j.server = nil
	j.mu.Unlock()
	book.close()
	if server != nil {
		_ = server.Close() // What is left are connections that are broken on purpose.
		<-gone
	}
}

// Resume starts the next life after Stop: the same address, a new epoch, nothing wanted.
func (j *JobManager) Resume() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.server != nil {
		return errors.New("the JobManager runs already")
	}
	l, err := j.o.Listen("tcp", j.addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	b := newBook(j.o.Epoch(), j.o)
	server := &http.Server{Handler: handler(b, j.o), ReadHeaderTimeout: 10 * time.Second}
	gone := make(chan struct{})
	j.addr, j.book, j.server, j.gone = l.Addr().String(), b, server, gone
	go func() {
		defer close(gone)
		_ = server.Serve(l) // Ends with http.ErrServerClosed.
	}()
	return nil
}

// Restart is Stop and Resume.
func (j *JobManager) Restart() error {
	j.Stop()
	return j.Resume()
}

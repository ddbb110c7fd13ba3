package driver

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// ExchangeOptions configure an Exchange.
type ExchangeOptions struct {
	Client *Client
	// OnWanted is told each new set of wanted workers, in order, by one goroutine. It may block;
	// the next read waits for it.
	OnWanted func(Wanted)
	// Report gives the newest report, made for the epoch that it names; it is called after each
	// Tell and must not block. One with an epoch other than the driver's, or with none, is not
	// sent. Nil when reports are given with SetReport.
	Report func() Report
	Log    *slog.Logger
	// Wait is how long a read is held back by the driver; 30 s when 0.
	Wait time.Duration
	// Repeat is the time after which a report is sent again though nothing changed, so that one
	// that was lost without a trace is made good; 10 s when 0.
	Repeat time.Duration
	// RetryMin and RetryMax bound the time between attempts that fail: it doubles from the first
	// to the second, less a random part. 50 ms and 250 ms when 0: a JobManager that begins to lead waits for the first report.
	RetryMin, RetryMax time.Duration
	// Jitter returns a random number in [0,1) that spreads the attempts; nil means a good one.
	Jitter func() float64
}

func (o *ExchangeOptions) validate() error {
	if o.Client == nil || o.OnWanted == nil || o.Log == nil {
		return errors.New("driver: Client, OnWanted and Log are required")
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Wait == 0 {
		o.Wait = 30 * time.Second
	}
	if o.Repeat == 0 {
		o.Repeat = 10 * time.Second
	}
	if o.RetryMin == 0 {
		o.RetryMin = 50 * time.Millisecond
	}
	if o.RetryMax == 0 {
		o.RetryMax = 250 * time.Millisecond
	}
	if o.Wait < 0 || o.Repeat < 0 || o.RetryMin < 0 || o.RetryMax < o.RetryMin {
		return errors.New("driver: Wait, Repeat, RetryMin and RetryMax must not be negative, nor RetryMax below RetryMin")
	}
	return nil
}

// Exchange keeps the conversation with one driver alive.
type Exchange struct {
	o    ExchangeOptions
	tell chan struct{}

	mu     sync.Mutex
	epoch  string
	pushed *Report
	reread context.CancelFunc // ends the read under way; nil when there is none
}

// NewExchange returns an Exchange that does not run yet.
func NewExchange(o ExchangeOptions) (*Exchange, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Exchange{o: o, tell: make(chan struct{}, 1)}, nil
}

// Tell has the newest report sent soon. It does not wait.
func (e *Exchange) Tell() {
	select {
	case e.tell <- struct{}{}:
	default:
	}
}

// SetReport makes r the newest report and has it sent soon; with no epoch it is meant for whichever
// the driver has. It is for users who give no ExchangeOptions.Report.
func (e *Exchange) SetReport(r Report) {
	e.mu.Lock()
	e.pushed = &r
	e.mu.Unlock()
	e.Tell()
}

// Run reads and reports until ctx is done, over restarts of either side, and returns ctx's error.
// It is run once.
func (e *Exchange) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { e.read(ctx) })
	e.report(ctx)
	wg.Wait()
	e.o.Client.Close()
	return ctx.Err()
}

// read long-polls the wanted workers and hands on what is new.
func (e *Exchange) read(ctx context.Context) {
	t := trouble{o: &e.o, what: "wanted workers are not read"}
	var last Wanted
	last.Version = -1
	for ctx.Err() == nil {
		began := time.Now()
		w, err := e.readOnce(ctx, last)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.wait(ctx, err)
			}
			continue
		}
		t.over()
		e.mu.Lock()
		learnt := e.epoch != w.Epoch
		e.epoch = w.Epoch
		e.mu.Unlock()
		if w.Epoch != last.Epoch || w.Version != last.Version {
			if w.Epoch != last.Epoch {
				e.o.Log.Info("driver answers", "epoch", w.Epoch, "ready", w.Ready, "workers", len(w.Workers))
			}
			last = w
			e.o.OnWanted(w)
		} else if time.Since(began) < e.o.RetryMin {
			// The driver gives way to another reader; do not fight over the place.
			pause(ctx, e.o.RetryMin)
		}
		if learnt {
			e.Tell()
		}
	}
}

func (e *Exchange) readOnce(ctx context.Context, last Wanted) (Wanted, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.mu.Lock()
	e.reread = cancel
	e.mu.Unlock()
	w, err := e.o.Client.Wanted(ctx, last.Epoch, last.Version, e.o.Wait)
	e.mu.Lock()
	e.reread = nil
	e.mu.Unlock()
	return w, err
}

// report sends the newest report when it is told to, and now and then without.
func (e *Exchange) report(ctx context.Context) {
	t := trouble{o: &e.o, what: "workers are not reported"}
	// The sequence has to stand above what an earlier service process sent in the same epoch.
	sequence := time.Now().UnixMicro()
	for {
		repeat := time.NewTimer(e.o.Repeat)
		select {
		case <-ctx.Done():
			repeat.Stop()
			return
		case <-e.tell:
		case <-repeat.C:
		}
		repeat.Stop()
		for ctx.Err() == nil {
			r, ok := e.newest()
			if !ok {
				break
			}
			sequence++
			r.Sequence = sequence
			a, err := e.o.Client.Report(ctx, r)
			var stale *StaleEpochError
			switch {
			case errors.As(err, &stale):
				// The read finds the new epoch and has the report made for it sent.
				e.forget(r.Epoch)
			case err != nil:
				if ctx.Err() == nil {
					t.wait(ctx, err)
				}
				continue
			case a.Sequence > sequence:
				// Our clock stands behind that of an earlier process, or a copy came late.
				sequence = a.Sequence
				continue
			default:
				t.over()
			}
			break
		}
	}
}

// newest is the report to send; false when there is none for the driver's epoch.
func (e *Exchange) newest() (Report, bool) {
	e.mu.Lock()
	epoch, pushed := e.epoch, e.pushed
	e.mu.Unlock()
	if epoch == "" {
		return Report{}, false
	}
	var r Report
	switch {
	case e.o.Report != nil:
		r = e.o.Report()
	case pushed != nil:
		r = *pushed
		if r.Epoch == "" {
			r.Epoch = epoch
		}
	}
	return r, r.Epoch == epoch
}

// forget drops an epoch that is over and has the wanted workers read at once.
func (e *Exchange) forget(epoch string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.epoch == epoch {
		e.epoch = ""
	}
	if e.reread != nil {
		e.reread()
	}
}

// trouble spaces attempts that fail and logs the first and each different one.
type trouble struct {
	o     *ExchangeOptions
	what  string
	delay time.Duration
	last  string
}

func (t *trouble) wait(ctx context.Context, err error) {
	t.delay = min(max(2*t.delay, t.o.RetryMin), t.o.RetryMax)
	if text := err.Error(); text != t.last {
		t.last = text
		level := slog.LevelDebug // A JobManager that starts refuses connections for seconds.
		if errors.Is(err, ErrUnauthorized) {
			level = slog.LevelError
		}
		t.o.Log.Log(ctx, level, t.what, "error", err)
	}
	pause(ctx, t.delay-time.Duration(t.o.Jitter()*float64(t.delay)/2))
}

func (t *trouble) over() {
	t.delay, t.last = 0, ""
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

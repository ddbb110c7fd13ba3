package loop_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/loop"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// world is a loop with everything around it recorded. Its fields are for the goroutine of the test, while the loop waits.
type world struct {
	*loop.Loop
	cancel context.CancelFunc
	// ended is what Run returned.
	ended chan error

	mu sync.Mutex
	// log has what was done, in order: "save" with its keys, and the types of what was sent.
	log []string
	// held, when set, is waited for by each save; fail is then what the save returns.
	held chan struct{}
	fail error
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

// done returns what was done since it was last asked.
func (w *world) done() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.log
	w.log = nil
	return log
}

// Save implements loop.Saver.
func (w *world) Save(_ context.Context, records []state.Record) error {
	w.mu.Lock()
	held, fail := w.held, w.fail
	w.mu.Unlock()
	if held != nil {
		<-held
	}
	if fail != nil {
		return fail
	}
	var keys []string
	for _, r := range records {
		keys = append(keys, r.Key)
	}
	slices.Sort(keys)
	w.note("save %s", strings.Join(slices.Compact(keys), " "))
	return nil
}

// Send implements loop.Sender.
func (w *world) Send(a state.Action) { w.note("send %T", a) }

// The methods of loop.Flink and loop.Jobs.
func (w *world) Watch(a state.Watch)           { w.note("watch %s", a.JobManager.ID) }
func (w *world) Unwatch(a state.Unwatch)       { w.note("unwatch %s", a.Cluster) }
func (w *world) Depose(state.RevokeLeadership) { w.note("revoke leadership") }
func (w *world) Forget(state.DeleteHAData)     { w.note("delete HA data") }
func (w *world) Tell(cluster string)           { w.note("report workers of %s", cluster) }
func (w *world) CancelJobs(a state.CancelJobs) { w.note("cancel jobs of %s", a.Cluster) }
func (w *world) StopJobs(a state.StopJobs)     { w.note("stop jobs of %s", a.Cluster) }

func (w *world) Rescale(a state.Rescale) { w.note("rescale %s", a.Job) }

func (w *world) FindLogError(a state.FindLogError) { w.note("find the last error of %s", a.TaskID) }

func (w *world) Probe(a state.Probe)               { w.note("probe %s", a.Task.ID) }
func (w *world) TakeSnapshot(a state.TakeSnapshot) { w.note("take %s", a.Snapshot.ID) }

func (w *world) DisposeSnapshot(a state.DisposeSnapshot) { w.note("dispose %s", a.Snapshot.ID) }

func (w *world) FindCheckpoint(a state.FindCheckpoint) { w.note("stop jobs of %s", a.Cluster) }
func (w *world) holdSaves() (release func())           { return w.set(make(chan struct{}), nil) }
func (w *world) set(held chan struct{}, err error) (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held, w.fail = held, err
	return func() {
		w.mu.Lock()
		w.held = nil
		w.mu.Unlock()
		close(held)
	}
}

// inWorld runs a test in virtual time with a loop that is subscribed.
func inWorld(t *testing.T, test func(*testing.T, *world), change ...func(*loop.Options)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{ended: make(chan error, 1)}
		o := loop.Options{
			State: core.New(state.Options{}, state.Stored{}, time.Now()), Saver: w, Mesos: w, Flink: w, Jobs: w, Probe: w, Snapshots: w,
			Registerer: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		}
		for _, c := range change {
			c(&o)
		}
		l, err := loop.New(o)
		if err != nil {
			t.Fatal(err)
		}
		w.Loop = l
		ctx, cancel := context.WithCancel(t.Context())
		w.cancel = cancel
		go func() { w.ended <- l.Run(ctx) }()
		w.Post(state.Subscribed{FrameworkID: "f-1"})
		synctest.Wait()
		if diff := cmp.Diff([]string{"save framework", "send state.Suppress"}, w.done()); diff != "" {
			t.Fatalf("after SUBSCRIBED (-want +got):\n%s", diff)
		}
		test(t, w)
		cancel()
		synctest.Wait()
	})
}

// put asks for a cluster; the answer comes on the channel.
func (w *world) put(ctx context.Context, name string) <-chan error {
	s := spec.Spec{Name: name, Kind: spec.Session, TaskManagers: spec.TaskManagers{Count: 1}}
	s = s.Complete(spec.Defaults{Allocation: spec.Static, FlinkVersion: "2.3.0", Role: "*"})
	answer := make(chan error, 1)
	go func() {
		answer <- w.Do(ctx, func(request uint64) state.Event {
			return state.PutCluster{Request: request, Nonce: "aaaa", Spec: s}
		})
	}()
	return answer
}

// answered says whether an answer has come.
func answered(answer <-chan error) (error, bool) {
	select {
	case err := <-answer:
		return err, true
	default:
		return nil, false
	}
}

// offers are those of one agent that is large enough for everything here.
func offers() state.Offered {
	scalar := func(name string, v float64) offer.Resource {
		return offer.Resource{Name: name, Scalar: offer.ToMilli(v), AllocationRole: "*"}
	}
	return state.Offered{Offers: []offer.Offer{{ID: "o-1", AgentID: "a-1", Hostname: "h", Resources: []offer.Resource{
		scalar("cpus", 16), scalar("mem", 32768), {Name: "ports", Ranges: []offer.Range{{Begin: 31000, End: 31100}}, AllocationRole: "*"},
	}}}}
}

// TestFailedSave has a save fail: nothing that relied on it is done, and the loop ends with the error.
func TestFailedSave(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		full := errors.New("no space left on device")
		release := w.set(make(chan struct{}), full)
		answer := w.put(t.Context(), "demo")
		synctest.Wait()
		w.Post(offers()) // What comes meanwhile relies on the save, too.
		release()
		if err := <-w.ended; !errors.Is(err, full) {
			t.Errorf("Run() = %v, want %v", err, full)
		}
		synctest.Wait()
		if log := w.done(); len(log) > 0 {
			t.Errorf("after a save that failed: %q", log)
		}
		var e *fault.Error
		if err, ok := answered(answer); !ok || !errors.As(err, &e) || e.Code != fault.Unavailable {
			t.Errorf("the answer is %v, %t; want unavailable", err, ok)
		}
		if names := view.Names(w.View()); len(names) > 0 {
			t.Errorf("the view shows %v, which was not saved", names)
		}
		for range 10_000 {
			w.Post(offers()) // It must not wait for a loop that has ended.
		}
		if err := <-w.put(t.Context(), "other"); err == nil {
			t.Error("a loop that has ended takes a cluster")
		}
	})
}

// TestAnswerAfterSave holds a save: until it is done nobody is answered, nothing is sent and nothing of it is shown.
func TestAnswerAfterSave(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		release := w.holdSaves()
		answer := w.put(t.Context(), "demo")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if err, ok := answered(answer); ok {
			t.Errorf("answered with %v before the save", err)
		}
		if names := view.Names(w.View()); len(names) > 0 {
			t.Errorf("the view shows %v before the save", names)
		}
		if log := w.done(); len(log) > 0 {
			t.Errorf("before the save: %q", log)
		}
		if busy := w.Busy(); busy != 3*time.Second {
			t.Errorf("Busy() = %s, want 3s", busy)
		}
		release()
		synctest.Wait()
		if err, ok := answered(answer); err != nil || !ok {
			t.Errorf("the answer is %v, %t after the save", err, ok)
		}
		if names := view.Names(w.View()); !slices.Equal(names, []string{"demo"}) {
			t.Errorf("the view shows %v after the save", names)
		}
		if diff := cmp.Diff([]string{"save cluster/demo operation/0000000000000000001 revision/demo.0000000000000000001", "send state.Revive"}, w.done()); diff != "" {
			t.Errorf("after the save (-want +got):\n%s", diff)
		}
		if busy := w.Busy(); busy != 0 {
			t.Errorf("Busy() = %s while idle", busy)
		}
	})
}

// TestLaunchAfterSave checks the order for tasks: saved, then launched, then what is no longer wanted is asked off.
func TestLaunchAfterSave(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		if err := <-w.put(t.Context(), "demo"); err != nil {
			t.Fatal(err)
		}
		w.done()
		w.Post(offers())
		synctest.Wait()
		want := []string{"save cluster/demo task/demo-aaaa-jm-1 task/demo-aaaa-tm-2", "send state.Accept", "send state.Suppress"}
		if diff := cmp.Diff(want, w.done()); diff != "" {
			t.Errorf("after an offer (-want +got):\n%s", diff)
		}
	})
}

// TestBatch queues events while a save is under way: they share saves, as many as Batch says each.
func TestBatch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		release := w.holdSaves()
		answers := []<-chan error{w.put(t.Context(), "c0")}
		synctest.Wait()
		for i := 1; i <= 7; i++ {
			answers = append(answers, w.put(t.Context(), fmt.Sprintf("c%d", i)))
			synctest.Wait()
		}
		release()
		for _, a := range answers {
			if err := <-a; err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		saves := slices.DeleteFunc(w.done(), func(s string) bool { return !strings.HasPrefix(s, "save") })
		for i, s := range saves { // Each put is an operation, too.
			saves[i], _, _ = strings.Cut(s, " operation/")
		}
		want := []string{
			"save cluster/c0",
			"save cluster/c1 cluster/c2 cluster/c3 cluster/c4 cluster/c5",
			"save cluster/c6 cluster/c7",
		}
		if diff := cmp.Diff(want, saves); diff != "" {
			t.Errorf("saves (-want +got):\n%s", diff)
		}
	}, func(o *loop.Options) { o.Batch = 5 })
}

// TestStop ends the loop: whoever waits is told, and who gives up waiting is let go.
func TestStop(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		release := w.holdSaves()
		ctx, giveUp := context.WithCancel(t.Context())
		impatient, patient := w.put(ctx, "a"), w.put(t.Context(), "b")
		synctest.Wait()
		giveUp()
		if err := <-impatient; !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who gave up gets %v", err)
		}
		w.cancel()
		release()
		if err := <-w.ended; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
		// Either it was saved with the save under way, or it is told that it was not.
		err := <-patient
		saved := slices.Contains(view.Names(w.View()), "b")
		if saved != (err == nil) {
			t.Errorf("saved is %t, the answer %v", saved, err)
		}
	})
}

// TestTicks counts the ticks of a minute and looks at what they carry.
func TestTicks(t *testing.T) {
	var ticks []state.Ticked
	inWorld(t, func(t *testing.T, w *world) {
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		w.cancel()
		<-w.ended
		if want := slices.Repeat([]state.Ticked{{Jitter: 0.25}}, 30); !slices.Equal(want, ticks) {
			t.Errorf("ticks of 2s in 61s: %v", ticks)
		}
		if log := w.done(); slices.ContainsFunc(log, func(s string) bool { return strings.HasPrefix(s, "save") }) {
			t.Errorf("a loop without work saves: %q", log)
		}
	}, func(o *loop.Options) {
		o.Tick, o.Jitter = 2*time.Second, func() float64 { return 0.25 }
		o.Observe = func(_ time.Time, e state.Event, _ []state.Action) {
			if tick, ok := e.(state.Ticked); ok {
				ticks = append(ticks, tick)
			}
		}
	})
}

// TestOptions refuses what would only fail later.
func TestOptions(t *testing.T) {
	t.Parallel()
	if _, err := loop.New(loop.Options{Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("New() takes options without a Saver")
	}
}

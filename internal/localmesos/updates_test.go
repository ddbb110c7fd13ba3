package localmesos_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
)

// An update that nobody acknowledges comes again after 10 s, 20 s, 40 s …, at most 10 min apart, and the next
// one of the task waits for it.
func TestUnacknowledgedUpdatesComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{HeartbeatInterval: 1000 * time.Hour})
		w.agent(small())
		c := w.subscribe(framework())
		c.launch(c.allocate()[0], "a")
		start := time.Now()
		var at []time.Duration
		var last mesos.TaskStatus
		for time.Since(start) < time.Hour {
			for _, s := range c.updates() {
				if s.GetState() != mesos.TASK_STARTING {
					t.Fatalf("%s came before TASK_STARTING was acknowledged", s.State)
				}
				at, last = append(at, time.Since(start).Round(time.Second)), s
			}
			time.Sleep(time.Second)
		}
		s := time.Second
		want := []time.Duration{0, 10 * s, 30 * s, 70 * s, 150 * s, 310 * s, 630 * s, 1230 * s, 1830 * s, 2430 * s, 3030 * s}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("times of the update (-want +got):\n%s", diff)
		}
		c.ack(last)
		if diff := cmp.Diff([]string{"a=TASK_RUNNING"}, states(c.acknowledge())); diff != "" {
			t.Errorf("after the acknowledgement (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		if more := c.updates(); len(more) > 0 {
			t.Errorf("came again after its acknowledgement: %v", states(more))
		}
	})
}

// An acknowledgement counts for the update that it names only.
func TestForeignAcknowledgementsAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		w.agent(small())
		c, other := w.subscribe(framework("a")), w.subscribe(framework("b"), "b")
		c.launch(c.allocate()[0], "a")
		s := c.updates()[0]
		other.ack(s)
		wrong := s
		wrong.UUID = []byte("0123456789abcdef")
		c.ack(wrong)
		if more := c.updates(); len(more) != 0 {
			t.Fatalf("an acknowledgement of something else let %v go", states(more))
		}
		c.ack(s)
		if diff := cmp.Diff([]string{"a=TASK_RUNNING"}, states(c.updates())); diff != "" {
			t.Errorf("after the right acknowledgement (-want +got):\n%s", diff)
		}
		c.ack(s) // Again: it is an old one by now.
		if more := c.updates(); len(more) != 0 {
			t.Errorf("a repeated acknowledgement let %v go", states(more))
		}
	})
}

func TestScriptedTasks(t *testing.T) {
	tests := []struct {
		name      string
		behaviour executor.Behaviour
		after     time.Duration
		want      []string
	}{
		{"for ever", executor.Behaviour{}, 2 * time.Minute, []string{"a=TASK_STARTING", "a=TASK_RUNNING"}},
		{"slow start", executor.Behaviour{Start: time.Minute}, 59 * time.Second, nil},
		{"finishes", executor.Behaviour{End: time.Minute}, 2 * time.Minute, []string{"a=TASK_STARTING", "a=TASK_RUNNING", "a=TASK_FINISHED"}},
		{"fails", executor.Behaviour{End: time.Minute, State: mesos.TASK_FAILED.Enum()}, 2 * time.Minute, []string{"a=TASK_STARTING", "a=TASK_RUNNING", "a=TASK_FAILED"}},
		{"does not start", executor.Behaviour{Start: time.Minute, FailToStart: true}, 2 * time.Minute, []string{"a=TASK_FAILED"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, localmesos.Options{})
				o := small()
				o.Runtime = executor.NewScripted(func(mesos.TaskInfo) executor.Behaviour { return tt.behaviour })
				w.agent(o)
				c := w.subscribe(framework())
				c.launch(c.allocate()[0], "a")
				var got []string
				for start := time.Now(); time.Since(start) < tt.after; time.Sleep(time.Second) {
					got = append(got, states(c.acknowledge())...)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("states (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestKillBeforeATaskRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		o := small()
		o.Runtime = executor.NewScripted(func(mesos.TaskInfo) executor.Behaviour { return executor.Behaviour{Start: time.Hour} })
		w.agent(o)
		c := w.subscribe(framework())
		c.launch(c.allocate()[0], "a")
		kill := &scheduler.Call{Type: scheduler.Call_KILL, Kill: &scheduler.Call_Kill{TaskID: mesos.TaskID{Value: "a"}}}
		c.do(kill)
		if diff := cmp.Diff([]string{"a=TASK_KILLED"}, states(c.acknowledge())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		c.do(kill) // It is not known any more.
		if diff := cmp.Diff([]string{"a=TASK_UNKNOWN"}, states(c.updates())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		time.Sleep(2 * time.Hour)
		if more := c.updates(); len(more) != 0 {
			t.Errorf("a killed task started: %v", states(more))
		}
	})
}

func TestOneAcceptForSeveralTasksAndOffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		w.agent(small())
		c := w.subscribe(framework())
		first := c.allocate()[0]
		c.launch(first, "a", "b", "c")
		c.acknowledge()
		second := c.allocate()[0]
		c.do(&scheduler.Call{Type: scheduler.Call_KILL, Kill: &scheduler.Call_Kill{TaskID: mesos.TaskID{Value: "a"}}})
		c.do(&scheduler.Call{Type: scheduler.Call_KILL, Kill: &scheduler.Call_Kill{TaskID: mesos.TaskID{Value: "b"}}})
		c.acknowledge()
		third := c.allocate()[0]
		// Neither offer holds three cpus; together they do.
		big := task(third, "big", 3, 512)
		c.accept([]mesos.Offer{second, third}, launchOf(big))
		if diff := cmp.Diff([]string{"big=TASK_STARTING", "big=TASK_RUNNING"}, states(c.acknowledge())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if n := c.allocate(); len(n) != 1 || amount(n[0], "cpus") != 0 {
			t.Errorf("offers %v, want one without cpus", n)
		}
	})
}

func launchOf(tasks ...mesos.TaskInfo) mesos.Offer_Operation {
	return mesos.Offer_Operation{Type: mesos.Offer_Operation_LAUNCH, Launch: &mesos.Offer_Operation_Launch{TaskInfos: tasks}}
}

func TestRefusedTasks(t *testing.T) {
	tests := []struct {
		name   string
		change func(*mesos.TaskInfo)
		want   string
	}{
		{"too big", func(i *mesos.TaskInfo) { *i = withResources(*i, 5, 256) }, "required by task and its executor is more than available"},
		{"no resources", func(i *mesos.TaskInfo) { i.Resources = nil }, "Task uses no resources"},
		{"no command", func(i *mesos.TaskInfo) { i.Command = nil }, "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"},
		{"slash", func(i *mesos.TaskInfo) { i.TaskID.Value = "a/b" }, "contains invalid characters"},
		{"dots", func(i *mesos.TaskInfo) { i.TaskID.Value = ".." }, "contains invalid characters"},
		{"other agent", func(i *mesos.TaskInfo) { i.AgentID.Value = "x-S9" }, "Task uses invalid agent x-S9"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, localmesos.Options{})
				w.agent(small())
				c := w.subscribe(framework())
				offer := c.allocate()[0]
				info := task(offer, "a", 1, 256)
				tt.change(&info)
				c.accept([]mesos.Offer{offer}, launchOf(info, task(offer, "sound", 4, 256)))
				updates := c.acknowledge()
				if len(updates) == 0 || updates[0].GetState() != mesos.TASK_ERROR || !contains(updates[0].GetMessage(), tt.want) {
					t.Fatalf("updates %v, want TASK_ERROR with %q", updates, tt.want)
				}
				// The other task of the same ACCEPT is not its fault.
				if diff := cmp.Diff([]string{"sound=TASK_STARTING", "sound=TASK_RUNNING"}, states(updates[1:])); diff != "" {
					t.Errorf("states (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestTaskGroupsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		w.agent(small())
		c := w.subscribe(framework())
		offer := c.allocate()[0]
		group := mesos.TaskGroupInfo{Tasks: []mesos.TaskInfo{task(offer, "a", 1, 1), task(offer, "b", 1, 1)}}
		c.accept([]mesos.Offer{offer}, mesos.Offer_Operation{Type: mesos.Offer_Operation_LAUNCH_GROUP, LaunchGroup: &mesos.Offer_Operation_LaunchGroup{TaskGroup: group}})
		updates := c.updates()
		if diff := cmp.Diff([]string{"a=TASK_ERROR", "b=TASK_ERROR"}, states(updates)); diff != "" {
			t.Fatalf("states (-want +got):\n%s", diff)
		}
		if updates[0].GetReason() != mesos.REASON_TASK_GROUP_INVALID || !contains(updates[0].GetMessage(), "not supported") {
			t.Errorf("reason %s, message %q", updates[0].Reason, updates[0].GetMessage())
		}
		if n := c.allocate(); len(n) != 1 || amount(n[0], "cpus") != 4 {
			t.Errorf("the resources of the group are not offered again: %v", n)
		}
	})
}

package localmesos_test

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
)

func TestLoseAndReturnAnAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, rt := running(t, localmesos.Options{})
		if n := len(c.allocate()); n != 1 {
			t.Fatalf("%d offers, want 1", n)
		}
		must(t, w.LoseAgent("0"))
		events := c.take()
		if diff := cmp.Diff([]string{"RESCIND", "UPDATE", "FAILURE"}, types(events)); diff != "" {
			t.Fatalf("events (-want +got):\n%s", diff)
		}
		if s := events[1].Update.Status; s.GetState() != mesos.TASK_UNREACHABLE || s.UnreachableTime == nil || len(s.UUID) != 0 {
			t.Errorf("status %v", s)
		}
		if len(rt.Tasks()) != 1 {
			t.Error("the task does not run on")
		}
		if n := len(c.allocate()); n != 0 {
			t.Errorf("%d offers of a lost agent", n)
		}
		if err := w.LoseAgent("0"); err == nil {
			t.Error("a lost agent was lost again")
		}
		must(t, w.ReturnAgent("0"))
		if diff := cmp.Diff([]string{"a=TASK_RUNNING"}, states(c.updates())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if err := w.ReturnAgent("0"); err == nil {
			t.Error("an agent that is there returned")
		}
		if n := c.allocate(); len(n) != 1 || amount(n[0], "cpus") != 3 {
			t.Errorf("offers %v, want one of 3 cpus", n)
		}
	})
}

// A task that ended while its agent was away is reported when the agent is back.
func TestTaskEndsOnALostAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, rt := running(t, localmesos.Options{})
		must(t, w.LoseAgent("0"))
		c.take()
		rt.End("a", mesos.TASK_FAILED, "boom")
		time.Sleep(time.Hour)
		if more := c.updates(); len(more) != 0 {
			t.Fatalf("a lost agent reported %v", states(more))
		}
		must(t, w.ReturnAgent("0"))
		if diff := cmp.Diff([]string{"a=TASK_FAILED"}, states(c.acknowledge())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if n := c.allocate(); len(n) != 1 || amount(n[0], "cpus") != 4 {
			t.Errorf("offers %v, want one of 4 cpus", n)
		}
	})
}

// Those who do not know partitions are told that the task is lost. The master lists it as unreachable all the same,
// and it is known again when its agent is back.
func TestLostTaskOfAFrameworkThatIsNotPartitionAware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, rt := running(t, localmesos.Options{}, mesos.FrameworkInfo_Capability_MULTI_ROLE)
		must(t, w.LoseAgent("0"))
		if diff := cmp.Diff([]string{"a=TASK_LOST"}, states(c.updates())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"unreachable_tasks a TASK_LOST"}, w.listed()); diff != "" {
			t.Errorf("tasks in /state (-want +got):\n%s", diff)
		}
		must(t, w.ReturnAgent("0"))
		synctest.Wait()
		if diff := cmp.Diff([]string{"a=TASK_RUNNING"}, states(c.updates())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if got := rt.Tasks(); len(got) != 1 {
			t.Errorf("tasks %v run, want a", got)
		}
		if diff := cmp.Diff([]string{"tasks a TASK_RUNNING"}, w.listed()); diff != "" {
			t.Errorf("tasks in /state (-want +got):\n%s", diff)
		}
		if n := c.allocate(); len(n) != 1 || amount(n[0], "cpus") != 3 {
			t.Errorf("offers %v, want one of 3 cpus", n)
		}
	})
}

// listed are the tasks of /state as "list id STATE".
func (w *world) listed() []string {
	w.Helper()
	response, err := w.http.Get("http://" + masterAddress + "/state")
	must(w, err)
	defer response.Body.Close()
	type tasks []struct{ ID, State string }
	var state struct {
		Frameworks []struct {
			Tasks       tasks
			Unreachable tasks `json:"unreachable_tasks"`
			Completed   tasks `json:"completed_tasks"`
		}
	}
	must(w, json.NewDecoder(response.Body).Decode(&state))
	var out []string
	for _, f := range state.Frameworks {
		for name, list := range map[string]tasks{"tasks": f.Tasks, "unreachable_tasks": f.Unreachable, "completed_tasks": f.Completed} {
			for _, t := range list {
				out = append(out, name+" "+t.ID+" "+t.State)
			}
		}
	}
	slices.Sort(out)
	return out
}

// A teardown reaches tasks of a lost agent when it is back.
func TestTeardownWhileAnAgentIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, rt := running(t, localmesos.Options{})
		must(t, w.LoseAgent("0"))
		must(t, w.Teardown(c.id))
		if err := w.Teardown(c.id); err == nil {
			t.Error("a framework was torn down twice")
		}
		must(t, w.ReturnAgent("0"))
		synctest.Wait()
		if got := rt.Tasks(); len(got) != 0 {
			t.Errorf("tasks %v still run", got)
		}
	})
}

func TestKillAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, rt := running(t, localmesos.Options{})
		must(t, w.KillAgent("0"))
		if diff := cmp.Diff([]string{"a=TASK_UNREACHABLE"}, states(c.updates())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if len(rt.Tasks()) != 0 {
			t.Error("the task survived its machine")
		}
		if err := w.ReturnAgent("0"); err == nil {
			t.Error("a machine that failed came back with its tasks")
		}
	})
}

func TestRemoveAgent(t *testing.T) {
	tests := []struct {
		name   string
		remove func(*world) error
		aware  bool
		state  mesos.TaskState
		reason mesos.TaskStatus_Reason
	}{
		{"gone", func(w *world) error { return w.RemoveAgent("0") }, true, mesos.TASK_GONE_BY_OPERATOR, mesos.REASON_AGENT_REMOVED_BY_OPERATOR},
		{"gone, not aware", func(w *world) error { return w.RemoveAgent("0") }, false, mesos.TASK_LOST, mesos.REASON_AGENT_REMOVED},
		{"unregistered", func(w *world) error { return w.UnregisterAgent("0") }, true, mesos.TASK_LOST, mesos.REASON_AGENT_REMOVED},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				capabilities := []mesos.FrameworkInfo_Capability_Type{mesos.FrameworkInfo_Capability_MULTI_ROLE}
				if tt.aware {
					capabilities = append(capabilities, mesos.FrameworkInfo_Capability_PARTITION_AWARE)
				}
				w, c, _ := running(t, localmesos.Options{}, capabilities...)
				must(t, tt.remove(w))
				updates := c.updates()
				if len(updates) != 1 || updates[0].GetState() != tt.state || updates[0].GetReason() != tt.reason {
					t.Fatalf("updates %v, want %s, %s", updates, tt.state, tt.reason)
				}
				if err := w.ReturnAgent("0"); err == nil {
					t.Error("a removed agent returned")
				}
			})
		})
	}
}

// pinged is a master that pings every 2 s and gives up after 2, as the recorded one did.
// A task runs, and the rest of its agent is offered.
func pinged(t *testing.T, checkpoint bool) (*world, *client, *executor.Scripted, mesos.Offer) {
	t.Helper()
	o := pings
	o.HeartbeatInterval = 1e3 * time.Hour
	w := newWorld(t, o)
	_, rt := w.agent(small())
	f := framework()
	f.Checkpoint = &checkpoint
	c := w.subscribe(f)
	c.launch(c.allocate()[0], "a")
	c.acknowledge()
	offers := c.allocate()
	if len(offers) != 1 {
		t.Fatalf("%d offers, want 1", len(offers))
	}
	time.Sleep(500 * time.Millisecond) // The next ping is in 1.5 s.
	return w, c, rt, offers[0]
}

// When a process ends, offers go at once, and tasks are unreachable when two pings were not answered.
func TestAgentProcessIsLostForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, rt, _ := pinged(t, true)
		must(t, w.LoseAgent("0"))
		if diff := cmp.Diff([]string{"RESCIND"}, types(c.take())); diff != "" {
			t.Errorf("events at once (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"tasks a TASK_RUNNING"}, w.listed()); diff != "" {
			t.Errorf("tasks in /state (-want +got):\n%s", diff)
		}
		time.Sleep(5499 * time.Millisecond) // 1.5 s until the first ping, and 2 s for each.
		if got := types(c.take()); len(got) != 0 {
			t.Fatalf("events %v before the pings have run out", got)
		}
		time.Sleep(time.Millisecond)
		if diff := cmp.Diff([]string{"UPDATE", "FAILURE"}, types(c.take())); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if len(rt.Tasks()) != 1 {
			t.Error("the task ended with the process of its agent")
		}
		time.Sleep(time.Hour)
		must(t, w.ReturnAgent("0"))
		if diff := cmp.Diff([]string{"a=TASK_RUNNING"}, states(c.updates())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	})
}

// A process that is back before the pings have run out was never lost to frameworks; what was killed meanwhile ends.
func TestAgentProcessIsBackInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, rt, _ := pinged(t, true)
		must(t, w.LoseAgent("0"))
		c.take()
		time.Sleep(time.Second)
		c.do(&scheduler.Call{Type: scheduler.Call_KILL, Kill: &scheduler.Call_Kill{TaskID: mesos.TaskID{Value: "a"}}})
		if len(rt.Tasks()) != 1 {
			t.Fatal("an agent that is away has killed a task")
		}
		must(t, w.ReturnAgent("0"))
		if diff := cmp.Diff([]string{"a=TASK_KILLED"}, states(c.acknowledge())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		if got := types(c.take()); slices.Contains(got, "FAILURE") {
			t.Errorf("events %v: the agent that is back was given up", got)
		}
	})
}

// A kill of an unreachable task has no effect but an answer.
func TestKillOfAnUnreachableTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, rt := running(t, localmesos.Options{})
		must(t, w.LoseAgent("0"))
		lost := c.updates()
		c.do(&scheduler.Call{Type: scheduler.Call_KILL, Kill: &scheduler.Call_Kill{TaskID: mesos.TaskID{Value: "a"}, AgentID: lost[0].AgentID}})
		updates := c.updates()
		if len(updates) != 1 || updates[0].GetState() != mesos.TASK_UNREACHABLE || updates[0].GetReason() != mesos.REASON_RECONCILIATION {
			t.Errorf("updates %v, want an answer of the reconciliation", updates)
		}
		must(t, w.ReturnAgent("0"))
		if diff := cmp.Diff([]string{"a=TASK_RUNNING"}, states(c.updates())); diff != "" || len(rt.Tasks()) != 1 {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	})
}

// When a machine fails, nobody hears of it until the pings have run out: offers stay, and what is launched is lost
// with the rest. Frameworks without checkpoint are told no sooner.
func TestMachineFailsUnseen(t *testing.T) {
	for _, checkpoint := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w, c, rt, o := pinged(t, checkpoint)
			must(t, w.KillAgent("0"))
			if len(rt.Tasks()) != 0 {
				t.Error("a task survived its machine")
			}
			c.launch(o, "b")
			time.Sleep(5499 * time.Millisecond)
			if got := types(c.take()); len(got) != 0 {
				t.Fatalf("events %v before the pings have run out", got)
			}
			time.Sleep(time.Millisecond)
			if diff := cmp.Diff([]string{"a=TASK_UNREACHABLE", "b=TASK_UNREACHABLE"}, states(c.updates())); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"unreachable_tasks a TASK_UNREACHABLE", "unreachable_tasks b TASK_UNREACHABLE"}, w.listed()); diff != "" {
				t.Errorf("tasks in /state (-want +got):\n%s", diff)
			}
			if err := w.ReturnAgent("0"); err == nil {
				t.Error("a machine that failed came back with its tasks")
			}
			if err := w.KillAgent("0"); err == nil {
				t.Error("a machine failed twice")
			}
		})
	}
}

// A machine may fail after the process of its agent.
func TestMachineFailsAfterTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, rt, _ := pinged(t, true)
		must(t, w.LoseAgent("0"))
		must(t, w.KillAgent("0"))
		if len(rt.Tasks()) != 0 {
			t.Error("a task survived its machine")
		}
		time.Sleep(time.Hour)
		if diff := cmp.Diff([]string{"RESCIND", "UPDATE", "FAILURE"}, types(c.take())); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// After an agent was marked gone, reconciliation says so.
func TestReconcileTasksOfAnAgentThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, _ := running(t, localmesos.Options{})
		must(t, w.RemoveAgent("0"))
		gone := c.updates()[0]
		c.do(&scheduler.Call{Type: scheduler.Call_RECONCILE, Reconcile: &scheduler.Call_Reconcile{Tasks: []scheduler.Call_Reconcile_Task{
			{TaskID: gone.TaskID, AgentID: gone.AgentID}, {TaskID: gone.TaskID},
		}}})
		if diff := cmp.Diff([]string{"a=TASK_GONE_BY_OPERATOR", "a=TASK_UNKNOWN"}, states(c.updates())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	})
}

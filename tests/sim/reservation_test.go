package sim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store"
)

const reservingRole = "dev/flink"

// reservingSpec has a JobManager with a reservation and two TaskManagers with a volume each.
func reservingSpec() spec.Spec {
	s := staticSpec(2)
	s.Role, s.JobManager.Reserve = reservingRole, true
	s.TaskManager.PersistentVolumes = []spec.PersistentVolume{{ContainerPath: "state", Size: 64 * spec.MiB, Type: spec.RootDisk}}
	return s
}

// reservingWorld is a world with a note of the persistent volumes that each task was started with.
type reservingWorld struct {
	*world
	volumes map[string][]string
}

func newReservingWorld(t testing.TB) (reservingWorld, func() store.Store) {
	open, records := inMemory()
	w := reservingWorld{volumes: map[string][]string{}}
	w.world = newWorld(t, worldOptions{seed: 1, agents: 3, workers: 3, role: reservingRole, open: open})
	w.seen = func(task mesosgo.TaskInfo) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, r := range task.Resources {
			if id := r.GetDisk().GetPersistence().GetID(); id != "" {
				w.volumes[task.TaskID.Value] = append(w.volumes[task.TaskID.Value], id)
			}
		}
	}
	return w, records
}

// reserved is what is reserved on the agents: the labels of reservations, and volumes.
func (w reservingWorld) reserved() (reservations, volumes []string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.master.URL()+"/api/v1", bytes.NewReader([]byte(`{"type":"GET_AGENTS"}`)))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.web.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		GetAgents struct {
			Agents []struct {
				TotalResources []struct {
					Name         string `json:"name"`
					Reservations []struct {
						Labels struct {
							Labels []struct{ Key, Value string } `json:"labels"`
						} `json:"labels"`
					} `json:"reservations"`
					Disk struct {
						Persistence struct {
							ID string `json:"id"`
						} `json:"persistence"`
					} `json:"disk"`
				} `json:"total_resources"`
			} `json:"agents"`
		} `json:"get_agents"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		w.t.Fatal(err)
	}
	for _, a := range answer.GetAgents.Agents {
		for _, r := range a.TotalResources {
			for _, level := range r.Reservations {
				for _, l := range level.Labels.Labels {
					if l.Key == "flink_reservation" {
						reservations = append(reservations, l.Value+" "+r.Name)
					}
				}
			}
			if id := r.Disk.Persistence.ID; id != "" {
				volumes = append(volumes, id)
			}
		}
	}
	slices.Sort(reservations)
	slices.Sort(volumes)
	return reservations, volumes
}

// settled waits until exactly the reservations of the running tasks are left.
func (w reservingWorld) settled() {
	w.t.Helper()
	w.rest(expectation{name: staticName, workers: 2})
	problem := ""
	for end := time.Now().Add(2 * patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if problem = w.unsettled(); problem == "" {
			return
		}
	}
	w.t.Fatalf("%s", problem)
}

func (w reservingWorld) unsettled() string {
	reservations, volumes := w.reserved()
	if len(volumes) != 2 || len(reservations) != 4 { // The JobManager's cpus and mem, and a disk of each worker.
		return fmt.Sprintf("reserved are %v, volumes are %v", reservations, volumes)
	}
	for id := range w.running() {
		w.mu.Lock()
		mine := w.volumes[id]
		w.mu.Unlock()
		if !isJobManager(id) && (len(mine) != 1 || !slices.Contains(volumes, mine[0])) {
			return fmt.Sprintf("task %s has the volumes %v of %v", id, mine, volumes)
		}
	}
	return ""
}

// freed waits until nothing is reserved.
func (w reservingWorld) freed() {
	w.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		reservations, volumes := w.reserved()
		if len(reservations)+len(volumes) == 0 {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("still reserved are %v and %v", reservations, volumes)
		}
	}
}

// forgotten waits until the store holds no reservation.
func (w reservingWorld) forgotten(records func() store.Store) {
	w.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		stored, err := records().Load(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		i := slices.IndexFunc(stored, func(r store.Record) bool { return strings.HasPrefix(r.Key, "reservation/") })
		if i < 0 {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("the record %s is left: %s", stored[i].Key, stored[i].Value)
		}
	}
}

// fail ends a task of the kind and returns its id and agent.
func (w reservingWorld) fail(jobManager bool) (id, agent string) {
	w.t.Helper()
	for task, agents := range w.running() {
		if isJobManager(task) == jobManager {
			if a := w.agent(task); a != nil && a.End(task, mesosgo.TASK_FAILED, "the test ends it") {
				return task, agents[0]
			}
		}
	}
	w.t.Fatal("no such task runs")
	return "", ""
}

// replacements are the tasks on an agent that were not there before.
func (w reservingWorld) replacements(before map[string][]string, agent string) (ids []string) {
	for id, agents := range w.running() {
		if _, old := before[id]; !old && slices.Contains(agents, agent) {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestReservations follows what is reserved: a task that replaces another finds its agent and its volume, and the end
// of the cluster gives everything back.
func TestReservations(t *testing.T) {
	virtually(t, reservations)
}

func reservations(t *testing.T) {
	w, records := newReservingWorld(t)
	if err := w.put(reservingSpec()); err != nil {
		t.Fatal(err)
	}
	w.settled()
	before := w.running()
	worker, agent := w.fail(false)
	w.settled()
	if ids := w.replacements(before, agent); len(ids) != 1 || !slices.Equal(w.volumes[ids[0]], w.volumes[worker]) {
		t.Fatalf("%s was replaced by %v, with the volumes %v and not %v", worker, ids, w.volumes, w.volumes[worker])
	}
	reserved, _ := w.reserved()
	_, agent = w.fail(true)
	// Without high availability the workers are replaced with their JobManager.
	w.settled()
	if now, _ := w.reserved(); !slices.Equal(reserved, now) {
		t.Fatalf("reserved were %v and are %v", reserved, now)
	}
	if d := w.running(); !slices.ContainsFunc(w.replacements(before, agent), isJobManager) {
		t.Fatalf("the JobManager left %s: %v", agent, d)
	}
	if err := w.delete(staticName); err != nil {
		t.Fatal(err)
	}
	w.freed()
	w.forgotten(records)
}

// TestReservationsElsewhere loses the agent of a worker for good: its volume is not waited for.
func TestReservationsElsewhere(t *testing.T) {
	virtually(t, reservationsElsewhere)
}

func reservationsElsewhere(t *testing.T) {
	w, _ := newReservingWorld(t)
	if err := w.put(reservingSpec()); err != nil {
		t.Fatal(err)
	}
	w.settled()
	for id, agents := range w.running() {
		if !isJobManager(id) {
			if err := w.master.KillAgent(agents[0]); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	w.settled()
}

// TestReservationsCrashes stops the service after each of its first saves and calls in turn, while it reserves, replaces a
// worker, and gives everything back.
func TestReservationsCrashes(t *testing.T) {
	t.Parallel()
	for after := range 10 {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				w, records := newReservingWorld(t)
				if err := w.put(reservingSpec()); err != nil {
					t.Fatal(err)
				}
				w.crash(after)
				w.settled()
				w.fail(after%2 == 1)
				w.crash(after)
				w.settled()
				if err := w.delete(staticName); err != nil {
					t.Fatal(err)
				}
				w.crash(after)
				w.freed()
				w.forgotten(records)
			})
		})
	}
}

// TestReservationsUninstall removes the service with all that is reserved, stopped after each save and call in turn.
func TestReservationsUninstall(t *testing.T) {
	t.Parallel()
	for after := range 12 {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				w, records := newReservingWorld(t)
				if err := w.put(reservingSpec()); err != nil {
					t.Fatal(err)
				}
				w.settled()
				w.uninstall = true
				w.crash(0)
				w.crash(after)
				w.gone(records)
				w.freed()
			})
		})
	}
}

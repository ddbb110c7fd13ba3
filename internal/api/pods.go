package api

import (
	"net/http"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// The pods, as the tools of DC/OS SDK services know them: each JobManager and each TaskManager is one, of one task,
// named as that task is.

// podTask is a task of a pod.
type podTask struct {
	Name   string `json:"name"`
	ID     string `json:"id"`
	Status string `json:"status"`
}

// podInstance is a pod with its tasks.
type podInstance struct {
	Name  string    `json:"name"`
	Tasks []podTask `json:"tasks"`
}

// podType are the pods of a role in a cluster.
type podType struct {
	Name      string        `json:"name"`
	Instances []podInstance `json:"instances"`
}

// value is how Mesos' messages write an id.
type value struct {
	Value string `json:"value"`
}

// podInfo is what is known of a pod's task, in the words of Mesos' TaskInfo and TaskStatus.
type podInfo struct {
	Info struct {
		Name      string        `json:"name"`
		TaskID    value         `json:"taskId"`
		AgentID   value         `json:"slaveId"`
		Resources []podResource `json:"resources"`
	} `json:"info"`
	Status struct {
		TaskID    value   `json:"taskId"`
		AgentID   value   `json:"slaveId"`
		State     string  `json:"state"`
		Reason    string  `json:"reason,omitempty"`
		Message   string  `json:"message,omitempty"`
		Timestamp float64 `json:"timestamp"`
	} `json:"status"`
}

// podResource is a scalar resource: cpus, or mem in MiB.
type podResource struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Scalar struct {
		Value float64 `json:"value"`
	} `json:"scalar"`
}

// eachPod goes through the pods in the order of clusters and ids.
func (a *API) eachPod(do func(d wire.Description, t wire.TaskStatus)) {
	vw := a.o.Core.View()
	for _, name := range view.Names(vw) {
		d, ok := view.Describe(vw, name)
		if !ok {
			continue
		}
		for _, t := range d.Tasks {
			do(d, t)
		}
	}
}

// pod finds a pod by name.
func (a *API) pod(name string) (d wire.Description, t wire.TaskStatus, err error) {
	err = fault.New(fault.NotFound, "unknown pod %q", query.Shorten(name))
	a.eachPod(func(found wire.Description, task wire.TaskStatus) {
		if task.ID == name {
			d, t, err = found, task, nil
		}
	})
	return d, t, err
}

func instanceOf(t wire.TaskStatus) podInstance {
	return podInstance{Name: t.ID, Tasks: []podTask{{Name: t.ID, ID: t.ID, Status: string(t.State)}}}
}

func (a *API) listPods(w http.ResponseWriter, _ *http.Request) error {
	names := []string{}
	a.eachPod(func(_ wire.Description, t wire.TaskStatus) { names = append(names, t.ID) })
	return answer(w, http.StatusOK, names)
}

func (a *API) podStatuses(w http.ResponseWriter, _ *http.Request) error {
	pods := []podType{}
	at := map[string]int{}
	a.eachPod(func(d wire.Description, t wire.TaskStatus) {
		name := d.Name + "-" + string(t.Kind)
		i, ok := at[name]
		if !ok {
			i = len(pods)
			at[name] = i
			pods = append(pods, podType{Name: name})
		}
		pods[i].Instances = append(pods[i].Instances, instanceOf(t))
	})
	return answer(w, http.StatusOK, map[string]any{"service": a.o.FrameworkName, "pods": pods})
}

func (a *API) podStatus(w http.ResponseWriter, r *http.Request) error {
	_, t, err := a.pod(r.PathValue("pod"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, instanceOf(t))
}

func (a *API) podInfo(w http.ResponseWriter, r *http.Request) error {
	_, t, err := a.pod(r.PathValue("pod"))
	if err != nil {
		return err
	}
	var p podInfo
	p.Info.Name, p.Info.TaskID.Value, p.Info.AgentID.Value = t.ID, t.ID, t.AgentID
	for _, r := range []struct {
		name   string
		amount float64
	}{{"cpus", t.CPUs}, {"mem", float64(t.Memory.MiBCeil())}} {
		resource := podResource{Name: r.name, Type: "SCALAR"}
		resource.Scalar.Value = r.amount
		p.Info.Resources = append(p.Info.Resources, resource)
	}
	p.Status.TaskID.Value, p.Status.AgentID.Value, p.Status.State = t.ID, t.AgentID, "TASK_"+string(t.State)
	p.Status.Reason, p.Status.Message = t.Reason, t.Message
	if !t.Changed.IsZero() {
		p.Status.Timestamp = float64(t.Changed.UnixMilli()) / 1000
	}
	return answer(w, http.StatusOK, []podInfo{p})
}

// restartPod has a new task take the place of the pod's: Mesos has no other way of restarting one.
func (a *API) restartPod(w http.ResponseWriter, r *http.Request) error {
	return a.newPod(w, r, false)
}

// replacePod does the same, and gives up what is reserved for the pod on its agent.
func (a *API) replacePod(w http.ResponseWriter, r *http.Request) error {
	return a.newPod(w, r, true)
}

func (a *API) newPod(w http.ResponseWriter, r *http.Request, replace bool) error {
	d, t, err := a.pod(r.PathValue("pod"))
	if err != nil {
		return err
	}
	if err := a.restartOne(r.Context(), d.Name, t.ID, replace); err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"pod": t.ID, "tasks": []string{t.ID}})
}

// pausePod refuses pause and resume.
func (a *API) pausePod(_ http.ResponseWriter, r *http.Request) error {
	if _, _, err := a.pod(r.PathValue("pod")); err != nil {
		return err
	}
	return fault.New(fault.Conflict, "pods cannot be paused: Flink treats a paused process as lost; restart the pod, or change the cluster")
}

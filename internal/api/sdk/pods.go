package sdk

import (
	"path"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Task is a task of a pod.
type Task struct {
	Name   string `json:"name"`
	ID     string `json:"id"`
	Status string `json:"status"`
}

// Pod is a pod with its tasks: the one that runs or waits for an agent, and the one before while that is ending.
type Pod struct {
	Name  string `json:"name"`
	Tasks []Task `json:"tasks"`

	// Cluster is the name of its cluster, Current the task that is to stay, with the zero value for none.
	Cluster string          `json:"-"`
	Current wire.TaskStatus `json:"-"`
	// launched are those of its tasks that were launched.
	launched []wire.TaskStatus
	kind     string
}

// PodType are the pods of a kind in a cluster.
type PodType struct {
	Name      string `json:"name"`
	Instances []Pod  `json:"instances"`
}

// Pods lists the pods in the order of clusters and names.
func Pods(s *state.State) []Pod {
	var all []Pod
	each(s, func(d wire.Description) {
		for _, p := range podsOf(d) {
			out := Pod{Name: p.name, Cluster: d.Name, Current: p.current, kind: d.Name + "-" + string(p.kind)}
			for _, t := range []wire.TaskStatus{p.current, p.ending} {
				if t.ID != "" {
					out.Tasks = append(out.Tasks, Task{Name: p.name, ID: t.ID, Status: string(t.State)})
					out.launched = append(out.launched, t)
				}
			}
			if p.waiting.ID != "" {
				out.Tasks = append(out.Tasks, Task{Name: p.name, ID: p.waiting.ID, Status: string(Pending)})
			}
			all = append(all, out)
		}
	})
	return all
}

// FindPod looks for a pod by its name, or by the id of one of its tasks.
func FindPod(s *state.State, name string) (Pod, bool) {
	for _, p := range Pods(s) {
		if p.Name == name {
			return p, true
		}
		for _, t := range p.Tasks {
			if t.ID == name {
				return p, true
			}
		}
	}
	return Pod{}, false
}

// PodTypes groups the pods by cluster and kind.
func PodTypes(s *state.State) []PodType {
	types := []PodType{}
	for _, p := range Pods(s) {
		if n := len(types); n == 0 || types[n-1].Name != p.kind {
			types = append(types, PodType{Name: p.kind})
		}
		last := &types[len(types)-1]
		last.Instances = append(last.Instances, p)
	}
	return types
}

// value is how Mesos' messages write an id.
type value struct {
	Value string `json:"value"`
}

// TaskInfo is what is known of a task of a pod, in the words of Mesos' TaskInfo and TaskStatus.
type TaskInfo struct {
	Info struct {
		Name      string     `json:"name"`
		TaskID    value      `json:"taskId"`
		AgentID   value      `json:"slaveId"`
		Resources []resource `json:"resources"`
	} `json:"info"`
	Status struct {
		TaskID    value   `json:"taskId"`
		AgentID   value   `json:"slaveId"`
		State     string  `json:"state"`
		Reason    string  `json:"reason,omitempty"`
		Message   string  `json:"message,omitempty"`
		Timestamp float64 `json:"timestamp"`
		// Container is absent until the agent has told where the sandbox is.
		Container *containerStatus `json:"containerStatus,omitempty"`
	} `json:"status"`
}

// containerStatus names the container of a task, by which DC/OS finds its metrics.
type containerStatus struct {
	ContainerID value `json:"containerId"`
}

// containerOf finds the container of a task in the path of its sandbox, which ends with runs/ID (Mesos, paths.hpp).
func containerOf(sandbox string) *containerStatus {
	dir, id := path.Split(sandbox)
	if path.Base(dir) != "runs" || id == "" || id == "latest" {
		return nil
	}
	return &containerStatus{ContainerID: value{id}}
}

// resource is a scalar resource: cpus, or mem in MiB.
type resource struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Scalar struct {
		Value float64 `json:"value"`
	} `json:"scalar"`
}

// Info describes the tasks of a pod that were launched.
func (p Pod) Info() []TaskInfo {
	all := []TaskInfo{}
	for _, t := range p.launched {
		all = append(all, infoOf(p.Name, t))
	}
	return all
}

func infoOf(name string, t wire.TaskStatus) TaskInfo {
	var i TaskInfo
	i.Info.Name, i.Info.TaskID.Value, i.Info.AgentID.Value = name, t.ID, t.AgentID
	for _, r := range []struct {
		name   string
		amount float64
	}{{"cpus", t.CPUs}, {"mem", float64(t.Memory.MiBCeil())}} {
		out := resource{Name: r.name, Type: "SCALAR"}
		out.Scalar.Value = r.amount
		i.Info.Resources = append(i.Info.Resources, out)
	}
	i.Status.TaskID.Value, i.Status.AgentID.Value, i.Status.State = t.ID, t.AgentID, "TASK_"+string(t.State)
	i.Status.Reason, i.Status.Message = t.Reason, t.Message
	i.Status.Container = containerOf(t.Sandbox)
	if !t.Changed.IsZero() {
		i.Status.Timestamp = float64(t.Changed.UnixMilli()) / 1000
	}
	return i
}

// Running says that the current task of a pod runs.
func (p Pod) Running() bool { return p.Current.ID != "" && p.Current.State == task.Running }

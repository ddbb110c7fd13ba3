package state

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// maxLostPods bounds the pods of a cluster that are remembered while they are being replaced.
const maxLostPods = 100

// LostPod is a pod whose task has ended, or is ending, and whose next task is not ready yet.
type LostPod struct {
	// Pod is its name, such as demo-taskmanager-3.
	Pod   string    `json:"pod"`
	Since time.Time `json:"since"`
}

// podNumbers is the set of the numbers of a kind that are in use. It is a value: add and remove return another.
type podNumbers []uint64

const wordBits = 64

func (p podNumbers) has(n int) bool {
	return n/wordBits < len(p) && p[n/wordBits]&(1<<(n%wordBits)) != 0
}

func (p podNumbers) add(n int) podNumbers {
	out := append(podNumbers(nil), p...)
	for n/wordBits >= len(out) {
		out = append(out, 0)
	}
	out[n/wordBits] |= 1 << (n % wordBits)
	return out
}

func (p podNumbers) remove(n int) podNumbers {
	if !p.has(n) {
		return p
	}
	out := append(podNumbers(nil), p...)
	out[n/wordBits] &^= 1 << (n % wordBits)
	return out
}

// lowest is the lowest number that is not in use.
func (p podNumbers) lowest() int {
	for i, w := range p {
		if w != ^uint64(0) {
			return i*wordBits + bits.TrailingZeros64(^w)
		}
	}
	return len(p) * wordBits
}

// podNumber is the number at the end of a pod's name; false for a name of another cluster or kind, or for none.
func (c *Cluster) podNumber(kind spec.TaskKind, pod string) (int, bool) {
	text, ok := strings.CutPrefix(pod, c.Spec.Name+"-"+string(kind)+"-")
	n, err := strconv.Atoi(text)
	return n, ok && err == nil && n >= 0
}

func (c *Cluster) numbers(kind spec.TaskKind) *podNumbers {
	if kind == spec.JobManagerTask {
		return &c.jobManagerPods
	}
	return &c.taskManagerPods
}

// holdPod and freePod keep the set of numbers in use.
func (c *Cluster) holdPod(kind spec.TaskKind, pod string) {
	if n, ok := c.podNumber(kind, pod); ok {
		set := c.numbers(kind)
		*set = set.add(n)
	}
}

func (c *Cluster) freePod(kind spec.TaskKind, pod string) {
	if n, ok := c.podNumber(kind, pod); ok {
		set := c.numbers(kind)
		*set = set.remove(n)
	}
}

// nextPod names the pod of a new task: the one that was lost first and has no task yet, else the free one with the
// lowest number.
func (c *Cluster) nextPod(kind spec.TaskKind) string {
	used := *c.numbers(kind)
	for _, l := range c.LostPods {
		if n, ok := c.podNumber(kind, l.Pod); ok && !used.has(n) {
			return l.Pod
		}
	}
	return task.PodName(c.Spec.Name, kind, used.lowest())
}

// LosePod notes that the pod of a task is to get another task, until ForgetLostPods.
func (tx *Tx) LosePod(c *Cluster, t *task.Task) {
	known := func(l LostPod) bool { return l.Pod == t.Pod }
	if t.Pod == "" || len(c.LostPods) >= maxLostPods || slices.ContainsFunc(c.LostPods, known) {
		return
	}
	c.LostPods = append(slices.Clip(c.LostPods), LostPod{Pod: t.Pod, Since: tx.Now})
	tx.SaveCluster(c)
}

// lostPodFor is how long a pod stays lost that Flink asks no new worker for.
const lostPodFor = time.Minute

// ForgetLostPods ends the replacement of the pods of a cluster that is ready. One that has no task yet may still get one.
func (tx *Tx) ForgetLostPods(c *Cluster) {
	if len(c.LostPods) == 0 {
		return
	}
	rest := slices.DeleteFunc(slices.Clone(c.LostPods), func(l LostPod) bool {
		for _, kind := range []spec.TaskKind{spec.JobManagerTask, spec.TaskManagerTask} {
			if n, ok := c.podNumber(kind, l.Pod); ok && c.numbers(kind).has(n) {
				return true
			}
		}
		return tx.Now.Sub(l.Since) > lostPodFor
	})
	if len(rest) < len(c.LostPods) {
		c.LostPods = rest
		tx.SaveCluster(c)
	}
}

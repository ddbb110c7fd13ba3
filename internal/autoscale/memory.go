package autoscale

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

// MemorySpec is how the spec of a cluster divides the memory of a TaskManager, in bytes, and
// what decides how many network buffers it needs.
type MemorySpec struct {
	// Process is the whole process, Flink what is left without metaspace and overhead.
	Process int64 `json:"process"`
	Flink   int64 `json:"flink"`
	// Heap is the JVM heap: that of the framework and of tasks.
	Heap    int64 `json:"heap"`
	Managed int64 `json:"managed"`
	Network int64 `json:"network"`
	// Fixed is what the tuning leaves alone: framework and task off-heap.
	Fixed    int64 `json:"fixed"`
	Overhead int64 `json:"overhead"`
	// Segment is the size of a network buffer (taskmanager.memory.segment-size).
	Segment int64 `json:"segment"`
	// PerChannel and Floating are the buffers of a channel and a gate
	// (taskmanager.network.memory.buffers-per-channel, floating-buffers-per-gate).
	PerChannel int `json:"perChannel"`
	Floating   int `json:"floating"`
}

// MemoryRecommendation is how a TaskManager's memory should be divided, in bytes.
type MemoryRecommendation struct {
	Process   int64 `json:"process"`
	Heap      int64 `json:"heap"`
	Managed   int64 `json:"managed"`
	Network   int64 `json:"network"`
	Metaspace int64 `json:"metaspace"`
	// ManagedFraction is of Flink's memory, OverheadFraction of the process; three decimals.
	ManagedFraction  float64 `json:"managedFraction"`
	OverheadFraction float64 `json:"overheadFraction"`
}

// Set are the options of the recommendation.
func (m MemoryRecommendation) Set() map[string]string {
	size := func(n int64) string { return strconv.FormatInt(n, 10) + "b" }
	share := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 32) }
	return map[string]string{
		"taskmanager.memory.process.size":          size(m.Process),
		"taskmanager.memory.framework.heap.size":   "0b",
		"taskmanager.memory.managed.fraction":      share(m.ManagedFraction),
		"taskmanager.memory.network.min":           size(m.Network),
		"taskmanager.memory.network.max":           size(m.Network),
		"taskmanager.memory.jvm-overhead.fraction": share(m.OverheadFraction),
		"taskmanager.memory.jvm-metaspace.size":    size(m.Metaspace),
	}
}

// Removed are the options that must not be set beside those of Set.
func (m MemoryRecommendation) Removed() []string {
	return []string{"taskmanager.memory.flink.size", "taskmanager.memory.task.heap.size", "taskmanager.memory.managed.size"}
}

// budget hands out memory until nothing is left.
type budget struct{ left int64 }

func (b *budget) take(n int64) int64 {
	n = min(max(0, n), b.left)
	b.left -= n
	return n
}

// recommendMemory adds a memory recommendation for the planned parallelism.
func recommendMemory(o settings.Options, e *evaluator, in Inputs, planned map[string]int, r *Result) {
	if in.Memory == nil {
		return
	}
	if m, ok := tune(o, e, *in.Memory, planned, in.TaskManager); ok {
		r.Memory = &m
		r.ApplyMemory = r.Act && o.Memory.Tune
	}
}

// tune divides the memory of a TaskManager by what is used. The order matters where there is not
// enough for all: the network first, then metaspace, heap and managed memory, which can be of any size.
func tune(
	o settings.Options, e *evaluator, spec MemorySpec, parallelism map[string]int, size TaskManagerSize,
) (MemoryRecommendation, bool) {
	if spec.Process <= 0 {
		return MemoryRecommendation{}, false
	}
	b := budget{left: spec.Process}
	b.take(spec.Fixed)
	b.take(spec.Overhead)
	slots := max(1, size.Slots)
	var m MemoryRecommendation
	m.Network = b.take(networkBuffers(e.t, spec, parallelism) * spec.Segment * int64(slots))
	used := func(v Value) int64 { return b.take(int64(float64(int64(v.Or(0))) * (1 + o.Memory.Overhead))) }
	m.Metaspace = used(e.job.MetaspaceUsed)
	m.Heap = used(e.job.HeapUsed)
	switch {
	case e.job.ManagedUsed.Or(0) < 1:
	case o.Memory.MaximizeManaged:
		m.Managed = b.take(math.MaxInt64)
	default:
		m.Managed = b.take(spec.Managed)
	}
	if o.Memory.Compensate {
		m.Heap += b.take(int64(fewer(e, parallelism, slots)*float64(m.Heap)) - m.Heap)
	}
	m.Process = spec.Process - b.left
	flink := spec.Flink + (m.Heap - spec.Heap) + (m.Managed - spec.Managed) + (m.Network - spec.Network)
	if m.Process <= 0 || flink <= 0 {
		return MemoryRecommendation{}, false
	}
	m.ManagedFraction = ceil3(float64(m.Managed) / float64(flink))
	m.OverheadFraction = ceil3(float64(spec.Overhead) / float64(m.Process))
	return m, true
}

// fewer is how many times more TaskManagers there are before than after, and 1 or more.
func fewer(e *evaluator, parallelism map[string]int, slots int) float64 {
	usedNow := toInt(e.job.SlotsUsed.Float())
	now, after, sum := 0, 0, 0
	for id, p := range parallelism {
		now = max(now, e.t.vertices[id].Parallelism)
		after = max(after, p)
		sum += p
	}
	if now != usedNow {
		after = sum // Slots are not shared, or not by all.
	}
	managers := func(n int) float64 { return math.Ceil(float64(n) / float64(slots)) }
	return max(1, managers(usedNow)/managers(after))
}

// networkBuffers is the number of buffers of all gates of one slot, which may run a subtask of
// every vertex.
func networkBuffers(t topology, spec MemorySpec, parallelism map[string]int) int64 {
	var sum int64
	for id, v := range t.vertices {
		for _, in := range v.Inputs {
			sum += gateBuffers(spec, parallelism[id], parallelism[in.ID], in.Ship)
		}
		for _, out := range t.outputs[id] {
			i := slices.IndexFunc(t.vertices[out].Inputs, func(in Input) bool { return in.ID == id })
			sum += gateBuffers(spec, parallelism[id], parallelism[out], t.vertices[out].Inputs[i].Ship)
		}
	}
	return sum
}

// gateBuffers is the number of buffers of a gate between subtasks of one vertex and all of another.
func gateBuffers(spec MemorySpec, own, other int, ship string) int64 {
	channels := other
	switch {
	case own == other && strings.EqualFold(ship, "FORWARD"):
		channels = 1
	case strings.EqualFold(ship, "FORWARD") || strings.EqualFold(ship, "RESCALE"):
		channels = (other + own - 1) / own
	}
	return int64(channels*spec.PerChannel + spec.Floating)
}

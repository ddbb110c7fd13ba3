package flink

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// TaskManagerMemory is how a TaskManager process divides its memory, and what else
// Flink must be told about its resources.
type TaskManagerMemory struct {
	FrameworkHeap, FrameworkOffHeap spec.Memory
	TaskHeap, TaskOffHeap           spec.Memory
	Network, Managed                spec.Memory
	Metaspace, Overhead             spec.Memory
	// CPUs is taskmanager.cpu.cores; the number of slots when that is not set.
	CPUs float64
	// Slots is taskmanager.numberOfTaskSlots, 1 or more.
	Slots int
	// External are the amounts of external resources by name, such as gpu.
	External map[string]int64
	// Warnings are sentences about a split that works and is probably not what was meant.
	Warnings []string
}

// Heap is the size of the JVM heap.
func (m TaskManagerMemory) Heap() spec.Memory { return m.FrameworkHeap + m.TaskHeap }

// Direct is the bound of direct memory.
func (m TaskManagerMemory) Direct() spec.Memory {
	return m.FrameworkOffHeap + m.TaskOffHeap + m.Network
}

// Flink is the memory without metaspace and overhead (taskmanager.memory.flink.size).
func (m TaskManagerMemory) Flink() spec.Memory { return m.Heap() + m.Direct() + m.Managed }

// Total is the memory of the whole process.
func (m TaskManagerMemory) Total() spec.Memory { return m.Flink() + m.Metaspace + m.Overhead }

// JVMParameters are the JVM options for the sizes.
func (m TaskManagerMemory) JVMParameters() []string {
	return jvmParameters(m.Heap(), m.Direct(), true, m.Metaspace)
}

// DynamicProperties are the options that tell Flink the split, as "key=value". A
// TaskManager does not start unless it is told all of them.
func (m TaskManagerMemory) DynamicProperties() []string {
	const prefix = "taskmanager.memory."
	settings := []setting{
		{"taskmanager.cpu.cores", javaDouble(m.CPUs)},
		bytesOf(prefix+"framework.heap.size", m.FrameworkHeap),
		bytesOf(prefix+"framework.off-heap.size", m.FrameworkOffHeap),
		bytesOf(prefix+"task.heap.size", m.TaskHeap),
		bytesOf(prefix+"task.off-heap.size", m.TaskOffHeap),
		bytesOf(prefix+"network.min", m.Network),
		bytesOf(prefix+"network.max", m.Network),
		bytesOf(prefix+"managed.size", m.Managed),
		bytesOf(prefix+"jvm-metaspace.size", m.Metaspace),
		bytesOf(prefix+"jvm-overhead.min", m.Overhead),
		bytesOf(prefix+"jvm-overhead.max", m.Overhead),
		{"taskmanager.numberOfTaskSlots", strconv.Itoa(m.Slots)},
	}
	names := make([]setting, 0, len(m.External))
	for name := range m.External {
		names = append(names, setting{key: name})
	}
	slices.SortFunc(names, func(a, b setting) int { return strings.Compare(a.key, b.key) })
	list := "none"
	if len(names) > 0 {
		ordered := inHashMapOrder(names)
		for i, n := range ordered {
			ordered[i] = strings.TrimSuffix(n, "=")
		}
		list = strings.Join(ordered, ";")
	}
	settings = append(settings, setting{"external-resources", list})
	for _, n := range names {
		settings = append(settings, setting{"external-resource." + n.key + ".amount", strconv.FormatInt(m.External[n.key], 10)})
	}
	return inHashMapOrder(settings)
}

// javaDouble writes a number as Java's Double.toString does between 0.001 and 10 million,
// where all counts of processors are.
func javaDouble(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// taskManagerInput is the configuration of a TaskManager, read.
type taskManagerInput struct {
	process
	network, managed         fraction
	taskHeap, managedSize    spec.Memory
	hasTaskHeap, hasManaged  bool
	fixedHeap, fixedOff, off spec.Memory // framework heap, framework off-heap, task off-heap
}

func (r *reader) taskManager() taskManagerInput {
	const prefix = "taskmanager.memory."
	in := taskManagerInput{process: r.process(prefix)}
	in.fixedHeap, _ = r.size(128*spec.MiB, prefix+"framework.heap.size")
	in.fixedOff, _ = r.size(128*spec.MiB, prefix+"framework.off-heap.size")
	in.off, _ = r.size(0, prefix+"task.off-heap.size")
	in.taskHeap, in.hasTaskHeap = r.size(0, prefix+"task.heap.size")
	in.managedSize, in.hasManaged = r.size(0, prefix+"managed.size", "taskmanager.memory.size")
	in.managed = fraction{option: prefix + "managed.fraction", max: math.MaxInt64}
	in.managed.share, in.managed.explicit = r.float(0.4, prefix+"managed.fraction")
	if in.managed.share < 0 || in.managed.share >= 1 {
		r.fail(in.managed.option, "%v is not in the range from 0 up to, but without, 1", in.managed.share)
	}
	in.network = r.fraction(0.1, 64*spec.MiB, math.MaxInt64,
		[]string{prefix + "network.fraction", "taskmanager.network.memory.fraction"},
		[]string{prefix + "network.min", "taskmanager.network.memory.min"},
		[]string{prefix + "network.max", "taskmanager.network.memory.max"})
	if _, ok := r.config["taskmanager.network.numberOfBuffers"]; ok {
		r.fail("taskmanager.network.numberOfBuffers", "Flink 2 has no such option any more: set taskmanager.memory.network.min and .max instead")
	}
	return in
}

// SplitTaskManager divides the memory of a TaskManager as Flink does
// (TaskExecutorProcessUtils): from task heap and managed size together, the Flink size, or the process
// size, whichever is set first in this order. The error is of type Problems.
func SplitTaskManager(config map[string]string) (TaskManagerMemory, error) {
	r := &reader{config: config}
	in := r.taskManager()
	m := TaskManagerMemory{
		FrameworkHeap: in.fixedHeap, FrameworkOffHeap: in.fixedOff, TaskOffHeap: in.off, Metaspace: in.metaspace,
	}
	m.Slots = r.slots()
	m.CPUs = r.cpus(m.Slots)
	m.External = r.external()
	if r.err != nil {
		return TaskManagerMemory{}, r.err
	}
	warn := func(format string, args ...any) { m.Warnings = append(m.Warnings, fmt.Sprintf(format, args...)) }

	var err error
	switch {
	case in.hasTaskHeap && in.hasManaged:
		m.TaskHeap, m.Managed = in.taskHeap, in.managedSize
		without := m.FrameworkHeap + m.FrameworkOffHeap + m.TaskHeap + m.TaskOffHeap + m.Managed
		if in.hasFlink {
			m.Network, err = in.networkRest(in.flink, without, warn)
		} else {
			m.Network = in.network.beside(without)
		}
		if err == nil {
			m.Overhead, err = in.overheadFor(m.Flink(), warn)
		}
	case in.hasFlink:
		err = in.divide(&m, in.flink, in.prefix+"flink.size", warn)
		if err == nil {
			m.Overhead, err = in.overheadFor(in.flink, warn)
		}
	case in.hasTotal:
		var rest spec.Memory
		rest, m.Overhead, err = in.flinkFromTotal()
		if err == nil {
			err = in.divide(&m, rest, in.prefix+"process.size", warn)
		}
	default:
		err = nothingSet(in.prefix, in.prefix+"task.heap.size and "+in.prefix+"managed.size")
	}
	if err != nil {
		return TaskManagerMemory{}, err
	}
	if m.TaskHeap < 16*spec.MiB {
		warn("the tasks of a TaskManager get only %s of heap", readable(m.TaskHeap))
	}
	return m, nil
}

// divide fills in what depends on the size of Flink's memory as a whole.
func (in taskManagerInput) divide(m *TaskManagerMemory, whole spec.Memory, option string, warn func(string, ...any)) error {
	m.Managed = in.managedSize
	if !in.hasManaged {
		m.Managed = in.managed.of(whole)
	}
	if in.hasTaskHeap {
		m.TaskHeap = in.taskHeap
		var err error
		m.Network, err = in.networkRest(whole, m.FrameworkHeap+m.FrameworkOffHeap+m.TaskHeap+m.TaskOffHeap+m.Managed, warn)
		return err
	}
	m.Network = in.network.of(whole)
	without := m.FrameworkHeap + m.FrameworkOffHeap + m.TaskOffHeap + m.Managed + m.Network
	if without > whole || without < 0 {
		return problem(option, "the parts do not fit: Flink's memory is %s, and framework heap (%s), framework off-heap (%s), task off-heap (%s), managed (%s) and network memory (%s) leave nothing for the heap of tasks: give the TaskManager more memory, or lower one of these parts",
			readable(whole), readable(m.FrameworkHeap), readable(m.FrameworkOffHeap), readable(m.TaskOffHeap), readable(m.Managed), readable(m.Network))
	}
	m.TaskHeap = whole - without
	return nil
}

// networkRest gives network memory what the others leave; it must keep to its bounds.
func (in taskManagerInput) networkRest(whole, without spec.Memory, warn func(string, ...any)) (spec.Memory, error) {
	if without > whole || without < 0 {
		return 0, problem(in.prefix+"task.heap.size", "the parts that are set (framework heap %s, framework off-heap %s, task heap %s, task off-heap %s, managed memory) are %s, more than Flink's memory of %s: lower one of them, or give the TaskManager more memory",
			readable(in.fixedHeap), readable(in.fixedOff), readable(in.taskHeap), readable(in.off), readable(without), readable(whole))
	}
	rest := whole - without
	if !in.network.holds(rest) {
		return 0, problem(in.network.minKey, "the sizes that are set leave %s for network memory, which is not between %s and %s: change one of them, or the bounds (%s, %s)",
			readable(rest), readable(in.network.min), readable(in.network.max), in.network.minKey, in.network.maxKey)
	}
	if in.network.explicit && rest != multiply(whole, in.network.share) {
		warn("%s is not followed: the sizes that are set leave %s for network memory", in.network.option, readable(rest))
	}
	return rest, nil
}

func (r *reader) slots() int {
	const key = "taskmanager.numberOfTaskSlots"
	v, ok := r.config[key]
	if !ok {
		return 1
	}
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil || n < 1 || n > math.MaxInt32 {
		r.fail(key, "%q is not a number of slots: write a whole number of 1 or more", v)
		return 1
	}
	return n
}

func (r *reader) cpus(slots int) float64 {
	const key = "taskmanager.cpu.cores"
	v, ok := r.config[key]
	if !ok {
		return float64(slots)
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil || !(f > 0) || f > 1e6 {
		r.fail(key, "%q is not a number of processors: write a number above 0, such as 1.5", v)
		return float64(slots)
	}
	return f
}

// external reads external-resources and their amounts; a resource without an amount is
// left out, as Flink does.
func (r *reader) external() map[string]int64 {
	v, ok := r.config["external-resources"]
	if v = strings.TrimSpace(v); !ok || v == "" || v == "none" {
		return nil
	}
	amounts := map[string]int64{}
	for _, name := range strings.FieldsFunc(strings.Trim(v, "[]"), func(c rune) bool { return c == ';' || c == ',' }) {
		name = strings.Trim(strings.TrimSpace(name), `"'`)
		key := "external-resource." + name + ".amount"
		text, ok := r.config[key]
		if name == "" || !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil || n < 1 {
			r.fail(key, "%q is not an amount: write a whole number of 1 or more", text)
			continue
		}
		amounts[name] = n
	}
	if len(amounts) == 0 {
		return nil
	}
	return amounts
}

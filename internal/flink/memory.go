package flink

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Fractions are Java floats in Flink, widened to double and then multiplied exactly as
// the decimal number that Double.toString prints: 0.1 is 0.10000000149011612 there.
// Everything below keeps to that, so that our split is Flink's to the byte.

// fraction is a share with bounds, such as that of the JVM overhead.
type fraction struct {
	option   string // key of the share
	minKey   string
	maxKey   string
	share    float64 // a float32, widened
	min, max spec.Memory
	explicit bool // the share was set by the user
}

// clamp brings a derived size between the bounds.
func (f fraction) clamp(m spec.Memory) spec.Memory { return min(max(m, f.min), f.max) }

// of returns the share of a whole.
func (f fraction) of(whole spec.Memory) spec.Memory { return f.clamp(multiply(whole, f.share)) }

// beside returns the share that a part gets when the rest is given.
func (f fraction) beside(rest spec.Memory) spec.Memory {
	return f.clamp(multiply(rest, f.share/(1-f.share)))
}

func (f fraction) holds(m spec.Memory) bool { return m >= f.min && m <= f.max }

// multiply rounds down to bytes, like BigDecimal.longValue. Products beyond what a long holds
// become the largest long; they end as an error or at a bound.
func multiply(m spec.Memory, by float64) spec.Memory {
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(by, 'g', -1, 64))
	if !ok {
		return 0
	}
	r.Mul(r, new(big.Rat).SetInt64(int64(m)))
	product := new(big.Int).Quo(r.Num(), r.Denom())
	if !product.IsInt64() {
		return math.MaxInt64
	}
	return spec.Memory(product.Int64())
}

// reader reads options and remembers the first problem.
type reader struct {
	config map[string]string
	err    error
}

func (r *reader) fail(option, format string, args ...any) {
	if r.err == nil {
		r.err = problem(option, format, args...)
	}
}

// find returns the value of the first key that is set, and that key.
func (r *reader) find(keys ...string) (value, key string, ok bool) {
	for _, k := range keys {
		if v, ok := r.config[k]; ok {
			return v, k, true
		}
	}
	return "", keys[0], false
}

// size reads a memory size; keys after the first are its deprecated names.
func (r *reader) size(fallback spec.Memory, keys ...string) (spec.Memory, bool) {
	v, key, ok := r.find(keys...)
	if !ok {
		return fallback, false
	}
	m, err := parseMemory(v)
	if err != nil {
		r.fail(key, "%v", err)
		return fallback, true
	}
	return m, true
}

func (r *reader) float(fallback float32, keys ...string) (float64, bool) {
	v, key, ok := r.find(keys...)
	if !ok {
		return float64(fallback), false
	}
	// Java's parser takes a type suffix, ours does not.
	f, err := strconv.ParseFloat(strings.TrimRight(strings.TrimSpace(v), "fFdD"), 32)
	if err != nil || math.IsNaN(f) {
		r.fail(key, "%q is not a number between 0 and 1", v)
		return float64(fallback), true
	}
	return f, true
}

func (r *reader) fraction(share float32, low, high spec.Memory, shareKeys, minKeys, maxKeys []string) fraction {
	f := fraction{option: shareKeys[0], minKey: minKeys[0], maxKey: maxKeys[0]}
	f.share, f.explicit = r.float(share, shareKeys...)
	f.min, _ = r.size(low, minKeys...)
	f.max, _ = r.size(high, maxKeys...)
	if f.min > f.max {
		r.fail(minKeys[0], "%s is more than %s (%s): lower the one or raise the other", readable(f.min), maxKeys[0], readable(f.max))
	}
	if f.share < 0 || f.share >= 1 {
		r.fail(shareKeys[0], "%v is not in the range from 0 up to, but without, 1", f.share)
	}
	return f
}

// process is what both roles have in common.
type process struct {
	prefix             string // "jobmanager.memory." or "taskmanager.memory."
	total, flink       spec.Memory
	hasTotal, hasFlink bool
	metaspace          spec.Memory
	overhead           fraction
}

func (r *reader) process(prefix string) process {
	p := process{prefix: prefix}
	p.total, p.hasTotal = r.size(0, prefix+"process.size")
	p.flink, p.hasFlink = r.size(0, prefix+"flink.size")
	p.metaspace, _ = r.size(256*spec.MiB, prefix+"jvm-metaspace.size")
	p.overhead = r.fraction(0.1, 192*spec.MiB, spec.GiB,
		[]string{prefix + "jvm-overhead.fraction"}, []string{prefix + "jvm-overhead.min"}, []string{prefix + "jvm-overhead.max"})
	return p
}

// flinkFromTotal divides the process size: what is left for Flink, and the overhead.
func (p process) flinkFromTotal() (rest, overhead spec.Memory, err error) {
	overhead = p.overhead.of(p.total)
	if sum := p.metaspace + overhead; sum > p.total {
		return 0, 0, problem(p.prefix+"process.size",
			"%s cannot hold the JVM metaspace (%s) and the JVM overhead (%s): give the process more memory, or lower %sjvm-metaspace.size or %sjvm-overhead.min",
			readable(p.total), readable(p.metaspace), readable(overhead), p.prefix, p.prefix)
	}
	return p.total - p.metaspace - overhead, overhead, nil
}

// overheadFor returns the overhead beside a known Flink memory. With a process size it is
// what is left, and must keep to its bounds.
func (p process) overheadFor(flinkMemory spec.Memory, warn func(string, ...any)) (spec.Memory, error) {
	used := flinkMemory + p.metaspace
	if !p.hasTotal {
		return p.overhead.beside(used), nil
	}
	if used > p.total {
		return 0, problem(p.prefix+"process.size",
			"%s is less than Flink's memory (%s) and the JVM metaspace (%s) together: give the process more memory, or lower the parts that are set",
			readable(p.total), readable(flinkMemory), readable(p.metaspace))
	}
	overhead := p.total - used
	if !p.overhead.holds(overhead) {
		return 0, problem(p.overhead.minKey,
			"%s are left for the JVM overhead beside Flink's memory (%s) and the JVM metaspace (%s) in a process of %s, which is not between %s and %s: change one of these sizes, or the bounds (%s, %s)",
			readable(overhead), readable(flinkMemory), readable(p.metaspace), readable(p.total),
			readable(p.overhead.min), readable(p.overhead.max), p.overhead.minKey, p.overhead.maxKey)
	}
	if p.overhead.explicit && overhead != multiply(p.total, p.overhead.share) {
		warn("%s is not followed: the sizes that are set leave %s for the JVM overhead", p.overhead.option, readable(overhead))
	}
	return overhead, nil
}

// nothingSet is the error when no starting point for the division is given.
func nothingSet(prefix, fine string) error {
	return problem(prefix+"process.size", "nothing says how much memory there is: set it, or %sflink.size, or %s", prefix, fine)
}

// jvmParameters are the sizes that Flink's own scripts hand to the JVM, in their order.
func jvmParameters(heap, direct spec.Memory, limitDirect bool, metaspace spec.Memory) []string {
	list := []string{fmt.Sprintf("-Xmx%d", int64(heap)), fmt.Sprintf("-Xms%d", int64(heap))}
	if limitDirect {
		list = append(list, fmt.Sprintf("-XX:MaxDirectMemorySize=%d", int64(direct)))
	}
	return append(list, fmt.Sprintf("-XX:MaxMetaspaceSize=%d", int64(metaspace)))
}

// setting is one dynamic property.
type setting struct{ key, value string }

func bytesOf(key string, m spec.Memory) setting {
	return setting{key, strconv.FormatInt(int64(m), 10) + "b"}
}

// inHashMapOrder returns "key=value" in the order in which a java.util.HashMap that was filled in
// the given order hands its entries out. Flink prints its properties from such a map; being
// equal to the byte lets us compare outputs as they are.
func inHashMapOrder(settings []setting) []string {
	capacity := 16
	for len(settings)*4 > capacity*3 {
		capacity *= 2
	}
	buckets := make([][]string, capacity)
	for _, s := range settings {
		var h uint32
		for _, c := range []byte(s.key) { // keys are ASCII
			h = 31*h + uint32(c)
		}
		i := (h ^ h>>16) & uint32(capacity-1)
		buckets[i] = append(buckets[i], s.key+"="+s.value)
	}
	list := make([]string, 0, len(settings))
	for _, b := range buckets {
		list = append(list, b...)
	}
	return list
}

// JobManagerMemory is how a JobManager process divides its memory.
type JobManagerMemory struct {
	Heap, OffHeap, Metaspace, Overhead spec.Memory
	// LimitDirect says that OffHeap is enforced (jobmanager.memory.enable-jvm-direct-memory-limit).
	LimitDirect bool
	// Warnings are sentences about a split that works and is probably not what was meant.
	Warnings []string
}

// Total is the memory of the whole process.
func (m JobManagerMemory) Total() spec.Memory {
	return m.Heap + m.OffHeap + m.Metaspace + m.Overhead
}

// JVMParameters are the JVM options for the sizes.
func (m JobManagerMemory) JVMParameters() []string {
	return jvmParameters(m.Heap, m.OffHeap, m.LimitDirect, m.Metaspace)
}

// DynamicProperties are the options that tell Flink the split, as "key=value".
func (m JobManagerMemory) DynamicProperties() []string {
	return inHashMapOrder([]setting{
		bytesOf("jobmanager.memory.heap.size", m.Heap),
		bytesOf("jobmanager.memory.off-heap.size", m.OffHeap),
		bytesOf("jobmanager.memory.jvm-metaspace.size", m.Metaspace),
		bytesOf("jobmanager.memory.jvm-overhead.min", m.Overhead),
		bytesOf("jobmanager.memory.jvm-overhead.max", m.Overhead),
	})
}

// SplitJobManager divides the memory of a JobManager as Flink does
// (JobManagerProcessUtils): from the heap size, the Flink size or the process size, whichever is set
// first in this order. The error is of type Problems.
func SplitJobManager(config map[string]string) (JobManagerMemory, error) {
	const prefix = "jobmanager.memory."
	r := &reader{config: config}
	p := r.process(prefix)
	var m JobManagerMemory
	m.Metaspace = p.metaspace
	var hasOffHeap bool
	m.OffHeap, hasOffHeap = r.size(128*spec.MiB, prefix+"off-heap.size")
	heap, hasHeap := r.size(0, prefix+"heap.size")
	store, _ := r.size(50*spec.MiB, "jobstore.cache-size")
	if v, ok := config[prefix+"enable-jvm-direct-memory-limit"]; ok {
		limit, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(v)))
		if err != nil {
			r.fail(prefix+"enable-jvm-direct-memory-limit", "%q is neither true nor false", v)
		}
		m.LimitDirect = limit
	}
	if r.err != nil {
		return JobManagerMemory{}, r.err
	}
	warn := func(format string, args ...any) { m.Warnings = append(m.Warnings, fmt.Sprintf(format, args...)) }

	var err error
	switch {
	case hasHeap:
		m.Heap = heap
		if p.hasFlink && !hasOffHeap && heap <= p.flink {
			m.OffHeap = p.flink - heap
		}
		if p.hasFlink && heap+m.OffHeap != p.flink {
			return JobManagerMemory{}, problem(prefix+"flink.size", "%s is not the sum of %sheap.size (%s) and %soff-heap.size (%s): set only one of heap.size and flink.size",
				readable(p.flink), prefix, readable(heap), prefix, readable(m.OffHeap))
		}
		m.Overhead, err = p.overheadFor(m.Heap+m.OffHeap, warn)
	case p.hasFlink:
		if p.flink > m.OffHeap {
			m.Heap = p.flink - m.OffHeap
			m.Overhead, err = p.overheadFor(p.flink, warn)
		} else {
			err = problem(prefix+"flink.size", "%s leaves no heap beside %soff-heap.size (%s): raise the one or lower the other",
				readable(p.flink), prefix, readable(m.OffHeap))
		}
	case p.hasTotal:
		var rest spec.Memory
		rest, m.Overhead, err = p.flinkFromTotal()
		if err == nil && rest <= m.OffHeap {
			err = problem(prefix+"process.size", "%s leaves no heap beside the JVM metaspace (%s), the JVM overhead (%s) and %soff-heap.size (%s): give the JobManager more memory",
				readable(p.total), readable(p.metaspace), readable(m.Overhead), prefix, readable(m.OffHeap))
		}
		m.Heap = rest - m.OffHeap
	default:
		err = nothingSet(prefix, prefix+"heap.size")
	}
	if err != nil {
		return JobManagerMemory{}, err
	}
	if m.Heap < 128*spec.MiB {
		warn("the JobManager's heap (%s) is below the 128m that Flink recommends", readable(m.Heap))
	}
	if m.Heap < store {
		warn("the JobManager's heap (%s) is smaller than its job store cache (jobstore.cache-size, %s)", readable(m.Heap), readable(store))
	}
	return m, nil
}

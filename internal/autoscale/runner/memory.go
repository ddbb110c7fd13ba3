package runner

import (
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// The options that decide how many network buffers a TaskManager needs, with Flink's defaults.
const (
	optionSegment    = "taskmanager.memory.segment-size"
	optionPerChannel = "taskmanager.network.memory.buffers-per-channel"
	optionFloating   = "taskmanager.network.memory.floating-buffers-per-gate"

	defaultSegment    = 32 * spec.KiB
	defaultPerChannel = 2
	defaultFloating   = 8
)

// memoryOf is how a configuration divides the memory of a TaskManager; nil when it cannot be divided.
func memoryOf(config map[string]string) *autoscale.MemorySpec {
	m, err := flink.SplitTaskManager(config)
	if err != nil {
		return nil
	}
	segment, err := spec.ParseMemory(config[optionSegment])
	if err != nil || segment <= 0 {
		segment = defaultSegment
	}
	return &autoscale.MemorySpec{
		Process: int64(m.Total()), Flink: int64(m.Flink()), Heap: int64(m.Heap()), Managed: int64(m.Managed), Network: int64(m.Network),
		Fixed: int64(m.FrameworkOffHeap + m.TaskOffHeap), Overhead: int64(m.Overhead), Segment: int64(segment),
		PerChannel: wholeOr(config[optionPerChannel], defaultPerChannel), Floating: wholeOr(config[optionFloating], defaultFloating),
	}
}

// wholeOr reads a whole number of at least 0, or returns another.
func wholeOr(text string, other int) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 {
		return other
	}
	return n
}

package spec

import (
	"encoding/json"
	"fmt"
	"math"
)

// Limits are how much a task may use of its agent when others leave it unused (TaskInfo.limits, Mesos 1.10). What
// it can count on stays its cpus and its memory.
type Limits struct {
	// CPUs is at least the task's cpus; 0 for no limit of its own.
	CPUs CPULimit `json:"cpus,omitempty"`
	// Memory is at least the task's memory; 0 for no limit of its own.
	Memory MemoryLimit `json:"memory,omitempty"`
}

// unlimited is how a limit is written that is none.
const unlimited = "unlimited"

// CPULimit is a number of cpus, or +Inf; in JSON a number or "unlimited".
type CPULimit float64

// MarshalJSON writes the number, or "unlimited".
func (l CPULimit) MarshalJSON() ([]byte, error) {
	if math.IsInf(float64(l), 1) {
		return json.Marshal(unlimited)
	}
	return json.Marshal(float64(l))
}

// UnmarshalJSON reads a number, or "unlimited".
func (l *CPULimit) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		if text != unlimited {
			return fmt.Errorf("%q is not a limit of cpus: write a number, or unlimited", text)
		}
		*l = CPULimit(math.Inf(1))
		return nil
	}
	return json.Unmarshal(data, (*float64)(l))
}

// MemoryLimit is an amount of memory in bytes, or UnlimitedMemory; in JSON as Memory is, or "unlimited".
type MemoryLimit int64

// UnlimitedMemory is all that the agent has.
const UnlimitedMemory MemoryLimit = -1

// MarshalJSON writes the amount, or "unlimited".
func (l MemoryLimit) MarshalJSON() ([]byte, error) {
	if l == UnlimitedMemory {
		return json.Marshal(unlimited)
	}
	return json.Marshal(Memory(l))
}

// UnmarshalJSON reads an amount, or "unlimited".
func (l *MemoryLimit) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil && text == unlimited {
		*l = UnlimitedMemory
		return nil
	}
	return json.Unmarshal(data, (*Memory)(l))
}

// checkLimits holds the checks of resourceLimits (mesos, master/validation.cpp, validateResourceLimits).
func (r Resources) checkLimits(field string) []problem {
	l := r.Limits
	if l == nil {
		return nil
	}
	cpus, unbounded := float64(l.CPUs), math.IsInf(float64(l.CPUs), 1)
	return []problem{
		{l.CPUs == 0 && l.Memory == 0, field, "limits nothing: set cpus or memory, or leave it out"},
		{cpus != 0 && !unbounded && !(cpus >= r.CPUs && cpus <= MaxCPUs), field + ".cpus", fmt.Sprintf(
			"%v is out of range: use at least the task's cpus (%v) and at most %d, or unlimited", cpus, r.CPUs, MaxCPUs)},
		{!unbounded && math.Abs(cpus*1000-math.Round(cpus*1000)) > 1e-6, field + ".cpus", fmt.Sprintf("%v is finer than Mesos counts: use at most three decimals", cpus)},
		{l.Memory != 0 && l.Memory != UnlimitedMemory && (Memory(l.Memory) < r.Memory || Memory(l.Memory) > MaxMemory), field + ".memory", fmt.Sprintf(
			"%s is out of range: use at least the task's memory (%s) and at most %s, or unlimited", Memory(l.Memory), r.Memory, MaxMemory)},
	}
}

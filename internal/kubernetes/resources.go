package kubernetes

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// oldResource translates the resources of a role as the operator had them before 1.14.
func oldResource(role string, r *spec.Resources) handlers {
	return handlers{
		"cpu":              cpus(role+".cpus", &r.CPUs),
		"memory":           memory(role+".memory", &r.Memory),
		"ephemeralStorage": memory(role+".disk", &r.Disk),
	}
}

// resources translates requests and limits. Without a request the limit is one, as in Kubernetes.
func resources(f field, role string, r *spec.Resources) {
	requests := handlers{
		"cpu":               cpus(role+".cpus", &r.CPUs),
		"memory":            memory(role+".memory", &r.Memory),
		"ephemeral-storage": memory(role+".disk", &r.Disk),
		"nvidia.com/gpu":    gpus(role+".gpus", &r.GPUs),
	}
	f.each(handlers{
		"requests": func(f field) { f.each(requests) },
		"limits":   func(field) {}, // After the requests, wherever it stands.
		"claims":   never("claims of devices do not exist here: use gpus, or an attribute of the agents in constraints"),
	})
	if n := lookup(f.node, "limits"); n != nil {
		field{f.t, f.path + ".limits", n}.each(handlers{
			"cpu":               limit(role, r, requests["cpu"], r.CPUs == 0, limitCPUs),
			"memory":            limit(role, r, requests["memory"], r.Memory == 0, limitMemory),
			"ephemeral-storage": limit(role, r, requests["ephemeral-storage"], r.Disk == 0, nil),
			"nvidia.com/gpu":    limit(role, r, requests["nvidia.com/gpu"], r.GPUs == 0, nil),
		})
	}
}

// limit translates the limit of one resource: alone is one without a request.
func limit(role string, r *spec.Resources, request func(field), alone bool, set func(f field, role string, r *spec.Resources)) func(field) {
	switch {
	case alone:
		return request
	case set == nil:
		return nothing("a task gets what it requests")
	}
	return func(f field) { set(f, role, r) }
}

func limitCPUs(f field, role string, r *spec.Resources) {
	var most float64
	if !readCPUs(f, &most) {
		return
	}
	if most <= r.CPUs {
		f.meaningless("is what the task requests")
		return
	}
	limits(r).CPUs = spec.CPULimit(most)
	f.translate(role+".resourceLimits.cpus", "")
}

func limitMemory(f field, role string, r *spec.Resources) {
	var most spec.Memory
	if !readMemory(f, &most) {
		return
	}
	if most <= r.Memory {
		f.meaningless("is what the task requests")
		return
	}
	limits(r).Memory = spec.MemoryLimit(most)
	f.translate(role+".resourceLimits.memory", "")
}

func limits(r *spec.Resources) *spec.Limits {
	if r.Limits == nil {
		r.Limits = &spec.Limits{}
	}
	return r.Limits
}

func cpus(to string, value *float64) func(field) {
	return func(f field) {
		if readCPUs(f, value) {
			f.translate(to, "")
		}
	}
}

func readCPUs(f field, value *float64) bool {
	text, ok := f.text()
	if !ok {
		return false
	}
	number, milli := strings.CutSuffix(text, "m")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		f.refuse("is not a number of cpus: write one such as 1.5 or 500m")
		return false
	}
	if milli {
		n /= 1000
	}
	*value = n
	return true
}

func memory(to string, value *spec.Memory) func(field) {
	return func(f field) {
		if readMemory(f, value) {
			f.translate(to, "")
		}
	}
}

func readMemory(f field, value *spec.Memory) bool {
	text, ok := f.text()
	if !ok {
		return false
	}
	m, err := Quantity(text)
	if err != nil {
		f.refuse(err.Error())
		return false
	}
	*value = m
	return true
}

var quantity = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)(Ki|Mi|Gi|Ti|K|k|M|G|T)(?:i?[bB])?$`)

// Quantity reads an amount of memory as the operator does: in Flink's notation ("2048m" and "2g" are MiB and GiB), else in
// that of Kubernetes ("2Gi", "1.5G").
func Quantity(text string) (spec.Memory, error) {
	text = strings.ReplaceAll(text, " ", "")
	if m, err := spec.ParseMemory(text); err == nil {
		return m, nil
	}
	m := quantity.FindStringSubmatch(text)
	units := map[string]float64{
		"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
		"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
	}
	if m == nil {
		return 0, errors.New("is not an amount of memory: write one such as 2048m or 2Gi")
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil || n*units[m[2]] > float64(spec.MaxMemory) {
		return 0, errors.New("is more memory than a task can have")
	}
	return spec.Memory(n * units[m[2]]), nil
}

func gpus(to string, value *int) func(field) {
	return func(f field) {
		if n, ok := f.number(); ok {
			*value = int(n)
			f.translate(to, "")
		}
	}
}

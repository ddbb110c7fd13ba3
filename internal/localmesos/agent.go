package localmesos

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/registry"
)

// AgentOptions describe an agent.
type AgentOptions struct {
	// Hostname is what offers say; 127.0.0.1 when empty.
	Hostname string
	// Address is the agent's own host:port; the master's when empty.
	Address string
	CPUs    float64
	// MemMiB and DiskMiB are in MiB.
	MemMiB, DiskMiB float64
	GPUs            uint
	// Ports is an inclusive range; {0, 0} for none.
	Ports [2]uint64
	// Resources replaces the amounts above when set: any resources, reserved ones as well.
	Resources mesos.Resources
	// Attributes are read as by a real agent: 1.5 is a scalar, [1-4,7-8] are ranges, the rest is text.
	Attributes map[string]string
	// Region and Zone are the agent's fault domain; empty for none.
	Region, Zone string
	// Runtime runs the tasks; it is made for the id that the agent gets.
	Runtime func(agentID string) (executor.Runtime, error)
}

// AddAgent registers an agent and returns its id.
func (m *Master) AddAgent(o AgentOptions) (string, error) {
	if o.Runtime == nil {
		return "", errors.New("agent: Runtime is required")
	}
	m.mu.Lock()
	id := fmt.Sprintf("%s-S%d", m.registry.ID, m.registry.Counts.Agent)
	m.registry.Counts.Agent++
	m.mu.Unlock()
	rt, err := o.Runtime(id)
	if err != nil {
		return "", fmt.Errorf("agent %s: %w", id, err)
	}
	a := &registry.Agent{
		ID: id, Hostname: o.Hostname, Address: o.Address, Region: o.Region, Zone: o.Zone,
		Registered: time.Now(), Total: o.resources(), Runtime: rt, Connected: true,
		Tasks: make(map[*registry.Task]bool), Offers: make(map[string]*registry.Offer),
	}
	if a.Hostname == "" {
		a.Hostname = "127.0.0.1"
	}
	if a.Address == "" {
		a.Address = m.address
	}
	for _, key := range slices.Sorted(maps.Keys(o.Attributes)) {
		a.Attributes = append(a.Attributes, attribute(key, o.Attributes[key]))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return "", errors.Join(errors.New("the master is closed"), rt.Close())
	}
	m.registry.Agents[id] = a
	m.registry.Order = append(m.registry.Order, id)
	return id, nil
}

// attribute reads the value of an attribute.
func attribute(name, value string) mesos.Attribute {
	if x, err := strconv.ParseFloat(value, 64); err == nil {
		return mesos.Attribute{Name: name, Type: mesos.SCALAR, Scalar: &mesos.Value_Scalar{Value: x}}
	}
	inner, ok := strings.CutPrefix(value, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if ok && closed {
		var ranges []mesos.Value_Range
		for part := range strings.SplitSeq(inner, ",") {
			var r mesos.Value_Range
			if n, err := fmt.Sscanf(strings.TrimSpace(part), "%d-%d", &r.Begin, &r.End); n != 2 || err != nil {
				return textAttribute(name, value)
			}
			ranges = append(ranges, r)
		}
		return mesos.Attribute{Name: name, Type: mesos.RANGES, Ranges: &mesos.Value_Ranges{Range: ranges}}
	}
	return textAttribute(name, value)
}

func textAttribute(name, value string) mesos.Attribute {
	return mesos.Attribute{Name: name, Type: mesos.TEXT, Text: &mesos.Value_Text{Value: value}}
}

// resources are the agent's, in the order in which a real agent lists them.
func (o *AgentOptions) resources() mesos.Resources {
	if len(o.Resources) > 0 {
		return o.Resources.Clone()
	}
	var rs mesos.Resources
	if o.Ports[1] > 0 {
		rs = append(rs, resources.Build().Name(resources.NamePorts).Ranges(resources.BuildRanges().Span(o.Ports[0], o.Ports[1]).Ranges).Resource)
	}
	for _, s := range []struct {
		name  resources.Name
		value float64
	}{{resources.NameCPUs, o.CPUs}, {resources.NameMem, o.MemMiB}, {resources.NameDisk, o.DiskMiB}, {resources.NameGPUs, float64(o.GPUs)}} {
		if s.value > 0 {
			rs = append(rs, resources.Build().Name(s.name).Scalar(s.value).Resource)
		}
	}
	return rs
}

// failure tells every framework that an agent is no longer there.
func (m *Master) failure(a *registry.Agent) {
	id := mesos.AgentID{Value: a.ID}
	for _, f := range m.registry.Frameworks {
		f.Send(&scheduler.Event{Type: scheduler.Event_FAILURE, Failure: &scheduler.Event_Failure{AgentID: &id}})
	}
}

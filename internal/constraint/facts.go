package constraint

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Facts are what the rules may ask about one agent. The facts of an agent that holds a task of a
// group must be kept with the task: the agent may not be offered again while the task runs.
type Facts struct {
	// Hostname is the agent's host name as Mesos tells it.
	Hostname string
	// Attributes are the agent's attributes by name, each as text: a text attribute as it is, the
	// others as FormatScalar, FormatRanges and FormatSet write them. Of several attributes with
	// one name the first counts, as in Marathon.
	Attributes map[string]string
	// Region and Zone are the agent's fault domain; empty when it has none.
	Region, Zone string
	// MasterRegion is the region of the Mesos master, the home region; empty when it is not known.
	MasterRegion string
	// Draining says that an operator is emptying the agent.
	Draining bool
	// Unavailable is when planned maintenance of the agent begins; zero for none.
	Unavailable time.Time
}

// Range is an inclusive range of a ranges attribute.
type Range struct{ Begin, End uint64 }

// FormatScalar writes a scalar attribute as Marathon compares it: to three decimals, half to
// even, without zeros at the end. 0.8001 is "0.8" and 7.0 is "7".
func FormatScalar(v float64) string {
	s := strconv.FormatFloat(v, 'f', 3, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// FormatRanges writes a ranges attribute as Marathon compares it: in order, such as "[6-7,10-20]".
func FormatRanges(ranges []Range) string {
	sorted := slices.SortedStableFunc(slices.Values(ranges), func(a, b Range) int {
		if a.Begin < b.Begin {
			return -1
		}
		if a.Begin > b.Begin {
			return 1
		}
		return 0
	})
	b := []byte{'['}
	for i, r := range sorted {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, r.Begin, 10)
		b = append(b, '-')
		b = strconv.AppendUint(b, r.End, 10)
	}
	return string(append(b, ']'))
}

// FormatSet writes a set attribute as Marathon compares it: in order, such as "{a,b}".
func FormatSet(items []string) string {
	return "{" + strings.Join(slices.Sorted(slices.Values(items)), ",") + "}"
}

// field is what a rule reads of an agent.
type field uint8

const (
	attribute field = iota
	hostname
	region
	zone
)

// read returns the value of the rule's field, and whether the agent has it.
func (r *rule) read(f *Facts) (string, bool) {
	switch r.field {
	case hostname:
		return f.Hostname, true
	case region:
		return f.Region, f.Region != ""
	case zone:
		return f.Zone, f.Zone != ""
	case attribute:
	}
	v, ok := f.Attributes[r.name]
	return v, ok
}

package autoscale

import (
	"maps"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

// State is what is remembered of a job between collections. It is a value: Step returns a new one
// and leaves the old one as it was. The zero State is that of a job that was never seen.
type State struct {
	// Samples of the window, oldest first.
	Samples []Sample `json:"samples,omitempty"`
	// Steps are the last steps of each vertex, oldest first.
	Steps map[string][]VertexStep `json:"steps,omitempty"`
	// Restarts are the last steps of the job and what they took, oldest first.
	Restarts []Restart `json:"restarts,omitempty"`
	// Delays are the scale-downs that wait, by vertex.
	Delays map[string]Delay `json:"delays,omitempty"`
	// Overrides are the parallelism of all vertices as the last step set it.
	Overrides map[string]int `json:"overrides,omitempty"`
	// Memory are the settings that the last step set with it, if memory tuning is enabled.
	Memory *MemoryRecommendation `json:"memory,omitempty"`
}

// VertexStep is a change of parallelism of a vertex.
type VertexStep struct {
	At   time.Time `json:"at"`
	From int       `json:"from"`
	To   int       `json:"to"`
	// Rate is the true rate before, Expected the one that was expected of the step.
	Rate     Value `json:"rate,omitzero"`
	Expected Value `json:"expected,omitzero"`
}

// Restart is how long a step interrupted the job.
type Restart struct {
	At time.Time `json:"at"`
	// Took is from the decision to RUNNING. Done says that it is known.
	Took time.Duration `json:"took,omitempty"`
	Done bool          `json:"done,omitempty"`
}

// Delay is a scale-down that waits.
type Delay struct {
	// Since is when it was recommended first.
	Since time.Time `json:"since"`
	// Largest are recommendations within the interval, falling: the first is the largest.
	Largest []Recommendation `json:"largest"`
}

// Recommendation is one recommended parallelism.
type Recommendation struct {
	At          time.Time `json:"at"`
	Parallelism int       `json:"parallelism"`
	// Outside says that the vertex was outside its thresholds.
	Outside bool `json:"outside,omitempty"`
}

// record adds a recommendation. Earlier ones that are not larger will never be the largest again.
func (d Delay) record(r Recommendation) Delay {
	kept := slices.Clone(d.Largest)
	for len(kept) > 0 && kept[len(kept)-1].Parallelism <= r.Parallelism {
		kept = kept[:len(kept)-1]
	}
	d.Largest = append(kept, r)
	return d
}

// since drops the recommendations before a time.
func (d Delay) since(start time.Time) Delay {
	d.Largest = slices.DeleteFunc(slices.Clone(d.Largest), func(r Recommendation) bool { return r.At.Before(start) })
	return d
}

// Without is the state without a step that was decided at a time and not taken. Delays of scale-downs
// begin anew.
func (s State) Without(at time.Time) State {
	steps := map[string][]VertexStep{}
	for id, list := range s.Steps {
		list = slices.DeleteFunc(slices.Clone(list), func(v VertexStep) bool { return v.At.Equal(at) })
		if len(list) > 0 {
			steps[id] = list
		}
	}
	s.Steps = steps
	s.Restarts = slices.DeleteFunc(slices.Clone(s.Restarts), func(r Restart) bool { return r.At.Equal(at) })
	s.Overrides, s.Memory = nil, nil
	return s
}

// prepare returns the state for a collection: without vertices that are gone, old steps, and the
// samples of an earlier run of the job. It notes what the last restart took.
func (s State) prepare(o settings.Options, c Collection) State {
	if len(s.Samples) > 0 && c.Running.After(s.Samples[0].At) {
		s.Samples = nil
	}
	parallelism := map[string]int{}
	for _, v := range c.Vertices {
		parallelism[v.ID] = v.Parallelism
	}
	s.Delays = maps.Clone(s.Delays)
	steps := map[string][]VertexStep{}
	start := c.At.Add(-o.History.Age)
	for id, list := range s.Steps {
		if _, exists := parallelism[id]; !exists {
			continue
		}
		list = slices.DeleteFunc(slices.Clone(list), func(v VertexStep) bool { return v.At.Before(start) })
		if n := len(list) - o.History.Count; n > 0 {
			list = list[n:]
		}
		if len(list) > 0 {
			steps[id] = list
		}
	}
	s.Steps = steps
	s.Restarts = s.trimRestarts(o, start)
	if n := len(s.Restarts); n > 0 && !s.Restarts[n-1].Done && s.reached(s.Restarts[n-1].At, parallelism) {
		s.Restarts[n-1].Took, s.Restarts[n-1].Done = c.Running.Sub(s.Restarts[n-1].At), true
	}
	return s
}

// trimRestarts keeps the newest restart always, and others as long as steps.
func (s State) trimRestarts(o settings.Options, start time.Time) []Restart {
	list := slices.Clone(s.Restarts)
	for len(list) > 1 && (list[0].At.Before(start) || len(list) > o.History.Count) {
		list = list[1:]
	}
	return list
}

// reached says that every vertex that a step changed has the parallelism that it was to have.
func (s State) reached(at time.Time, parallelism map[string]int) bool {
	for id, list := range s.Steps {
		for _, step := range list {
			if step.At.Equal(at) && parallelism[id] != step.To {
				return false
			}
		}
	}
	return true
}

// restartTime is how long a step is assumed to interrupt processing.
func (s State) restartTime(o settings.RestartOptions) time.Duration {
	longest := -time.Second
	if o.Tracked {
		for _, r := range s.Restarts {
			if r.Done {
				longest = max(longest, r.Took.Truncate(time.Second))
			}
		}
	}
	if longest < 0 {
		return o.Time
	}
	return min(longest, o.Limit)
}

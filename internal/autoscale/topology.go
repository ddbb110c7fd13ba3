package autoscale

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// topology is the job graph.
type topology struct {
	vertices map[string]Vertex
	outputs  map[string][]string
	order    []string // Every vertex after its inputs.
}

// newTopology orders the vertices of a collection.
func newTopology(vertices []Vertex) (topology, error) {
	t := topology{vertices: map[string]Vertex{}, outputs: map[string][]string{}}
	open := map[string]map[string]bool{}
	for _, v := range vertices {
		// Two edges between the same vertices count as one.
		v.Inputs = slices.Clone(v.Inputs)
		slices.SortStableFunc(v.Inputs, func(a, b Input) int { return strings.Compare(a.ID, b.ID) })
		v.Inputs = slices.CompactFunc(v.Inputs, func(a, b Input) bool { return a.ID == b.ID })
		t.vertices[v.ID] = v
		open[v.ID] = map[string]bool{}
		for _, in := range v.Inputs {
			open[v.ID][in.ID] = true
			t.outputs[in.ID] = append(t.outputs[in.ID], v.ID)
		}
	}
	for len(open) > 0 {
		var ready []string
		for id, inputs := range open {
			if len(inputs) == 0 {
				ready = append(ready, id)
			}
		}
		if len(ready) == 0 {
			return t, fmt.Errorf("the job's plan has a cycle or an edge from a vertex that does not exist")
		}
		slices.Sort(ready)
		for _, id := range ready {
			delete(open, id)
			for _, out := range t.outputs[id] {
				delete(open[out], id)
			}
		}
		t.order = append(t.order, ready...)
	}
	return t, nil
}

// parallelism returns the parallelism of every vertex.
func (t topology) parallelism() map[string]int {
	all := make(map[string]int, len(t.vertices))
	for id, v := range t.vertices {
		all[id] = v.Parallelism
	}
	return all
}

// Slots is the number of slots that a job needs at once when its vertices have the given
// parallelism; those that are not named keep theirs.
func Slots(vertices []Vertex, parallelism map[string]int) int {
	t := topology{vertices: make(map[string]Vertex, len(vertices))}
	for _, v := range vertices {
		t.vertices[v.ID] = v
	}
	all := t.parallelism()
	maps.Copy(all, parallelism)
	return t.slots(all)
}

// slots is the number of slots that the job needs at once with the given parallelism: for each
// slot sharing group the largest in it. Finished vertices need none.
func (t topology) slots(parallelism map[string]int) int {
	sum := 0
	for _, n := range t.slotsByGroup(parallelism) {
		sum += n
	}
	return sum
}

func (t topology) slotsByGroup(parallelism map[string]int) map[string]int {
	groups := map[string]int{}
	for id, v := range t.vertices {
		if !v.Finished {
			groups[v.SlotSharingGroup] = max(groups[v.SlotSharingGroup], parallelism[id])
		}
	}
	return groups
}

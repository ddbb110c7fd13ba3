package constraint

import (
	"maps"
)

// Group counts where the tasks of one group are: the tasks that the same rules hold for, such as
// the TaskManagers of a cluster. It is filled from the facts of the agents of the group's live
// tasks, kept up to date while tasks are placed, and thrown away or cloned; it is not for use by
// several goroutines at once.
//
// A task that shall go (it is being replaced, or has an older specification) must not be counted:
// its replacement takes its share and may take its place. Marathon does the same.
type Group struct {
	counts []counts
	tasks  int
	target int
	// rules are those that the group was made by.
	rules Rules
}

// counts is how many tasks have each value of one field.
type counts struct {
	of map[string]int
	// levels[n] is how many values have n tasks, up to the greatest n.
	levels []int
	// least is the smallest number of tasks that a value with tasks has; 0 when there is none.
	least int
	// seen are values that could take a task, fresh those among them that have none yet.
	seen  map[string]bool
	fresh int
}

// NewGroup returns a group without tasks. Target is how many tasks the group shall have when all
// are placed, which GROUP_BY divides among the values; 0 when that is not known.
func (r Rules) NewGroup(target int) *Group {
	g := &Group{rules: r, target: target}
	if len(r.counted) > 0 {
		g.counts = make([]counts, len(r.counted))
	}
	for i := range g.counts {
		g.counts[i].of = make(map[string]int)
	}
	return g
}

// Clone returns a group with the same counts that changes apart from this one.
func (g *Group) Clone() *Group {
	out := *g
	out.counts = make([]counts, len(g.counts))
	for i, c := range g.counts {
		c.of, c.seen = maps.Clone(c.of), maps.Clone(c.seen)
		c.levels = append([]int(nil), c.levels...)
		out.counts[i] = c
	}
	return &out
}

// Tasks returns how many tasks there are.
func (g *Group) Tasks() int { return g.tasks }

// Target returns how many tasks the group shall have; see NewGroup.
func (g *Group) Target() int { return g.target }

// Retarget says how many tasks the group shall have from now on; see NewGroup.
func (g *Group) Retarget(target int) { g.target = target }

// Add counts a task on the agent.
func (g *Group) Add(f *Facts) {
	g.tasks++
	for i := range g.counts {
		if v, ok := g.rules.counted[i].read(f); ok {
			g.counts[i].add(v)
		}
	}
}

// Remove takes back an Add with the same facts. A value that no task has is passed over.
func (g *Group) Remove(f *Facts) {
	g.tasks = max(0, g.tasks-1)
	for i := range g.counts {
		if v, ok := g.rules.counted[i].read(f); ok {
			g.counts[i].remove(v)
		}
	}
}

// See tells that the agent has room for a task of the group. GROUP_BY without a number divides
// the tasks among the values that it was told of in this way and those that have tasks already, as
// far as the other rules leave the agent in question.
func (g *Group) See(f *Facts) {
	if ok, _ := g.rules.admits(f); !ok {
		return
	}
	for i := range g.counts {
		if v, ok := g.rules.counted[i].read(f); ok {
			g.counts[i].see(v)
		}
	}
}

func (c *counts) see(v string) {
	if c.seen == nil {
		c.seen = make(map[string]bool)
	}
	if c.seen[v] {
		return
	}
	c.seen[v] = true
	if c.of[v] == 0 {
		c.fresh++
	}
}

func (c *counts) add(v string) {
	n := c.of[v]
	c.of[v] = n + 1
	for len(c.levels) < n+2 {
		c.levels = append(c.levels, 0)
	}
	c.levels[n+1]++
	if n == 0 {
		c.least = 1
		if c.seen[v] {
			c.fresh--
		}
		return
	}
	c.levels[n]--
	c.lift(n)
}

func (c *counts) remove(v string) {
	n := c.of[v]
	if n == 0 {
		return
	}
	c.levels[n]--
	if n == 1 {
		delete(c.of, v)
		if c.seen[v] {
			c.fresh++
		}
	} else {
		c.of[v] = n - 1
		c.levels[n-1]++
		c.least = min(c.least, n-1)
	}
	for len(c.levels) > 1 && c.levels[len(c.levels)-1] == 0 {
		c.levels = c.levels[:len(c.levels)-1]
	}
	c.lift(n)
}

// lift corrects the least after a value has left level n.
func (c *counts) lift(n int) {
	if len(c.of) == 0 {
		c.least = 0
		return
	}
	if c.least != n {
		return
	}
	for c.levels[c.least] == 0 {
		c.least++
	}
}

// above returns how many tasks the values have beyond n each.
func (c *counts) above(n int) int {
	sum := 0
	for level := n + 1; level < len(c.levels); level++ {
		sum += c.levels[level] * (level - n)
	}
	return sum
}

// values returns how many values have a task or could take one.
func (c *counts) values() int { return len(c.of) + c.fresh }

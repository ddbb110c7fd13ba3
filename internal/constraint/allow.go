package constraint

import (
	"fmt"
	"strings"
	"time"
)

// Allows says whether a task of the group may be put on the agent now, and if not, which rule is
// against it. A nil group has no tasks. The group must have been made by these rules.
func (r Rules) Allows(g *Group, f *Facts) (ok bool, why Reason) {
	if ok, why := r.admits(f); !ok {
		return false, why
	}
	if len(r.counted) == 0 {
		return true, Reason{}
	}
	if g != nil && len(g.counts) != len(r.counted) {
		panic("placement: the group was made by other rules")
	}
	for i := r.alone; i < len(r.rules); i++ {
		one := &r.rules[i]
		value, has := one.read(f)
		if !has {
			return false, Reason{kind: missing, rule: one}
		}
		if g == nil || g.tasks == 0 {
			continue
		}
		if why := one.permits(g, value); why.kind != none {
			return false, why
		}
	}
	return true, Reason{}
}

// Admits is the part of Allows that depends on the agent alone, whatever tasks there are.
func (r Rules) Admits(f *Facts) (ok bool, why Reason) { return r.admits(f) }

func (r *Rules) admits(f *Facts) (bool, Reason) {
	switch {
	case f.Draining:
		return false, Reason{kind: draining}
	case !f.Unavailable.IsZero():
		return false, Reason{kind: maintenance, at: f.Unavailable}
	case f.Region != f.MasterRegion && !r.anyRegion && f.Region != "" && f.MasterRegion != "":
		return false, Reason{kind: elsewhere, value: f.Region, other: f.MasterRegion}
	}
	for i := range r.alone {
		if why := r.rules[i].fits(f); why.kind != none {
			return false, why
		}
	}
	return true, Reason{}
}

// fits applies a rule that asks about the agent alone.
func (r *rule) fits(f *Facts) Reason {
	value, has := r.read(f)
	if !has {
		// An agent without the field is unlike anything.
		if r.op == unlike {
			return Reason{}
		}
		return Reason{kind: missing, rule: r}
	}
	switch r.op {
	case is, cluster:
		if value != r.value {
			return Reason{kind: different, rule: r, value: value}
		}
	case like:
		if !r.pattern.matches(value) {
			return Reason{kind: unmatched, rule: r, value: value}
		}
	case unlike:
		if r.pattern.matches(value) {
			return Reason{kind: matched, rule: r, value: value}
		}
	case unique, maxPer, groupBy:
	}
	return Reason{}
}

// permits applies a rule that asks where the group's tasks are.
func (r *rule) permits(g *Group, value string) Reason {
	c := &g.counts[r.counts]
	n := c.of[value]
	switch r.op {
	case unique:
		if n > 0 {
			return Reason{kind: taken, rule: r, value: value, have: n}
		}
	case maxPer:
		if n >= r.limit {
			return Reason{kind: full, rule: r, value: value, have: n, limit: r.limit}
		}
	case cluster:
		if n != g.tasks {
			return Reason{kind: apart, rule: r, value: value, have: n, limit: g.tasks}
		}
	case groupBy:
		if g.target > 0 {
			return r.share(c, value, n, g.target)
		}
		return r.level(c, value, n)
	case like, unlike, is:
	}
	return Reason{}
}

// share is GROUP_BY when it is known how many tasks there shall be: each of the values may take
// its share at once, before the others have theirs. What cannot be divided goes, one each, to the
// values that are first. With a number, no further value is used once so many are.
func (r *rule) share(c *counts, value string, n, target int) Reason {
	values := r.limit
	if values == 0 {
		values = c.values()
	}
	if n == 0 {
		if r.limit > 0 && len(c.of) >= r.limit {
			return Reason{kind: surplus, rule: r, value: value, have: len(c.of), limit: r.limit}
		}
		return Reason{}
	}
	even := target / values
	if n < even || n == even && c.above(even) < target%values {
		return Reason{}
	}
	return Reason{kind: full, rule: r, value: value, have: n, limit: n}
}

// level is GROUP_BY when the number of tasks to come is not known: a value may take another task
// when none has fewer, and when as many values have tasks as the rule asks for.
func (r *rule) level(c *counts, value string, n int) Reason {
	if n == 0 {
		return Reason{}
	}
	if len(c.of) < r.limit {
		return Reason{kind: narrow, rule: r, value: value, have: len(c.of), limit: r.limit}
	}
	least := c.least
	if c.fresh > 0 {
		least = 0
	}
	if n > least {
		return Reason{kind: ahead, rule: r, value: value, have: n, limit: least}
	}
	return Reason{}
}

// kind is the kind of a reason.
type kind uint8

const (
	none kind = iota
	draining
	maintenance
	elsewhere
	missing
	different
	unmatched
	matched
	taken
	full
	apart
	surplus
	narrow
	ahead
)

// Reason says which rule keeps a task from an agent. It is put in words only when asked, so that
// refusing costs nothing when nobody reads why. The zero value says that nothing does.
type Reason struct {
	kind        kind
	rule        *rule
	value       string
	other       string
	have, limit int
	at          time.Time
}

// Rule names what is against it: "draining", "maintenance", "region", or the rule, such as
// "placement[1]" or "mesos.constraints.hard.hostattribute[0]". It is empty for no reason.
func (w Reason) Rule() string {
	switch w.kind {
	case none:
		return ""
	case draining:
		return "draining"
	case maintenance:
		return "maintenance"
	case elsewhere:
		return "region"
	default:
		return w.rule.source
	}
}

// String is the reason as a short sentence that names the value and the rule, such as
// "rack r1 has 2 of at most 2 tasks (MAX_PER rack 2)".
func (w Reason) String() string {
	switch w.kind {
	case none:
		return ""
	case draining:
		return "the agent is being drained"
	case maintenance:
		return "maintenance of the agent is planned from " + w.at.UTC().Format(time.RFC3339)
	case elsewhere:
		return "the agent is in region " + w.value + ", the master in " + w.other + ", and no rule mentions @region"
	default:
		return w.sentence() + " (" + w.rule.String() + ")"
	}
}

func (w Reason) sentence() string {
	field := strings.TrimPrefix(w.rule.name, "@")
	it := field + " " + w.value
	switch w.kind {
	case missing:
		return "the agent has no " + field
	case different:
		return it + " is not " + w.rule.value
	case unmatched:
		return it + " does not match"
	case matched:
		return it + " matches"
	case taken:
		return it + " has a task already"
	case full:
		return fmt.Sprintf("%s has %d of at most %d tasks", it, w.have, w.limit)
	case apart:
		return fmt.Sprintf("%s has %d of %d tasks and must have all", it, w.have, w.limit)
	case surplus:
		return fmt.Sprintf("%s would be one more than the %d values that have tasks", it, w.have)
	case narrow:
		return fmt.Sprintf("%s has tasks, and so have only %d of %d values", it, w.have, w.limit)
	case ahead:
		return fmt.Sprintf("%s has %d tasks, another has %d", it, w.have, w.limit)
	case none, draining, maintenance, elsewhere:
	}
	return ""
}

// String is the rule as it is named in reasons: operator, field, value.
func (r *rule) String() string {
	s := r.raw[1] + " " + r.raw[0]
	if len(r.raw) == 3 {
		s += " " + r.raw[2]
	}
	return s
}

package constraint

import (
	"slices"
)

// Test is what a Condition asks of a field.
type Test string

// The tests, named as in Mesos' AttributeConstraint.Predicate.
const (
	Exists        Test = "exists"
	TextEquals    Test = "text_equals"
	TextNotEquals Test = "text_not_equals"
)

// Condition is a part of the rules that a Mesos master can apply before it makes an offer
// (OfferConstraints).
type Condition struct {
	// Field is @hostname, @region, @zone (Mesos' pseudo-attributes) or the name of an attribute.
	Field string
	Test  Test
	// Value is what TextEquals and TextNotEquals compare with.
	Value string
}

// String is the condition in words, such as "@zone a", "any rack" or "no disk hdd".
func (c Condition) String() string {
	switch c.Test {
	case TextEquals:
		return c.Field + " " + c.Value
	case TextNotEquals:
		return "no " + c.Field + " " + c.Value
	case Exists:
	}
	return "any " + c.Field
}

// Conditions returns what every agent that Allows accepts satisfies, whatever tasks there are, in
// the order of the rules and each once. An offer that satisfies it may still be refused: where the tasks are is left
// out, so that the master need not be told of each launch, and so are regular expressions other
// than plain text, because a master refuses the whole subscription when one is too large for it.
func (r Rules) Conditions() []Condition {
	var out []Condition
	for i := range r.rules {
		c, ok := r.rules[i].condition()
		if ok && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func (r *rule) condition() (Condition, bool) {
	c := Condition{Field: r.name, Test: Exists}
	if r.field == hostname {
		c.Field = "@hostname"
	}
	text := r.pattern.re == nil && !r.pattern.prefix
	switch r.op {
	case is:
		c.Test, c.Value = TextEquals, r.value
	case cluster:
		if r.value != "" {
			c.Test, c.Value = TextEquals, r.value
		}
	case like:
		if text {
			c.Test, c.Value = TextEquals, r.pattern.literal
		}
	case unlike:
		c.Test, c.Value = TextNotEquals, r.pattern.literal
		return c, text
	case unique, maxPer, groupBy:
	}
	return c, c.Test != Exists || r.field != hostname
}

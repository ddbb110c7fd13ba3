// Package constraint owns the rules that say on which agents the tasks of a group may be put:
// Marathon's constraint language, and the one constraint of flink-mesos. Rules are compiled once;
// a Group counts where the group's tasks are; Allows answers for one agent.
//
// It is pure: it keeps no agents and no tasks, reads no clock, and does not choose among the
// agents that are allowed. It never asks for a running task to be moved.
//
// A caller that offers the agents one after another and takes each that is allowed finds room for
// as many tasks as there is room for, when the rules are LIKE, UNLIKE, IS and CLUSTER with a value,
// in any number, and UNIQUE and MAX_PER on fields that lie within each other (hostname within rack
// within zone). It may miss room where two counted fields cross (rack and hardware: the
// first agent that is taken may use up both a rack and a kind of hardware that two other agents
// needed one of), with CLUSTER without a value (the first agent chooses for all) and with
// GROUP_BY (a value that is behind holds the others back until it has room). This is so in
// Marathon too.
package constraint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The bounds of rules: far above what is sensible, and low enough that a slip cannot slow down
// the matching of offers for everyone.
const (
	// MaxRules is how many rules one group of tasks may have.
	MaxRules = 100
	// MaxText is how many bytes a field or a value may have.
	MaxText = 1024
)

// operator is what a rule does with its field.
type operator uint8

const (
	unique operator = iota
	cluster
	groupBy
	maxPer
	like
	unlike
	is
)

var operators = map[string]operator{
	"UNIQUE": unique, "CLUSTER": cluster, "GROUP_BY": groupBy, "MAX_PER": maxPer,
	"LIKE": like, "UNLIKE": unlike, "IS": is,
}

// Rules are compiled placement rules. They do not change, and may be used by several goroutines.
// The zero value has no rule of its own; the agent must still be available and in the home region.
type Rules struct {
	rules []rule
	// alone is how many of them, the first ones, ask about the agent alone.
	alone int
	// counted are the rules that stand for the counted fields, one for each.
	counted []rule
	// anyRegion says that a rule mentions @region, which opens the other regions.
	anyRegion bool
}

// rule is one compiled rule.
type rule struct {
	op    operator
	field field
	// name is the field as it was written.
	name string
	// raw is the rule as it was written, with the operator in capitals.
	raw []string
	// source names the rule in errors and reasons, such as "placement[1]".
	source string
	// value is what CLUSTER and IS compare with; empty for none.
	value   string
	pattern pattern
	// limit is the number of MAX_PER and GROUP_BY; 0 for none.
	limit int
	// counts is the index of the field's counts in a Group; -1 when the rule asks for none.
	counts int
}

// Parse reads rules in Marathon's form, a JSON array of arrays of strings, such as
// [["hostname","UNIQUE"],["@zone","GROUP_BY","3"]]. Nothing, null and [] are no rules. The error
// is an *Error that names each element that is wrong.
func Parse(data []byte) (Rules, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return Rules{}, nil
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(data, &elements); err != nil {
		return Rules{}, &Error{Problems: []Problem{{Field: source, Message: `must be a JSON array of rules such as [["hostname","UNIQUE"]]: ` + err.Error()}}}
	}
	spec := make([][]string, len(elements))
	var problems []Problem
	for i, e := range elements {
		var p *Problem
		if spec[i], p = parseElement(fmt.Sprintf("%s[%d]", source, i), e); p != nil {
			problems = append(problems, *p)
		}
	}
	if len(problems) > 0 {
		return Rules{}, &Error{Problems: problems}
	}
	return Compile(spec)
}

// source names the rules of Parse and Compile.
const source = "placement"

func parseElement(at string, e json.RawMessage) ([]string, *Problem) {
	var parts []json.RawMessage
	if err := json.Unmarshal(e, &parts); err != nil || parts == nil {
		return nil, &Problem{Field: at, Message: `must be an array of strings such as ["hostname","UNIQUE"]; one rule alone is written [["hostname","UNIQUE"]]`}
	}
	out := make([]string, len(parts))
	for j, part := range parts {
		if err := json.Unmarshal(part, &out[j]); err != nil || part[0] != '"' {
			return nil, &Problem{Field: fmt.Sprintf("%s[%d]", at, j), Message: fmt.Sprintf("must be a string: write it in quotation marks, as in %q", show(string(part)))}
		}
	}
	return out, nil
}

// Compile is Parse for rules that were read already: each is a field, an operator and perhaps a value.
func Compile(spec [][]string) (Rules, error) {
	var out Rules
	var problems []Problem
	if len(spec) > MaxRules {
		return Rules{}, &Error{Problems: []Problem{{Field: source, Message: fmt.Sprintf("has %d rules, at most %d are allowed", len(spec), MaxRules)}}}
	}
	for i, raw := range spec {
		r := rule{source: fmt.Sprintf("%s[%d]", source, i)}
		if message := r.compile(raw); message != "" {
			problems = append(problems, Problem{Field: r.source, Message: message})
			continue
		}
		out.add(r)
	}
	if len(problems) > 0 {
		return Rules{}, &Error{Problems: problems}
	}
	return out, nil
}

// HostAttributes reads the value of flink-mesos' option mesos.constraints.hard.hostattribute, such
// as "rack:r1,disk:ssd": every attribute must have its value. flink-mesos passes over entries that
// it cannot read, and so starts tasks where they must not be; here they are an error.
func HostAttributes(option string) (Rules, error) {
	const source = "mesos.constraints.hard.hostattribute"
	var out Rules
	var problems []Problem
	if strings.TrimSpace(option) == "" {
		return out, nil
	}
	entries := strings.Split(option, ",")
	if len(entries) > MaxRules {
		return Rules{}, &Error{Problems: []Problem{{Field: source, Message: fmt.Sprintf("has %d entries, at most %d are allowed", len(entries), MaxRules)}}}
	}
	for i, entry := range entries {
		at := fmt.Sprintf("%s[%d]", source, i)
		name, value, ok := strings.Cut(strings.TrimSpace(entry), ":")
		if !ok || name == "" || value == "" || strings.Contains(value, ":") || len(entry) > MaxText {
			problems = append(problems, Problem{Field: at, Message: fmt.Sprintf("%q is not an attribute and its value, such as rack:r1", show(entry))})
			continue
		}
		r := rule{op: is, name: name, raw: []string{name, "IS", value}, source: at, value: normal(value)}
		if name == "HOSTNAME" {
			// This is how Fenzo, which flink-mesos asked, calls the host name.
			r.field, r.name, r.raw[0], r.value = hostname, "hostname", "hostname", value
		}
		out.add(r)
	}
	if len(problems) > 0 {
		return Rules{}, &Error{Problems: problems}
	}
	return out, nil
}

// And returns the rules of both: an agent must satisfy all of them.
func (r Rules) And(other Rules) Rules {
	out := Rules{rules: make([]rule, 0, len(r.rules)+len(other.rules))}
	for _, one := range r.rules {
		out.add(one)
	}
	for _, one := range other.rules {
		out.add(one)
	}
	return out
}

// add appends a rule and finds the counts that it uses. The rules of an agent alone stand first:
// they are cheaper, and what they refuse needs no counting.
func (r *Rules) add(one rule) {
	one.counts = -1
	r.anyRegion = r.anyRegion || one.field == region
	if !one.counting() {
		r.rules = slices.Insert(r.rules, r.alone, one)
		r.alone++
		return
	}
	one.counts = slices.IndexFunc(r.counted, func(c rule) bool { return c.field == one.field && (c.field != attribute || c.name == one.name) })
	if one.counts < 0 {
		one.counts = len(r.counted)
		r.counted = append(r.counted, one)
	}
	r.rules = append(r.rules, one)
}

// counting says that the rule asks where the other tasks of the group are.
func (r *rule) counting() bool {
	return r.op == unique || r.op == maxPer || r.op == groupBy || r.op == cluster && r.value == ""
}

// Empty says that there is no rule.
func (r Rules) Empty() bool { return len(r.rules) == 0 }

// Counts says that a rule asks where the other tasks of the group are; otherwise a Group need not be filled.
func (r Rules) Counts() bool { return len(r.counted) > 0 }

// Spec returns the rules in the form that Compile takes, those of the agent alone first.
func (r Rules) Spec() [][]string {
	out := make([][]string, len(r.rules))
	for i := range r.rules {
		out[i] = slices.Clone(r.rules[i].raw)
	}
	return out
}

// compile reads one rule, and returns what is wrong with it.
func (r *rule) compile(raw []string) string {
	if len(raw) < 2 || len(raw) > 3 {
		return fmt.Sprintf(`has %d elements; a rule is a field, an operator and perhaps a value, such as ["@zone","GROUP_BY","3"]`, len(raw))
	}
	for _, s := range raw {
		if len(s) > MaxText || !utf8.ValidString(s) {
			return fmt.Sprintf("has an element that is not text of at most %d bytes", MaxText)
		}
	}
	var ok bool
	if r.op, ok = operators[strings.ToUpper(raw[1])]; !ok {
		return fmt.Sprintf("%q is not an operator: use UNIQUE, CLUSTER, GROUP_BY, MAX_PER, LIKE, UNLIKE or IS", show(raw[1]))
	}
	r.name = raw[0]
	if message := r.compileField(); message != "" {
		return message
	}
	value := ""
	if len(raw) == 3 {
		value = raw[2]
	}
	r.raw = slices.Clone(raw)
	r.raw[1] = strings.ToUpper(raw[1])
	return r.compileValue(value, len(raw) == 3)
}

func (r *rule) compileField() string {
	switch r.name {
	case "hostname", "@hostname":
		r.field = hostname
	case "@region":
		r.field = region
	case "@zone":
		r.field = zone
	case "":
		return "has no field: name hostname, @region, @zone or an attribute"
	default:
		r.field = attribute
		if r.name[0] == '@' {
			return fmt.Sprintf("%q is not a field: those with @ are @hostname, @region and @zone", show(r.name))
		}
	}
	return ""
}

func (r *rule) compileValue(value string, given bool) string {
	op := r.raw[1]
	if r.op == unique && given {
		return "UNIQUE takes no value: leave the third element out"
	}
	if value == "" {
		switch r.op {
		case maxPer, like, unlike, is:
			return op + " needs a value: " + needs[r.op]
		case unique, cluster, groupBy:
			r.raw = r.raw[:2]
			return ""
		}
	}
	switch r.op {
	case maxPer, groupBy:
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > maxLimit {
			return fmt.Sprintf("%s needs a whole number from 1 to %d, not %q", op, maxLimit, show(value))
		}
		r.limit = n
	case like, unlike:
		var message string
		if r.pattern, message = compilePattern(value); message != "" {
			return fmt.Sprintf("%q %s", show(value), message)
		}
	case is:
		if strings.ContainsFunc(value, notLiteral) && r.field == attribute {
			return fmt.Sprintf("IS compares text or a number, of which %q is neither: use CLUSTER with it for ranges and sets, or LIKE", show(value))
		}
		r.value = value
		if r.field == attribute {
			r.value = normal(value)
		}
	case cluster:
		r.value = value
	case unique:
	}
	return ""
}

// maxLimit bounds MAX_PER and GROUP_BY, so that sums of counts stay far from overflow.
const maxLimit = 1_000_000

var needs = map[operator]string{
	maxPer: "the greatest number of tasks for one value", is: "what the field must be",
	like: "a regular expression", unlike: "a regular expression",
}

// notLiteral says that a character cannot be in a text or a number of Mesos.
func notLiteral(c rune) bool {
	letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	return !letter && !strings.ContainsRune("_/.-", c)
}

// normal writes a number as a scalar attribute of the same value is written, so that 0.80 is 0.8.
// Other text stays as it is.
func normal(value string) string {
	whole, part, dot := strings.Cut(value, ".")
	if !digits(whole) || dot && !digits(part) {
		return value
	}
	v, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return value
	}
	return FormatScalar(v)
}

func digits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c < '0' || c > '9' })
}

// show shortens what a user wrote, for a message.
func show(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Problem is one thing that is wrong with rules.
type Problem struct {
	// Field is the element, such as "placement[1]".
	Field string
	// Message says what is wrong and what to do.
	Message string
}

// Error says everything that is wrong with rules.
type Error struct{ Problems []Problem }

// Error returns the problems, each with its element.
func (e *Error) Error() string {
	parts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		parts[i] = p.Field + ": " + p.Message
	}
	return strings.Join(parts, "; ")
}

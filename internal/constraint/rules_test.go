package constraint_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		json string
		want [][]string
	}{
		{"nothing", " ", [][]string{}},
		{"null", "null", [][]string{}},
		{"none", "[]", [][]string{}},
		{"several", `[["hostname","UNIQUE"],["rack","GROUP_BY","3"]]`, [][]string{{"hostname", "UNIQUE"}, {"rack", "GROUP_BY", "3"}}},
		{"small letters", `[["hostname","unique"]]`, [][]string{{"hostname", "UNIQUE"}}},
		{"empty values", `[["rack","GROUP_BY",""],["rack","CLUSTER",""]]`, [][]string{{"rack", "GROUP_BY"}, {"rack", "CLUSTER"}}},
		{"those of the agent first", `[["hostname","UNIQUE"],["rack","IS","r1"]]`, [][]string{{"rack", "IS", "r1"}, {"hostname", "UNIQUE"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := constraint.Parse([]byte(tt.json))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, r.Spec()); diff != "" {
				t.Fatalf("Parse() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, json, want string
	}{
		{"not JSON", `hostname:UNIQUE`, `placement: must be a JSON array of rules`},
		{"one rule alone", `["hostname","UNIQUE"]`, `placement[0]: must be an array of strings such as ["hostname","UNIQUE"]; one rule alone is written [["hostname","UNIQUE"]]`},
		{"null rule", `[null]`, `placement[0]: must be an array of strings`},
		{"number", `[["hostname","UNIQUE"],["rack","MAX_PER",2]]`, `placement[1][2]: must be a string: write it in quotation marks, as in "2"`},
		{"short", `[["hostname"]]`, `placement[0]: has 1 elements; a rule is a field, an operator and perhaps a value`},
		{"long", `[["a","LIKE","b","c"]]`, `placement[0]: has 4 elements`},
		{"no field", `[["","UNIQUE"]]`, `placement[0]: has no field`},
		{"unknown field", `[["@zones","UNIQUE"]]`, `placement[0]: "@zones" is not a field: those with @ are @hostname, @region and @zone`},
		{"unknown operator", `[["a","NEAR","b"]]`, `placement[0]: "NEAR" is not an operator: use UNIQUE, CLUSTER, GROUP_BY, MAX_PER, LIKE, UNLIKE or IS`},
		{"UNIQUE with value", `[["a","UNIQUE",""]]`, `placement[0]: UNIQUE takes no value: leave the third element out`},
		{"MAX_PER without value", `[["a","MAX_PER"]]`, `placement[0]: MAX_PER needs a value: the greatest number of tasks for one value`},
		{"MAX_PER of none", `[["a","MAX_PER","0"]]`, `placement[0]: MAX_PER needs a whole number from 1 to 1000000, not "0"`},
		{"GROUP_BY word", `[["a","GROUP_BY","three"]]`, `placement[0]: GROUP_BY needs a whole number from 1 to 1000000, not "three"`},
		{"LIKE without value", `[["a","LIKE"]]`, `placement[0]: LIKE needs a value: a regular expression`},
		{"LIKE unclosed", `[["a","LIKE","("]]`, `placement[0]: "(" is not a regular expression (RE2 syntax): missing closing )`},
		{"LIKE lookahead", `[["a","LIKE","(?!b).*"]]`, `placement[0]: "(?!b).*" looks ahead or behind ((?!), which this service's regular expressions (RE2) do not have`},
		{"LIKE lookbehind", `[["a","LIKE","a(?<=a)b"]]`, `looks ahead or behind ((?<=)`},
		{"LIKE back reference", `[["a","LIKE","(a)\\1"]]`, `refers back to a group (\1)`},
		{"LIKE back reference that RE2 takes for a character", `[["a","LIKE","(a)\\12"]]`, `refers back to a group (\1)`},
		{"LIKE back reference in a class", `[["a","LIKE","(a)[\\12]"]]`, `refers back to a group (\1)`},
		{"LIKE named back reference", `[["a","LIKE","(?<x>a)\\k<x>"]]`, `refers back to a group (\k)`},
		{"LIKE possessive", `[["a","LIKE","a++b"]]`, `has a possessive repetition (++)`},
		{"LIKE atomic", `[["a","LIKE","(?>a)b"]]`, `has the group (?>`},
		{"LIKE intersection", `[["a","LIKE","[a-z&&[^b]]"]]`, `has an intersection (&&) in a character class`},
		{"LIKE union", `[["a","LIKE","[a-c[x-z]]"]]`, `has a character class within a character class`},
		{"IS without value", `[["a","IS"]]`, `placement[0]: IS needs a value: what the field must be`},
		{"IS set", `[["a","IS","{x,y}"]]`, `placement[0]: IS compares text or a number, of which "{x,y}" is neither: use CLUSTER`},
		{"several", `[["a","IS"],["b","UNIQUE"],["c","MAX_PER"]]`, `placement[0]: IS needs a value: what the field must be; placement[2]: MAX_PER needs`},
		{"many", "[" + strings.Repeat(`["a","UNIQUE"],`, 100) + `["a","UNIQUE"]]`, `placement: has 101 rules, at most 100 are allowed`},
		{"long value", `[["a","LIKE","` + strings.Repeat("x", 2000) + `"]]`, `placement[0]: has an element that is not text of at most 1024 bytes`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := constraint.Parse([]byte(tt.json))
			var bad *constraint.Error
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Parse() = %v, want %s", err, tt.want)
			}
		})
	}
}

// TestJavaClasses accepts what only looks like Java's own.
func TestJavaClasses(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{`\[a[bc]`, `[\[&]`, `[a&b]&&`, `\Q[a[b]&&\E`, `[]a]`, `[^]a]`, `[a]|[b]`, `\\1`, `\Q\1\E`, `\07`} {
		if _, err := constraint.Compile([][]string{{"a", "LIKE", expr}}); err != nil {
			t.Errorf("Compile(%s) = %v", expr, err)
		}
	}
}

func TestHostAttributes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, option, agent, want, err string
	}{
		{name: "empty", option: "", agent: "h"},
		{name: "all", option: "az:eu-west-1a, series:t2", agent: "h az=eu-west-1a series=t2"},
		{name: "one differs", option: "az:eu-west-1a,series:t2", agent: "h az=eu-west-1a series=t3", want: "mesos.constraints.hard.hostattribute[1]: series t3 is not t2 (IS series t2)"},
		{name: "missing", option: "az:a", agent: "h", want: "mesos.constraints.hard.hostattribute[0]: the agent has no az (IS az a)"},
		{name: "host name", option: "HOSTNAME:h1", agent: "h1"},
		{name: "another host", option: "HOSTNAME:h1", agent: "h2", want: "mesos.constraints.hard.hostattribute[0]: hostname h2 is not h1 (IS hostname h1)"},
		{name: "number", option: "level:1.0", agent: "h level=1"},
		{name: "no value", option: "az:a,series", err: `mesos.constraints.hard.hostattribute[1]: "series" is not an attribute and its value, such as rack:r1`},
		{name: "bad entries", option: ",:,", err: `mesos.constraints.hard.hostattribute[0]: "" is not an attribute`},
		{name: "two colons", option: "a:b:c", err: `"a:b:c" is not an attribute`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := constraint.HostAttributes(tt.option)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("HostAttributes() = %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if ok, why := r.Allows(nil, agent(tt.agent)); !ok {
				got = why.Rule() + ": " + why.String()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Fatalf("Allows() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnd(t *testing.T) {
	t.Parallel()
	old, err := constraint.HostAttributes("disk:ssd")
	if err != nil {
		t.Fatal(err)
	}
	r := compile(t, []string{"hostname", "UNIQUE"}, []string{"@region", "IS", "eu"}).And(old).And(compile(t, []string{"@hostname", "MAX_PER", "2"}))
	want := [][]string{{"@region", "IS", "eu"}, {"disk", "IS", "ssd"}, {"hostname", "UNIQUE"}, {"@hostname", "MAX_PER", "2"}}
	if diff := cmp.Diff(want, r.Spec()); diff != "" {
		t.Fatalf("And() mismatch (-want +got):\n%s", diff)
	}
	g := r.NewGroup(0)
	eu := agent("h disk=ssd @region=eu @master=us")
	if ok, why := r.Allows(g, eu); !ok {
		t.Fatalf("Allows() = %v", why)
	}
	g.Add(eu)
	if ok, why := r.Allows(g, eu); ok || why.Rule() != "placement[0]" {
		t.Fatalf("Allows() = %v, %v", ok, why)
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	got := []string{
		constraint.FormatScalar(7), constraint.FormatScalar(0.8001), constraint.FormatScalar(1.0005), constraint.FormatScalar(1.1005),
		constraint.FormatScalar(0.0625), constraint.FormatScalar(100), constraint.FormatScalar(-0.0001), constraint.FormatScalar(1.5),
		constraint.FormatRanges([]constraint.Range{{Begin: 10, End: 20}, {Begin: 6, End: 7}}), constraint.FormatRanges(nil),
		constraint.FormatSet([]string{"b", "a"}), constraint.FormatSet(nil),
	}
	want := []string{"7", "0.8", "1", "1.101", "0.062", "100", "0", "1.5", "[6-7,10-20]", "[]", "{a,b}", "{}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("formats mismatch (-want +got):\n%s", diff)
	}
}

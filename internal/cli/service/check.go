package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// check looks at all options of the service before the package manager is asked to change them. It finds what the
// package's schema refuses, and what that cannot say of the first cluster. A nil schema allows everything.
func check(schema, options map[string]any) error {
	l := &fault.List{}
	if err := checkSchema(l, schema, options); err != nil {
		return err
	}
	if l.Err("") == nil { // What is of the wrong type cannot be looked at further.
		checkFirstCluster(l, options)
	}
	if err := l.Err("the options are not valid, and nothing was changed"); err != nil {
		return &command.Error{Code: command.ExitUsage, Err: err}
	}
	return nil
}

// checkSchema adds what the schema refuses. The error says that the schema itself cannot be read.
func checkSchema(l *fault.List, schema, options map[string]any) error {
	if schema == nil {
		return nil
	}
	const name = "options.json" // Only for the library: nothing is read.
	var values [2]any
	for i, v := range []any{schema, options} {
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("check the options: %w", err)
		}
		if values[i], err = jsonschema.UnmarshalJSON(bytes.NewReader(data)); err != nil {
			return fmt.Errorf("check the options: %w", err)
		}
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	if err := c.AddResource(name, values[0]); err != nil {
		return fmt.Errorf("read the package's schema: %w", err)
	}
	compiled, err := c.Compile(name)
	if err != nil {
		return fmt.Errorf("read the package's schema: %w", err)
	}
	if refused, ok := errors.AsType[*jsonschema.ValidationError](compiled.Validate(values[1])); ok {
		(&explainer{list: l, schema: schema}).explain(refused)
	}
	return nil
}

// explainer words what the schema refuses.
type explainer struct {
	list   *fault.List
	schema map[string]any
}

// ruleOf finds the rule between several options that a part of the schema belongs to.
var ruleOf = regexp.MustCompile(`#/allOf/([0-9]+)$`)

func (e *explainer) explain(v *jsonschema.ValidationError) {
	if m := ruleOf.FindStringSubmatch(v.SchemaURL); m != nil {
		e.list.Add("options", "%s", e.rule(m[1]))
		return
	}
	for _, cause := range v.Causes {
		e.explain(cause)
	}
	if len(v.Causes) > 0 {
		return
	}
	field := strings.Join(v.InstanceLocation, ".")
	switch k := v.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			e.list.Add(strings.TrimPrefix(field+"."+name, "."), "is not an option of the package: see update options for those there are")
		}
	case *kind.Required:
		for _, name := range k.Missing {
			e.list.Add(strings.TrimPrefix(field+"."+name, "."), "is missing")
		}
	case *kind.Type:
		e.list.Add(field, "is of type %s, not %s", k.Got, strings.Join(k.Want, " or "))
	case *kind.Enum:
		e.list.Add(field, "%v is not allowed: use one of %s", k.Got, choices(k.Want))
	case *kind.Minimum:
		e.list.Add(field, "%s is less than %s", k.Got.RatString(), k.Want.RatString())
	case *kind.Maximum:
		e.list.Add(field, "%s is more than %s", k.Got.RatString(), k.Want.RatString())
	case *kind.MultipleOf:
		e.list.Add(field, "has too many decimals: use a multiple of %s", k.Want.FloatString(3))
	case *kind.MaxLength:
		e.list.Add(field, "has %d characters; at most %d are allowed", k.Got, k.Want)
	case *kind.Pattern:
		e.list.Add(field, "%q is not allowed: %s", short(k.Got), e.description(v.InstanceLocation))
	default:
		e.list.Add(field, "is not allowed: %s", e.description(v.InstanceLocation))
	}
}

// rule is what the schema says of a rule between several options.
func (e *explainer) rule(index string) string {
	rules, _ := e.schema["allOf"].([]any)
	if i, err := strconv.Atoi(index); err == nil && i < len(rules) {
		rule, _ := rules[i].(map[string]any)
		if text, ok := rule["description"].(string); ok {
			return text
		}
	}
	return "do not go together"
}

// description is what the schema says of an option.
func (e *explainer) description(path []string) string {
	s := e.schema
	for _, name := range path {
		properties, _ := s["properties"].(map[string]any)
		s, _ = properties[name].(map[string]any)
	}
	if text, ok := s["description"].(string); ok {
		return text
	}
	return "see the description of the option in the catalog"
}

func choices(all []any) string {
	words := make([]string, len(all))
	for i, v := range all {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ", ")
}

// short bounds a value in a message, in characters.
func short(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}

// defaults are the options of a service whose user sets none: the package manager's rule is that a default wins over
// those of what is nested.
func defaults(schema map[string]any) map[string]any {
	properties, _ := schema["properties"].(map[string]any)
	all := map[string]any{}
	for name, v := range properties {
		s, _ := v.(map[string]any)
		if d, ok := s["default"]; ok {
			all[name] = d
		} else if nested := defaults(s); len(nested) > 0 {
			all[name] = nested
		}
	}
	return all
}

// text returns an option that is a text; empty when it is absent or something else.
func text(options map[string]any, section, name string) string {
	s, _ := options[section].(map[string]any)
	v, _ := s[name].(string)
	return v
}

// flag returns an option that is a boolean.
func flag(options map[string]any, section, name string) bool {
	s, _ := options[section].(map[string]any)
	return s[name] == true
}

// number returns an option that is a whole number.
func number(options map[string]any, section, name string) int {
	s, _ := options[section].(map[string]any)
	n, _ := s[name].(float64)
	return int(n)
}

// roles are those that the service may use: those of the options, and that of the group that it is in, which the group
// may enforce.
func roles(options map[string]any) []string {
	all := strings.Split(text(options, "mesos", "roles"), ",")
	if group, _, nested := strings.Cut(text(options, "service", "name"), "/"); nested {
		all = append(all, group)
	}
	return slices.DeleteFunc(all, func(r string) bool { return r == "" })
}

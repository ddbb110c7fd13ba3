package config

import (
	"log/slog"
	"reflect"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/document"
)

// Variable describes one environment variable.
type Variable struct {
	// Section and SectionDoc are the heading and the introduction of its group.
	Section, SectionDoc string
	// Name is the short name; Prefix may stand before it unless Fact is set.
	Name string
	// Type is text, list, duration, number, boolean, size, level, cluster or secret.
	Type     string
	Default  string
	Doc      string
	Required bool
	// Secret says that the value is never shown, and that it may be given as a file (Name + "_FILE").
	Secret bool
	// Fact says that Marathon or Mesos sets it, not the operator.
	Fact bool
}

// Variables lists every variable, in the order of the documentation.
func Variables() []Variable {
	var all []Variable
	c := reflect.ValueOf(&Config{}).Elem()
	for i := range c.NumField() {
		section := c.Type().Field(i)
		if section.Type.Kind() != reflect.Struct {
			continue
		}
		for _, f := range fields(c.Field(i), section.Tag.Get("fact") == "true") {
			all = append(all, Variable{
				Section: section.Name, SectionDoc: section.Tag.Get("doc"),
				Name: f.name(), Type: kind(f.tags.Type), Default: f.tags.Tag.Get("default"), Doc: f.tags.Tag.Get("doc"),
				Required: f.tags.Tag.Get("required") == "true", Secret: f.secret(), Fact: f.fact,
			})
		}
	}
	return all
}

// kind names a type for people.
func kind(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[int]():
		return "number"
	case reflect.TypeFor[bool]():
		return "boolean"
	case reflect.TypeFor[[]string]():
		return "list"
	case reflect.TypeFor[slog.Level]():
		return "level"
	case reflect.TypeFor[Secret]():
		return "secret"
	case reflect.TypeFor[Size]():
		return "size"
	case reflect.TypeFor[InitialCluster]():
		return "cluster"
	default:
		return "text"
	}
}

// nearest returns the known name with the fewest letters to change (Levenshtein's distance).
func nearest(name string, known []string) string {
	best, distance := "", 0
	for _, k := range known {
		if d := document.Distance(name, k); best == "" || d < distance {
			best, distance = k, d
		}
	}
	return best
}

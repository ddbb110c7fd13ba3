package redact

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Bounds of what is told about a change of a spec.
const (
	maxChanges = 50
	maxText    = 200
)

// Changes lists the fields in which two specs differ, sorted by their paths, secrets masked. A secret that changes is
// listed with two masks. At most 50 fields are listed, and at most 200 bytes of each value.
func Changes(before, after spec.Spec) []wire.SpecChange {
	old, next := flat(before), flat(after)
	shownOld, shownNext := flat(Spec(before)), flat(Spec(after))
	fields := slices.Sorted(maps.Keys(old))
	for field := range next {
		if _, ok := old[field]; !ok {
			fields = append(fields, field)
		}
	}
	slices.Sort(fields)
	var changes []wire.SpecChange
	for _, field := range fields {
		if old[field] == next[field] {
			continue
		}
		if len(changes) == maxChanges {
			return append(changes, wire.SpecChange{Field: "…"})
		}
		changes = append(changes, wire.SpecChange{Field: field, From: short(shownOld[field]), To: short(shownNext[field])})
	}
	return changes
}

// flat is a spec as the JSON of each of its fields, by path.
func flat(s spec.Spec) map[string]string {
	fields := map[string]string{}
	text, err := json.Marshal(s)
	var tree any
	if err == nil {
		err = json.Unmarshal(text, &tree)
	}
	if err == nil { // A spec is made of what JSON can say.
		flatten(fields, "", tree)
	}
	return fields
}

func flatten(fields map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if strings.Contains(key, ".") {
				key = "[" + key + "]"
			} else if path != "" {
				key = "." + key
			}
			flatten(fields, path+key, inner)
		}
	case []any:
		for i, inner := range v {
			flatten(fields, fmt.Sprintf("%s[%d]", path, i), inner)
		}
	default:
		text, err := json.Marshal(v)
		if err == nil {
			fields[path] = string(text)
		}
	}
}

func short(text string) string {
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

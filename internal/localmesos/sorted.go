package localmesos

import (
	"maps"
	"slices"
)

// sortedKeys lists the keys of a map in order, so that what is derived from it is repeatable.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

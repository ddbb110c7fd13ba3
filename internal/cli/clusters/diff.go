package clusters

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// printDiff shows what a change does to a spec; before is nil for a new cluster. As JSON
// the new spec is printed.
func printDiff(s *terminal.Streams, before any, after spec.Spec, out command.Output) error {
	if out.JSON {
		return s.JSON(after)
	}
	return PrintDiff(s, before, after)
}

// PrintDiff shows in YAML what a change does; before is nil for what is new.
func PrintDiff(s *terminal.Streams, before, after any) error {
	old, err := lines(before)
	if err != nil {
		return err
	}
	new, err := lines(after)
	if err != nil {
		return err
	}
	both := diff(old, new)
	changed := false
	for _, l := range both {
		changed = changed || l[0] != ' '
	}
	if !changed {
		s.Outf("No change.\n")
		return nil
	}
	for _, l := range both {
		s.Outf("%s\n", l)
	}
	return nil
}

// lines is a value as YAML, line by line.
func lines(value any) ([]string, error) {
	if value == nil {
		return nil, nil
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("show what changes: %w", err)
	}
	return strings.Split(strings.TrimRight(string(text), "\n"), "\n"), nil
}

// diff compares two texts by their longest common subsequence of lines. Lines of the result
// begin with "  ", "- " or "+ ".
func diff(a, b []string) []string {
	longest := make([][]int, len(a)+1)
	for i := range longest {
		longest[i] = make([]int, len(b)+1)
	}
	for i, v := range slices.Backward(a) {
		for j := len(b) - 1; j >= 0; j-- {
			if v == b[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	var out []string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, "  "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && longest[i+1][j] >= longest[i][j+1]:
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[j])
			j++
		}
	}
	return out
}

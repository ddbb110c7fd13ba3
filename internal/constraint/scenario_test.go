package constraint_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
)

// TestScenarios plays the files of testdata: agents come and go, tasks are placed on them as a
// matcher would, agent by agent, and the answers say where they are or why they wait.
func TestScenarios(t *testing.T) {
	t.Parallel()
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if filepath.Ext(path) != ".txt" {
			return
		}
		w := &world{}
		datadriven.RunTest(t, path, w.play)
	})
}

// world is the agents that are there and the tasks on them.
type world struct {
	rules  constraint.Rules
	target int
	nodes  []*node
}

func (w *world) play(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	switch d.Cmd {
	case "rules":
		r, err := constraint.Parse([]byte(d.Input))
		if err != nil {
			return err.Error() + "\n"
		}
		w.rules = r
		return ""
	case "target":
		w.target = number(t, d)
		return ""
	case "agents":
		for line := range strings.Lines(d.Input) {
			w.come(t, line)
		}
		return ""
	case "lost":
		w.nodes = slices.DeleteFunc(w.nodes, func(n *node) bool { return n.facts.Hostname == d.CmdArgs[0].Key })
		return w.show()
	case "drain", "back":
		for _, n := range w.nodes {
			if n.facts.Hostname == d.CmdArgs[0].Key {
				n.facts.Draining = d.Cmd == "drain"
			}
		}
		return ""
	case "stop":
		for _, n := range w.nodes {
			if n.facts.Hostname == d.CmdArgs[0].Key {
				n.tasks--
			}
		}
		return w.show()
	case "place":
		return w.place(number(t, d))
	}
	t.Fatalf("unknown command %q", d.Cmd)
	return ""
}

func number(t *testing.T, d *datadriven.TestData) int {
	t.Helper()
	n, err := strconv.Atoi(d.CmdArgs[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// come reads "host rack=r1 @zone=a room=3".
func (w *world) come(t *testing.T, line string) {
	t.Helper()
	n := &node{facts: agent(line)}
	room, ok := n.facts.Attributes["room"]
	if !ok {
		t.Fatalf("%s has no room", line)
	}
	n.room, _ = strconv.Atoi(room)
	delete(n.facts.Attributes, "room")
	w.nodes = append(w.nodes, n)
}

// place goes over the agents until no more task has a place.
func (w *world) place(wanted int) string {
	g := w.rules.NewGroup(w.target)
	for _, n := range w.nodes {
		for range n.tasks {
			g.Add(n.facts)
		}
		if n.tasks < n.room {
			g.See(n.facts)
		}
	}
	placed := 0
	for more := true; more; {
		more = false
		for _, n := range w.nodes {
			for placed < wanted && n.tasks < n.room {
				if ok, _ := w.rules.Allows(g, n.facts); !ok {
					break
				}
				g.Add(n.facts)
				n.tasks++
				placed++
				more = true
			}
		}
	}
	var b strings.Builder
	b.WriteString(w.show())
	if placed < wanted {
		fmt.Fprintf(&b, "%d wait\n", wanted-placed)
		for _, n := range w.nodes {
			if n.tasks < n.room {
				_, why := w.rules.Allows(g, n.facts)
				fmt.Fprintf(&b, "  %s: %s: %s\n", n.facts.Hostname, why.Rule(), why)
			}
		}
	}
	return b.String()
}

func (w *world) show() string {
	parts := make([]string, 0, len(w.nodes))
	for _, n := range w.nodes {
		parts = append(parts, fmt.Sprintf("%s %d/%d", n.facts.Hostname, n.tasks, n.room))
	}
	return strings.Join(parts, ", ") + "\n"
}

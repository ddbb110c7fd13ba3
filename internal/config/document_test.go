package config_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/config"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

// TestDocument keeps docs/configuration.md equal to the tags of Config.
func TestDocument(t *testing.T) {
	t.Parallel()
	const path = "../../docs/configuration.md"
	want := document()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what the code says; run go test ./internal/config -run TestDocument -update (-want +got):\n%s", path, diff)
	}
}

func document() string {
	var b strings.Builder
	b.WriteString(`# Configuration of the service

<!-- Generated from internal/config by "go test ./internal/config -run TestDocument -update". -->

The service is configured by environment variables only; a cluster is configured by its spec, through the API.

- Each variable may also carry the prefix ` + "`" + config.Prefix + "`" + `, as in ` + "`" + config.Prefix + `LISTEN` + "`" + `; with both, the one with the prefix wins.
- A variable with that prefix that is not in this list stops the start, and the message names the nearest known one.
- An empty variable is the same as none.
- All problems are reported at once, each with its variable. The process then ends without touching anything.
- A secret is given as itself or, better, as the name of a file with it, in the variable with ` + "`_FILE`" + ` behind its name.
- Variables that begin with ` + "`LOCALMESOS_`" + ` belong to local Mesos (` + "`MESOS_MASTER=local`" + `) and are read by it.
`)
	section := ""
	for _, v := range config.Variables() {
		if v.Section != section {
			section = v.Section
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| variable | type | default | meaning |\n|---|---|---|---|\n", section, v.SectionDoc)
		}
		name, def := "`"+v.Name+"`", ""
		if v.Secret {
			name += "<br>`" + v.Name + "_FILE`"
		}
		switch {
		case v.Required:
			def = "required"
		case v.Default != "":
			def = "`" + v.Default + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, v.Type, def, strings.ReplaceAll(v.Doc, "|", `\|`))
	}
	return b.String()
}

// Every sentence of the documentation ends in a full stop, and no name is used twice.
func TestVariablesAreDocumented(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, v := range config.Variables() {
		if !strings.HasSuffix(v.Doc, ".") || !strings.HasSuffix(v.SectionDoc, ".") {
			t.Errorf("%s has no whole sentence as its documentation: %q", v.Name, v.Doc)
		}
		if seen[v.Name] {
			t.Errorf("%s is there twice", v.Name)
		}
		seen[v.Name] = true
	}
}

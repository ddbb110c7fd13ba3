package cli_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// TestDocument keeps docs/cli.md equal to the commands.
func TestDocument(t *testing.T) {
	t.Parallel()
	const path = "../../docs/cli.md"
	want := document(root(t))
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
		t.Errorf("%s is not what the commands say; run make docs (-want +got):\n%s", path, diff)
	}
}

// document describes every command, in the order of the help.
func document(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprint(&b, "# Command line\n\n<!-- Generated from internal/cli by \"make docs\". -->\n\n")
	fmt.Fprint(&b, "`dcos flink …` as a plugin of the DC/OS CLI, or `dcos-flink …` on its own. On a terminal tables are aligned and times are relative; otherwise\n"+
		"cells are separated by tabs and times are absolute. `--json` prints the response of the service, indented. Progress and errors go to stderr.\n")
	overview(&b, cmd)
	fmt.Fprint(&b, "\n## Exit codes\n\nA code is never used for something else, and an error never ends with 0.\n\n| code | meaning |\n|---|---|\n")
	for _, c := range command.Codes() {
		fmt.Fprintf(&b, "| %d | %s |\n", c.Code, c.Meaning)
	}
	_, environment, _ := strings.Cut(cmd.HelpTemplate(), "Environment:\n")
	environment, _, _ = strings.Cut(environment, "\n\n")
	fmt.Fprintf(&b, "\n## Environment\n\n```\n%s\n```\n", strings.TrimRight(environment, "\n"))
	fmt.Fprintf(&b, "\n## Flags of every command\n\n```\n%s```\n", cmd.PersistentFlags().FlagUsages())
	for _, c := range cmd.Commands() {
		describe(&b, c)
	}
	return b.String()
}

// overview lists the commands with links.
func overview(b *strings.Builder, cmd *cobra.Command) {
	b.WriteString("\n| command | |\n|---|---|\n")
	var list func(c *cobra.Command)
	list = func(c *cobra.Command) {
		if c.HasSubCommands() {
			for _, s := range c.Commands() {
				list(s)
			}
			return
		}
		if c.Name() != "help" {
			fmt.Fprintf(b, "| [`%s`](#%s) | %s |\n", strings.TrimPrefix(c.CommandPath(), "dcos flink "), strings.ReplaceAll(c.CommandPath(), " ", "-"), c.Short)
		}
	}
	for _, c := range cmd.Commands() {
		list(c)
	}
}

// describe writes the section of a command, or those of a group's.
func describe(b *strings.Builder, c *cobra.Command) {
	if c.HasSubCommands() {
		for _, s := range c.Commands() {
			describe(b, s)
		}
		return
	}
	if c.Name() == "help" {
		return
	}
	c.InitDefaultHelpFlag()
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n```\n%s\n```\n\n", c.CommandPath(), c.Long, c.UseLine())
	if len(c.Aliases) > 0 {
		fmt.Fprintf(b, "Also `%s`.\n\n", strings.Join(c.Aliases, "`, `"))
	}
	if flags := c.LocalNonPersistentFlags().FlagUsages(); flags != "" {
		fmt.Fprintf(b, "```\n%s```\n\n", flags)
	}
	fmt.Fprintf(b, "```\n%s\n```\n", strings.TrimRight(c.Example, "\n"))
}

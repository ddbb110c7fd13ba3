package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// idiom is what is not written, with what is: docs/glossary.md has the terms. Only what is never right is here.
var idiom = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?i)\bwhat is so\b|\bis so now\b|\bhow it is so\b`), "the observed state"},
	{regexp.MustCompile(`(?i)\b(is|are|was|were|been|be) given back\b|\bgives? (it|them|what .*) back\b`), "is released"},
	{regexp.MustCompile(`(?i)\b(is|are|was|were|been|be) given up\b`), "is aborted"},
	{regexp.MustCompile(`(?i)\bgo(es)? on (running|coming|from|until|behind|as)\b|\b(it|they|job %s|cluster %s|jobs) goe?s? on\b`), "keeps running, resumes"},
	{regexp.MustCompile(`(?i)\bon no way up\b|\bthe (whole )?way up\b`), "start-up"},
	{regexp.MustCompile(`(?i)\bhas no place yet\b|\bwithout a place\b`), "is pending"},
	{regexp.MustCompile(`(?i)\bdoes not hear\b|\bis not heard\b`), "is unreachable"},
	{regexp.MustCompile(`(?i)\bmade good\b`), "recovered"},
	{regexp.MustCompile(`(?i)\bby and by\b|\bno news\b|\b(late|last) words? of\b|\bin the words of\b`), "say it plainly"},
	{regexp.MustCompile(`(?i)\bthe one there is\b|\bthere is none that\b`), "the only"},
	{regexp.MustCompile(`(?i)\bfor ever\b`), "forever"},
	{regexp.MustCompile(`(?i)\bthe error output\b`), "stderr"},
	{regexp.MustCompile(`(?i)\bis told of\b|\btells? of (each|an|the)\b`), "is reported"},
	{regexp.MustCompile(`(?i)\bstands? (before|behind) --`), "comes before --"},
	{regexp.MustCompile(`(?i)\bis asked to end\b|\bsays how far\b|\bhow far (that|it|the plan) is\b`), "shows the progress"},
}

// plain are the folders and files that keep to it: string literals of Go (without tests), and every line of other files.
// The changelog is history, and comments of Go files are not looked at.
var plain = []string{"internal", "service", "cli-plugin", "tools", "universe", "docs", "README.md", "CONTRIBUTING.md"}

// TestWords keeps the old idiom out of what people read.
func TestWords(t *testing.T) {
	t.Parallel()
	for _, place := range plain {
		err := filepath.WalkDir(filepath.Join(root(t), place), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && (d.Name() == "testdata" || d.Name() == "images") {
				return orSkip(err)
			}
			if d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if strings.HasSuffix(path, ".go") {
				return literals(path, func(line int, s string) { checkWords(t, path, line, s) })
			}
			for i, line := range strings.Split(string(text), "\n") {
				checkWords(t, path, i+1, line)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// orSkip leaves a folder out unless there was an error.
func orSkip(err error) error {
	if err != nil {
		return err
	}
	return fs.SkipDir
}

func checkWords(t *testing.T, path string, line int, text string) {
	t.Helper()
	for _, w := range idiom {
		if found := w.pattern.FindString(text); found != "" {
			t.Errorf("%s:%d: %q: write %q or the like (docs/glossary.md)", path, line, found, w.instead)
		}
	}
}

// literals calls f for each string literal of a Go file.
func literals(path string, f func(line int, text string)) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			f(set.Position(l.Pos()).Line, l.Value)
		}
		return true
	})
	return nil
}

// TestIdiom checks that the patterns match what they are for, and not plain sentences.
func TestIdiom(t *testing.T) {
	t.Parallel()
	matches := func(s string) bool {
		for _, w := range idiom {
			if w.pattern.MatchString(s) {
				return true
			}
		}
		return false
	}
	for _, s := range []string{
		"Status is what is so now.", "what is reserved is given back", "the change was given up", "the cluster goes on running",
		"What is over, or going, is on no way up.", "its JobManager has no place yet", "Mesos does not hear the agent",
		"how long losses took to be made good", "a late word of the old leader is no news", "the one there is is deploy",
	} {
		if !matches(s) {
			t.Errorf("%q is not found", s)
		}
	}
	for _, s := range []string{
		"Status is the observed state.", "the reservation is released", "the upgrade was aborted", "the job is still running",
		"waiting for its JobManager to be placed", "agent a is unreachable", "recovered after 3 s", "unknown plan \"x\"; the only plan is deploy",
	} {
		if matches(s) {
			t.Errorf("%q is found", s)
		}
	}
}

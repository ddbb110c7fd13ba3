package arch_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The budgets of size. What is larger is hard to read at once.
const (
	packageLines = 2500
	fileLines    = 600
	funcLines    = 70
	structFields = 15
	complexity   = 20
)

// exception is what may be larger than its budget, up to most, and why.
type exception struct {
	most   int
	reason string
}

const (
	rules     = "a list of rules, read from top to bottom"
	dispatch  = "one case for each member of a closed set"
	record    = "what is stored or answered as one document"
	options   = "options of one thing, which the caller names"
	table     = "the tables and clocks of one owner"
	lexer     = "a loop over characters with one case each"
	toSplit   = "grown together: to be split"
	programs  = "each file is a bench of its own, of one program"
	documents = "one document of somebody else's format"
)

// over lists the exceptions.
var over = map[string]exception{
	"internal/api.Options":                      {28, options},
	"internal/app.components":                   {23, table},
	"internal/cli.newRoot":                      {72, "the list of all commands"},
	"internal/cli/clusters.SpecFlags":           {22, options},
	"internal/config.loader.check paths":        {32, rules},
	"internal/config.Flink":                     {18, options},
	"internal/core.Step paths":                  {35, dispatch},
	"internal/core/lifecycle":                   {2800, toSplit},
	"internal/core/state":                       {2950, toSplit},
	"internal/core/lifecycle.JobsStopped paths": {22, dispatch},
	"internal/core/state.Cluster":               {40, record},
	"internal/core/state.ClusterRecord":         {26, record},
	"internal/core/state.State":                 {34, table},
	"internal/core/state.Tx":                    {19, table},
	"internal/core/tasks.Updated paths":         {22, rules},
	"internal/flink.Process":                    {17, options},
	"internal/flinkmesos.importer.finish paths": {26, dispatch},
	"internal/flinkmesos.simpleCommands paths":  {21, lexer},
	"internal/localmesos/registry.Agent":        {24, table},
	"internal/localmesos/standalone.Settings":   {17, options},
	"internal/loop.run.act paths":               {28, dispatch},
	"internal/render.app":                       {23, documents},
	"internal/spec":                             {3050, toSplit},
	"internal/spec.Spec":                        {22, record},
	"internal/task.Task":                        {30, record},
	"internal/testkit/jobmanager.book":          {18, table},
	"internal/wire.Status":                      {23, record},
	"internal/wire.TaskStatus":                  {19, record},
	"tests/bench":                               {4200, programs},
	"tests/bench.killedStock":                   {72, "a story told in order"},
}

// TestBudgets holds packages, files, functions and structs to their sizes. Tests are not counted, save that a file of
// tests is as long as any.
func TestBudgets(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	check := func(what string, have, budget int, unit string) {
		e, known := over[what]
		used[what] = used[what] || known && have > budget
		if have > budget && (!known || have > e.most) {
			t.Errorf("%s has %d %s, more than %d: split it", what, have, unit, max(budget, e.most))
		}
	}
	for _, p := range packages(t, "./...") {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		sum := 0
		for _, file := range p.GoFiles {
			sum += measure(t, name, filepath.Join(p.Dir, file), check)
		}
		check(name, sum, packageLines, "lines")
	}
	for what, e := range over {
		if !used[what] {
			t.Errorf("%s is within its budget: remove its exception (%s)", what, e.reason)
		}
	}
}

// measure checks a file and what is in it, and returns its lines.
func measure(t *testing.T, pkg, file string, check func(what string, have, budget int, unit string)) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Count(text, []byte("\n"))
	check(pkg+"/"+filepath.Base(file), lines, fileLines, "lines")
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, file, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	height := func(n ast.Node) int { return files.Position(n.End()).Line - files.Position(n.Pos()).Line + 1 }
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			what := pkg + "." + receiver(d) + d.Name.Name
			check(what, height(d), funcLines, "lines")
			check(what+" paths", paths(d), complexity, "paths")
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if ts, ok := s.(*ast.TypeSpec); ok {
					if st, ok := ts.Type.(*ast.StructType); ok {
						check(pkg+"."+ts.Name.Name, fields(st), structFields, "fields")
					}
				}
			}
		}
	}
	return lines
}

func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		default:
			return fmt.Sprint(e) + "."
		}
	}
}

func fields(s *ast.StructType) (n int) {
	for _, f := range s.Fields.List {
		n += max(1, len(f.Names))
	}
	return n
}

// paths is the cyclomatic complexity of a function (McCabe): one more than its branches.
func paths(d *ast.FuncDecl) int {
	n := 1
	ast.Inspect(d, func(node ast.Node) bool {
		switch x := node.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
			n++
		case *ast.CaseClause:
			if x.List != nil {
				n++
			}
		case *ast.CommClause:
			if x.Comm != nil {
				n++
			}
		case *ast.BinaryExpr:
			if x.Op == token.LAND || x.Op == token.LOR {
				n++
			}
		}
		return true
	})
	return n
}

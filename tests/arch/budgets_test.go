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

// over lists what may be larger than its budget, up to a size, and why.
var over = map[string]struct {
	most   int
	reason string
}{}

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

package constraint_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
)

// FuzzParse reads anything: no panic, each error names its element, and what is accepted can be
// written, read again with the same meaning, and asked.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`[["hostname","UNIQUE"],["rack","GROUP_BY","3"]]`, `[["a","LIKE","[a-z&&[b]]"]]`, `[["a","LIKE","\\Qx"]]`, `[["@zone","CLUSTER",""]]`,
		`[["a","UNLIKE","(?i)x.*"]]`, `[["a","IS","007.50"]]`, `[["a","MAX_PER","2"]]`, `[null]`, `[[1,2]]`, `["a"]`, "null", "", `[["a","LIKE","(?=x)"]]`,
	} {
		f.Add([]byte(s), "x")
	}
	f.Fuzz(func(t *testing.T, data []byte, value string) {
		r, err := constraint.Parse(data)
		if err != nil {
			var bad *constraint.Error
			if !errors.As(err, &bad) || len(bad.Problems) == 0 || bad.Problems[0].Field == "" || bad.Problems[0].Message == "" {
				t.Fatalf("the error names no element: %v", err)
			}
			return
		}
		again, err := constraint.Compile(r.Spec())
		if err != nil {
			t.Fatalf("its own form is refused: %v", err)
		}
		if diff := cmp.Diff(r.Spec(), again.Spec()); diff != "" {
			t.Fatalf("its own form differs (-want +got):\n%s", diff)
		}
		facts := &constraint.Facts{Hostname: value, Zone: value, Region: value, Attributes: map[string]string{"a": value, "rack": value}}
		g := r.NewGroup(3)
		g.See(facts)
		ok, why := r.Allows(g, facts)
		g.Add(facts)
		if ok != (why.String() == "") || ok != (why.Rule() == "") {
			t.Fatalf("Allows() = %v, %q", ok, why)
		}
		again2, whyAgain := again.Allows(nil, facts)
		if ok != again2 || why.String() != "" && whyAgain.String() == "" {
			t.Fatalf("Allows() = %v, read again %v", ok, again2)
		}
		g.Remove(facts)
		if now, _ := r.Allows(g, facts); now != ok || g.Tasks() != 0 {
			t.Fatalf("after a task came and went Allows() = %v, was %v", now, ok)
		}
	})
}

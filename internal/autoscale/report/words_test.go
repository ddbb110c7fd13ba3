package report_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
)

func TestMessage(t *testing.T) {
	t.Parallel()
	of := autoscale.Of
	names := report.NamesOf([]autoscale.VertexResult{{ID: "a1", Name: "Sink: out"}})
	for _, test := range []struct {
		reason autoscale.Reason
		want   string
	}{
		{autoscale.Reason{Code: autoscale.ScaleUp, Actual: of(2), Limit: of(5)}, "scale up from 2 to 5"},
		{autoscale.Reason{Code: autoscale.Bottleneck, Vertex: "a1", Actual: of(2.5), Limit: of(1.25)}, "Sink: out cannot be scaled further and limits the sources: factor 1.25 instead of 2.5"},
		{autoscale.Reason{Code: autoscale.Bottleneck, Vertex: "b2", Actual: of(2), Limit: of(1)}, "b2 cannot be scaled further and limits the sources: factor 1 instead of 2"},
		{autoscale.Reason{Code: autoscale.ParallelismLimited, Actual: of(300), Limit: of(128)}, "parallelism 300 limited to 128 by the number of key groups"},
		{autoscale.Reason{Code: autoscale.Ineffective, Actual: of(0.05), Limit: of(0.1), Option: "x"}, "the last step up had 5 % of the expected effect, less than 10 %; no further step up (x)"},
		{autoscale.Reason{Code: autoscale.Stabilizing, Option: "o", Until: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, "the job stabilizes until 2026-01-02T03:04:05Z (o)"},
		{autoscale.Reason{Code: autoscale.OnHold, Metric: "an agent is drained"}, "no step now: an agent is drained"},
		{autoscale.Reason{Code: "of-a-later-release"}, "of-a-later-release"},
	} {
		if got := report.Message(test.reason, names); got != test.want {
			t.Errorf("Message(%s)\nwant %s\ngot  %s", test.reason.Code, test.want, got)
		}
	}
}

// TestEveryCodeIsWorded looks for codes that have no words, and for words with a part that is not filled in.
func TestEveryCodeIsWorded(t *testing.T) {
	t.Parallel()
	f, err := parser.ParseFile(token.NewFileSet(), "../reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := 0
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		code := autoscale.Code(strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`))
		codes++
		if got := report.Message(autoscale.Reason{Code: code}, nil); got == string(code) || strings.Contains(got, "{") {
			t.Errorf("code %s is said as %q", code, got)
		}
		return true
	})
	if codes < 30 {
		t.Fatalf("found %d codes", codes)
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	got := []string{}
	for _, v := range []autoscale.Value{{}, autoscale.Of(0), autoscale.Of(0.123456), autoscale.Of(12.3456), autoscale.Of(1234.5), autoscale.Of(2e6), autoscale.Of(3)} {
		got = append(got, report.Number(v))
	}
	if diff := cmp.Diff([]string{"-", "0", "0.123", "12.3", "1235", "2000000", "3"}, got); diff != "" {
		t.Fatalf("Number() mismatch (-want +got):\n%s", diff)
	}
}

// TestDocuments checks that what is embedded is one object with what is beside it, and is read again.
func TestDocuments(t *testing.T) {
	t.Parallel()
	reason := autoscale.Reason{Code: autoscale.ScaleUp, Actual: autoscale.Of(1), Limit: autoscale.Of(2)}
	v := report.Vertex{
		VertexResult: autoscale.VertexResult{ID: "a1", Name: "map", Recommended: 2, Reasons: []autoscale.Reason{reason}},
		Reasons:      report.Reasons([]autoscale.Reason{reason}, nil),
	}
	v.Parallelism = 1
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"a1","name":"map","parallelism":1,"maxParallelism":0,"recommended":2,"reasons":[{"code":"scale-up","actual":1,"limit":2,"message":"scale up from 1 to 2"}]}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Fatalf("vertex mismatch (-want +got):\n%s", diff)
	}
	var back report.Vertex
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Reasons) != 1 || back.Reasons[0].Message != "scale up from 1 to 2" || back.Reasons[0].Limit.Float() != 2 {
		t.Fatalf("read again: %+v", back)
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewResult(t *testing.T) {
	tests := []struct {
		name             string
		values, baseline []float64
		want             Result
	}{
		{"odd", []float64{3, 1, 2}, []float64{4}, Result{Value: 2, Min: 1, Max: 3, BaselineValue: 4, Ratio: 0.5}},
		{"even", []float64{4, 1, 2, 3}, []float64{1, 2}, Result{Value: 2.5, Min: 1, Max: 4, BaselineValue: 1.5, Ratio: 1.667}},
		{"alone", []float64{7}, nil, Result{Value: 7, Min: 7, Max: 7}},
		{"nothing", nil, nil, Result{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Name, tt.want.Unit, tt.want.BaselineName = "n", "u", "b"
			if diff := cmp.Diff(tt.want, NewResult("n", "u", tt.values, "b", tt.baseline)); diff != "" {
				t.Fatalf("NewResult() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResultsAreWritten(t *testing.T) {
	results := []Result{
		NewResult("artifact_vs_nginx_1", "MB/s", []float64{3456.7}, "nginx", []float64{3000}),
		NewResult("rss_mb_idle", "MB", []float64{21.25}, "", nil),
	}
	var table bytes.Buffer
	if err := WriteTable(&table, results); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(table.String(), "\n")
	want := [][]string{
		{"artifact_vs_nginx_1", "3457", "MB/s", "3457", "3457", "nginx", "3000", "1.152"},
		{"rss_mb_idle", "21.2", "MB", "21.2", "21.2", "-", "-", "-"},
	}
	if diff := cmp.Diff(want, [][]string{strings.Fields(lines[1]), strings.Fields(lines[2])}); diff != "" {
		t.Errorf("table mismatch (-want +got):\n%s", diff)
	}
	file := filepath.Join(t.TempDir(), "build", "bench.json")
	if err := WriteJSON(file, results); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	first := map[string]any{
		"name": "artifact_vs_nginx_1", "value": 3456.7, "unit": "MB/s", "baseline_name": "nginx",
		"baseline_value": 3000.0, "ratio": 1.152, "min": 3456.7, "max": 3456.7,
	}
	if diff := cmp.Diff(first, got[0]); diff != "" || len(got) != 2 {
		t.Errorf("JSON mismatch (-want +got):\n%s", diff)
	}
}

func TestRunRefusesBadFlags(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want int
	}{{[]string{"-run", "("}, 2}, {[]string{"-nonsense"}, 2}, {[]string{"-run", "^no such bench$"}, 1}} {
		var out, said bytes.Buffer
		if got := run(tt.args, &out, &said); got != tt.want || said.Len() == 0 {
			t.Errorf("run(%v) = %d, said %q; want %d", tt.args, got, said.String(), tt.want)
		}
	}
}

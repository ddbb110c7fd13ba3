package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
)

// Result is one measured number beside the number of what it is compared with, both taken in the same run.
type Result struct {
	// Name is stable: bars and reports refer to it.
	Name string `json:"name"`
	// Value is the median over the rounds, Min and Max the extremes, all in Unit.
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// BaselineName says what stands beside it, empty when nothing does; BaselineValue is its median in Unit.
	BaselineName  string  `json:"baseline_name"`
	BaselineValue float64 `json:"baseline_value"`
	// Ratio is Value / BaselineValue, and 0 without a baseline.
	Ratio float64 `json:"ratio"`
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
}

// NewResult condenses the rounds of one bench. baseline may be empty.
func NewResult(name, unit string, values []float64, baselineName string, baseline []float64) Result {
	r := Result{Name: name, Unit: unit, BaselineName: baselineName, Value: Median(values)}
	if len(values) > 0 {
		r.Min, r.Max = slices.Min(values), slices.Max(values)
	}
	if len(baseline) > 0 {
		r.BaselineValue = Median(baseline)
	}
	if r.BaselineValue != 0 {
		r.Ratio = math.Round(r.Value/r.BaselineValue*1000) / 1000
	}
	return r
}

// Median returns the middle value, the mean of the middle two, or 0 of nothing. It leaves values as they are.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// WriteTable prints the results for people.
func WriteTable(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tVALUE\tUNIT\tMIN\tMAX\tBASELINE\tVALUE\tRATIO")
	for _, r := range results {
		baseline, value, ratio := "-", "-", "-"
		if r.BaselineName != "" {
			baseline, value, ratio = r.BaselineName, number(r.BaselineValue), fmt.Sprintf("%.3f", r.Ratio)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			r.Name, number(r.Value), r.Unit, number(r.Min), number(r.Max), baseline, value, ratio)
	}
	return t.Flush()
}

// number shows about four significant digits.
func number(v float64) string {
	switch abs := math.Abs(v); {
	case abs == 0 || abs >= 1000:
		return fmt.Sprintf("%.0f", v)
	case abs >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

// WriteJSON writes the results as a list to file, creating its directory.
func WriteJSON(file string, results []Result) error {
	if results == nil {
		results = []Result{}
	}
	data, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return fmt.Errorf("encode results: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}

package flink_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

var record = flag.Bool("record", false, "ask the real Flink again and rewrite testdata/memory.json (needs FLINK_REAL=1)")

// sample is one configuration and what Flink's own tool says about it.
type sample struct {
	Role   spec.TaskKind     `json:"role"`
	Config map[string]string `json:"config"`
	// JVM and Dynamic are the two lines of the tool; Failed says that it refused instead.
	JVM     string `json:"jvm,omitempty"`
	Dynamic string `json:"dynamic,omitempty"`
	Failed  string `json:"failed,omitempty"`
}

// ours answers a sample with our own arithmetic.
func ours(s sample) sample {
	var jvm, dynamic []string
	var err error
	if s.Role == spec.JobManagerTask {
		var m flink.JobManagerMemory
		m, err = flink.SplitJobManager(s.Config)
		jvm, dynamic = m.JVMParameters(), m.DynamicProperties()
	} else {
		var m flink.TaskManagerMemory
		m, err = flink.SplitTaskManager(s.Config)
		jvm, dynamic = m.JVMParameters(), m.DynamicProperties()
	}
	s.JVM, s.Dynamic, s.Failed = "", "", ""
	if err != nil {
		s.Failed = err.Error()
		return s
	}
	s.JVM = strings.Join(jvm, " ")
	for i, d := range dynamic {
		// Flink's tool quotes this list for the shell that its scripts hand it to.
		if v, ok := strings.CutPrefix(d, "external-resources="); ok && v != "none" {
			dynamic[i] = `external-resources="` + v + `"`
		}
	}
	s.Dynamic = "-D " + strings.Join(dynamic, " -D ")
	return s
}

// compare reports where the two answers differ. The words of an error are ours.
func compare(t *testing.T, want sample) {
	t.Helper()
	got := ours(want)
	if want.Failed != "" && got.Failed != "" {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s %v (-Flink +ours):\n%s", want.Role, want.Config, diff)
	}
}

func TestMemoryAsRecorded(t *testing.T) {
	data, err := os.ReadFile("testdata/memory.json")
	if err != nil {
		t.Fatal(err)
	}
	var samples []sample
	if err := json.Unmarshal(data, &samples); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, s := range samples {
		compare(t, s)
		if s.Failed != "" {
			failed++
		}
	}
	if len(samples) < 150 || failed < 20 || failed > len(samples)/2 {
		t.Errorf("%d samples with %d refusals are no fair test", len(samples), failed)
	}
}

func TestMemoryAsRealFlink(t *testing.T) {
	distributions := disttest.Real(t)
	samples := append(chosen(), random(600, 7)...)
	var first []sample
	for _, d := range distributions {
		answers := ask(t, d.Path, samples)
		for _, a := range answers {
			compare(t, a)
		}
		if first == nil {
			first = answers
		} else if diff := cmp.Diff(first, answers, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Failed" }, cmp.Comparer(func(a, b string) bool { return (a == "") == (b == "") }))); diff != "" {
			t.Errorf("Flink %s differs from %s:\n%s", d.Version, distributions[0].Version, diff)
		}
		t.Logf("Flink %s: %d configurations compared", d.Version, len(answers))
	}
	if *record {
		kept := first[:len(chosen())+120]
		data, err := json.MarshalIndent(kept, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/memory.json", append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// ask runs the samples through Flink's own tool.
func ask(t *testing.T, home string, samples []sample) []sample {
	t.Helper()
	conf := t.TempDir()
	if err := os.WriteFile(filepath.Join(conf, "config.yaml"), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var in bytes.Buffer
	for _, s := range samples {
		in.WriteString(map[spec.TaskKind]string{
			spec.JobManagerTask: "GET_JM_RESOURCE_PARAMS", spec.TaskManagerTask: "GET_TM_RESOURCE_PARAMS",
		}[s.Role])
		for _, k := range slices.Sorted(maps.Keys(s.Config)) {
			fmt.Fprintf(&in, "\t%s=%s", k, s.Config[k])
		}
		in.WriteByte('\n')
	}
	cmd := exec.CommandContext(t.Context(), "java", "-cp", filepath.Join(home, "lib", "*"), "testdata/MemoryOracle.java", conf)
	cmd.Stdin = &in
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run Flink's tool: %v\n%s", err, stderr.String())
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	// Warnings of a logging system without configuration may come first.
	lines = slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "ok\t") && !strings.HasPrefix(l, "error\t") })
	if len(lines) != len(samples) {
		t.Fatalf("Flink's tool gave %d answers to %d questions\n%s", len(lines), len(samples), out)
	}
	answers := slices.Clone(samples)
	for i, l := range lines {
		f := strings.Split(l, "\t")
		switch {
		case f[0] == "ok" && len(f) == 3:
			answers[i].JVM, answers[i].Dynamic = f[1], f[2]
		default:
			answers[i].Failed = strings.Join(f[1:], " ")
		}
	}
	return answers
}

func sampleOf(role spec.TaskKind, pairs ...string) sample {
	c := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		c[string(role)+"."+pairs[i]] = pairs[i+1]
	}
	return sample{Role: role, Config: c}
}

// chosen are the configurations that people write, and the edges.
func chosen() []sample {
	var list []sample
	for _, size := range []string{"500m", "600m", "704m", "1024m", "1600m", "2g", "4gb", "16g", "1 t", "1677721601", "512 Kibibytes", "3000 MB", "1728m"} {
		list = append(list,
			sampleOf(spec.JobManagerTask, "memory.process.size", size),
			sampleOf(spec.JobManagerTask, "memory.flink.size", size),
			sampleOf(spec.JobManagerTask, "memory.heap.size", size),
			sampleOf(spec.TaskManagerTask, "memory.process.size", size),
			sampleOf(spec.TaskManagerTask, "memory.flink.size", size),
			sampleOf(spec.TaskManagerTask, "memory.task.heap.size", size, "memory.managed.size", "300m"))
	}
	jm, tm := spec.JobManagerTask, spec.TaskManagerTask
	list = append(list,
		sampleOf(jm), sampleOf(tm),
		sampleOf(jm, "memory.process.size", "1600m", "memory.enable-jvm-direct-memory-limit", "true"),
		sampleOf(jm, "memory.process.size", "1600m", "memory.heap.size", "1g"),
		sampleOf(jm, "memory.process.size", "1600m", "memory.heap.size", "1300m"),
		sampleOf(jm, "memory.flink.size", "1152m", "memory.heap.size", "1g"),
		sampleOf(jm, "memory.flink.size", "1200m", "memory.heap.size", "1g"),
		sampleOf(jm, "memory.flink.size", "1200m", "memory.heap.size", "1g", "memory.off-heap.size", "128m"),
		sampleOf(jm, "memory.flink.size", "1g", "memory.heap.size", "1200m"),
		sampleOf(jm, "memory.flink.size", "1g", "memory.heap.size", "1g"),
		sampleOf(jm, "memory.process.size", "1600m", "memory.flink.size", "1g"),
		sampleOf(jm, "memory.process.size", "300m", "memory.jvm-metaspace.size", "64m", "memory.jvm-overhead.min", "16m", "memory.off-heap.size", "16m"),
		sampleOf(jm, "memory.process.size", "2g", "memory.jvm-overhead.fraction", "0.3", "memory.jvm-overhead.max", "2g"),
		sampleOf(jm, "memory.process.size", "2g", "memory.jvm-overhead.fraction", "1.0"),
		sampleOf(jm, "memory.process.size", "2g", "memory.jvm-overhead.min", "2g"),
		sampleOf(jm, "memory.process.size", "2gig"),
		sampleOf(jm, "memory.process.size", "-1"),
		sampleOf(jm, "memory.process.size", "1mib"),
		sampleOf(jm, "memory.process.size", "99999999999999999999"),
		sampleOf(jm, "memory.process.size", "9999999999 t"),
		sampleOf(tm, "memory.process.size", "240m", "memory.jvm-metaspace.size", "64m", "memory.jvm-overhead.min", "16m", "memory.jvm-overhead.max", "32m", "memory.framework.heap.size", "32m", "memory.framework.off-heap.size", "16m", "memory.network.min", "8m", "memory.network.max", "8m", "memory.managed.size", "16m"),
		sampleOf(tm, "memory.process.size", "4g", "memory.managed.fraction", "0.1", "numberOfTaskSlots", "4"),
		sampleOf(tm, "memory.process.size", "4g", "memory.managed.size", "0", "cpu.cores", "0.5"),
		sampleOf(tm, "memory.process.size", "4g", "cpu.cores", "1.125", "numberOfTaskSlots", "3"),
		sampleOf(tm, "memory.process.size", "4g", "cpu.cores", "12", "numberOfTaskSlots", "12"),
		sampleOf(tm, "memory.process.size", "4g", "cpu.cores", "0"),
		sampleOf(tm, "memory.process.size", "4g", "memory.network.fraction", "0.25", "memory.network.max", "512m"),
		sampleOf(tm, "memory.process.size", "4g", "network.memory.fraction", "0.25", "network.memory.min", "100m"),
		sampleOf(tm, "memory.process.size", "4g", "memory.size", "100m"),
		sampleOf(tm, "memory.process.size", "4g", "memory.task.heap.size", "1g", "memory.network.max", "1g"),
		sampleOf(tm, "memory.process.size", "4g", "memory.task.heap.size", "1g"),
		sampleOf(tm, "memory.flink.size", "3g", "memory.task.heap.size", "1g", "memory.managed.size", "1g"),
		sampleOf(tm, "memory.process.size", "4g", "memory.flink.size", "3g", "memory.jvm-overhead.max", "2g"),
		sampleOf(tm, "memory.process.size", "4g", "memory.flink.size", "3g", "memory.jvm-overhead.fraction", "0.2"),
		sampleOf(tm, "memory.process.size", "4g", "memory.managed.fraction", "0.95"),
		sampleOf(tm, "memory.process.size", "4g", "memory.managed.fraction", "many"),
		sampleOf(tm, "memory.process.size", "4g", "memory.network.min", "1g", "memory.network.max", "64m"),
		sample{tm, map[string]string{
			"taskmanager.memory.process.size": "4g", "external-resources": "gpu;fpga",
			"external-resource.gpu.amount": "2", "external-resource.fpga.amount": "1",
		}, "", "", ""},
		sample{tm, map[string]string{"taskmanager.memory.process.size": "4g", "external-resources": "gpu", "external-resource.gpu.amount": "1"}, "", "", ""},
	)
	return list
}

// random mixes all options.
func random(n int, seed uint64) []sample {
	rng := rand.New(rand.NewPCG(seed, seed))
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	odd := func(low, high int) string { return fmt.Sprintf("%db", int64(low)<<20+rng.Int64N(int64(high-low)<<20)) }
	fractions := []string{"0.05", "0.1", "0.125", "0.15", "0.2", "0.3", "0.333333", "0.4", "0.55", "0.07", "1e-1"}
	list := make([]sample, 0, n)
	for len(list) < n {
		role := spec.TaskManagerTask
		if rng.IntN(3) == 0 {
			role = spec.JobManagerTask
		}
		c := map[string]string{}
		maybe := func(percent int, key, value string) {
			if rng.IntN(100) < percent {
				c[string(role)+"."+key] = value
			}
		}
		maybe(75, "memory.process.size", odd(700, 9000))
		maybe(25, "memory.flink.size", odd(600, 5000))
		maybe(15, "memory.jvm-metaspace.size", odd(32, 400))
		maybe(20, "memory.jvm-overhead.fraction", pick(fractions...))
		maybe(15, "memory.jvm-overhead.min", odd(1, 300))
		maybe(20, "memory.jvm-overhead.max", odd(200, 3000))
		if role == spec.JobManagerTask {
			maybe(20, "memory.heap.size", odd(100, 3000))
			maybe(25, "memory.off-heap.size", odd(1, 400))
			maybe(25, "memory.enable-jvm-direct-memory-limit", pick("true", "false"))
		} else {
			maybe(15, "memory.task.heap.size", odd(10, 2000))
			maybe(15, "memory.task.off-heap.size", odd(1, 300))
			maybe(15, "memory.managed.size", odd(1, 1500))
			maybe(25, "memory.managed.fraction", pick(fractions...))
			maybe(30, "memory.network.fraction", pick(fractions...))
			maybe(20, "memory.network.min", odd(1, 200))
			maybe(20, "memory.network.max", odd(100, 3000))
			maybe(10, "memory.framework.heap.size", odd(1, 300))
			maybe(10, "memory.framework.off-heap.size", odd(1, 300))
			maybe(40, "numberOfTaskSlots", pick("1", "2", "3", "8", "16"))
			maybe(30, "cpu.cores", pick("0.1", "0.25", "1.5", "2", "3.333", "64"))
		}
		list = append(list, sample{Role: role, Config: c})
	}
	return list
}

func TestMemoryErrorsNameTheOption(t *testing.T) {
	tests := []struct {
		name   string
		sample sample
		option string
		words  string
	}{
		{"nothing", sampleOf(spec.JobManagerTask), "jobmanager.memory.process.size", "set it, or"},
		{"no unit", sampleOf(spec.JobManagerTask, "memory.process.size", "2gig"), "jobmanager.memory.process.size", "use b, k, m, g or t"},
		{"tiny", sampleOf(spec.JobManagerTask, "memory.process.size", "100m"), "jobmanager.memory.process.size", "give the process more memory"},
		{"no heap", sampleOf(spec.JobManagerTask, "memory.process.size", "500m"), "jobmanager.memory.process.size", "leaves no heap"},
		{"parts", sampleOf(spec.TaskManagerTask, "memory.process.size", "900m", "memory.managed.size", "500m"), "taskmanager.memory.process.size", "managed (500m)"},
		{"fraction", sampleOf(spec.TaskManagerTask, "memory.process.size", "4g", "memory.managed.fraction", "1.5"), "taskmanager.memory.managed.fraction", "range from 0"},
		{"range", sampleOf(spec.TaskManagerTask, "memory.process.size", "4g", "memory.network.min", "2g", "memory.network.max", "1g"), "taskmanager.memory.network.min", "taskmanager.memory.network.max"},
		{"slots", sampleOf(spec.TaskManagerTask, "memory.process.size", "4g", "numberOfTaskSlots", "0"), "taskmanager.numberOfTaskSlots", "1 or more"},
		{"buffers", sampleOf(spec.TaskManagerTask, "memory.process.size", "4g", "network.numberOfBuffers", "20"), "taskmanager.network.numberOfBuffers", "network.min"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var err error
			if tt.sample.Role == spec.JobManagerTask {
				_, err = flink.SplitJobManager(tt.sample.Config)
			} else {
				_, err = flink.SplitTaskManager(tt.sample.Config)
			}
			problems, ok := errors.AsType[flink.Problems](err)
			if !ok || problems[0].Option != tt.option || !strings.Contains(problems[0].Message, tt.words) {
				t.Errorf("error is %v, want one of %s with %q", err, tt.option, tt.words)
			}
		})
	}
}

func TestMemoryWarnings(t *testing.T) {
	jm, err := flink.SplitJobManager(map[string]string{"jobmanager.memory.process.size": "600m"})
	if err != nil || len(jm.Warnings) != 2 {
		t.Errorf("SplitJobManager(600m) warns %q, %v, want of a small heap and of the job store", jm.Warnings, err)
	}
	tm, err := flink.SplitTaskManager(map[string]string{
		"taskmanager.memory.process.size": "4g", "taskmanager.memory.flink.size": "3500m",
		"taskmanager.memory.jvm-overhead.fraction": "0.2",
	})
	if err != nil || len(tm.Warnings) != 1 || !strings.Contains(tm.Warnings[0], "jvm-overhead.fraction is not followed") {
		t.Errorf("SplitTaskManager() warns %q, %v", tm.Warnings, err)
	}
	if got := tm.Total(); got != 4*spec.GiB {
		t.Errorf("Total() = %s, want 4g", got)
	}
}

package autoscale_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jobmetrics"
)

var (
	recordOracle = flag.Bool("record", false, "rewrite testdata/oracle.jsonl.gz with the answers of the real autoscaler (needs FLINK_REAL=1)")
	histories    = flag.Int("histories", 1800, "number of histories that TestOracle compares")
)

// recorded is the number of histories in the recorded corpus.
const recorded = 360

// differences are all that may make our decisions other than those of release 1.10.0. The list
// with the reasons is in docs/autoscaler.md.
var differences = []string{"alignment", "bottleneck", "expected-rate", "input-gauge", "quota", "scale-down-window"}

// answer is what the operator's autoscaler says about a history.
type answer struct {
	Steps []answerStep `json:"steps"`
}

type answerStep struct {
	Error     string                                `json:"error,omitempty"`
	Act       bool                                  `json:"act,omitempty"`
	Overrides map[string]int                        `json:"overrides,omitempty"`
	Memory    map[string]string                     `json:"memory,omitempty"`
	Events    []string                              `json:"events,omitempty"`
	Vertices  map[string]map[string]autoscale.Value `json:"vertices,omitempty"`
}

// recommended is the recommended parallelism of each vertex; empty while there is none.
func (a answerStep) recommended() map[string]int {
	all := map[string]int{}
	for id, metrics := range a.Vertices {
		if p := metrics["RECOMMENDED_PARALLELISM"]; p.Known() {
			all[id] = int(p.Float())
		}
	}
	return all
}

// verdict is what comes of one history.
type verdict struct {
	steps int
	acted int
	codes []string // Why the decisions part; empty when all are equal.
	err   error
}

// subject is our side of one history.
type subject struct {
	s       *script
	o       settings.Options
	in      autoscale.Inputs
	old     *operator110
	state   autoscale.State
	without []autoscale.Sample // For the evaluation without FLINK-39306.
}

func newSubject(seed uint64) (*subject, error) {
	s := newScript(seed)
	o, err := settings.Parse(s.config, nil)
	if err != nil {
		return nil, err
	}
	in, err := inputs(s)
	if err != nil {
		return nil, err
	}
	return &subject{s: s, o: o, in: in, old: &operator110{o: o, in: in, since: map[string]time.Time{}, last: map[string]last110{}}}, nil
}

// inputs derives the memory of a TaskManager with the project's own model.
func inputs(s *script) (autoscale.Inputs, error) {
	if s.config["taskmanager.memory.process.size"] == "" {
		return autoscale.Inputs{}, nil
	}
	m, err := flink.SplitTaskManager(s.config)
	if err != nil {
		return autoscale.Inputs{}, err
	}
	return autoscale.Inputs{
		TaskManager: autoscale.TaskManagerSize{CPUs: s.cpus, Memory: int64(m.Total()), Slots: m.Slots},
		Memory: &autoscale.MemorySpec{
			Process: int64(m.Total()), Flink: int64(m.Flink()), Heap: int64(m.Heap()), Managed: int64(m.Managed),
			Network: int64(m.Network), Fixed: int64(m.FrameworkOffHeap + m.TaskOffHeap), Overhead: int64(m.Overhead),
			Segment: 32 << 10, PerChannel: 2, Floating: 8,
		},
	}, nil
}

// step is one collection and what we make of it.
type step struct {
	collection autoscale.Collection
	result     autoscale.Result
	old        decision110
}

// step takes one collection in. The job does what decides says, if anything.
func (x *subject) step(n int) step {
	c := x.s.tick(n)
	st := step{collection: c}
	before := x.state
	x.state, st.result = autoscale.Step(x.o, before, c, x.in)
	if x.s.class != "gauge" {
		st.old = x.old.decide(c, st.result)
		return st
	}
	bare := c
	bare.Vertices = slices.Clone(c.Vertices)
	for i := range bare.Vertices {
		bare.Vertices[i].Metrics.InPerSecond = autoscale.Value{}
	}
	var without autoscale.Result
	before.Samples = x.without
	before, without = autoscale.Step(x.o, before, bare, x.in)
	x.without = before.Samples
	st.old = x.old.decide(c, without)
	if !cmp.Equal(without.Vertices, st.result.Vertices) {
		st.old.code("input-gauge")
	}
	return st
}

// compare says whether our step is that of the operator. Where it is not, codes say why it may be
// another one.
func (st step) compare(o settings.Options, a answerStep) (codes []string, err error) {
	// While a job stabilizes a missing metric is no error for the operator.
	if missing := isMissing(st.result); missing != (a.Error != "") && !(missing && len(a.Vertices) == 0) {
		return nil, fmt.Errorf("the operator's error is %q, our reasons are %v", a.Error, st.result.Reasons)
	}
	theirs := a.recommended()
	predicted := st.old.recommended
	if !maps.Equal(theirs, predicted) || a.Act != st.old.act {
		return nil, fmt.Errorf("the operator recommends %v (acts: %v); its rules on our evaluation recommend %v (acts: %v)\nits evaluation: %v\nours: %s",
			theirs, a.Act, predicted, st.old.act, a.Vertices, render(st.result.Vertices))
	}
	if !slices.Contains(st.old.codes, "input-gauge") {
		if err := evaluationsEqual(a, st.result); err != nil {
			return nil, err
		}
	}
	ours := map[string]int{}
	for _, v := range st.result.Vertices {
		if v.Recommended > 0 {
			ours[v.ID] = v.Recommended
		}
	}
	if maps.Equal(theirs, ours) && a.Act == st.result.Act && (!a.Act || maps.Equal(a.Overrides, st.result.Parallelism)) {
		if a.Act && o.Memory.Tune && a.Memory != nil {
			return nil, memoryEqual(a.Memory, st.result.Memory)
		}
		return nil, nil
	}
	if len(st.old.codes) == 0 {
		return nil, fmt.Errorf("the operator recommends %v (acts: %v, %v), we recommend %v (act: %v, %v), and no listed difference explains it: %s",
			theirs, a.Act, a.Overrides, ours, st.result.Act, st.result.Parallelism, render(st.result))
	}
	return st.old.codes, nil
}

func render(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

func isMissing(r autoscale.Result) bool {
	for _, reason := range r.Reasons {
		if reason.Code == autoscale.MetricMissing || reason.Code == autoscale.NoRate {
			return true
		}
	}
	return false
}

// evaluationsEqual compares the evaluated metrics to nine digits.
func evaluationsEqual(a answerStep, r autoscale.Result) error {
	for _, v := range r.Vertices {
		theirs, ok := a.Vertices[v.ID]
		if !ok {
			continue // 1.10 evaluates nothing while the job stabilizes.
		}
		for name, ours := range map[string]autoscale.Value{
			"LOAD": v.Load, "TRUE_PROCESSING_RATE": v.TrueRate, "TARGET_DATA_RATE": v.TargetRate,
			"CATCH_UP_DATA_RATE": v.CatchUpRate, "SCALE_UP_RATE_THRESHOLD": v.UpThreshold,
			"SCALE_DOWN_RATE_THRESHOLD": v.DownThreshold, "LAG": v.Lag,
		} {
			w := theirs[name]
			if ours == w || math.Abs(ours.Float()-w.Float()) <= 1e-9*math.Abs(w.Float()) {
				continue
			}
			return fmt.Errorf("%s of vertex %s is %v for the operator and %v for us", name, v.ID, w, ours)
		}
	}
	return nil
}

func memoryEqual(theirs map[string]string, ours *autoscale.MemoryRecommendation) error {
	if ours == nil {
		return errors.New("the operator recommends memory, we recommend none")
	}
	plain := map[string]string{}
	for key, v := range theirs {
		plain[key] = v
		if n, unit, ok := strings.Cut(v, " "); ok {
			size, err := strconv.ParseInt(n, 10, 64)
			if err != nil {
				return err
			}
			plain[key] = strconv.FormatInt(size<<map[string]int{"bytes": 0, "kb": 10, "mb": 20, "gb": 30, "tb": 40}[unit], 10) + "b"
		}
	}
	if diff := cmp.Diff(plain, ours.Set()); diff != "" {
		return fmt.Errorf("memory recommendation mismatch (-operator +ours):\n%s", diff)
	}
	return nil
}

// question is a history in the form that the operator's autoscaler is asked with.
type question struct {
	Job    string            `json:"job"`
	Config map[string]string `json:"config"`
	CPUs   float64           `json:"cpus"`
	Steps  []questionStep    `json:"steps"`
}

type questionStep struct {
	At           int64                          `json:"at"`
	Job          json.RawMessage                `json:"job"`
	Vertices     map[string][]jobmetrics.Metric `json:"vertices"`
	TaskManagers []jobmetrics.Metric            `json:"taskManagers"`
	JobManager   []jobmetrics.Plain             `json:"jobManager"`
}

// theirConfig writes options as release 1.10.0 of the operator knows them: its daily ranges do not
// go over midnight.
func theirConfig(config map[string]string) map[string]string {
	theirs := maps.Clone(config)
	var periods []string
	for period := range strings.SplitSeq(theirs["job.autoscaler.excluded.periods"], ";") {
		from, to, ok := strings.Cut(strings.TrimSpace(period), "-")
		if ok && strings.HasPrefix(from, "23:") && strings.HasPrefix(to, "0:") && !strings.Contains(to, "&&") {
			period = from + "-23:59:59:999;0:00-" + to
		}
		if period != "" {
			periods = append(periods, period)
		}
	}
	if periods != nil {
		theirs["job.autoscaler.excluded.periods"] = strings.Join(periods, ";")
	}
	return theirs
}

// play runs our side of a history, which drives the job, and writes it down as a question.
func play(seed uint64) ([]step, settings.Options, question, error) {
	x, err := newSubject(seed)
	if err != nil {
		return nil, settings.Options{}, question{}, err
	}
	q := question{Job: jobmetrics.JobID, Config: theirConfig(x.s.config), CPUs: x.s.cpus}
	var steps []step
	for n := range x.s.ticks {
		st := x.step(n)
		steps = append(steps, st)
		a, err := jobmetrics.Of(st.collection)
		if err != nil {
			return nil, settings.Options{}, question{}, err
		}
		q.Steps = append(q.Steps, questionStep{
			At: st.collection.At.UnixMilli(), Job: a.Job, Vertices: a.Vertices, TaskManagers: a.TaskManagers, JobManager: a.JobManager,
		})
		if st.result.Act {
			x.s.obey(st.result.Parallelism)
		}
	}
	return steps, x.o, q, nil
}

// judge compares a history up to the first decision that may be another one.
func judge(steps []step, o settings.Options, a answer) verdict {
	v := verdict{}
	for i, st := range steps {
		if i >= len(a.Steps) {
			break
		}
		codes, err := st.compare(o, a.Steps[i])
		if err != nil {
			v.err = fmt.Errorf("step %d (%s): %w", i, st.collection.At.Format("15:04:05"), err)
			return v
		}
		if len(codes) > 0 {
			v.codes = codes
			return v
		}
		v.steps++
		if st.result.Act {
			v.acted++
		}
	}
	return v
}

// TestOracle runs the autoscaler of the operator beside ours: on every history each recommended
// parallelism and each step must be equal, up to one of the listed differences.
func TestOracle(t *testing.T) {
	o := startOracle(t)
	var corpus bytes.Buffer
	tally := newTally()
	for seed := range uint64(*histories) {
		steps, options, q, err := play(seed)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var a answer
		o.ask(t, q, &a)
		if len(a.Steps) != len(steps) {
			t.Fatalf("seed %d: %d answers to %d steps", seed, len(a.Steps), len(steps))
		}
		v := judge(steps, options, a)
		tally.add(t, seed, v)
		if seed < recorded {
			corpus.WriteString(render(a.keep(v)) + "\n")
		}
	}
	tally.check(t, 1000)
	if *recordOracle && !t.Failed() {
		writeCorpus(t, corpus.Bytes())
	}
}

// TestRecordedOracle compares with recorded answers of the operator's autoscaler.
func TestRecordedOracle(t *testing.T) {
	t.Parallel()
	tally := newTally()
	scanner := bufio.NewScanner(bytes.NewReader(readCorpus(t)))
	scanner.Buffer(nil, 16<<20)
	seed := uint64(0)
	for ; scanner.Scan(); seed++ {
		var a answer
		if err := json.Unmarshal(scanner.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		x, err := newSubject(seed)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		// The answers drive the job, so that what we decide changes nothing of the history.
		var steps []step
		for n := range a.Steps {
			st := x.step(n)
			steps = append(steps, st)
			if a.Steps[n].Act {
				x.s.obey(a.Steps[n].Overrides)
			}
		}
		tally.add(t, seed, judge(steps, x.o, a))
	}
	if seed != recorded {
		t.Errorf("there are %d recorded histories, want %d: record them again", seed, recorded)
	}
	tally.check(t, recorded/2)
}

// keep cuts what the recorded corpus does not need.
func (a answer) keep(v verdict) answer {
	kept := answer{}
	n := v.steps
	if len(v.codes) > 0 {
		n++
	}
	for _, st := range a.Steps[:min(n, len(a.Steps))] {
		st.Events = nil
		vertices := map[string]map[string]autoscale.Value{}
		for id, metrics := range st.Vertices {
			vertices[id] = map[string]autoscale.Value{}
			for _, name := range []string{
				"LOAD", "TRUE_PROCESSING_RATE", "TARGET_DATA_RATE", "CATCH_UP_DATA_RATE", "SCALE_UP_RATE_THRESHOLD",
				"SCALE_DOWN_RATE_THRESHOLD", "LAG", "RECOMMENDED_PARALLELISM",
			} {
				if m := metrics[name]; m.Known() {
					vertices[id][name] = m
				}
			}
		}
		if len(st.Vertices) > 0 {
			st.Vertices = vertices
		}
		kept.Steps = append(kept.Steps, st)
	}
	return kept
}

// tally counts what became of the histories.
type tally struct {
	total, equal, failed, steps, acted int
	codes                              map[string]int
	classes                            map[string][2]int // All, and those in which a step was taken.
}

func newTally() *tally { return &tally{codes: map[string]int{}, classes: map[string][2]int{}} }

func (y *tally) add(t *testing.T, seed uint64, v verdict) {
	t.Helper()
	class := classes[seed%uint64(len(classes))]
	y.total++
	y.steps += v.steps
	y.acted += v.acted
	n := y.classes[class]
	n[0]++
	if v.acted > 0 {
		n[1]++
	}
	y.classes[class] = n
	switch {
	case v.err != nil:
		if y.failed++; y.failed <= 5 {
			t.Errorf("seed %d (%s): %v", seed, class, v.err)
		}
	case len(v.codes) > 0:
		for _, code := range v.codes {
			y.codes[code]++
			if !slices.Contains(differences, code) {
				t.Errorf("seed %d (%s): the difference %q is not listed", seed, class, code)
			}
		}
	default:
		y.equal++
	}
}

func (y *tally) check(t *testing.T, least int) {
	t.Helper()
	t.Logf("%d histories, %d wholly equal, %d steps compared, %d steps taken; differences %v; by class (all, with a step) %v",
		y.total, y.equal, y.steps, y.acted, y.codes, y.classes)
	if y.failed > 0 {
		t.Errorf("%d of %d histories are decided otherwise", y.failed, y.total)
	}
	if y.equal < least {
		t.Errorf("%d histories are wholly equal, want at least %d", y.equal, least)
	}
	for _, class := range classes {
		if y.classes[class][1] == 0 {
			t.Errorf("no step was taken in any history of class %s", class)
		}
	}
}

// oracle is the running program with the operator's autoscaler.
type oracle struct {
	in  *json.Encoder
	out *bufio.Reader
}

// startOracle builds and starts it. It ends with the test.
func startOracle(t *testing.T) *oracle {
	t.Helper()
	if os.Getenv("FLINK_REAL") != "1" {
		t.Skip("tests with the real autoscaler run with FLINK_REAL=1 (make test)")
	}
	dir := filepath.Join("testdata", "oracle")
	if stale(t, dir) {
		out, err := exec.CommandContext(t.Context(), "mvn", "-q", "-B", "-f", dir, "package").CombinedOutput()
		if err != nil {
			t.Fatalf("build the oracle: %v\n%s", err, out)
		}
	}
	path, err := os.ReadFile(filepath.Join(dir, "target", "classpath"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "java", "-Xmx512m", "-cp",
		filepath.Join(dir, "target", "classes")+":"+strings.TrimSpace(string(path)), "org.apache.flink.autoscaler.Oracle")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait()
	})
	return &oracle{in: json.NewEncoder(stdin), out: bufio.NewReaderSize(stdout, 1<<20)}
}

// stale says that the program is older than its sources.
func stale(t *testing.T, dir string) bool {
	t.Helper()
	built, err := os.Stat(filepath.Join(dir, "target", "classpath"))
	if err != nil {
		return true
	}
	old := false
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && !strings.Contains(path, "target") && info.ModTime().After(built.ModTime()) {
			old = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return old
}

func (o *oracle) ask(t *testing.T, question, answer any) {
	t.Helper()
	if err := o.in.Encode(question); err != nil {
		t.Fatalf("ask the oracle: %v", err)
	}
	line, err := o.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the oracle does not answer: %v", err)
	}
	if err := json.Unmarshal(line, answer); err != nil {
		t.Fatalf("the oracle answers %s: %v", line, err)
	}
}

const corpusFile = "testdata/oracle.jsonl.gz"

func writeCorpus(t *testing.T, data []byte) {
	t.Helper()
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(corpusFile, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readCorpus(t *testing.T) []byte {
	t.Helper()
	f, err := os.Open(corpusFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

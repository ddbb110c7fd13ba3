package jobmanager_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jobmanager"
)

// flinkSide does to a JobManager what Flink or its users do.
type flinkSide interface {
	// addr is host:port of the exchange.
	addr() string
	// run wants two workers, for a job of parallelism 4 with two slots each.
	run(t *testing.T)
	// again wants another worker in place of one that failed before its launch; a real
	// JobManager does it by itself.
	again(t *testing.T)
	// cancel ends the job.
	cancel(t *testing.T)
	// finish ends the cluster and returns; the end itself waits for finishedSeen.
	finish(t *testing.T)
}

// record is one answer, with what differs from run to run replaced.
type record struct {
	Step   string
	Status int
	Body   any
}

// TestConformance plays the same requests to the jar in a real JobManager and to this package.
func TestConformance(t *testing.T) {
	for _, d := range disttest.Real(t) {
		t.Run(d.Version, func(t *testing.T) {
			t.Parallel()
			real := startReal(t, d)
			want := play(t, real)
			if os.Getenv("RECORD") == d.Version {
				keep(t, want)
			}
			jm, err := jobmanager.Start(jobmanager.Options{Token: "s3cret", Prefix: "demo-x7k2-tm", WithdrawDelay: withdrawDelay})
			if err != nil {
				t.Fatal(err)
			}
			defer jm.Stop()
			got := play(t, &scripted{jm: jm, size: real.size(t)})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answers of the jar (-) and of the scripted JobManager (+) differ:\n%s", diff)
			}
			if strings.Contains(real.output(), "s3cret") {
				t.Error("the token is in the JobManager's log")
			}
		})
	}
}

// TestRecorded plays the requests to this package alone and compares the answers with those that
// the jar gave (RECORD=2.3.0 FLINK_REAL=1 go test -run TestConformance records them).
func TestRecorded(t *testing.T) {
	t.Parallel()
	var want []record
	data, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	jm, err := jobmanager.Start(jobmanager.Options{Token: "s3cret", Prefix: "demo-x7k2-tm", WithdrawDelay: withdrawDelay})
	if err != nil {
		t.Fatal(err)
	}
	defer jm.Stop()
	got := play(t, &scripted{jm: jm, size: sizeOf(t, want)})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recorded answers of the jar (-) and those of the scripted JobManager (+) differ:\n%s", diff)
	}
}

// TestWithdraw is the rule of WorkerRegistryTest: a withdrawn worker stays for a moment, in which the next request of its size
// takes it over, and is gone afterwards.
func TestWithdraw(t *testing.T) {
	t.Parallel()
	jm, err := jobmanager.Start(jobmanager.Options{WithdrawDelay: withdrawDelay})
	if err != nil {
		t.Fatal(err)
	}
	defer jm.Stop()
	size := driver.Worker{CPUs: 1, Slots: 1}
	id := jm.Want(size)
	jm.Withdraw(id)
	if again := jm.Want(size); again != id {
		t.Errorf("Want() = %s after the withdrawal of %s, want the same worker", again, id)
	}
	jm.Withdraw(id)
	if n := len(jm.Wanted().Workers); n != 1 {
		t.Errorf("%d workers are wanted right after the withdrawal, want 1", n)
	}
	for deadline := time.Now().Add(10 * time.Second); len(jm.Wanted().Workers) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a withdrawn worker stays")
		}
	}
}

const recorded = "testdata/answers.json"

func keep(t *testing.T, records []record) {
	t.Helper()
	data, err := json.MarshalIndent(records, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(recorded, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sizeOf finds the worker that Flink asked for in recorded answers.
func sizeOf(t *testing.T, records []record) driver.Worker {
	t.Helper()
	for _, r := range records {
		if r.Step != "two are wanted" {
			continue
		}
		data, err := json.Marshal(r.Body.(map[string]any)["workers"].([]any)[0].(map[string]any))
		if err != nil {
			t.Fatal(err)
		}
		var w driver.Worker
		if err := json.Unmarshal(bytes.Replace(data, []byte(`"TIME"`), []byte(`"2026-01-01T00:00:00Z"`), 1), &w); err != nil {
			t.Fatal(err)
		}
		return w
	}
	t.Fatal("nothing is wanted in the recorded answers")
	return driver.Worker{}
}

const withdrawDelay = 200 * time.Millisecond

// player talks HTTP as it comes, because the answers themselves are compared.
type player struct {
	t       *testing.T
	side    flinkSide
	epoch   string
	records []record
}

func play(t *testing.T, side flinkSide) []record {
	t.Helper()
	p := &player{t: t, side: side}
	p.ready()

	p.call("no token", "GET", "/v1/wanted", "", "")
	p.call("wrong token", "GET", "/v1/wanted", "s3cret2", "")
	p.call("other path", "GET", "/v1/other", "s3cret", "")
	p.call("other method", "POST", "/v1/wanted", "s3cret", "")
	p.call("odd number", "GET", "/v1/wanted?after=x", "s3cret", "")
	p.get("at first", "")
	for name, body := range map[string]string{
		"not JSON": `{`, "not an object": `[]`, "no sequence": `{"epoch":"EPOCH","workers":[]}`,
		"negative sequence": `{"epoch":"EPOCH","sequence":-1,"workers":[]}`, "half sequence": `{"epoch":"EPOCH","sequence":1.5,"workers":[]}`,
		"no workers": `{"epoch":"EPOCH","sequence":1}`, "null workers": `{"epoch":"EPOCH","sequence":1,"workers":null}`,
		"no epoch": `{"sequence":1,"workers":[]}`, "no state": `{"epoch":"EPOCH","sequence":1,"workers":[{"id":"a"}]}`,
		"no id": `{"epoch":"EPOCH","sequence":1,"workers":[{"state":"running"}]}`, "odd state": `{"epoch":"EPOCH","sequence":1,"workers":[{"id":"a","state":"odd"}]}`,
	} {
		p.put(name, body)
	}
	p.put("another epoch", `{"epoch":"0","sequence":1,"workers":[]}`)
	p.get("still not ready", "")

	p.put("first report", `{"epoch":"EPOCH","sequence":5,"unknown":{},"workers":[
		{"id":"old-1","state":"running","host":"a1"},{"id":"old-2","state":"waiting"},
		{"id":"old-3","state":"terminated","message":"x"},{"id":"old-4","state":"launching"}]}`)
	p.get("recovered", "")
	p.put("repeated", `{"epoch":"EPOCH","sequence":5,"workers":[]}`)
	p.put("late", `{"epoch":"EPOCH","sequence":2,"workers":[]}`)
	p.put("one lost, one ended", `{"epoch":"EPOCH","sequence":6,"workers":[{"id":"old-4","state":"terminated","message":"exit 1"}]}`)
	p.get("none is left", "")
	p.put("a stranger", `{"epoch":"EPOCH","sequence":7,"workers":[{"id":"new-1","state":"running"}]}`)
	p.get("not adopted", "")

	p.side.run(t)
	p.version(5) // Ready is 2, the loss of two workers in one report 3.
	p.get("two are wanted", "")
	p.put("waiting", `{"epoch":"EPOCH","sequence":8,"workers":[{"id":"ID1","state":"waiting","message":"cpus"},{"id":"ID2","state":"waiting"}]}`)
	p.put("failed before launch", `{"epoch":"EPOCH","sequence":9,"workers":[{"id":"ID1","state":"terminated","message":"no fetch"},{"id":"ID2","state":"waiting"}]}`)
	p.side.again(t)
	p.version(7)
	p.get("another in its place", "")
	p.get("nothing new", "&wait=1")
	p.put("launching", `{"epoch":"EPOCH","sequence":10,"workers":[{"id":"ID2","state":"launching"},{"id":"ID3","state":"waiting"}]}`)
	p.get("launched", "")

	// Flink keeps what it has asked for when the job is cancelled; the withdrawal of a worker is tested on each side alone.
	p.side.cancel(t)
	p.get("cancelled", "")

	done := make(chan struct{})
	go func() { defer close(done); p.side.finish(t) }()
	p.version(8)
	p.get("finished", "")
	p.put("end seen", `{"epoch":"EPOCH","sequence":11,"workers":[],"finishedSeen":true}`)
	<-done
	slices.SortStableFunc(p.records, func(a, b record) int { return strings.Compare(a.Step, b.Step) })
	return p.records
}

// ready waits for the first answer.
func (p *player) ready() {
	p.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for p.epoch == "" {
		if _, data, err := p.send("GET", "/v1/wanted", "s3cret", ""); err == nil {
			var w driver.Wanted
			if json.Unmarshal(data, &w) == nil {
				p.epoch = w.Epoch
			}
		}
		if time.Now().After(deadline) {
			p.t.Fatal("the driver does not answer")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// version waits until the wanted set has a version.
func (p *player) version(v int64) {
	p.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		_, data, err := p.send("GET", "/v1/wanted", "s3cret", "")
		if err != nil {
			p.t.Fatal(err)
		}
		var w driver.Wanted
		if err := json.Unmarshal(data, &w); err != nil {
			p.t.Fatal(err)
		}
		if w.Version == v {
			return
		}
		if w.Version > v || time.Now().After(deadline) {
			p.t.Fatalf("waited for version %d, it is %s", v, data)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (p *player) get(step, more string) {
	p.t.Helper()
	path := "/v1/wanted"
	if more != "" {
		last := p.records[len(p.records)-1].Body.(map[string]any)
		path = fmt.Sprintf("/v1/wanted?epoch=%s&after=%.0f%s", p.epoch, last["version"], more)
	}
	p.call(step, "GET", path, "s3cret", "")
}

func (p *player) put(step, body string) {
	p.t.Helper()
	body = strings.ReplaceAll(body, "EPOCH", p.epoch)
	body = regexp.MustCompile(`"ID(\d)"`).ReplaceAllString(body, `"demo-x7k2-tm-`+p.epoch[:4]+`-$1"`)
	p.call(step, "PUT", "/v1/workers", "s3cret", body)
}

func (p *player) call(step, method, path, token, body string) {
	p.t.Helper()
	status, data, err := p.send(method, path, token, body)
	if err != nil {
		p.t.Fatalf("%s: %v", step, err)
	}
	text := strings.ReplaceAll(string(data), p.epoch, "EPOCH")
	text = strings.ReplaceAll(text, "tm-"+p.epoch[:4]+"-", "tm-EPOC-")
	text = regexp.MustCompile(`"requestedAt":"[^"]+Z"`).ReplaceAllString(text, `"requestedAt":"TIME"`)
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		p.t.Fatalf("%s: %v in %s", step, err, text)
	}
	p.records = append(p.records, record{step, status, v})
}

func (p *player) send(method, path, token, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.side.addr()+path, bytes.NewBufferString(body))
	if err != nil {
		return 0, nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, data, err
}

// scripted is the side of this package.
type scripted struct {
	jm   *jobmanager.JobManager
	size driver.Worker
}

func (s *scripted) addr() string { return s.jm.Addr() }

func (s *scripted) run(*testing.T) {
	s.jm.Want(s.size)
	s.jm.Want(s.size)
}

func (s *scripted) again(*testing.T) { s.jm.Want(s.size) }

func (s *scripted) cancel(*testing.T) {}

func (s *scripted) finish(t *testing.T) {
	s.jm.Finish("SUCCEEDED", "")
	deadline := time.Now().Add(10 * time.Second)
	for !s.jm.FinishedSeen() {
		if time.Now().After(deadline) {
			t.Error("the end was not seen")
			return
		}
		time.Sleep(time.Millisecond)
	}
}

package localmesos_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
)

// step is a line of a recording, see testdata/README.md.
type step struct {
	T float64 `json:"t"`
	// Open, On and Close name a stream: it is opened, it delivers Event, it ends.
	Open  string         `json:"open"`
	On    string         `json:"on"`
	Event map[string]any `json:"event"`
	Close string         `json:"close"`
	By    string         `json:"by"`
	// Call names a request.
	Call          string            `json:"call"`
	Method        string            `json:"method"`
	Path          string            `json:"path"`
	Port          int               `json:"port"`
	Headers       map[string]string `json:"headers"`
	Body          json.RawMessage   `json:"body"`
	BodyText      string            `json:"bodyText"`
	BodyBase64    string            `json:"bodyBase64"`
	Status        int               `json:"status"`
	AnswerHeaders map[string]string `json:"answerHeaders"`
	Answer        any               `json:"answer"`
	AnswerText    string            `json:"answerText"`
	AnswerEvents  []any             `json:"answerEvents"`
	AnswerDropped bool              `json:"answerDropped"`
	// Note says what was done to the agents.
	Note string `json:"note"`
}

// puppet is the runtime of an agent whose tasks do what the recorded ones did.
type puppet struct {
	mu      sync.Mutex
	reports map[string]func(mesos.TaskStatus)
	killed  map[string]*mesos.KillPolicy
}

func (p *puppet) Launch(_ mesos.FrameworkInfo, task mesos.TaskInfo, report func(mesos.TaskStatus)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports[task.TaskID.Value] = report
}

func (p *puppet) Kill(id string, policy *mesos.KillPolicy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed[id] = policy
}

func (p *puppet) Close() error { return nil }

// replay is a recording that is played to a master of ours.
type replay struct {
	*world
	name string
	// puppets are the runtimes of agents by number.
	puppets map[int]*puppet
	// resources are those of agents, when not the usual.
	resources mesos.Resources
	streams   map[string]*replayed
	// bound maps recorded ids to ours.
	bound map[string]string
	// differences are by path.
	differences map[string]string
}

// replayed is a stream of a recording: what should come, what came.
type replayed struct {
	want []map[string]any
	stop context.CancelFunc

	// shouldEnd is set when the recorded master ended the stream.
	shouldEnd bool

	mu    sync.Mutex
	got   []map[string]any
	ended bool
}

func (s *replayed) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// readRecording reads a recording, each line of which edit may change.
func readRecording(t testing.TB, name string, edit func(string) string) []step {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var steps []step
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s step
		if err := json.Unmarshal([]byte(edit(lines.Text())), &s); err != nil {
			t.Fatalf("%s line %d: %v", name, len(steps)+1, err)
		}
		steps = append(steps, s)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// play performs every step at its time and compares.
func (r *replay) play(steps []step) {
	start := time.Now()
	for _, s := range steps {
		if wait := time.Duration(s.T*float64(time.Second)) - time.Since(start); wait > 0 {
			time.Sleep(wait)
		}
		switch {
		case s.Open != "":
			r.open(s)
		case s.On != "":
			r.event(s)
		case s.Close != "":
			r.close(s)
		case s.Call != "":
			r.call(s)
		case s.Note != "":
			r.note(s.Note)
		}
		synctest.Wait()
		r.match()
	}
	r.finish()
}

func (r *replay) differ(path, format string, args ...any) {
	for i, a := range accepted {
		if a.at.MatchString(r.name + "/" + path) {
			acceptedUsed.Store(i, true)
			return
		}
	}
	r.differences[path] = fmt.Sprintf(format, args...)
}

// request sends what was sent, with our ids.
func (r *replay) request(ctx context.Context, s step) *http.Response {
	r.Helper()
	body := []byte(s.BodyText)
	switch {
	case s.Body != nil:
		body = s.Body
	case s.BodyBase64 != "":
		body, _ = base64.StdEncoding.DecodeString(s.BodyBase64)
	}
	path := s.Path
	if s.Port != 0 {
		path = "/slave(1)" + strings.TrimPrefix(path, "/slave(1)") // Our agents share the port of the master.
	}
	request, err := http.NewRequestWithContext(ctx, cmp.Or(s.Method, http.MethodPost), "http://"+masterAddress+path, bytes.NewReader(r.ours(body)))
	if err != nil {
		r.Fatalf("%s: %v", s.Call, err)
	}
	for k, v := range s.Headers {
		if v != "" {
			request.Header.Set(k, string(r.ours([]byte(v))))
		}
	}
	response, err := r.http.Do(request)
	if err != nil {
		r.Fatalf("%s: %v", s.Call, err)
	}
	r.headers(s, response)
	return response
}

// ours replaces recorded ids by ours, the longest first.
func (r *replay) ours(text []byte) []byte {
	return idPattern.ReplaceAllFunc(text, func(id []byte) []byte {
		if b, ok := r.bound[string(id)]; ok {
			return []byte(b)
		}
		return id
	})
}

// idPattern is a UUID as Mesos makes them, with the suffix that makes it the id of something, or one in base64.
var idPattern = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-[SO]?[0-9]+)?|[A-Za-z0-9+/]{22}==`)

func (r *replay) headers(s step, response *http.Response) {
	name := s.Call + s.Open
	if response.StatusCode != s.Status {
		r.differ(name+"/status", "want %d, got %d", s.Status, response.StatusCode)
	}
	for _, key := range []string{"Content-Type", "Www-Authenticate", "Location", "Allow", "Mesos-Stream-Id"} {
		want := ""
		for k, v := range s.AnswerHeaders {
			if http.CanonicalHeaderKey(k) == key {
				want = v
			}
		}
		got := response.Header.Get(key)
		switch {
		case key == "Mesos-Stream-Id" && want != "" && got != "":
			r.bound[want] = got
		case want != got:
			r.differ(name+"/"+key, "want %q, got %q", want, got)
		}
	}
}

func (r *replay) open(s step) {
	ctx, stop := context.WithCancel(context.Background())
	response := r.request(ctx, s)
	if response.StatusCode != http.StatusOK {
		r.text(s.Open, s.AnswerText, response)
		stop()
		return
	}
	st := &replayed{stop: stop}
	r.streams[s.Open] = st
	done := make(chan struct{})
	r.Cleanup(func() { stop(); <-done })
	go func() {
		defer close(done)
		st.read(response.Body)
	}()
}

func (s *replayed) read(body io.ReadCloser) {
	defer body.Close()
	frames := recordio.NewReader(body, recordio.MaxMessageSize(1<<20))
	for {
		frame, err := frames.ReadFrame()
		var e map[string]any
		if err == nil {
			err = json.Unmarshal(frame, &e)
		}
		s.mu.Lock()
		if err != nil {
			s.ended = true
			s.mu.Unlock()
			return
		}
		if e["type"] != "HEARTBEAT" {
			s.got = append(s.got, e)
		}
		s.mu.Unlock()
	}
}

// event makes happen what led to the event, and expects it.
func (r *replay) event(s step) {
	st := r.streams[s.On]
	status, _ := at(s.Event, "update", "status").(map[string]any)
	switch s.Event["type"] {
	case "HEARTBEAT", "UPDATE_OPERATION_STATUS": // See the table of what is not supported.
		return
	case "OFFERS":
		offers, _ := at(s.Event, "offers", "offers").([]any)
		for _, o := range offers {
			if port, _ := at(o, "url", "address", "port").(float64); r.puppets[int(port)-15050] == nil {
				r.join(int(port) - 15050)
			}
		}
		if !slices.ContainsFunc(st.events(), func(e map[string]any) bool { return e["type"] == "OFFERS" }) {
			r.Allocate()
		}
	case "INVERSE_OFFERS":
		if !slices.ContainsFunc(st.events(), func(e map[string]any) bool { return e["type"] == "INVERSE_OFFERS" }) {
			r.Allocate()
		}
	case "UPDATE":
		if status["source"] != "SOURCE_MASTER" {
			r.report(status)
		}
	}
	st.want = append(st.want, s.Event)
}

func (s *replayed) events() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// report has the runtime say what the recorded executor or agent said; the master adds the rest.
func (r *replay) report(recorded map[string]any) {
	fields := make(map[string]any)
	for _, k := range []string{"task_id", "state", "source", "reason", "message", "container_status"} {
		if v, ok := recorded[k]; ok {
			fields[k] = v
		}
	}
	data, err := json.Marshal(fields)
	if err != nil {
		r.Fatal(err)
	}
	var status mesos.TaskStatus
	if err := json.Unmarshal(r.ours(data), &status); err != nil {
		r.Fatal(err)
	}
	for _, p := range r.puppets {
		p.mu.Lock()
		report := p.reports[status.TaskID.Value]
		_, killed := p.killed[status.TaskID.Value]
		p.mu.Unlock()
		if report == nil {
			continue
		}
		if status.GetState() == mesos.TASK_KILLED && !killed {
			r.differ("kill/"+status.TaskID.Value, "the agent was not told to kill it")
		}
		report(status)
		return
	}
	r.differ("launch/"+status.TaskID.Value, "the agent was not told to launch it")
}

func (r *replay) close(s step) {
	if st := r.streams[s.Close]; s.By == "client" {
		st.stop()
	} else {
		st.shouldEnd = true
	}
}

func (r *replay) call(s step) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	response := r.request(ctx, s)
	defer response.Body.Close()
	if s.AnswerEvents != nil {
		var got []map[string]any
		frames := recordio.NewReader(response.Body, recordio.MaxMessageSize(1<<20))
		for range s.AnswerEvents {
			frame, err := frames.ReadFrame()
			var e map[string]any
			if err == nil {
				err = json.Unmarshal(frame, &e)
			}
			if err != nil {
				r.differ(s.Call, "%d events of %d, then %v", len(got), len(s.AnswerEvents), err)
				break
			}
			got = append(got, e)
		}
		for i, e := range got {
			r.compare(s.Call+"/"+fmt.Sprint(e["type"]), s.AnswerEvents[i], e)
		}
		return
	}
	if s.AnswerDropped || response.StatusCode != s.Status {
		return
	}
	if s.Answer == nil {
		r.text(s.Call, s.AnswerText, response)
		return
	}
	var got any
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		r.differ(s.Call, "answer: %v", err)
		return
	}
	r.compare(s.Call, s.Answer, got)
}

func (r *replay) text(name, want string, response *http.Response) {
	data, err := io.ReadAll(response.Body)
	if err != nil {
		r.Fatalf("%s: %v", name, err)
	}
	if got := string(data); string(r.ours([]byte(want))) != got {
		r.differ(name+"/text", "\n\twant %q\n\t got %q", r.ours([]byte(want)), got)
	}
}

// note does to an agent what the recorder did.
func (r *replay) note(text string) {
	var err error
	switch {
	case strings.HasPrefix(text, "SIGKILL agent 1"):
		err = r.LoseAgent("0")
	case strings.HasPrefix(text, "restart agent 1"):
		err = r.ReturnAgent("0")
	case strings.HasPrefix(text, "graceful SIGUSR1 (unregister) of agent 2"):
		err = r.UnregisterAgent("1")
	}
	if err != nil {
		r.Fatalf("%s: %v", text, err)
	}
}

// match compares what came with what should have come, and binds ids on the way. Updates of several
// tasks may come in another order than in the recording.
func (r *replay) match() {
	for _, name := range sortedNames(r.streams) {
		st := r.streams[name]
		st.mu.Lock()
		st.got = slices.DeleteFunc(st.got, func(got map[string]any) bool {
			i := slices.IndexFunc(st.want, func(want map[string]any) bool { return keyOf(want) == keyOf(got) })
			if i < 0 {
				return false
			}
			r.compare(name+"/"+keyOf(got), st.want[i], got)
			st.want = slices.Delete(st.want, i, i+1)
			return true
		})
		st.mu.Unlock()
	}
}

func sortedNames[V any](m map[string]V) []string {
	var names []string
	for k := range m {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// keyOf is what an event is about.
func keyOf(e map[string]any) string {
	key := fmt.Sprint(e["type"])
	if s, ok := at(e, "update", "status").(map[string]any); ok {
		key += fmt.Sprintf(" %v %v %v", at(s, "task_id", "value"), s["state"], s["reason"])
	}
	return key
}

func (r *replay) finish() {
	for _, name := range sortedNames(r.streams) {
		st := r.streams[name]
		for _, e := range st.want {
			r.differ(name+"/"+keyOf(e)+"/missing", "did not come: %s", jsonOf(e))
		}
		if st.shouldEnd && !st.over() {
			r.differ(name+"/end", "the master did not end the stream")
		}
		for _, e := range st.events() {
			r.differ(name+"/"+keyOf(e)+"/unexpected", "came: %s", jsonOf(e))
		}
	}
	for _, path := range sortedNames(r.differences) {
		r.Errorf("%s: %s", path, r.differences[path])
	}
}

// newReplay starts a master; agents join it with their first recorded offers.
func newReplay(t *testing.T, name string, resources mesos.Resources, o localmesos.Options) *replay {
	o.Region, o.Zone = "r1", "z1"
	w := newWorld(t, o)
	w.SetShortestFilter(500 * time.Millisecond) // The allocation interval of the recorded master.
	return &replay{
		world: w, name: name, resources: resources, streams: make(map[string]*replayed), puppets: make(map[int]*puppet),
		bound: make(map[string]string), differences: make(map[string]string),
	}
}

// join adds an agent like the one of the recordings that listens on port 15050+n.
func (r *replay) join(n int) {
	p := &puppet{reports: make(map[string]func(mesos.TaskStatus)), killed: make(map[string]*mesos.KillPolicy)}
	_, err := r.AddAgent(localmesos.AgentOptions{
		Address: fmt.Sprintf("127.0.0.1:%d", 15050+n), CPUs: 4, MemMiB: 2048, DiskMiB: 4096, Resources: r.resources, Ports: [2]uint64{31000, 31099},
		Attributes: map[string]string{"rack": fmt.Sprintf("r%d", n), "zone": fmt.Sprintf("z%d", n), "weight": fmt.Sprintf("%d.5", n), "slots": "[1-4]"},
		Region:     "r1", Zone: fmt.Sprintf("z%d", n),
		Runtime: func(string) (executor.Runtime, error) { return p, nil },
	})
	if err != nil {
		r.Fatal(err)
	}
	r.puppets[n] = p
}

package localmesos_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	agentapi "github.com/mesos/mesos-go/api/v1/lib/agent"
	agentcalls "github.com/mesos/mesos-go/api/v1/lib/agent/calls"
	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpagent"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpmaster"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/master/calls"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
)

// listening is a master on a real port, with an agent on which two tasks run.
func listening(t *testing.T) (*localmesos.Master, *crowdClient) {
	t.Helper()
	m, err := localmesos.New(localmesos.Options{AllocationInterval: time.Hour})
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	o := small()
	o.Runtime, o.Attributes = executor.NewScripted(nil), map[string]string{"rack": "r1"}
	_, err = m.AddAgent(o)
	must(t, err)
	c := newCrowdClient(t, m)
	m.Allocate()
	offer := c.next(scheduler.Event_OFFERS).Offers.Offers[0]
	c.call(&scheduler.Call{Type: scheduler.Call_ACCEPT, Accept: &scheduler.Call_Accept{
		OfferIDs: []mesos.OfferID{offer.ID}, Operations: []mesos.Offer_Operation{launchOf(task(offer, "a", 1, 256), task(offer, "b", 0.5, 128))}, Filters: filters(0),
	}})
	for running := 0; running < 2; {
		s := c.next(scheduler.Event_UPDATE).Update.Status
		if s.GetState() == mesos.TASK_RUNNING {
			running++
		}
		c.call(&scheduler.Call{Type: scheduler.Call_ACKNOWLEDGE, Acknowledge: &scheduler.Call_Acknowledge{AgentID: *s.AgentID, TaskID: s.TaskID, UUID: s.UUID}})
	}
	m.Allocate()
	c.next(scheduler.Event_OFFERS)
	return m, c
}

func TestOperatorCallsThroughMesosGo(t *testing.T) {
	m, c := listening(t)
	for _, media := range []encoding.MediaType{codecs.MediaTypeProtobuf, codecs.MediaTypeJSON} {
		t.Run(string(media), func(t *testing.T) {
			sender := httpmaster.NewSender(httpcli.New(httpcli.Endpoint(m.URL()+"/api/v1"), httpcli.Codec(codecs.ByMediaType[media])).Send)
			ask := func(call *master.Call) *master.Response {
				t.Helper()
				response, err := sender.Send(context.Background(), calls.NonStreaming(call))
				must(t, err)
				defer response.Close()
				var r master.Response
				must(t, response.Decode(&r))
				return &r
			}
			if !ask(calls.GetHealth()).GetHealth.Healthy {
				t.Error("it is not healthy")
			}
			if got := ask(calls.GetVersion()).GetVersion.VersionInfo.Version; got != localmesos.Version {
				t.Errorf("version %s", got)
			}
			tasks := ask(calls.GetTasks()).GetTasks.Tasks
			if len(tasks) != 2 || tasks[0].TaskID.Value != "a" || tasks[0].GetState() != mesos.TASK_RUNNING {
				t.Errorf("tasks %v", tasks)
			}
			frameworks := ask(calls.GetFrameworks()).GetFrameworks.Frameworks
			if len(frameworks) != 1 || *frameworks[0].FrameworkInfo.ID != *c.id || len(frameworks[0].Offers) != 1 {
				t.Errorf("frameworks %v", frameworks)
			}
			if media == codecs.MediaTypeProtobuf { // Its JSON decoder dies on capabilities of masters since 1.9.
				agents := ask(calls.GetAgents()).GetAgents.Agents
				if len(agents) != 1 || cpus(agents[0].AllocatedResources) != 1.5 || cpus(agents[0].OfferedResources) != 2.5 || cpus(agents[0].TotalResources) != 4 {
					t.Errorf("agents %v", agents)
				}
				state := ask(calls.GetState()).GetState
				if len(state.GetTasks.Tasks) != 2 || len(state.GetAgents.Agents) != 1 || len(state.GetFrameworks.Frameworks) != 1 {
					t.Errorf("state %v", state)
				}
				if got := ask(calls.GetMaster()).GetMaster.MasterInfo.GetPID(); got != "master@"+m.Address() {
					t.Errorf("master %s", got)
				}
			}
		})
	}
}

func cpus(rs []mesos.Resource) float64 { return amount(mesos.Offer{Resources: rs}, "cpus") }

func TestOperatorTeardown(t *testing.T) {
	m, c := listening(t)
	sender := httpmaster.NewSender(httpcli.New(httpcli.Endpoint(m.URL()+"/api/v1"), httpcli.Codec(codecs.ByMediaType[codecs.MediaTypeProtobuf])).Send)
	down := func(id mesos.FrameworkID) error {
		response, err := sender.Send(context.Background(), calls.NonStreaming(&master.Call{Type: master.Call_TEARDOWN, Teardown: &master.Call_Teardown{FrameworkID: id}}))
		if response != nil {
			must(t, response.Close())
		}
		return err
	}
	must(t, down(*c.id))
	var e scheduler.Event
	for err := error(nil); err == nil; err = c.stream.Decode(&e) { // The stream ends.
		if e.GetType() == scheduler.Event_ERROR {
			t.Errorf("TEARDOWN sent %v", e.Error)
		}
	}
	if err := down(*c.id); err == nil || !strings.Contains(err.Error(), "No framework found with specified ID") {
		t.Errorf("a second time: %v", err)
	}
}

func TestCallsThatAreNotPerformed(t *testing.T) {
	m, _ := listening(t)
	post := func(path, body string) (int, string) {
		response, err := http.Post(m.URL()+path, "application/json", strings.NewReader(body))
		must(t, err)
		defer response.Body.Close()
		data, err := io.ReadAll(response.Body)
		must(t, err)
		return response.StatusCode, string(data)
	}
	for _, call := range []string{"GET_QUOTA", "UPDATE_WEIGHTS", "GET_MAINTENANCE_STATUS", "CREATE_VOLUMES", "GET_FLAGS", "GET_METRICS", "SUBSCRIBE"} {
		if status, text := post("/api/v1", fmt.Sprintf(`{"type":%q}`, call)); status != http.StatusNotImplemented || !strings.Contains(text, call) {
			t.Errorf("%s: status %d %q, want 501 with its name", call, status, text)
		}
	}
	if status, text := post("/slave(1)/api/v1", `{"type":"GET_CONTAINERS"}`); status != http.StatusNotImplemented || !strings.Contains(text, "GET_CONTAINERS") {
		t.Errorf("status %d %q", status, text)
	}
	for _, body := range []string{``, `[]`, `{`, `{"type":"NO_SUCH"}`} {
		if status, _ := post("/api/v1", body); status != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 400", body, status)
		}
	}
}

// sandboxed is a runtime with files.
type sandboxed struct {
	executor.Scripted
	files fstest.MapFS
}

func (s *sandboxed) ListFiles(path string) ([]fs.FileInfo, error) {
	entries, err := s.files.ReadDir(strings.TrimPrefix(path, "/"))
	if err != nil {
		return nil, fs.ErrNotExist
	}
	var infos []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

func (s *sandboxed) ReadFile(path string, offset, length int64) ([]byte, int64, error) {
	f, ok := s.files[strings.TrimPrefix(path, "/")]
	if !ok {
		return nil, 0, fs.ErrNotExist
	}
	size := int64(len(f.Data))
	return f.Data[min(offset, size):min(offset+length, size)], size, nil
}

func TestFiles(t *testing.T) {
	m, err := localmesos.New(localmesos.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	large := strings.Repeat("0123456789", 20000)
	for _, files := range []fstest.MapFS{
		{"one/stdout": {Data: []byte("hello\n")}},
		{"two/stdout": {Data: []byte(large)}, "two/logs/x": {Data: []byte("x")}},
	} {
		_, err := m.AddAgent(localmesos.AgentOptions{Runtime: func(string) (executor.Runtime, error) { return &sandboxed{files: files}, nil }})
		must(t, err)
	}
	get := func(path string, query ...string) (int, string, http.Header) {
		t.Helper()
		q := url.Values{}
		for i := 0; i < len(query); i += 2 {
			q.Set(query[i], query[i+1])
		}
		response, err := http.Get(m.URL() + path + "?" + q.Encode())
		must(t, err)
		defer response.Body.Close()
		data, err := io.ReadAll(response.Body)
		must(t, err)
		return response.StatusCode, string(data), response.Header
	}
	tests := []struct {
		name   string
		path   string
		query  []string
		status int
		want   string
	}{
		{"read", "/files/read", []string{"path", "/one/stdout", "offset", "0"}, 200, `{"data":"hello\n","offset":0}`},
		{"read of an agent", "/slave(1)/files/read", []string{"path", "/one/stdout", "offset", "2", "length", "3"}, 200, `{"data":"llo","offset":2}`},
		{"size", "/files/read", []string{"path", "/two/stdout"}, 200, `{"data":"","offset":200000}`},
		{"past the end", "/files/read", []string{"path", "/one/stdout", "offset", "100"}, 200, `{"data":"","offset":100}`},
		{"no path", "/files/read", nil, 400, "Expecting 'path=value' in query.\n"},
		{"bad offset", "/files/read", []string{"path", "/one/stdout", "offset", "x"}, 400, "Failed to parse offset: Failed to convert 'x' to number.\n"},
		{"no such file", "/files/read", []string{"path", "/three/stdout", "offset", "0"}, 404, ""},
		{"no such directory", "/files/browse", []string{"path", "/three"}, 404, ""},
		{"browse without a path", "/files/browse", nil, 400, "Expecting 'path=value' in query.\n"},
		{"download", "/files/download", []string{"path", "/two/stdout"}, 200, large},
		{"download nothing", "/files/download", []string{"path", "/three"}, 404, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body, header := get(tt.path, tt.query...)
			if status != tt.status || body != tt.want {
				t.Errorf("status %d %.100q, want %d %.100q", status, body, tt.status, tt.want)
			}
			if tt.name == "download" && header.Get("Content-Disposition") != `attachment; filename="stdout"` {
				t.Errorf("Content-Disposition %q", header.Get("Content-Disposition"))
			}
		})
	}
	if status, body, _ := get("/files/browse", "path", "/two"); status != 200 || !strings.Contains(body, `"path":"/two/logs"`) || !strings.Contains(body, `"path":"/two/stdout"`) {
		t.Errorf("browse: status %d %s", status, body)
	}

	sender := httpagent.NewSender(httpcli.New(httpcli.Endpoint(m.URL()+"/slave(1)/api/v1"), httpcli.Codec(codecs.ByMediaType[codecs.MediaTypeProtobuf])).Send)
	ask := func(call *agentapi.Call) *agentapi.Response {
		t.Helper()
		response, err := sender.Send(context.Background(), agentcalls.NonStreaming(call))
		must(t, err)
		defer response.Close()
		var r agentapi.Response
		must(t, response.Decode(&r))
		return &r
	}
	var paths []string
	for _, i := range ask(agentcalls.ListFiles("/two")).ListFiles.FileInfos {
		paths = append(paths, i.Path)
	}
	if diff := cmp.Diff([]string{"/two/logs", "/two/stdout"}, paths); diff != "" {
		t.Errorf("LIST_FILES (-want +got):\n%s", diff)
	}
	read := ask(agentcalls.ReadFileWithLength("/two/stdout", 5, 10)).ReadFile
	if string(read.Data) != "5678901234" || read.Size_ != 200000 {
		t.Errorf("READ_FILE %q of %d", read.Data, read.Size_)
	}
	if read = ask(agentcalls.ReadFile("/two/stdout", 0)).ReadFile; len(read.Data) != 65536 {
		t.Errorf("READ_FILE without a length gives %d bytes, want 16 pages", len(read.Data))
	}
}

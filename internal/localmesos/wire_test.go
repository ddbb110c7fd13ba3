package localmesos_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogo/protobuf/proto"
	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
)

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	must(t, err)
	return data
}

// protobufRecording is a subscription in protobuf: the bytes of both sides.
type protobufRecording struct {
	Request []byte            `json:"request"`
	Events  [][]byte          `json:"events"`
	Calls   map[string][]byte `json:"calls"`
	Version []byte            `json:"version"`
}

func TestConformanceOfProtobuf(t *testing.T) {
	var recorded protobufRecording
	must(t, json.Unmarshal(testdata(t, "14-protobuf.json"), &recorded))
	synctest.Test(t, func(t *testing.T) {
		r := newReplay(t, "14-protobuf", nil, localmesos.Options{})
		send := func(path string, body []byte, stream string) *http.Response {
			request, err := http.NewRequest(http.MethodPost, "http://"+masterAddress+path, bytes.NewReader(body))
			must(t, err)
			request.Header.Set("Content-Type", "application/x-protobuf")
			request.Header.Set("Accept", "application/x-protobuf")
			if stream != "" {
				request.Header.Set("Mesos-Stream-Id", stream)
			}
			response, err := r.http.Do(request)
			must(t, err)
			return response
		}
		response := send("/api/v1/scheduler", recorded.Request, "")
		defer response.Body.Close()
		stream := response.Header.Get("Mesos-Stream-Id")
		if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/x-protobuf" || stream == "" {
			t.Fatalf("status %d, header %v", response.StatusCode, response.Header)
		}
		frames := recordio.NewReader(response.Body, recordio.MaxMessageSize(1<<20))
		var accepted bool
		for _, raw := range recorded.Events {
			var want, got scheduler.Event
			must(t, proto.Unmarshal(raw, &want))
			switch want.GetType() {
			case scheduler.Event_OFFERS:
				r.join(1)
				r.Allocate()
			case scheduler.Event_UPDATE:
				if !accepted {
					accept(t, r, recorded.Calls["pb-accept"], send, stream)
					accepted = true
				}
				r.report(tree(t, &want)["update"].(map[string]any)["status"].(map[string]any))
			default: // It comes by itself.
			}
			frame, err := frames.ReadFrame()
			must(t, err)
			must(t, proto.Unmarshal(frame, &got))
			r.compare(want.Type.String(), tree(t, &want), tree(t, &got))
		}
		garbage := send("/api/v1/scheduler", recorded.Calls["pb-garbage"], stream)
		r.text("pb-garbage", "Failed to parse body into Call protobuf", garbage)
		if garbage.StatusCode != http.StatusBadRequest {
			t.Errorf("garbage: status %d, want 400", garbage.StatusCode)
		}
		version := send("/api/v1", recorded.Calls["pb-op-GET_VERSION"], "")
		data, err := io.ReadAll(version.Body)
		must(t, err)
		var want, got master.Response
		must(t, proto.Unmarshal(recorded.Version, &want))
		must(t, proto.Unmarshal(data, &got))
		r.compare("pb-op-GET_VERSION", tree(t, &want), tree(t, &got))
		r.finish()
	})
}

// accept performs the recorded ACCEPT with our ids.
func accept(t *testing.T, r *replay, raw []byte, send func(string, []byte, string) *http.Response, stream string) {
	t.Helper()
	var call scheduler.Call
	must(t, proto.Unmarshal(raw, &call))
	data, err := json.Marshal(&call)
	must(t, err)
	call = scheduler.Call{}
	must(t, json.Unmarshal(r.ours(data), &call))
	body, err := proto.Marshal(&call)
	must(t, err)
	if response := send("/api/v1/scheduler", body, stream); response.StatusCode != http.StatusAccepted {
		t.Fatalf("ACCEPT: status %d", response.StatusCode)
	}
	synctest.Wait()
}

// tree is a message as generic JSON.
func tree(t *testing.T, m proto.Message) map[string]any {
	t.Helper()
	data, err := json.Marshal(m)
	must(t, err)
	var out map[string]any
	must(t, json.Unmarshal(data, &out))
	return out
}

// The bytes of a subscription: the header, then one chunk for each record, which is its length in decimal, a
// newline and the event.
func TestConformanceOfTheBytes(t *testing.T) {
	m, err := localmesos.New(localmesos.Options{Region: "r1", Zone: "z1"})
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	conn, err := net.Dial("tcp", m.Address())
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = conn.Write(testdata(t, "15-request.bin"))
	must(t, err)
	want := shape(t, bufio.NewReader(bytes.NewReader(testdata(t, "15-response.bin"))))
	got := shape(t, bufio.NewReader(conn))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
}

// shape is a response up to its second record, with what varies blotted out.
func shape(t *testing.T, in *bufio.Reader) []string {
	t.Helper()
	line := func() string {
		text, err := in.ReadString('\n')
		must(t, err)
		if !strings.HasSuffix(text, "\r\n") {
			t.Fatalf("line %q does not end in CRLF", text)
		}
		return strings.TrimSuffix(text, "\r\n")
	}
	out := []string{line()}
	header := make(map[string]string)
	for text := line(); text != ""; text = line() {
		k, v, _ := strings.Cut(text, ": ")
		header[k] = v
	}
	if header["Mesos-Stream-Id"] == "" || header["Date"] == "" {
		t.Errorf("header %v has no Mesos-Stream-Id or Date", header)
	}
	out = append(out, "Content-Type: "+header["Content-Type"], "Transfer-Encoding: "+header["Transfer-Encoding"])
	for range 2 {
		size, err := strconv.ParseInt(line(), 16, 32)
		must(t, err)
		chunk := make([]byte, size+2)
		_, err = io.ReadFull(in, chunk)
		must(t, err)
		length, record, _ := strings.Cut(strings.TrimSuffix(string(chunk), "\r\n"), "\n")
		if n, err := strconv.Atoi(length); err != nil || n != len(record) {
			t.Fatalf("the record %q of %d bytes has the length %s", record, len(record), length)
		}
		var event any
		must(t, json.Unmarshal([]byte(record), &event))
		out = append(out, blot.ReplaceAllString(jsonOf(event), "*"))
	}
	return out
}

// blot matches ids and ports.
var blot = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(\bport":|127\.0\.0\.1:)[0-9]+`)

// The node in ZooKeeper is what clients of ZooKeeper find the leader by.
func TestConformanceOfTheLeaderNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplay(t, "16-json.info", nil, localmesos.Options{})
		data, err := r.LeaderNode()
		must(t, err)
		var want, got any
		must(t, json.Unmarshal(testdata(t, "16-json.info"), &want))
		must(t, json.Unmarshal(data, &got))
		r.compare("node", want, got)
		r.finish()
	})
}

// A body is read up to a bound, so that nobody can fill the memory.
func TestLargeCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		big := &scheduler.Call{
			Type: scheduler.Call_MESSAGE, FrameworkID: &mesos.FrameworkID{Value: "x"},
			Message: &scheduler.Call_Message{Data: make([]byte, 65<<20)},
		}
		response := w.post(context.Background(), "/api/v1/scheduler", big, nil)
		response.Body.Close()
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d, want 400", response.StatusCode)
		}
	})
}

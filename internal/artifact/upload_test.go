package artifact_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// api mounts the three routes and answers an error with its code, as package api does with a status.
func api(t testing.TB, s *artifact.Store) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for route, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"POST /v1/artifacts":            s.ServeUpload,
		"GET /v1/artifacts":             s.ServeList,
		"DELETE /v1/artifacts/{sha256}": s.ServeDelete,
	} {
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			if err := handle(w, r); err != nil {
				w.Header().Set("X-Code", string(fault.CodeOf(err)))
				http.Error(w, err.Error(), http.StatusTeapot)
			}
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// form writes a multipart body with the given text fields before one file.
func form(t testing.TB, fields int, file, content string) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for range fields {
		if err := m.WriteField("note", "text"); err != nil {
			t.Fatal(err)
		}
	}
	if file != "" {
		w, err := m.CreateFormFile("jarfile", file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return m.FormDataContentType(), b.String()
}

func TestUploadListDelete(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := options(dir)
	o.Now, o.MaxUpload = c.now, 1000
	used := ""
	o.InUse = func(sha string) []string {
		if sha == used {
			return []string{"cluster demo"}
		}
		return nil
	}
	server := api(t, open(t, o))
	formType, formBody := form(t, 2, "job.jar", "a job")
	badType, badBody := form(t, 1, "a b.jar", "x")
	emptyType, emptyBody := form(t, 3, "", "")
	manyType, manyBody := form(t, 20, "late.jar", "x")
	bigType, bigBody := form(t, 0, "big.jar", strings.Repeat("x", 1001))
	tests := []struct {
		name, query, contentType, body string
		code                           fault.Code
		want                           string
	}{
		{name: "raw", query: "?name=app.jar", body: "raw bytes", want: "app.jar"},
		{name: "raw of the largest size", query: "?name=max.jar", body: strings.Repeat("m", 1000), want: "max.jar"},
		{name: "empty", query: "?name=empty.txt", body: "", code: fault.Invalid},
		{name: "form", contentType: formType, body: formBody, want: "job.jar"},
		{name: "form with a name beside", query: "?name=other.jar", contentType: formType, body: formBody, want: "other.jar"},
		{name: "no name", body: "x", code: fault.Invalid},
		{name: "bad name", query: "?name=../x", body: "x", code: fault.Invalid},
		{name: "bad name in form", contentType: badType, body: badBody, code: fault.Invalid},
		{name: "too large", query: "?name=a", body: strings.Repeat("x", 1001), code: fault.TooLarge},
		{name: "far too large", query: "?name=a", body: strings.Repeat("x", 200_000), code: fault.TooLarge},
		{name: "too large in form", contentType: bigType, body: bigBody, code: fault.TooLarge},
		{name: "form without file", contentType: emptyType, body: emptyBody, code: fault.Malformed},
		{name: "form with too many fields", contentType: manyType, body: manyBody, code: fault.Malformed},
		{name: "form without boundary", contentType: "multipart/form-data", body: "x", code: fault.Malformed},
		{name: "form that is none", contentType: "multipart/form-data; boundary=x", body: "nonsense", code: fault.Malformed},
		{name: "other multipart", contentType: "multipart/mixed; boundary=x", body: "--x--", code: fault.Malformed},
		{name: "form cut short", contentType: formType, body: formBody[:len(formBody)-40], code: fault.Malformed},
	}
	for _, tt := range tests {
		for _, chunked := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				var body io.Reader = strings.NewReader(tt.body)
				if chunked {
					body = struct{ io.Reader }{body} // The client cannot know the length.
				}
				resp, err := http.Post(server.URL+"/v1/artifacts"+tt.query, tt.contentType, body)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				answer, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				if got := resp.Header.Get("X-Code"); got != string(tt.code) {
					t.Fatalf("code %q (%s), want %q", got, answer, tt.code)
				}
				if left := entries(t, filepath.Join(dir, "incoming")); len(left) != 0 {
					t.Errorf("left in incoming: %v", left)
				}
				if tt.code != "" {
					return
				}
				var got artifact.Uploaded
				if err := json.Unmarshal(answer, &got); err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != 201 || got.Name != tt.want || got.URI != "artifact:"+got.SHA256+"/"+tt.want {
					t.Fatalf("%d %+v", resp.StatusCode, got)
				}
			})
		}
	}

	resp, err := http.Get(server.URL + "/v1/artifacts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct{ Artifacts []artifact.Uploaded }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, a := range list.Artifacts {
		names[a.Name] = a.SHA256
	}
	want := map[string]string{
		"app.jar": sum("raw bytes"), "max.jar": sum(strings.Repeat("m", 1000)), "other.jar": sum("a job"),
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Fatalf("list mismatch (-want +got):\n%s", diff)
	}

	used = sum("raw bytes")
	for _, tt := range []struct {
		sha  string
		want int
		code fault.Code
	}{
		{used, http.StatusTeapot, fault.Conflict},
		{sum("a job"), http.StatusNoContent, ""},
		{sum("a job"), http.StatusTeapot, fault.NotFound},
		{"nonsense", http.StatusTeapot, fault.NotFound},
	} {
		r, err := http.NewRequest(http.MethodDelete, server.URL+"/v1/artifacts/"+tt.sha, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want || resp.Header.Get("X-Code") != string(tt.code) {
			t.Errorf("delete %s: %d %s, want %d %s", tt.sha, resp.StatusCode, resp.Header.Get("X-Code"), tt.want, tt.code)
		}
	}
}

// endless makes bytes that differ, without holding them.
type endless struct{ next byte }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.next
		e.next += 7
	}
	return len(p), nil
}

func TestUploadMemoryIsFlat(t *testing.T) { uploadFlat(t, 64<<20) }

// uploadFlat sends size bytes twice through a connection, once within the limit and once over it, and
// looks at the bytes that were ever allocated: they bound the heap whatever the collector does.
func uploadFlat(t *testing.T, size int64) {
	t.Helper()
	for _, tt := range []struct {
		name  string
		limit int64
		code  fault.Code
	}{{"accepted", size, ""}, {"refused", size - 1, fault.TooLarge}} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t.TempDir())
			o.MaxUpload = tt.limit
			server := api(t, open(t, o))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			hash := sha256.New()
			body := io.TeeReader(io.LimitReader(&endless{}, size), hash)
			resp, err := http.Post(server.URL+"/v1/artifacts?name=big.jar", "application/java-archive", body)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var got artifact.Uploaded
			if tt.code == "" {
				if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
					t.Fatal(err)
				}
				if got.Size != size || got.SHA256 != hex.EncodeToString(hash.Sum(nil)) {
					t.Errorf("stored %+v", got)
				}
			}
			if code := resp.Header.Get("X-Code"); code != string(tt.code) {
				t.Errorf("code %q, want %q", code, tt.code)
			}
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
				t.Errorf("an upload of %d MiB allocated %d KiB", size>>20, used>>10)
			}
		})
	}
}

// TestOversizeIsRefusedBeforeItIsSent says a length of 1 GB and sends nothing.
func TestOversizeIsRefusedBeforeItIsSent(t *testing.T) {
	o := options(t.TempDir())
	o.MaxUpload = 1 << 20
	server := api(t, open(t, o))
	resp, _ := raw(t, server.Listener.Addr().String(), "POST", "/v1/artifacts?name=big.jar",
		"Content-Length: 1000000000", "Expect: 100-continue")
	if resp.Header.Get("X-Code") != string(fault.TooLarge) || !resp.Close {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
}

// TestUploadErrorKeepsItsCause looks at what the route gets when the client goes away.
func TestUploadErrorKeepsItsCause(t *testing.T) {
	s := open(t, options(t.TempDir()))
	r := httptest.NewRequest("POST", "/v1/artifacts?name=a.jar", &broken{rest: 100})
	if err := s.ServeUpload(httptest.NewRecorder(), r); !errors.Is(err, errBroken) || fault.CodeOf(err) != fault.Internal {
		t.Fatalf("ServeUpload() error = %v", err)
	}
}

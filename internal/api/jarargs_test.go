package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// TestProgramArguments sends what Flink's page "Submit New Job" and Flink's clients send, and looks at what arrives.
func TestProgramArguments(t *testing.T) {
	t.Parallel()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
	}))
	t.Cleanup(up.Close)
	w := newWorld(t, func(o *api.Options) { o.Transport = dialing(t, hostOf(t, up.URL)) })
	w.json("POST", "/v1/clusters", session, http.StatusCreated)
	w.up("demo", "")

	for _, tc := range []struct{ name, method, path, body, want string }{
		{
			"run from the page", "POST", "/jars/x_a.jar/run?entry-class=A&program-args=--in%20%22a%20b%22", `{"entryClass":"A","programArgs":"--in \"a b\"","parallelism":null}`,
			`POST /jars/x_a.jar/run?entry-class=A {"entryClass":"A","parallelism":null,"programArgsList":["--in","a b"]}`,
		},
		{"the query alone", "POST", "/jars/x_a.jar/run?program-args=1+2", "", `POST /jars/x_a.jar/run {"programArgsList":["1","2"]}`},
		{"the body alone", "POST", "/v1/jars/x_a.jar/run", `{"programArgs":"1 2"}`, `POST /v1/jars/x_a.jar/run {"programArgsList":["1","2"]}`},
		{"as an application", "POST", "/jars/x_a.jar/run-application", `{"programArgs":"1"}`, `POST /jars/x_a.jar/run-application {"programArgsList":["1"]}`},
		{
			"plan from the page", "GET", "/jars/x_a.jar/plan?parallelism=2&program-args=--x%201,2", "",
			`POST /jars/x_a.jar/plan?parallelism=2 {"programArgsList":["--x","1,2"]}`,
		},
		{"plan without arguments", "GET", "/jars/x_a.jar/plan?parallelism=2", "", "GET /jars/x_a.jar/plan?parallelism=2 "},
		{"a list", "POST", "/jars/x_a.jar/run", `{"programArgsList": ["a b"]}`, `POST /jars/x_a.jar/run {"programArgsList": ["a b"]}`},
		{"no arguments", "POST", "/jars/x_a.jar/run", `{"programArgs": null}`, `POST /jars/x_a.jar/run {"programArgs": null}`},
		{"not JSON", "POST", "/jars/x_a.jar/run", "programArgs", "POST /jars/x_a.jar/run programArgs"},
		{"another request", "POST", "/jobs/x_a.jar/run", `{"programArgs":"1 2"}`, `POST /jobs/x_a.jar/run {"programArgs":"1 2"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := w.do(tc.method, "/v1/clusters/demo/ui"+tc.path, tc.body)
			if got.StatusCode != http.StatusOK || got.body != tc.want {
				t.Errorf("%s %s: arrived as %d\n%s\nwant\n%s", tc.method, tc.path, got.StatusCode, got.body, tc.want)
			}
		})
	}

	t.Run("too large", func(t *testing.T) {
		large, err := json.Marshal(map[string]string{"programArgs": string(make([]byte, 1<<20))})
		if err != nil {
			t.Fatal(err)
		}
		w.do("POST", "/v1/clusters/demo/ui/jars/x_a.jar/run", string(large)).wantFault(t, http.StatusRequestEntityTooLarge, fault.TooLarge, "larger than 1048576 bytes")
	})
}

func TestSplitArguments(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                         {},
		"  ":                       {},
		"a  b\n c":                 {"a", "b", "c"},
		`--text "two words" -x`:    {"--text", "two words", "-x"},
		`'it is "so"' next`:        {`it is "so"`, "next"},
		`--json={"a": "b"}`:        {`--json={"a":`, "b", "}"},
		`"" after`:                 {"", "after"},
		`"never closed and more`:   {`"never`, "closed", "and", "more"},
		`--name=O'Brien's`:         {"--name=O'Brien's"},
		"--größe\u00a0\"ein Maß\"": {"--größe", "ein Maß"},
	} {
		if diff := cmp.Diff(want, api.SplitArguments(text)); diff != "" {
			t.Errorf("splitArguments(%q) mismatch (-want +got):\n%s", text, diff)
		}
	}
}

package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzSpec sends any bytes as a spec, in both formats: the answer is a cluster or a refusal, never an internal error.
func FuzzSpec(f *testing.F) {
	for _, seed := range []string{
		session, `{"name":"a","environment":{"A":null},"uris":[{}],"job":{"args":["x"]}}`, "name: a\nuris:\n- value: x\n  extract: true\n",
		"a: [&b c, *b]", "? - - a\n: b", "--- !!binary aGk=\n", "name: 'it''s'\nkind: \"\\x41\"\n", "%YAML 1.1\n---\nname: a\n...\n", `{"a":1e400}`, "1: 2\n",
		"jobManager: {memory: 1.5}", "taskManager: {slots: 0x10}", "name: ~", "a: 2001-01-01", "<<: {name: a}", "a: .inf", "\xef\xbb\xbf{}",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, body string, yaml bool) {
		r := httptest.NewRequest("PUT", "/v1/clusters/fuzz", strings.NewReader(body))
		r.Header.Set("Content-Type", map[bool]string{false: "application/json", true: "application/yaml"}[yaml])
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, r)
		if rec.Code >= http.StatusInternalServerError || rec.Code < http.StatusOK {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
	})
}

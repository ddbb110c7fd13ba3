package api_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestPage checks that the console is answered at the root, with its policy, and that its files are relative to it.
func TestPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	index := w.do("GET", "/", "")
	policy := index.Header.Get("Content-Security-Policy")
	if index.StatusCode != http.StatusOK || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self';") || !strings.Contains(index.body, `src="page/app.js"`) {
		t.Fatalf("GET /: %d with policy %q:\n%s", index.StatusCode, policy, index.body)
	}
	if a := w.do("GET", "/page/views/overview.js", ""); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "export function Overview") {
		t.Errorf("a view: %d", a.StatusCode)
	}
	if a := w.json("GET", "/page/none.js", "", http.StatusNotFound); !strings.Contains(a.body, "none.js") {
		t.Errorf("a file that is not there: %s", a.body)
	}
}

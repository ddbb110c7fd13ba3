package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestPage checks that the page is whole: every file it names is there, every element its script asks for
// exists, and nothing points to another host or to a fixed path.
func TestPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	index := w.do("GET", "/", "")
	policy := index.Header.Get("Content-Security-Policy")
	if index.StatusCode != http.StatusOK || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'") {
		t.Fatalf("GET /: %d with policy %q", index.StatusCode, policy)
	}
	script := w.do("GET", "/page/page.js", "")
	for _, m := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(index.body, -1) {
		if strings.Contains(m[1], "//") || strings.HasPrefix(m[1], "/") {
			t.Errorf("%s is not relative", m[1])
		}
		if a := w.do("GET", "/"+m[1], ""); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", m[1], a.StatusCode)
		}
	}
	for _, m := range regexp.MustCompile(`byId\("([^"]*)"\)`).FindAllStringSubmatch(script.body, -1) {
		if !strings.Contains(index.body, `id="`+m[1]+`"`) {
			t.Errorf("the script asks for element %s, which the page does not have", m[1])
		}
	}
	for name, text := range map[string]string{"index.html": index.body, "page.js": script.body, "page.css": w.do("GET", "/page/page.css", "").body} {
		text = strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "")
		if at := regexp.MustCompile(`https?://|innerHTML|\beval\b|style="|[("'` + "`" + `]/v1`).FindString(text); at != "" {
			t.Errorf("%s has %q in it", name, at)
		}
	}
	for path, media := range map[string]string{"/page/icon.svg": "image/svg+xml", "/page/page.js": "text/javascript; charset=utf-8"} {
		if got := w.do("GET", path, "").Header.Get("Content-Type"); got != media {
			t.Errorf("%s: %s", path, got)
		}
	}
}

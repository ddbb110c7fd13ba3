package api_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/auth"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

const (
	readToken    = "canary-read-0123456789"
	operateToken = "canary-operate-0123456789"
	adminToken   = "canary-admin-0123456789"
)

// guarded is a world with one token of each scope. Its log is checked for tokens.
func guarded(t *testing.T, change ...func(*api.Options)) *world {
	t.Helper()
	tokens, err := auth.Parse("read:" + readToken + ",operate:" + operateToken + ",admin:" + adminToken)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	w := newWorld(t, append(change, func(o *api.Options) {
		o.Tokens = tokens
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})...)
	t.Cleanup(func() {
		if strings.Contains(log.String(), "canary") {
			t.Errorf("a token is in the log:\n%s", &log)
		}
	})
	return w
}

// TestScopes asks for everything with each token: 401 without a good one, 403 with one that is not enough, and
// something else with one that is.
func TestScopes(t *testing.T) {
	t.Parallel()
	flink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s tells Flink a token", r.Method, r.URL)
		}
		_, _ = io.WriteString(w, "flink")
	}))
	t.Cleanup(flink.Close)
	w := guarded(t, func(o *api.Options) { o.Transport = dialing(t, flink.Listener.Addr().String()) })
	a := w.do("POST", "/v1/clusters", session, "Content-Type", "application/json", "Authorization", "Bearer "+adminToken)
	if a.StatusCode != http.StatusCreated {
		t.Fatalf("create: %d %s", a.StatusCode, a.body)
	}
	w.up("demo", "http://127.0.0.1:1/slave(1)")
	const ui = "/v1/clusters/demo/ui"
	for _, c := range []struct {
		method, path string
		need         auth.Scope
	}{
		{"GET", "/", auth.None},
		{"GET", "/page/page.js", auth.None},
		{"GET", "/v1/health", auth.None},
		{"HEAD", "/v1/health", auth.None},
		{"GET", "/artifacts/none", auth.None},
		{"GET", "/metrics", auth.Read},
		{"GET", "/v1/version", auth.Read},
		{"GET", "/v1/service", auth.Read},
		{"GET", "/v1/openapi.yaml", auth.Read},
		{"GET", "/v1/debug/offers", auth.Read},
		{"GET", "/v1/debug/journal", auth.Read},
		{"GET", "/v1/debug/state", auth.Read},
		{"GET", "/v1/events", auth.Read},
		{"GET", "/v1/history", auth.Read},
		{"GET", "/v1/clusters/demo/placement", auth.Read},
		{"GET", "/v1/clusters/demo/autoscaler", auth.Read},
		{"POST", "/v1/clusters/demo/autoscaler/replay", auth.Read},
		{"GET", "/v1/artifacts", auth.Read},
		{"GET", "/v1/clusters", auth.Read},
		{"HEAD", "/v1/clusters", auth.Read},
		{"GET", "/v1/clusters/demo", auth.Read},
		{"GET", "/v1/clusters/demo/events", auth.Read},
		{"GET", "/v1/clusters/demo/tasks/none/files/stdout", auth.Read},
		{"GET", "/v1/nothing", auth.Read},
		{"GET", "//v1/clusters", auth.Read},
		{"GET", "/page/../v1/clusters", auth.None}, // It is refused as a path.
		{"OPTIONS", "/v1/clusters", auth.Read},
		{"POST", "/v1/import", auth.Read},
		{"POST", "/v1/session", auth.Read},
		{"DELETE", "/v1/session", auth.None},
		{"POST", "/v1/artifacts", auth.Operate},
		{"POST", "/v1/clusters/demo/restart", auth.Operate},
		{"POST", "/v1/clusters/demo/tasks/none/restart", auth.Operate},
		{"POST", "/v1/clusters/demo/tasks/none/replace", auth.Operate},
		{"POST", "/v1/clusters", auth.Admin},
		{"PUT", "/v1/clusters/demo", auth.Admin},
		{"DELETE", "/v1/clusters/none", auth.Admin},
		{"DELETE", "/v1/artifacts/" + strings.Repeat("0", 64), auth.Admin},
		{"POST", "/v1/whatever/comes/restart", auth.Admin},
		{"PATCH", "/", auth.Admin},

		{"GET", ui, auth.Read},
		{"GET", ui + "/", auth.Read},
		{"GET", ui + "/jobs/overview", auth.Read},
		{"GET", ui + "/jobs/0a/plan", auth.Read},
		{"GET", ui + "/jars/", auth.Read},
		{"GET", ui + "/jars/x.jar/plan?programArg=1", auth.Operate},
		{"GET", ui + "/v1/jars/x.jar/plan", auth.Operate},
		{"GET", ui + "//jars/x.jar//pl%61n", auth.Operate},
		{"GET", ui + "/jars%2Fx.jar%2Fplan", auth.Operate},
		{"GET", ui + "/jobs/0a/yarn-cancel", auth.Operate},
		{"GET", ui + "/jobs/0a/yarn%2Dstop", auth.Operate},
		{"POST", ui + "/jars/upload", auth.Operate},
		{"POST", ui + "/jars/x.jar/run", auth.Operate},
		{"DELETE", ui + "/jars/x.jar", auth.Operate},
		{"PATCH", ui + "/jobs/0a?mode=cancel", auth.Operate},
		{"POST", ui + "/jobs/0a/savepoints", auth.Operate},
		{"POST", ui + "/jobs/0a/stop", auth.Operate},
		{"DELETE", ui + "/cluster", auth.Admin},
		{"DELETE", ui + "/v1//cluster/", auth.Admin},
		{"GET", "/v1/clusters/none/ui/", auth.Read},
		{"POST", "/v1/clusters/none/ui/x", auth.Operate},
	} {
		for token, scope := range map[string]auth.Scope{
			"": auth.None, "canary-unknown-0123456789": auth.None, readToken: auth.Read, operateToken: auth.Operate, adminToken: auth.Admin,
		} {
			headers := []string{}
			if token != "" {
				headers = append(headers, "Authorization", "Bearer "+token)
			}
			a := w.do(c.method, c.path, "", headers...)
			want := 0
			switch {
			case scope >= c.need:
			case scope == auth.None:
				want = http.StatusUnauthorized
			default:
				want = http.StatusForbidden
			}
			switch {
			case want == 0 && (a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusForbidden):
				t.Errorf("%s %s with scope %s: %d %s", c.method, c.path, scope, a.StatusCode, a.body)
			case want != 0 && a.StatusCode != want:
				t.Errorf("%s %s with scope %s: want %d, got %d %s", c.method, c.path, scope, want, a.StatusCode, a.body)
			case want == http.StatusUnauthorized && c.method != "HEAD":
				a.wantFault(t, want, fault.Unauthorized, "token")
				if got := a.Header.Values("WWW-Authenticate"); len(got) != 1 || !strings.HasPrefix(got[0], "Bearer ") {
					t.Errorf("%s %s: challenge %q", c.method, c.path, got)
				}
			case want == http.StatusForbidden && c.method != "HEAD":
				a.wantFault(t, want, fault.Forbidden, "with scope "+c.need.String())
			}
			if strings.Contains(a.body, "canary") {
				t.Errorf("%s %s: a token is in %s", c.method, c.path, a.body)
			}
		}
	}
}

// TestEveryRouteNeedsAToken checks the whole surface, so that a new route is not open.
func TestEveryRouteNeedsAToken(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	open := []string{"GET /", "GET /page/{file}", "GET /v1/health", "DELETE /v1/session", "GET /artifacts/{path...}"}
	for _, route := range w.api.Routes() {
		method, pattern, _ := strings.Cut(route, " ")
		path := strings.NewReplacer("{$}", "", "...}", "}", "{name}", "demo", "{", "", "}", "").Replace(pattern)
		if method == "ANY" {
			method = "DELETE"
		}
		a := w.do(method, path, "")
		public := false
		for _, o := range open {
			public = public || strings.TrimSuffix(route, "{$}") == o
		}
		if public == (a.StatusCode == http.StatusUnauthorized) {
			t.Errorf("%s without a token: %d %s", route, a.StatusCode, a.body)
		}
	}
}

// TestBrowserAsks checks that a browser can open what a link leads to, and that the page's own calls make no dialog.
func TestBrowserAsks(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	a := w.do("GET", "/v1/clusters/demo/ui/", "", "Accept", "text/html", "Sec-Fetch-Mode", "navigate")
	if got := strings.Join(a.Header.Values("WWW-Authenticate"), ";"); a.StatusCode != http.StatusUnauthorized || !strings.Contains(got, "Basic ") {
		t.Errorf("a link: %d, challenge %q", a.StatusCode, got)
	}
	a = w.do("GET", "/v1/clusters", "", "Accept", "application/json", "Sec-Fetch-Mode", "cors")
	if got := strings.Join(a.Header.Values("WWW-Authenticate"), ";"); a.StatusCode != http.StatusUnauthorized || strings.Contains(got, "Basic ") {
		t.Errorf("a call of the page: %d, challenge %q", a.StatusCode, got)
	}
	for _, form := range []string{"token=" + readToken, "bearer  " + readToken} {
		if a := w.do("GET", "/v1/clusters", "", "Authorization", form); a.StatusCode != http.StatusOK {
			t.Errorf("a token of another form: %d %s", a.StatusCode, a.body)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/v1/clusters", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("anybody", readToken)
	if a := w.send(req); a.StatusCode != http.StatusOK {
		t.Errorf("the token as a password: %d %s", a.StatusCode, a.body)
	}
}

// TestHealthTellsOnlyReaders checks that the open health names no address.
func TestHealthTellsOnlyReaders(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	w.loop.Post(state.Subscribed{FrameworkID: "f-1", Master: "127.0.0.1:5050"})
	w.poll("the registration", func(s *state.State) bool { return s.Connected })
	if a := w.do("GET", "/v1/health", ""); a.StatusCode != http.StatusOK || strings.Contains(a.body, "f-1") || strings.Contains(a.body, "5050") {
		t.Errorf("without a token: %d %s", a.StatusCode, a.body)
	}
	if a := w.do("GET", "/v1/health", "", "Authorization", "Bearer "+readToken); !strings.Contains(a.body, `"frameworkId":"f-1"`) {
		t.Errorf("with a token: %s", a.body)
	}
}

// TestSession gives a browser a cookie in place of a token: links work, Flink's own page can do what the token may, and
// nobody else's page can do anything.
func TestSession(t *testing.T) {
	t.Parallel()
	flink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "" {
			t.Errorf("%s %s tells Flink the cookie", r.Method, r.URL)
		}
		_, _ = io.WriteString(w, "flink")
	}))
	t.Cleanup(flink.Close)
	w := guarded(t, func(o *api.Options) { o.Transport = dialing(t, flink.Listener.Addr().String()) })
	a := w.do("POST", "/v1/clusters", session, "Content-Type", "application/json", "Authorization", "Bearer "+adminToken)
	if a.StatusCode != http.StatusCreated {
		t.Fatalf("create: %d %s", a.StatusCode, a.body)
	}
	w.up("demo", "http://127.0.0.1:1/slave(1)")
	begin := func(token string, headers ...string) *http.Cookie {
		t.Helper()
		a := w.do("POST", "/v1/session", "", append(headers, "Authorization", "Bearer "+token)...)
		cookies := a.Cookies()
		if a.StatusCode != http.StatusNoContent || len(cookies) != 1 {
			t.Fatalf("POST /v1/session: %d %v", a.StatusCode, cookies)
		}
		c := cookies[0]
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "" || c.Domain != "" || strings.Contains(c.Raw, "canary") {
			t.Errorf("the cookie is %s", c.Raw)
		}
		return c
	}
	reader, operator := begin(readToken), begin(operateToken)
	if operator.Secure || !begin(readToken, "X-Forwarded-Proto", "https").Secure {
		t.Error("a cookie is secure when the browser speaks HTTPS, and only then")
	}
	const ui = "/v1/clusters/demo/ui"
	own := "http://" + strings.TrimPrefix(w.url, "http://")
	for _, tt := range []struct {
		method, path string
		cookie       *http.Cookie
		header       string
		value        string
		ok           bool
	}{
		{"GET", "/v1/clusters", reader, "", "", true},
		{"GET", ui + "/", reader, "", "", true},
		{"GET", "/v1/clusters", &http.Cookie{Name: reader.Name, Value: "1." + strings.Repeat("A", 43)}, "", "", false},
		{"POST", ui + "/jars/upload", operator, "Origin", own, true},
		{"POST", ui + "/jars/upload", operator, "Sec-Fetch-Site", "same-origin", true},
		{"POST", ui + "/jars/upload", operator, "Origin", "http://evil.example.com", false},
		{"POST", ui + "/jars/upload", operator, "Origin", "null", false},
		{"POST", ui + "/jars/upload", operator, "Sec-Fetch-Site", "same-site", false},
		{"POST", ui + "/jars/upload", operator, "", "", false},
		{"POST", ui + "/jars/upload", reader, "Origin", own, false},
		{"GET", ui + "/jobs/0a/yarn-cancel", operator, "", "", false},
		{"GET", ui + "/jobs/0a/yarn-cancel", operator, "Referer", own + ui + "/", true},
		{"POST", "/v1/clusters/demo/restart", operator, "Origin", own, false},
		{"POST", "/v1/session", operator, "Origin", own, false},
	} {
		headers := []string{"Cookie", tt.cookie.Name + "=" + tt.cookie.Value}
		if tt.header != "" {
			headers = append(headers, tt.header, tt.value)
		}
		a := w.do(tt.method, tt.path, "", headers...)
		refused := a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusForbidden
		if refused == tt.ok {
			t.Errorf("%s %s with %s: %s: %d %s", tt.method, tt.path, tt.header, tt.value, a.StatusCode, a.body)
		}
	}
	end := w.do("DELETE", "/v1/session", "")
	if c := end.Cookies(); len(c) != 1 || c[0].MaxAge >= 0 || c[0].Name != reader.Name {
		t.Errorf("DELETE /v1/session answers %v", c)
	}
	open := newWorld(t).do("POST", "/v1/session", "")
	if open.StatusCode != http.StatusNoContent || len(open.Cookies()) != 0 {
		t.Errorf("without tokens POST /v1/session answers %d %v", open.StatusCode, open.Cookies())
	}
}

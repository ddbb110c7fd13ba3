package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/audit"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// withAudit keeps an audit record in a directory.
func withAudit(t *testing.T, dir string) func(*api.Options) {
	t.Helper()
	record, err := audit.Open(audit.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = record.Close() })
	return func(o *api.Options) { o.Audit = record }
}

// TestAudit makes requests that are done, refused and failed, and reads what the record has of them.
func TestAudit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := guarded(t, withAudit(t, dir))
	const media = "application/json"
	secret := strings.Replace(session, `{`, `{"environment":{"PASSWORD":"canary-in-the-body"},`, 1)
	made := w.do("POST", "/v1/clusters?reason=canary-reason", secret, "Content-Type", media, "Authorization", "Bearer "+adminToken, "X-Request-Id", "mine-1")
	if made.StatusCode != http.StatusCreated || made.Header.Get("X-Request-Id") != "mine-1" {
		t.Fatalf("create: %d %s %v", made.StatusCode, made.body, made.Header)
	}
	restarted := w.do("POST", "/v1/clusters/demo/restart", "", "Authorization", "Bearer "+operateToken, "X-Forwarded-For", "192.0.2.7", "X-Request-Id", "not an id")
	if id := restarted.Header.Get("X-Request-Id"); restarted.StatusCode != http.StatusAccepted || len(id) < 16 {
		t.Errorf("restart: %d, request %q", restarted.StatusCode, id)
	}
	w.do("GET", "/v1/clusters", "", "Authorization", "Bearer "+readToken) // Has no entry.
	w.do("DELETE", "/v1/clusters/demo", "", "Authorization", "Bearer "+readToken)
	w.do("GET", "/v1/clusters", "", "Authorization", "Bearer canary-unknown-0123456789")
	w.do("DELETE", "/v1/clusters/none", "", "Authorization", "Bearer "+adminToken)
	w.do("GET", "/v1/audit", "", "Authorization", "Bearer "+operateToken).wantFault(t, 403, fault.Forbidden, "admin")
	got := into[struct{ Entries []audit.Entry }](t, w.do("GET", "/v1/audit?after=0", "", "Authorization", "Bearer "+adminToken)).Entries
	want := []audit.Entry{
		{Token: "admin-1", Method: "POST", Path: "/v1/clusters", Cluster: "demo", Scope: "admin", Status: 201, Outcome: audit.Done},
		{Token: "operate-1", Method: "POST", Path: "/v1/clusters/demo/restart", Cluster: "demo", Scope: "operate", Status: 202, Outcome: audit.Done},
		{Token: "read-1", Method: "DELETE", Path: "/v1/clusters/demo", Cluster: "demo", Scope: "admin", Status: 403, Outcome: audit.Refused},
		{Method: "GET", Path: "/v1/clusters", Scope: "read", Status: 401, Outcome: audit.Refused},
		{Token: "admin-1", Method: "DELETE", Path: "/v1/clusters/none", Cluster: "none", Scope: "admin", Status: 404, Outcome: audit.Failed},
		{Token: "operate-1", Method: "GET", Path: "/v1/audit", Scope: "admin", Status: 403, Outcome: audit.Refused},
	}
	for i := range got {
		e := &got[i]
		if e.Request == "" || e.Number != int64(i+1) || !strings.Contains(e.Address, "127.0.0.1") || time.Since(e.Time) > time.Minute {
			t.Errorf("entry %+v", *e)
		}
		if i == 1 && !strings.HasPrefix(e.Address, "192.0.2.7 ") {
			t.Errorf("the address is %q", e.Address)
		}
		e.Number, e.Time, e.Request, e.Address, e.Previous, e.Hash = 0, time.Time{}, "", "", "", ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries mismatch (-want +got):\n%s", diff)
	}
	if _, err := audit.Verify(dir, ""); err != nil {
		t.Error(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files: %v %v", files, err)
	}
	if text, err := os.ReadFile(files[0]); err != nil || strings.Contains(string(text), "canary") {
		t.Errorf("a secret is in the record (%v):\n%s", err, text)
	}
	newWorld(t).do("GET", "/v1/audit", "").wantFault(t, 404, fault.NotFound, "no audit record")
}

// TestAuditIsNotFilled sends refused requests, of which a bounded number has entries; changes have all of theirs.
func TestAuditIsNotFilled(t *testing.T) {
	t.Parallel()
	w := guarded(t, withAudit(t, t.TempDir()))
	for range 100 {
		w.do("DELETE", "/v1/clusters/demo", "", "Authorization", "Bearer canary-unknown-0123456789")
	}
	for range 40 {
		w.do("DELETE", "/v1/clusters/demo", "", "Authorization", "Bearer "+adminToken)
	}
	got := into[struct{ Entries []audit.Entry }](t, w.do("GET", "/v1/audit?after=0&limit=200", "", "Authorization", "Bearer "+adminToken)).Entries
	count := map[string]int{}
	for _, e := range got {
		count[e.Outcome]++
	}
	if count[audit.Failed] != 40 || count[audit.Refused] < 30 || count[audit.Refused] > 60 {
		t.Errorf("entries by outcome: %v", count)
	}
}

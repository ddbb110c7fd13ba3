package artifact_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// FuzzServedPath asks for any path. Only the two spellings that we gave out may answer, and nothing
// may answer with a byte from outside.
func FuzzServedPath(f *testing.F) {
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "secret"), []byte(canary), 0o600); err != nil {
		f.Fatal(err)
	}
	o := options(dir)
	s := open(f, o)
	a := put(f, s, "hello", artifact.PutOptions{Name: "app.jar", Public: true})
	put(f, s, canary, artifact.PutOptions{Name: "user.jar"})
	stable := path(f)(s.Path(a.SHA256, "app.jar"))
	signed := path(f)(s.SignedPath(a.SHA256, "app.jar", o.Now().Add(time.Hour)))
	dirOf := strings.TrimSuffix(stable, "app.jar")
	for _, seed := range []string{
		stable, signed, "/", "/artifacts/", "/artifacts/..", dirOf, dirOf + "..", dirOf + "other.txt",
		stable + "/../../../etc/passwd", strings.Replace(stable, "/app", "%2fapp", 1), stable + "%00", "//etc/passwd",
		"/artifacts/sources.json", "/artifacts/content/" + sum(canary), dirOf + `..\..\secret`,
		strings.Replace(stable, a.SHA256, sum(canary), 1), strings.Replace(signed, a.SHA256, sum(canary), 1),
		strings.Replace(signed, "signed/1", "signed/9", 1), "/artifacts/%2e%2e/%2e%2e/secret",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return // The server answers 400 before we are asked.
		}
		r := &http.Request{Method: "GET", URL: u, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), canary) {
			t.Fatalf("%q leaks", target)
		}
		name, ok := strings.CutPrefix(u.EscapedPath(), dirOf)
		if given := u.EscapedPath() == signed || ok && artifact.CheckName(name) == nil; given != (w.Code == 200) {
			t.Fatalf("%q: status %d", target, w.Code)
		}
		if w.Code != 200 && w.Code != 404 {
			t.Fatalf("%q: status %d", target, w.Code)
		}
	})
}

// FuzzName checks that each name we accept is one plain path segment, in a file system and in a URL.
func FuzzName(f *testing.F) {
	s := open(f, options(f.TempDir()))
	for _, seed := range []string{
		"app.jar", "flink-2.3.0-bin-scala_2.12.tgz", "", ".", "..", "a/b", `a\b`, "a\x00", "a b", "%2e%2e", "-rf", "é", "a\n",
		strings.Repeat("a", artifact.MaxName), strings.Repeat("a", artifact.MaxName+1), "a?b#c", "~root", "a:b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		p, err := s.Path(sum("x"), name)
		if accepted := artifact.CheckName(name) == nil; accepted != (err == nil) {
			t.Fatalf("CheckName and Path differ on %q: %v", name, err)
		}
		if err != nil {
			return
		}
		if !filepath.IsLocal(name) || filepath.Base(name) != name || url.PathEscape(name) != name {
			t.Fatalf("%q is not a plain segment", name)
		}
		if u, err := url.ParseRequestURI(p); err != nil || u.EscapedPath() != p || filepath.Clean(p) != p {
			t.Fatalf("%q does not survive a URL: %v", p, err)
		}
		uri := artifact.Artifact{SHA256: sum("x"), Name: name}.URI()
		if got, err := spec.ParseArtifactURI(uri); err != nil || got.Name != name {
			t.Fatalf("ParseArtifactURI(%q) = %v, %v", uri, got, err)
		}
	})
}

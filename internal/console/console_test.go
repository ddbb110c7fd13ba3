package console_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/console"
)

const vendor = "assets/vendor"

// TestVendored compares the libraries with the hashes that were written when they were made: nobody edits them by hand.
func TestVendored(t *testing.T) {
	t.Parallel()
	sums, err := os.ReadFile(filepath.Join(vendor, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{"SHA256SUMS": true}
	lines := bufio.NewScanner(bytes.NewReader(sums))
	for lines.Scan() {
		want, name, ok := strings.Cut(lines.Text(), "  ")
		data, err := os.ReadFile(filepath.Join(vendor, name))
		if err != nil || !ok {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		listed[name] = true
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is not what make console-vendor made: run it again", name)
		}
	}
	found, err := os.ReadDir(vendor)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !listed[f.Name()] && !strings.HasSuffix(f.Name(), ".d.ts") {
			t.Errorf("%s is not in SHA256SUMS: run make console-vendor", f.Name())
		}
	}
}

// addresses are what a file loads: imports of modules, and what the page names.
var addresses = regexp.MustCompile(`(?:from |import\()"([^"]+)"|(?:href|src)="(page/[^"]+)"`)

// TestFiles checks our own files: what they load is there, they speak to no other host and to no fixed path, they keep to
// the content security policy, and each can be read at once.
func TestFiles(t *testing.T) {
	t.Parallel()
	forbidden := regexp.MustCompile(`https?://[a-zA-Z0-9]|innerHTML|\beval\(| style="|["'` + "`" + `]/(?:v1|page)`)
	err := filepath.WalkDir("assets", func(file string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(filepath.ToSlash(file), vendor) || path.Ext(file) == ".svg" {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if n := bytes.Count(data, []byte("\n")); n > 400 {
			t.Errorf("%s has %d lines, at most 400 are wanted", file, n)
		}
		if at := forbidden.Find(data); at != nil {
			t.Errorf("%s has %q in it", file, at)
		}
		name := strings.TrimPrefix(filepath.ToSlash(file), "assets/")
		for _, m := range addresses.FindAllSubmatch(data, -1) {
			target := strings.TrimPrefix(string(m[2]), "page/")
			if len(m[1]) > 0 {
				target = path.Join(path.Dir(name), string(m[1]))
			}
			if status := get(target, "").Code; status != http.StatusOK {
				t.Errorf("%s loads %s: %d", file, target, status)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// get asks for a file, with the ETag of an earlier answer if there is one.
func get(name, etag string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/page/x", http.NoBody)
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	if !console.Serve(w, r, name) {
		w.WriteHeader(http.StatusNotFound)
	}
	return w
}

// TestServe checks types, the policy, and that a browser that has a file does not get it again.
func TestServe(t *testing.T) {
	t.Parallel()
	for name, media := range map[string]string{
		console.Index: "text/html; charset=utf-8", "app.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
		"views/job.js": "text/javascript; charset=utf-8", "vendor/plot.css": "text/css; charset=utf-8", "vendor/LICENSES.txt": "text/plain; charset=utf-8",
	} {
		w := get(name, "")
		if got := w.Header(); w.Code != http.StatusOK || got.Get("Content-Type") != media || got.Get("Content-Security-Policy") != console.Policy {
			t.Errorf("%s: %d, %v", name, w.Code, got)
		}
		if again := get(name, w.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s with its ETag: %d with %d bytes", name, again.Code, again.Body.Len())
		}
	}
	for _, name := range []string{"", "none.js", "../console.go", "views", "vendor/SHA256SUMS", "vendor/ui.d.ts", "/app.js"} {
		if w := get(name, ""); w.Code != http.StatusNotFound {
			t.Errorf("%q: %d", name, w.Code)
		}
	}
}

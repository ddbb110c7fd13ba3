// Package console owns the web console: the files of the page, its libraries, and how they are answered.
//
// The page is native ES modules without a build step: assets has one file for each view, and assets/vendor the libraries
// that `make console-vendor` takes from pinned packages. Every address in them is relative, so that the page works below any
// prefix, and the page speaks to nothing but the API of the service.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed assets
var files embed.FS

// Policy is the content security policy of every file: the page loads from its own origin only, no script or style is
// inline, and nothing may frame it.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Index is the file at the root.
const Index = "index.html"

// media are the content types by extension; a file with another one is not answered.
var media = map[string]string{ //nolint:gochecknoglobals // A constant.
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}

// Serve answers a file by its path below /page/, such as views/job.js or vendor/ui.js; false when there is none. A browser
// that has the file already is answered with 304.
func Serve(w http.ResponseWriter, r *http.Request, name string) bool {
	kind, known := media[path.Ext(name)]
	if !known || !fs.ValidPath(name) {
		return false
	}
	data, err := files.ReadFile("assets/" + name)
	if err != nil {
		return false
	}
	sum := sha256.Sum256(data)
	header := w.Header()
	header.Set("Content-Type", kind)
	header.Set("Content-Security-Policy", Policy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-cache") // Ask each time: the version of the service may be another one.
	header.Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	return true
}

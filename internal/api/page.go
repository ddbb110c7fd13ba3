package api

import (
	"embed"
	"net/http"
	"path"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

//go:embed page
var pageFiles embed.FS

// pagePolicy lets the page load from its own origin only. Nothing may frame it.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// page answers the page at the root and the files it is made of.
func (a *API) page(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("file")
	if name == "" {
		name = "index.html"
	}
	data, err := pageFiles.ReadFile("page/" + name)
	if err != nil || strings.Contains(name, "/") {
		return fault.New(fault.NotFound, "the page has no file %q", query.Shorten(name))
	}
	header := w.Header()
	switch path.Ext(name) {
	case ".html":
		header.Set("Content-Type", "text/html; charset=utf-8")
	case ".css":
		header.Set("Content-Type", "text/css; charset=utf-8")
	case ".js":
		header.Set("Content-Type", "text/javascript; charset=utf-8")
	case ".svg":
		header.Set("Content-Type", "image/svg+xml")
	}
	header.Set("Content-Security-Policy", pagePolicy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-cache")
	within(w)
	_, _ = w.Write(data) // The client may be gone.
	return nil
}

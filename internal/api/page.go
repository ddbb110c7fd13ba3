package api

import (
	"net/http"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/console"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// page answers the console at the root and the files it is made of.
func (a *API) page(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("path")
	if name == "" {
		name = console.Index
	}
	within(w)
	if !console.Serve(w, r, name) {
		return fault.New(fault.NotFound, "the console has no file %q", query.Shorten(name))
	}
	return nil
}

package api

import (
	"net/http"

	"github.com/flink-on-mesos/flink-service/internal/api/asked"
	"github.com/flink-on-mesos/flink-service/internal/api/attempt"
)

// withActor returns the request with who makes it, when it may change something.
func (a *API) withActor(r *http.Request) *http.Request {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r
	}
	name := ""
	if !a.o.Tokens.Open() {
		name = a.o.Tokens.Name(tokenOf(r))
	}
	return asked.With(attempt.With(r, asked.By(r, name)))
}

package api

import (
	"net/http"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

func (a *API) sandboxFile(http.ResponseWriter, *http.Request) error {
	return fault.New(fault.Unavailable, "files of sandboxes cannot be read yet")
}

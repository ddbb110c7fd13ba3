package api

import (
	"net/http"

	"github.com/flink-on-mesos/flink-service/internal/access"
)

// Needs is the scope that a request takes.
func Needs(r *http.Request) access.Scope { return needs(r) }

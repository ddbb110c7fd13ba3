package api

import (
	"net/http"

	"github.com/flink-on-mesos/flink-service/internal/api/access"
	"github.com/flink-on-mesos/flink-service/internal/auth"
)

// Needs is the scope that a request takes.
func Needs(r *http.Request) auth.Scope { return access.Needs(r) }

// SplitArguments divides the arguments of a program that come as one text.
func SplitArguments(text string) []string { return splitArguments(text) }

// Package scaling answers what the autoscaler knows of a cluster, and what other options would have
// decided.
package scaling

import (
	"net/http"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Autoscaler is what runs the autoscaler.
type Autoscaler interface {
	// Status and History return false when there is no such cluster.
	Status(cluster string) (report.Autoscaler, bool)
	History(cluster string) (report.History, bool)
	// Replay decides the recorded metrics of a job again. Its error is for the user.
	Replay(cluster string, r report.ReplayRequest) (report.Replay, error)
}

// Scaling answers requests. It is safe for use by several goroutines.
type Scaling struct {
	// Autoscaler is nil where none runs.
	Autoscaler Autoscaler
	// Read reads the body of a request for a replay.
	Read func(http.ResponseWriter, *http.Request) (report.ReplayRequest, error)
	// Answer writes a document.
	Answer func(w http.ResponseWriter, status int, v any) error
}

// Status answers GET /v1/clusters/{name}/autoscaler.
func (s Scaling) Status(w http.ResponseWriter, r *http.Request) error {
	return answer(s, w, r, func(name string) (report.Autoscaler, error) {
		a, ok := s.Autoscaler.Status(name)
		return a, known(name, ok)
	})
}

// History answers GET /v1/clusters/{name}/autoscaler/history.
func (s Scaling) History(w http.ResponseWriter, r *http.Request) error {
	return answer(s, w, r, func(name string) (report.History, error) {
		h, ok := s.Autoscaler.History(name)
		return h, known(name, ok)
	})
}

// Replay answers POST /v1/clusters/{name}/autoscaler/replay. It changes nothing.
func (s Scaling) Replay(w http.ResponseWriter, r *http.Request) error {
	return answer(s, w, r, func(name string) (report.Replay, error) {
		request, err := s.Read(w, r)
		if err != nil {
			return report.Replay{}, err
		}
		return s.Autoscaler.Replay(name, request)
	})
}

// answer asks the autoscaler about the cluster of a request.
func answer[T any](s Scaling, w http.ResponseWriter, r *http.Request, ask func(name string) (T, error)) error {
	if s.Autoscaler == nil {
		return fault.New(fault.Unavailable, "the autoscaler does not run on this instance")
	}
	v, err := ask(r.PathValue("name"))
	if err != nil {
		return err
	}
	return s.Answer(w, http.StatusOK, v)
}

func known(name string, ok bool) error {
	if ok {
		return nil
	}
	return fault.New(fault.NotFound, "there is no cluster %q", query.Shorten(name))
}

package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/document"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// maxSpec is the largest body of a spec in bytes.
const maxSpec = 1 << 20

// readSpec reads a spec in JSON or YAML.
func (a *API) readSpec(w http.ResponseWriter, r *http.Request) (spec.Spec, error) {
	return readDocument[spec.Spec](a, w, r, "the spec")
}

// readDocument reads a body in JSON or YAML, and refuses what T has no place for. What names it in errors.
func readDocument[T any](a *API, w http.ResponseWriter, r *http.Request, what string) (T, error) {
	var content T
	f, err := format(r)
	if err != nil {
		return content, err
	}
	data, err := a.readBody(w, r)
	if err != nil {
		return content, err
	}
	return content, document.Unmarshal(data, f, what, &content)
}

// format says which of the two a body is in.
func format(r *http.Request) (document.Format, error) {
	sent := r.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(sent)
	if err == nil {
		switch media {
		case "application/json":
			return document.JSON, nil
		case "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml":
			return document.YAML, nil
		}
	}
	return document.JSON, &statusError{status: http.StatusUnsupportedMediaType, err: fault.New(fault.Malformed,
		"unsupported Content-Type %q: send application/json or application/yaml", query.Shorten(sent))}
}

// readBody reads a whole body of at most maxSpec bytes, in at most the call timeout.
func (a *API) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, &statusError{status: http.StatusUnsupportedMediaType, err: fault.New(fault.Malformed,
			"unsupported Content-Encoding %q: send the spec uncompressed", query.Shorten(encoding))}
	}
	if r.ContentLength > maxSpec {
		// Closing says to a client that is still sending that it may stop.
		w.Header().Set("Connection", "close")
		return nil, tooLarge()
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(a.o.CallTimeout)) // A writer without deadlines has its own rules.
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSpec))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge()
	}
	if err != nil {
		w.Header().Set("Connection", "close")
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, &statusError{status: http.StatusRequestTimeout, err: fault.New(fault.Malformed, "the request body was not received within %s", a.o.CallTimeout)}
		}
		return nil, fault.New(fault.Malformed, "the request body was truncated: send it again")
	}
	// Left in place, the deadline would be taken for a hang-up while the write is being saved.
	_ = control.SetReadDeadline(time.Time{})
	if len(data) == 0 {
		return nil, fault.New(fault.Malformed, "the request body is empty: send the cluster's spec")
	}
	return data, nil
}

func tooLarge() error {
	return fault.New(fault.TooLarge, "the body exceeds the limit of %d KiB for a spec; upload files with POST /v1/artifacts and refer to their URIs", maxSpec>>10)
}

package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"

	"github.com/flink-on-mesos/flink-service/internal/api/access"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Flink's page "Submit New Job" sends the arguments of a program as one text: as programArgs in the body and as
// program-args in the query. Flink 2 ignores both and takes programArgsList only, which Flink
// 1.20 takes as well. Requests that run or plan a jar are therefore rewritten on their way.

// maxJarRequest bounds the body of a request that runs or plans a jar, in bytes.
const maxJarRequest = 1 << 20

// The names of a program's arguments in requests to Flink.
const (
	argsText  = "programArgs"
	argsQuery = "program-args"
	argsList  = "programArgsList"
)

// runsJar says that a request runs or plans an uploaded jar.
func runsJar(r *http.Request, p access.Proxied) bool {
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(p.Rest, "/v1"), "/"), "/")
	if len(parts) != 3 || parts[0] != "jars" {
		return false
	}
	switch parts[2] {
	case "run", "run-application":
		return r.Method == http.MethodPost
	case "plan":
		return r.Method == http.MethodPost || r.Method == http.MethodGet
	}
	return false
}

// listArguments returns the request with the arguments of its program as a list. Any other request, and one that has
// such a list already, is returned as it is.
func listArguments(r *http.Request, p access.Proxied) (*http.Request, error) {
	if !runsJar(r, p) {
		return r, nil
	}
	query := r.URL.Query()
	text := query.Get(argsQuery)
	body, fields, err := jarRequest(r)
	if err != nil {
		return nil, err
	}
	if raw, ok := fields[argsText]; ok {
		var s string
		if json.Unmarshal(raw, &s) == nil && s != "" {
			text = s
		}
	}
	if list, ok := fields[argsList]; ok && string(list) != "null" || text == "" || fields == nil {
		return withBody(r, body), nil
	}
	delete(fields, argsText)
	if fields[argsList], err = json.Marshal(splitArguments(text)); err != nil {
		return nil, fmt.Errorf("rewrite the arguments: %w", err)
	}
	if body, err = json.Marshal(fields); err != nil {
		return nil, fmt.Errorf("rewrite the arguments: %w", err)
	}
	r = withBody(r, body)
	query.Del(argsQuery)
	u := *r.URL
	u.RawQuery = query.Encode()
	r.URL = &u
	r.Method = http.MethodPost // A plan that is asked for with GET has no body.
	r.Header = r.Header.Clone()
	r.Header.Set("Content-Type", "application/json")
	return r, nil
}

// jarRequest reads the body of a request and its fields. The fields are nil when the body is no JSON object, of which
// Flink says more.
func jarRequest(r *http.Request) ([]byte, map[string]json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, fields, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxJarRequest))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, nil, fault.New(fault.TooLarge, "the request to run a jar is larger than %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return nil, nil, fault.New(fault.Malformed, "the request to run a jar could not be read: %v", err)
	}
	if len(bytes.TrimSpace(body)) > 0 && (json.Unmarshal(body, &fields) != nil || fields == nil) {
		return body, nil, nil //nolint:nilerr // Flink says more of a body that is no JSON object.
	}
	return body, fields, nil
}

// withBody is a copy of a request that has the given body.
func withBody(r *http.Request, body []byte) *http.Request {
	own := r.Clone(r.Context())
	own.Body, own.ContentLength, own.TransferEncoding = http.NoBody, int64(len(body)), nil
	if len(body) > 0 {
		own.Body = io.NopCloser(bytes.NewReader(body))
	}
	return own
}

// splitArguments divides a text at its white space as Flink 1 does (JarHandlerUtils.tokenizeArguments): an argument
// that begins with a quotation mark goes on to the next one, and loses both. Elsewhere quotation marks mean nothing.
func splitArguments(text string) []string {
	list := []string{}
	for {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
		if text == "" {
			return list
		}
		if quote := text[0]; quote == '"' || quote == '\'' {
			if end := strings.IndexByte(text[1:], quote); end >= 0 {
				list = append(list, text[1:1+end])
				text = text[end+2:]
				continue
			}
		}
		end := strings.IndexFunc(text, unicode.IsSpace)
		if end < 0 {
			end = len(text)
		}
		list = append(list, text[:end])
		text = text[end:]
	}
}

// Package rest is a small client of a JobManager's REST API, with the calls that the
// service and its tests make. It is the same for Flink 1.20 and 2.x.
//
// Every call takes a context and ends within Options.Timeout; uploads take as long as
// they move. What Flink complains about comes back as *Error, in one readable line.
// It keeps no state and repeats nothing: whether to try again is the caller's decision.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// Options say where a JobManager is and how to talk to it.
type Options struct {
	// URL is the base of the REST API, such as http://host:port or the path of a proxy.
	URL string
	// HTTP is the client to use; nil means one of its own. Its redirects are not followed.
	HTTP *http.Client
	// Timeout bounds each call but uploads; 0 means 20 seconds.
	Timeout time.Duration
	// Header is added to every request, for example an Authorization for a proxy.
	Header http.Header
}

// Client talks to one JobManager. It may be used by several goroutines.
type Client struct {
	base    string
	http    *http.Client
	timeout time.Duration
	header  http.Header
}

// New returns a client. It does not connect.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not the URL of a JobManager: write http://host:port", o.URL)
	}
	c := &Client{base: strings.TrimSuffix(u.String(), "/"), timeout: o.Timeout, header: o.Header}
	if c.timeout <= 0 {
		c.timeout = 20 * time.Second
	}
	plain := http.Client{}
	if o.HTTP != nil {
		plain = *o.HTTP
	}
	// A redirect would lead away from the JobManager that was meant.
	plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http = &plain
	return c, nil
}

// Error is what Flink answered instead of a result.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Message is the first line that says something.
	Message string
	// Details are all of Flink's words, stack traces included.
	Details string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// IsNotFound says that err is Flink's answer about something that does not exist.
func IsNotFound(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusNotFound
}

// IsStarting says that err is the answer of a JobManager that is not ready yet.
func IsStarting(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusServiceUnavailable
}

// call makes one request with a JSON body (nil: none) and reads the JSON answer into out (nil: none).
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(data)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return c.do(req, path, out)
}

func (c *Client) do(req *http.Request, path string, out any) error {
	maps.Copy(req.Header, c.header)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the JobManager: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("read the JobManager's answer to %s %s: %w", req.Method, path, err)
	}
	if len(data) > maxAnswer {
		return fmt.Errorf("the JobManager's answer to %s %s is longer than %d MB", req.Method, path, maxAnswer>>20)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return complaint(resp.StatusCode, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("the JobManager's answer to %s %s makes no sense: %w", req.Method, path, err)
	}
	return nil
}

// complaint turns an answer with a bad status into an Error.
func complaint(status int, data []byte) *Error {
	var answer struct {
		Errors []string `json:"errors"`
	}
	details := strings.TrimSpace(string(data))
	if err := json.Unmarshal(data, &answer); err == nil && len(answer.Errors) > 0 {
		details = strings.Join(answer.Errors, "\n")
	}
	e := &Error{Status: status, Details: details, Message: Reason(details)}
	if e.Message == "" || strings.HasPrefix(e.Message, "<") {
		e.Message = fmt.Sprintf("the JobManager answered %d %s", status, http.StatusText(status))
	}
	return e
}

// Reason finds, in one of Flink's errors or in a Java stack trace, the line that tells a
// person most: the last "Caused by" of the trace, or else its first line that is no frame and no
// mere wrapper, without the package of the exception.
func Reason(trace string) string {
	var first, cause string
	for line := range strings.SplitSeq(trace, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "at ") || strings.HasPrefix(line, "... ") ||
			line == "Internal server error." || strings.HasPrefix(line, "<Exception on server side:") ||
			strings.HasPrefix(line, "End of exception on server side") || strings.HasPrefix(line, "Suppressed:") {
			continue
		}
		if c, ok := strings.CutPrefix(line, "Caused by: "); ok {
			cause = c
			continue
		}
		if first == "" {
			first = line
		}
	}
	if cause == "" {
		cause = first
	}
	return plain(cause)
}

// plain drops the names of exception classes in front of a message ("a.b.CException: d.eError: text"), as
// long as a message is left.
func plain(line string) string {
	for {
		name, rest, ok := strings.Cut(line, ": ")
		if !ok || rest == "" || strings.ContainsAny(name, " \t") || !strings.Contains(name, ".") {
			return line
		}
		class := name[strings.LastIndexByte(name, '.')+1:]
		if !strings.HasSuffix(class, "Exception") && !strings.HasSuffix(class, "Error") {
			return line
		}
		switch class {
		case "ClassNotFoundException", "NoClassDefFoundError", "NoSuchMethodError", "NoSuchFieldError",
			"UnknownHostException", "FileNotFoundException", "NoSuchFileException":
			// Their message is a mere name, which says nothing without them.
			return class + ": " + rest
		}
		line = rest
	}
}

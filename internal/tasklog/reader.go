package tasklog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// tail is how much of the end of a file is read, in bytes: what an agent gives at once (Mesos, files.cpp: 16 pages).
const tail = 64 << 10

// maxAnswer bounds an answer of an agent: each byte may take six in JSON.
const maxAnswer = 8 * tail

// busy is how many tasks are looked at at once. When more end together their reasons are the same, or nobody reads them.
const busy = 8

// Options configure a Reader.
type Options struct {
	// Transport reaches the agents, with the credentials that they ask for.
	Transport http.RoundTripper
	// Timeout bounds one call; 5 s when 0.
	Timeout time.Duration
}

// Reader reads the files of ended tasks.
type Reader struct {
	o     Options
	slots chan struct{}
}

// New returns a Reader.
func New(o Options) (*Reader, error) {
	if o.Transport == nil {
		return nil, errors.New("tasklog: Transport is required")
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	return &Reader{o: o, slots: make(chan struct{}, busy)}, nil
}

// ErrBusy says that too many tasks ended at once.
var ErrBusy = errors.New("too many tasks ended at once to look at their logs")

// LastError returns the last error of a task; empty when its files say none. Endpoint is the address of the agent, sandbox
// the directory of the task there.
func (r *Reader) LastError(ctx context.Context, endpoint, sandbox string) (string, error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	default:
		return "", ErrBusy
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("the address of the agent is %q", endpoint)
	}
	stderr, errStderr := r.end(ctx, u, sandbox+"/stderr")
	stdout, errStdout := r.end(ctx, u, sandbox+"/stdout")
	if errStderr != nil && errStdout != nil {
		return "", errStderr
	}
	return Find(stderr, stdout), nil
}

// end reads the end of a file.
func (r *Reader) end(ctx context.Context, agent *url.URL, path string) (string, error) {
	// A negative offset asks for the size alone.
	size, _, err := r.read(ctx, agent, path, -1)
	if err != nil {
		return "", err
	}
	_, data, err := r.read(ctx, agent, path, max(0, size-tail))
	return data, err
}

// read asks an agent's files API for a part of a file. The offset of its answer is the size when that was asked for.
func (r *Reader) read(ctx context.Context, agent *url.URL, path string, offset int64) (int64, string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	query := url.Values{"path": {path}, "offset": {strconv.FormatInt(offset, 10)}}
	if offset >= 0 {
		query.Set("length", strconv.Itoa(tail))
	}
	u := url.URL{Scheme: agent.Scheme, Host: agent.Host, Path: "/files/read", RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, "", fmt.Errorf("read %s: %w", path, err)
	}
	resp, err := r.o.Transport.RoundTrip(req)
	if err != nil {
		return 0, "", fmt.Errorf("read %s: %w", path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, "", fmt.Errorf("read %s: the agent answered %s", path, resp.Status)
	}
	var chunk struct {
		Data   string `json:"data"`
		Offset int64  `json:"offset"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&chunk); err != nil {
		return 0, "", fmt.Errorf("read %s: %w", path, err)
	}
	return chunk.Offset, chunk.Data, nil
}

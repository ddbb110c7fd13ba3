// Package client speaks to the service: its API under /v1, and Flink's REST API
// through the service's proxy path. It turns every failure into one line that says
// what happened and what to do next.
//
// It refuses to guess: an answer that is not the API's (a login page, a gateway's
// error page) is an error, never an empty result. It reads no environment, prints
// nothing and waits for nothing; commands do that.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Limits of what is read of one answer, in bytes. They keep a wrong server from
// filling the memory; the API's own answers are far below them.
const (
	maxAnswer = 64 << 20
	maxError  = 1 << 20
)

// DefaultTimeout bounds a call that does not carry a file.
const DefaultTimeout = 60 * time.Second

// Options say which service is spoken to and how.
type Options struct {
	// BaseURL is the service's own address, http or https, with or without the last slash.
	BaseURL string
	// Token is sent as "Authorization: token=…" when it is not empty.
	Token string
	// Bearer is sent as "Authorization: Bearer …" instead of Token when it is not empty: a service
	// without Admin Router before it may ask for one.
	Bearer string
	// Cluster is the address of the DC/OS cluster that the service is installed in; empty when it is not reached through one.
	Cluster string
	// Service is the name that error messages use; empty when the address was given as a whole.
	Service string
	// HTTP makes the calls; nil means http.DefaultClient. It should have no timeout of its own,
	// because uploads take as long as they take.
	HTTP *http.Client
	// Timeout bounds every call that carries no file; 0 means DefaultTimeout.
	Timeout time.Duration
	// Log gets one line for each call at level Info; nil is silent.
	Log *slog.Logger
	// Agent is the User-Agent header; empty means "dcos-flink".
	Agent string
}

// validate says which option is wrong.
func (o Options) validate() error {
	u, err := url.Parse(o.BaseURL)
	if err != nil {
		return fault.New(fault.Invalid, "service address %q is not a URL: %v", o.BaseURL, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fault.New(fault.Invalid, "service address %q must start with http:// or https:// and name a host, such as http://127.0.0.1:8080", o.BaseURL)
	}
	if strings.ContainsAny(o.Token, "\r\n\x00") {
		return fault.New(fault.Invalid, "the token (DCOS_ACS_TOKEN) contains a line break: run dcos auth login")
	}
	if strings.ContainsAny(o.Bearer, " \r\n\x00") {
		return fault.New(fault.Invalid, "the token of the service (DCOS_FLINK_TOKEN) contains whitespace: set only the token, without its scope")
	}
	return nil
}

// Client speaks to one service. It is safe for use by several goroutines.
type Client struct {
	opts Options
	base string
	host string
}

// New returns a client of the service at opts.BaseURL. It makes no call.
func New(opts Options) (*Client, error) {
	opts.BaseURL = strings.TrimSuffix(opts.BaseURL, "#/")
	if err := opts.validate(); err != nil {
		return nil, err
	}
	u, err := url.Parse(opts.BaseURL)
	if err != nil {
		return nil, err
	}
	if u.User != nil {
		return nil, fault.New(fault.Invalid, "service address %s carries a user: leave it out and log in with dcos auth login", u.Redacted())
	}
	u.RawQuery, u.Fragment = "", ""
	if opts.HTTP == nil {
		opts.HTTP = http.DefaultClient
	}
	if opts.Timeout == 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Agent == "" {
		opts.Agent = "dcos-flink"
	}
	return &Client{opts: opts, base: strings.TrimRight(u.String(), "/"), host: u.Host}, nil
}

// URL returns the service's address with the given path behind it. The path is
// used as it is; see pathOf for building one from names.
func (c *Client) URL(path string) string {
	return c.base + "/" + strings.TrimPrefix(path, "/")
}

// pathOf joins segments into an escaped path. A segment that is empty or consists of
// dots only would change which resource is meant, and is refused.
func pathOf(segments ...string) (string, error) {
	var b strings.Builder
	for _, s := range segments {
		if s == "" || s == "." || s == ".." {
			return "", fault.New(fault.Invalid, "%q is not a name", s)
		}
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String(), nil
}

// call is one request.
type call struct {
	method string
	path   []string
	query  url.Values
	// body is encoded as JSON unless it is nil.
	body any
	// accept is the media type asked for; empty means JSON.
	accept string
	// besides is a status that carries an answer though it is not a success; 0 means none.
	besides int
}

// do performs a call that carries no file and returns the answer's body, which is
// JSON unless something else was asked for.
func (c *Client) do(ctx context.Context, r call) (json.RawMessage, error) {
	data, _, err := c.perform(ctx, r)
	return data, err
}

// perform is do that returns the status of the answer as well.
func (c *Client) perform(ctx context.Context, r call) (json.RawMessage, int, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	var body io.Reader
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return nil, 0, fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	path, err := pathOf(r.path...)
	if err != nil {
		return nil, 0, err
	}
	address := c.URL(path)
	asked, _ := ctx.Value(changeKey{}).(Change)
	r.query = asked.query(r)
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, 0, fmt.Errorf("build the request: %w", err)
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	asked.expect(req)
	if r.accept == "" {
		req.Header.Set("Accept", "application/json")
	} else {
		req.Header.Set("Accept", r.accept)
	}
	return c.exchange(req, r.accept == "", r.besides)
}

// send performs a request and reads its answer. With wantJSON an answer of another
// type is an error. What comes with one of the statuses besides is an answer as well.
func (c *Client) send(req *http.Request, wantJSON bool, besides ...int) (json.RawMessage, error) {
	data, _, err := c.exchange(req, wantJSON, besides...)
	return data, err
}

// exchange is send that returns the status of the answer as well.
func (c *Client) exchange(req *http.Request, wantJSON bool, besides ...int) (json.RawMessage, int, error) {
	req.Header.Set("User-Agent", c.opts.Agent)
	switch {
	case c.opts.Bearer != "":
		req.Header.Set("Authorization", "Bearer "+c.opts.Bearer)
	case c.opts.Token != "":
		req.Header.Set("Authorization", "token="+c.opts.Token)
	}
	start := time.Now()
	resp, err := c.opts.HTTP.Do(req)
	if err != nil {
		c.opts.Log.Info("call", "method", req.Method, "url", req.URL.Redacted(), "error", err)
		return nil, 0, c.connection(req, err)
	}
	defer resp.Body.Close()
	c.opts.Log.Info("call", "method", req.Method, "url", req.URL.Redacted(), "status", resp.StatusCode,
		"took", time.Since(start).Round(time.Millisecond))
	if (resp.StatusCode < 200 || resp.StatusCode >= 300) && !slices.Contains(besides, resp.StatusCode) {
		data, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
		if err != nil {
			return nil, 0, c.connection(req, err)
		}
		return nil, 0, c.refusal(resp, data)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, 0, c.connection(req, err)
	}
	if len(data) > maxAnswer {
		return nil, 0, fault.New(fault.TooLarge, "the response of %s exceeds %d MiB", req.URL.Redacted(), maxAnswer>>20)
	}
	if !wantJSON && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		return nil, 0, c.foreign(resp, data)
	}
	if wantJSON && len(bytes.TrimSpace(data)) > 0 && !json.Valid(data) {
		return nil, 0, c.foreign(resp, data)
	}
	return data, resp.StatusCode, nil
}

// decode performs a call and decodes its answer into out.
func (c *Client) decode(ctx context.Context, r call, out any) (json.RawMessage, error) {
	data, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return nil, &ConnectionError{
			Message: fmt.Sprintf("unexpected response from %s (%v)", c.base, err),
			Advice:  "compare the versions: dcos flink version",
		}
	}
	return data, nil
}

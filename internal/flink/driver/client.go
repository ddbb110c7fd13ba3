// Package driver owns the service's half of the exchange with the driver inside a JobManager: it
// reads the workers that Flink wants and says what is so of each. It launches and kills nothing
// and remembers nothing that a restart could lose; what to do is decided elsewhere.
//
// The other half is resources/resource-manager-driver, where the protocol is described.
package driver

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxAnswer bounds what is read of an answer: some ten thousand workers.
const maxAnswer = 32 << 20

// MaxWait is the longest time that a driver holds a read back.
const MaxWait = 60 * time.Second

// Token is the secret that a cluster's driver and the service share. It never prints.
type Token string

// String hides the token.
func (Token) String() string { return "(hidden)" }

// LogValue hides the token.
func (Token) LogValue() slog.Value { return slog.StringValue("(hidden)") }

// Options configure a Client.
type Options struct {
	// Address is host:port of the driver.
	Address string
	Token   Token
	// TLS is set when the cluster uses Flink's REST TLS: its RootCAs verify the driver, its
	// Certificates answer security.ssl.rest.authentication-enabled.
	TLS *tls.Config
	// Timeout bounds a call beyond the time that the driver holds it back on purpose;
	// 10 s when 0.
	Timeout time.Duration
	// Dial connects to the driver; nil for the network of the machine.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Transport replaces the network, for tests; TLS is then its own affair.
	Transport http.RoundTripper
}

func (o *Options) validate() error {
	if _, _, err := net.SplitHostPort(o.Address); err != nil {
		return fmt.Errorf("driver: Address %q is not host:port: %w", o.Address, err)
	}
	if o.Token == "" {
		return errors.New("driver: Token is empty")
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Timeout < 0 {
		return errors.New("driver: Timeout is negative")
	}
	return nil
}

// Client calls one driver. It is safe for use by several goroutines.
type Client struct {
	base  string
	token Token
	wait  time.Duration
	http  *http.Client
}

// New returns a Client; nothing is dialled yet.
func New(o Options) (*Client, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	scheme := "http"
	if o.TLS != nil {
		scheme = "https"
	}
	transport := o.Transport
	if transport == nil {
		dial := o.Dial
		if dial == nil {
			dial = (&net.Dialer{Timeout: min(o.Timeout, 5*time.Second)}).DialContext
		}
		transport = &http.Transport{
			// Addresses inside the Mesos cluster are never behind the proxy of the environment.
			Proxy:               nil,
			DialContext:         dial,
			TLSClientConfig:     o.TLS,
			TLSHandshakeTimeout: o.Timeout,
			MaxIdleConnsPerHost: 2,
			// Below the 30 s after which the JDK's server closes an idle connection.
			IdleConnTimeout: 20 * time.Second,
		}
	}
	return &Client{
		base:  scheme + "://" + o.Address,
		token: o.Token,
		wait:  o.Timeout,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Wanted reads the wanted workers. When epoch and after are those of the driver, it waits up to
// wait (0 to MaxWait, whole seconds) for a change, and returns what is so in any case.
func (c *Client) Wanted(ctx context.Context, epoch string, after int64, wait time.Duration) (Wanted, error) {
	wait = min(max(wait, 0), MaxWait).Truncate(time.Second)
	q := url.Values{
		"epoch": {epoch},
		"after": {strconv.FormatInt(after, 10)},
		"wait":  {strconv.Itoa(int(wait / time.Second))},
	}
	var w Wanted
	if err := c.call(ctx, http.MethodGet, "/v1/wanted?"+q.Encode(), wait, nil, &w); err != nil {
		return Wanted{}, fmt.Errorf("read the wanted workers: %w", err)
	}
	if w.Epoch == "" {
		return Wanted{}, errors.New("read the wanted workers: the answer has no epoch")
	}
	for i := range w.Workers {
		if w.Workers[i].ID == "" {
			return Wanted{}, fmt.Errorf("read the wanted workers: workers[%d].id is empty", i)
		}
	}
	return w, nil
}

// Report says what is so. A report for another epoch gives a *StaleEpochError.
func (c *Client) Report(ctx context.Context, r Report) (Answer, error) {
	if r.Workers == nil {
		// The driver refuses null: no list is not an empty one.
		r.Workers = []WorkerStatus{}
	}
	body, err := json.Marshal(r)
	if err != nil {
		return Answer{}, fmt.Errorf("report workers: %w", err)
	}
	var a Answer
	if err := c.call(ctx, http.MethodPut, "/v1/workers", 0, body, &a); err != nil {
		return Answer{}, fmt.Errorf("report workers: %w", err)
	}
	return a, nil
}

// Close drops idle connections.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
}

func (c *Client) call(ctx context.Context, method, path string, wait time.Duration, body []byte, into any) (err error) {
	ctx, cancel := context.WithTimeout(ctx, wait+c.wait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+string(c.token))
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if len(data) > maxAnswer {
		return fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	if resp.StatusCode != http.StatusOK {
		return failure(resp.StatusCode, data)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

func failure(status int, data []byte) error {
	var body struct {
		Epoch string `json:"epoch"`
		Error string `json:"error"`
	}
	// What is not JSON is not of the driver; the status says enough then.
	_ = json.Unmarshal(data, &body)
	switch {
	case status == http.StatusUnauthorized:
		return ErrUnauthorized
	case status == http.StatusConflict && body.Epoch != "":
		return &StaleEpochError{Current: body.Epoch}
	case status == http.StatusServiceUnavailable:
		return ErrClosing
	}
	return &StatusError{Status: status, Message: body.Error}
}

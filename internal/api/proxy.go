package api

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/api/access"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// A request below /v1/clusters/{name}/ui/ goes to the cluster's JobManager with that prefix taken off.
// Flink's own client (since 1.19, FLINK-32884) takes such an address as it is, flink run -m
// http://host:port/v1/clusters/{name}/ui: it puts the path of the address before its own. Flink's page
// uses relative addresses only.

// errStalled ends a proxied request in which nothing moved.
var errStalled = errors.New("no data in either direction")

// routeProxy sends what is below a cluster's ui to its JobManager, and the rest to next.
func (a *API) routeProxy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := access.ProxyPath(r.URL.EscapedPath())
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		if err := a.proxy(w, r, p); err != nil {
			a.refuse(w, r, err)
		}
	})
}

// proxy performs one request, or returns an error that was not answered yet.
func (a *API) proxy(w http.ResponseWriter, r *http.Request, p access.Proxied) error {
	for segment := range strings.SplitSeq(p.Rest, "/") {
		if access.Dotted(segment) {
			return fault.New(fault.Malformed, "the path contains . or ..: send a normalized path")
		}
	}
	vw := a.o.Core.View()
	if _, ok := view.Spec(vw, p.Name); !ok {
		a.silent.Delete(p.Name) // Its cluster may be gone.
		return noCluster(p.Name)
	}
	if p.Bare {
		target := "ui/"
		if r.URL.RawQuery != "" {
			target += "?" + r.URL.RawQuery
		}
		w.Header().Set("Location", target) // Relative, so that it is right below any prefix.
		w.WriteHeader(http.StatusTemporaryRedirect)
		return nil
	}
	jm, ok := view.JobManagerOf(vw, p.Name)
	port := jm.Ports["rest"]
	if !ok || port == 0 || jm.Host() == "" {
		return a.noJobManager(w, r, p.Name)
	}
	target := &url.URL{Scheme: "http", Host: net.JoinHostPort(jm.Host(), strconv.Itoa(port))}
	if jm.Secure {
		target.Scheme = "https"
	}
	transport, err := a.o.JobManagers(jm)
	if err != nil {
		return fault.New(fault.Upstream, "the JobManager of cluster %s cannot be reached: %v", p.Name, err)
	}
	if r, err = listArguments(r, p); err != nil {
		return err
	}
	a.forward(w, r, p, way{target, transport})
	return nil
}

// way leads to a JobManager.
type way struct {
	*url.URL
	transport http.RoundTripper
}

// forward lets a request through. The server's own time limits do not apply: what counts is that something moves.
func (a *API) forward(w http.ResponseWriter, r *http.Request, p access.Proxied, target way) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // A writer without deadlines has its own rules.
	_ = control.SetWriteDeadline(time.Time{})

	watch, ctx := newWatch(r.Context(), a.o.StallTimeout, control)
	defer watch.stop()
	r = r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &watchedBody{ReadCloser: r.Body, watch: watch}
	}
	proxy := &httputil.ReverseProxy{
		Transport:     target.transport,
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(a.o.Log.Handler(), slog.LevelDebug),
		Rewrite:       func(pr *httputil.ProxyRequest) { rewrite(pr, p, target.URL) },
		ModifyResponse: func(resp *http.Response) error {
			watch.touch()
			a.answers(p.Name, target.Host)
			resp.Body = &watchedBody{ReadCloser: resp.Body, watch: watch}
			cleanAnswer(resp, p, target.URL)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			a.refuse(w, r, a.explainProxy(w, r, p, target.URL, err))
		},
	}
	proxy.ServeHTTP(w, r)
}

// dropped are the headers of a request that are for us, or that would let it become another one at the JobManager.
var dropped = []string{
	"Authorization", "Cookie", "Connection", "Upgrade", "Te", "Expect", "Forwarded", "Via", "X-Real-Ip",
	"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url", "Origin", "Referer",
}

// rewrite addresses the outgoing request. Hop-by-hop and X-Forwarded headers are gone already.
func rewrite(pr *httputil.ProxyRequest, p access.Proxied, target *url.URL) {
	out := pr.Out
	out.URL.Scheme, out.URL.Host, out.Host = target.Scheme, target.Host, target.Host
	out.URL.Path, out.URL.RawPath = p.Rest, ""
	if plain, err := url.PathUnescape(p.Rest); err == nil {
		out.URL.Path, out.URL.RawPath = plain, p.Rest
	}
	for _, name := range dropped {
		out.Header.Del(name)
	}
}

// cleanAnswer makes what the JobManager says right at our address: redirects become relative, cookies and
// the permission for other origins (Flink's default is "*") do not leave its own address.
func cleanAnswer(resp *http.Response, p access.Proxied, target *url.URL) {
	for name := range resp.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			resp.Header.Del(name)
		}
	}
	resp.Header.Del("Set-Cookie")
	location := resp.Header.Get("Location")
	u, err := url.Parse(location)
	if location == "" || err != nil {
		return
	}
	own := u.Host == "" || strings.EqualFold(u.Host, target.Host)
	if !own || u.Host == "" && !strings.HasPrefix(u.Path, "/") {
		return
	}
	// From the directory of the request's path up to ui/, and down again.
	up := strings.Repeat("../", strings.Count(p.Rest, "/")-1)
	relative := url.URL{Path: "./" + up + strings.TrimLeft(u.Path, "/"), RawQuery: u.RawQuery, Fragment: u.Fragment}
	resp.Header.Set("Location", relative.String())
}

// explainProxy turns the failure of a proxied request into an answer.
func (a *API) explainProxy(w http.ResponseWriter, r *http.Request, p access.Proxied, target *url.URL, err error) error {
	w.Header().Set("Connection", "close") // The rest of the request's body is of no use.
	if errors.Is(context.Cause(r.Context()), errStalled) {
		return &statusError{status: http.StatusGatewayTimeout, err: fault.New(fault.Upstream,
			"the JobManager of cluster %s at %s did not respond within %s", p.Name, target.Host, a.o.StallTimeout)}
	}
	if r.Context().Err() != nil {
		return r.Context().Err()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		err = op.Err
	}
	a.silence(p.Name, target.Host, err)
	return fault.New(fault.Upstream,
		"the JobManager of cluster %s at %s is not responding (%v): it may still be starting; see GET /v1/clusters/%s", p.Name, target.Host, err, p.Name)
}

// silence logs that a JobManager is not responding, once until it answers or another address takes its place:
// clients ask several times a second while a cluster comes up.
func (a *API) silence(name, address string, err error) {
	if was, known := a.silent.Swap(name, address); !known || was != address {
		a.o.Log.Info("JobManager is not responding", "cluster", name, "address", address, "error", err)
	}
}

// answers logs the end of a silence.
func (a *API) answers(name, address string) {
	if _, was := a.silent.LoadAndDelete(name); was {
		a.o.Log.Info("JobManager is responding", "cluster", name, "address", address)
	}
}

// noJobManager is responding that there is nothing to talk to yet: as a page that loads itself again for a browser.
func (a *API) noJobManager(w http.ResponseWriter, r *http.Request, name string) error {
	d, err := a.describe(name)
	if err != nil {
		return err
	}
	why := "no JobManager is running"
	switch {
	case len(d.Waiting) > 0 && d.Waiting[0].Reason != "":
		why = d.Waiting[0].Reason
	case d.Status.Message != "":
		why = d.Status.Message
	}
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return fault.New(fault.Unavailable, "cluster %s has no running JobManager (state %s: %s); retry when it is up", name, d.Status.State, why)
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	header.Set("Cache-Control", "no-store")
	header.Set("Retry-After", strconv.Itoa(retryAfter))
	w.WriteHeader(http.StatusServiceUnavailable)
	data := struct {
		Name, Why string
		State     wire.State
		Seconds   int
	}{name, why, d.Status.State, retryAfter}
	if err := waitingPage.Execute(w, data); err != nil {
		a.o.Log.Debug("waiting page was not sent", "cluster", name, "error", err)
	}
	return nil
}

var waitingPage = template.Must(template.New("waiting").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{{.Seconds}}">
<title>{{.Name}} is not up</title>
<style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>
</head>
<body>
<h1>{{.Name}} has no running JobManager</h1>
<p>State {{.State}}: {{.Why}}.</p>
<p>This page reloads every {{.Seconds}} seconds.</p>
</body>
</html>
`))

// stallFarewell is how long a client that stood still has to take the answer that says so.
const stallFarewell = time.Second

// watch ends a request when nothing moved for a time.
type watch struct {
	timer   *time.Timer
	timeout time.Duration
	cancel  context.CancelCauseFunc
}

// newWatch begins to watch. Cancelling reaches the JobManager's side only: a read of the request's body or a
// write to the client that stands still ends by its deadline, and the handler would wait for both.
func newWatch(parent context.Context, timeout time.Duration, client *http.ResponseController) (*watch, context.Context) {
	ctx, cancel := context.WithCancelCause(parent)
	cause := fmt.Errorf("%w for %s", errStalled, timeout)
	stalled := func() {
		cancel(cause)
		_ = client.SetReadDeadline(time.Now()) // A writer without deadlines has its own rules.
		_ = client.SetWriteDeadline(time.Now().Add(stallFarewell))
	}
	return &watch{timer: time.AfterFunc(timeout, stalled), timeout: timeout, cancel: cancel}, ctx
}

func (w *watch) touch() { w.timer.Reset(w.timeout) }

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// watchedBody reports that bytes moved.
type watchedBody struct {
	io.ReadCloser
	watch *watch
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.watch.touch()
	}
	return n, err
}

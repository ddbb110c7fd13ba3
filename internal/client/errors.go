package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// ConnectionError says that the service was not reached, or that something else
// answered in its place. The call may or may not have had an effect.
type ConnectionError struct {
	// Message says what happened.
	Message string
	// Advice says what to do next; it may be empty.
	Advice string
	// Err is the cause; it may be nil.
	Err error
}

// Error returns the message and the advice in one line.
func (e *ConnectionError) Error() string {
	if e.Advice == "" {
		return e.Message
	}
	return e.Message + ": " + e.Advice
}

// Unwrap returns the cause.
func (e *ConnectionError) Unwrap() error { return e.Err }

// Temporary says whether waiting may help: the service was not reached, or it (or a
// gateway before it) said that it is not ready. It is used while following something
// that takes longer than a restart of the service.
func Temporary(err error) bool {
	if _, ok := errors.AsType[*ConnectionError](err); ok {
		_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
		_, wrong := errors.AsType[x509.HostnameError](err)
		return !unknown && !wrong && !errors.Is(err, context.Canceled)
	}
	code := fault.Code("")
	if e, ok := errors.AsType[*fault.Error](err); ok {
		code = e.Code
	}
	return code == fault.Unavailable || code == fault.Upstream
}

// NotFound says that the API (not a gateway before it) does not know what was named.
func NotFound(err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	return ok && e.Code == fault.NotFound
}

// connection explains why a request got no answer.
func (c *Client) connection(req *http.Request, err error) error {
	if cause := context.Cause(req.Context()); errors.Is(cause, context.Canceled) {
		return fmt.Errorf("interrupted: %w", context.Canceled)
	}
	at := req.URL.Scheme + "://" + req.URL.Host
	e := &ConnectionError{Err: err}
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		verify   *tls.CertificateVerificationError
		dns      *net.DNSError
		op       *net.OpError
		timeout  net.Error
	)
	switch {
	case errors.As(err, &unknown):
		e.Message = fmt.Sprintf("the certificate of %s is signed by an unknown authority", at)
		e.Advice = "name the cluster's CA file in DCOS_TLS_CA_PATH, or run dcos cluster setup again"
	case errors.As(err, &hostname):
		e.Message = fmt.Sprintf("the certificate of %s is for another host (%v)", at, hostname)
		e.Advice = "use the host name that the certificate names"
	case errors.As(err, &invalid):
		e.Message = fmt.Sprintf("the certificate of %s is not valid (%v)", at, invalid)
		e.Advice = "check the local clock and the server's certificate"
	case errors.As(err, &verify):
		e.Message = fmt.Sprintf("the certificate of %s cannot be verified (%v)", at, verify.Err)
		e.Advice = "name the cluster's CA file in DCOS_TLS_CA_PATH"
	case errors.As(err, &record) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		e.Message = fmt.Sprintf("%s does not speak TLS", at)
		e.Advice = "use http:// in its address"
	case errors.As(err, &dns):
		e.Message = fmt.Sprintf("unknown host %s", req.URL.Hostname())
		e.Advice = "check the address (DCOS_URL or DCOS_FLINK_URL) and the name service"
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
		e.Message = fmt.Sprintf("%s timed out", at)
		e.Advice = "check that the service is healthy (GET /v1/health) and retry"
	case errors.As(err, &op) && op.Op == "proxyconnect":
		e.Message = fmt.Sprintf("the proxy for %s refused (%v)", at, op.Err)
		e.Advice = "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
	case errors.As(err, &op) && op.Op == "dial":
		e.Message = fmt.Sprintf("cannot connect to %s", at)
		e.Advice = "check that the service is running and that its address is correct"
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		e.Message = fmt.Sprintf("%s closed the connection before responding", at)
		e.Advice = "try again"
	default:
		e.Message = fmt.Sprintf("call to %s failed (%v)", at, rootOf(err))
		e.Advice = "try again"
	}
	return e
}

// rootOf drops the method and the URL that net/http puts around an error.
func rootOf(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// refusal explains an answer that is not a success.
func (c *Client) refusal(resp *http.Response, body []byte) error {
	if e := ownError(resp.StatusCode, body); e != nil {
		if own, ok := errors.AsType[*fault.Error](e); ok && own.Code == fault.Unauthorized {
			own.Message += "; this program reads it from DCOS_FLINK_TOKEN"
		}
		return e
	}
	if e := flinkError(resp.StatusCode, body); e != nil {
		return e
	}
	status := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		return fault.New(fault.Unauthorized, "authentication with %s failed (%s): run dcos auth login", c.host, status)
	case http.StatusForbidden:
		return fault.New(fault.Forbidden, "%s denies access to this service (%s): request the permission, or log in as another user with dcos auth login", c.host, status)
	case http.StatusNotFound:
		return &ConnectionError{Message: c.missing(status), Advice: c.nameAdvice()}
	case http.StatusRequestEntityTooLarge:
		return fault.New(fault.TooLarge, "%s does not take a request of this size (%s)", c.host, status)
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &ConnectionError{
			Message: fmt.Sprintf("%s cannot reach the service (%s)", c.host, status),
			Advice:  "it may still be starting; check its state in Marathon and retry",
		}
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return &ConnectionError{
			Message: fmt.Sprintf("%s redirects to nowhere (%s)", c.host, status), Advice: c.nameAdvice(),
		}
	}
	text := status
	var with struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &with) == nil && with.Message != "" {
		text += ": " + oneLine(with.Message)
	}
	return fault.New(fault.Upstream, "%s answered %s", c.host, text)
}

// missing says that no service answers at the address.
func (c *Client) missing(status string) string {
	if c.opts.Service != "" {
		return fmt.Sprintf("there is no service named %q at %s (%s)", c.opts.Service, c.host, status)
	}
	return fmt.Sprintf("there is no Flink service at %s (%s)", c.base, status)
}

// nameAdvice says how another service or address is chosen.
func (c *Client) nameAdvice() string {
	if c.opts.Service != "" {
		return "set the name with --name, or with dcos config set flink.service_name NAME"
	}
	return "check DCOS_FLINK_URL"
}

// foreign explains a successful answer that is not the API's.
func (c *Client) foreign(resp *http.Response, body []byte) error {
	what := "a response that is not JSON"
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) || strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		what = "a web page instead of JSON"
	}
	return &ConnectionError{
		Message: fmt.Sprintf("%s answered with %s", resp.Request.URL.Redacted(), what),
		Advice:  c.nameAdvice(),
	}
}

// ownError reads an error of the service's API; nil when it is none.
func ownError(status int, body []byte) error {
	var e fault.Error
	if json.Unmarshal(body, &e) != nil || !slices.Contains(fault.Codes(), e.Code) {
		return nil //nolint:nilerr // The body is of another kind, which is not an error of its own.
	}
	if e.Message == "" {
		e.Message = http.StatusText(status)
	}
	return &e
}

// flinkError reads an error of Flink's REST API; nil when it is none.
func flinkError(status int, body []byte) error {
	var answer struct {
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Errors) == 0 {
		return nil //nolint:nilerr // As above.
	}
	code := fault.Upstream
	switch status {
	case http.StatusNotFound:
		code = fault.NotFound
	case http.StatusConflict:
		code = fault.Conflict
	case http.StatusBadRequest:
		code = fault.Invalid
	case http.StatusServiceUnavailable:
		code = fault.Unavailable
	case http.StatusRequestEntityTooLarge:
		code = fault.TooLarge
	}
	return fault.New(code, "Flink: %s", Reason(strings.Join(answer.Errors, "\n")))
}

// Reason reduces a text of Flink, often a Java stack trace, to the line that a person
// needs: the innermost cause of the first trace in it, without the names of the
// exception classes that only wrap another.
func Reason(text string) string {
	var first, cause string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		line = strings.TrimPrefix(line, "<Exception on server side:")
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line == "Internal server error." || strings.HasPrefix(line, "at ") ||
			strings.HasPrefix(line, "... ") || strings.HasPrefix(line, "End of exception on server side"):
			continue
		case strings.HasPrefix(line, "Caused by: "):
			cause = unwrapped(strings.TrimPrefix(line, "Caused by: "))
		case first == "":
			first = unwrapped(line)
		}
	}
	switch {
	case first == "" && cause == "":
		return "no reason given"
	case cause == "" || strings.Contains(first, cause) || strings.HasSuffix(first, message(cause)):
		return clip(first)
	case first == "" || strings.Contains(cause, first):
		return clip(cause)
	default:
		return clip(strings.TrimSuffix(first, ".") + ": " + cause)
	}
}

// wrappers are exception classes whose name says nothing to a user.
var wrappers = []string{ //nolint:gochecknoglobals // A constant table.
	"java.util.concurrent.CompletionException",
	"java.util.concurrent.ExecutionException",
	"java.lang.RuntimeException",
	"org.apache.flink.runtime.rest.handler.RestHandlerException",
	"org.apache.flink.runtime.rest.NotFoundException",
	"org.apache.flink.util.FlinkRuntimeException",
	"org.apache.flink.util.FlinkException",
	"org.apache.flink.util.SerializedThrowable",
	"org.apache.flink.client.program.ProgramInvocationException",
	"org.apache.flink.runtime.JobException",
	"org.apache.flink.runtime.client.JobExecutionException",
	"org.apache.flink.runtime.messages.FlinkJobNotFoundException",
}

// unwrapped removes the leading names of wrapping exceptions from a line.
func unwrapped(line string) string {
	for again := true; again; {
		again = false
		for _, w := range wrappers {
			if rest, ok := strings.CutPrefix(line, w+": "); ok {
				line, again = rest, true
			}
		}
	}
	return strings.TrimSpace(line)
}

// message is what stands behind the name of an exception's class.
func message(line string) string {
	class, text, ok := strings.Cut(line, ": ")
	if !ok || strings.ContainsAny(class, " \t") {
		return line
	}
	return text
}

// places are where a task's files are on its agent: they say nothing to a user, who has no access there.
var places = regexp.MustCompile(`(?:file:)?/[^\s'"]*/frameworks/[^/\s]+/executors/[^/\s]+/runs/[^/\s'"]+/?`)

// uploads are the names under which a JobManager keeps jars.
var uploads = regexp.MustCompile(`(?:file:)?[^\s'"]*flink-web-upload/[0-9a-f]{8}-[0-9a-f-]{27}_`)

// clip bounds a line, so that one error stays one line on a screen, and leaves out where files are on an agent.
func clip(s string) string {
	const most = 500
	s = places.ReplaceAllString(uploads.ReplaceAllString(oneLine(s), ""), "")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// oneLine replaces everything that would start another line or move the cursor.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
}

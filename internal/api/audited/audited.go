// Package audited writes requests into the audit record, and answers what that has.
package audited

import (
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/audit"
	"github.com/flink-on-mesos/flink-service/internal/auth"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// maxRefused is how many refused requests of one address have an entry in a minute, and maxAddresses of how many
	// addresses: who is refused must not fill the record.
	maxRefused   = 30
	maxAddresses = 20
	// maxPath is the longest path in an entry, in bytes.
	maxPath = 1000
	// limitDefault and limitMost bound an answer.
	limitDefault = 100
	limitMost    = audit.Recent
)

// Request is what is told of one.
type Request struct {
	By      wire.Actor
	Cluster string
	Need    auth.Scope
}

// Audited writes requests into a record. It is safe for use by several goroutines.
type Audited struct {
	record *audit.Log
	log    *slog.Logger
	now    func() time.Time

	mu sync.Mutex
	// minute is when the counts of the refused requests began, refused has them by address, and suppressed counts those
	// without an entry.
	minute     time.Time
	refused    map[string]int
	suppressed int
}

// New returns an Audited.
func New(record *audit.Log, log *slog.Logger) *Audited {
	return &Audited{record: record, log: log, now: time.Now, refused: map[string]int{}}
}

// requestID is the form of an id that a caller may choose.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Handler writes what it passes to next: every request that takes more than the scope read, and every one that is refused.
// Each answer has the id of its request as X-Request-Id: that of the caller, or a new one.
func (a *Audited) Handler(next http.Handler, describe func(*http.Request) Request) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		about := describe(r)
		if about.Need == auth.None {
			next.ServeHTTP(w, r)
			return
		}
		id := r.Header.Get("X-Request-Id")
		if !requestID.MatchString(id) {
			id = rand.Text()
		}
		w.Header().Set("X-Request-Id", id)
		seen := &status{ResponseWriter: w, code: http.StatusOK}
		began := a.now()
		defer func() { // Also when the proxy cuts the connection.
			if name, made := strings.CutPrefix(w.Header().Get("Location"), "clusters/"); made && about.Cluster == "" {
				about.Cluster, _ = url.PathUnescape(name)
			}
			a.write(r, about, audit.Entry{Time: began, Request: id, Status: seen.code})
		}()
		next.ServeHTTP(seen, r)
	})
}

// write adds an entry for a request that was answered.
func (a *Audited) write(r *http.Request, about Request, e audit.Entry) {
	switch {
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		e.Outcome = audit.Refused
		if !a.countRefused(r, &e) {
			return
		}
	case about.Need <= auth.Read:
		return
	case e.Status >= http.StatusBadRequest:
		e.Outcome = audit.Failed
	default:
		e.Outcome = audit.Done
	}
	e.Token, e.User, e.Address = about.By.Name, about.By.User, about.By.Address
	e.Method, e.Path = query.Shorten(r.Method), strings.ToValidUTF8(r.URL.EscapedPath(), "\uFFFD")
	if len(e.Path) > maxPath {
		e.Path = strings.ToValidUTF8(e.Path[:maxPath], "") + "…"
	}
	e.Cluster, e.Scope = query.Shorten(about.Cluster), about.Need.String()
	if err := a.record.Add(e); err != nil {
		a.log.Error("request not written to the audit record", "request", e.Request, "error", err)
	}
}

// countRefused says whether a refused request has an entry, which then tells how many before it have none.
func (a *Audited) countRefused(r *http.Request, e *audit.Entry) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := a.now(); now.Sub(a.minute) >= time.Minute {
		a.minute = now
		clear(a.refused)
	}
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		peer = r.RemoteAddr
	}
	n, known := a.refused[peer]
	if n >= maxRefused || !known && len(a.refused) >= maxAddresses {
		a.suppressed++
		return false
	}
	a.refused[peer] = n + 1
	e.Suppressed, a.suppressed = a.suppressed, 0
	return true
}

// List reads entries as the query of a request says.
func (a *Audited) List(r *http.Request) ([]audit.Entry, error) {
	after, err := query.Number(r, "after", -1, 0, 1<<62)
	if err != nil {
		return nil, err
	}
	limit, err := query.Number(r, "limit", limitDefault, 1, limitMost)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	switch q.Get("outcome") {
	case "", audit.Done, audit.Refused, audit.Failed:
	default:
		return nil, query.Invalid("outcome", "%q is not known: use done, refused or failed", query.Shorten(q.Get("outcome")))
	}
	return a.record.Read(audit.Query{Cluster: q.Get("cluster"), Token: q.Get("token"), Outcome: q.Get("outcome"), After: after, Limit: int(limit)}), nil
}

// status notes the status of an answer.
type status struct {
	http.ResponseWriter
	code    int
	written bool
}

// WriteHeader implements http.ResponseWriter.
func (s *status) WriteHeader(code int) {
	if !s.written && code >= http.StatusOK {
		s.code, s.written = code, true
	}
	s.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (s *status) Write(b []byte) (int, error) {
	s.written = true
	return s.ResponseWriter.Write(b)
}

// ReadFrom lets files be sent as the writer below does it.
func (s *status) ReadFrom(r io.Reader) (int64, error) {
	s.written = true
	return io.Copy(s.ResponseWriter, r)
}

// Unwrap leads http.ResponseController to the writer below.
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }

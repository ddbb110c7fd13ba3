package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// A client must take, or send, lowestRate bytes a second on average after stall has passed; a slower one
// is cut off, so that idle connections cannot hold files open for ever.
const (
	lowestRate = 16 << 10
	stall      = time.Minute
)

// maxRanges is how many ranges of one request are served apart. A request with more gets the whole
// content, as RFC 9110 §14.2 allows: thousands of one-byte ranges cost far more than they carry.
const maxRanges = 16

// Renderer makes the content of one id on request. modTime may be zero. An error with code NotFound is answered
// with 404; any other is logged and answered with 500.
type Renderer func(ctx context.Context, id string) (content []byte, modTime time.Time, err error)

// Handle registers what renders a kind of content: for example a cluster's configuration, which is
// made from the state whenever a task fetches it and is never written to disk. It panics when kind
// cannot be in a path, is "sha256" or is taken: that is a mistake in the wiring.
func (s *Store) Handle(kind string, render Renderer) {
	s.kinds.Lock()
	defer s.kinds.Unlock()
	if !validID(kind) || kind == storedKind || render == nil || s.renderers[kind] != nil {
		panic("artifact: cannot register a renderer for kind " + strconv.Quote(kind))
	}
	s.renderers[kind] = render
}

func (s *Store) renderer(kind string) Renderer {
	s.kinds.RLock()
	defer s.kinds.RUnlock()
	return s.renderers[kind]
}

// Route sends requests below the mount to the store and all others to next. It belongs in front of a
// ServeMux: a mux answers ".." and "//" with a redirect to the cleaned path before we could say 404.
func (s *Store) Route(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.EscapedPath(), s.options.Mount) || strings.HasPrefix(r.URL.Path, s.options.Mount) {
			s.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ServeHTTP answers GET and HEAD below the mount. A ResponseWriter that a middleware wraps must pass on
// io.ReaderFrom, or the content is copied through memory instead of going from file to socket.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	rec := &recorder{ResponseWriter: w}
	how := s.serve(rec, r)
	s.metrics.served(how, rec.status, rec.sent, time.Since(started))
}

// serve answers and returns the kind of path for the metrics.
func (s *Store) serve(w *recorder, r *http.Request) string {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, fault.New(fault.Invalid, "artifacts are only read here: use GET or HEAD"))
		return pathUnknown
	}
	t, verdict := s.resolve(r.URL.EscapedPath(), s.options.Now())
	switch {
	case verdict == expired:
		refuse(w, http.StatusGone, fault.New(fault.NotFound,
			"this path has expired: restart the task, or ask the service for the path again; each launch gets a fresh one"))
	case verdict == unknown:
		refuseUnknown(w)
	case t.kind == storedKind:
		s.serveStored(w, r, t)
	default:
		s.serveRendered(w, r, t)
	}
	return t.how
}

func (s *Store) serveStored(w *recorder, r *http.Request, t target) {
	f, a, err := s.Open(t.id)
	if err != nil {
		s.refuseError(w, t, err)
		return
	}
	defer f.Close()
	cache := "private, no-store"
	if t.how == pathStable {
		if !a.Public {
			refuseUnknown(w)
			return
		}
		cache = "private, max-age=31536000, immutable"
	}
	describe(w.Header(), t, a.SHA256, cache)
	serveContent(w, r, a.Created, a.Size, f)
}

func (s *Store) serveRendered(w *recorder, r *http.Request, t target) {
	render := s.renderer(t.kind)
	if render == nil {
		refuseUnknown(w)
		return
	}
	content, modTime, err := render(r.Context(), t.id)
	if err != nil {
		s.refuseError(w, t, err)
		return
	}
	sum := sha256.Sum256(content)
	describe(w.Header(), t, hex.EncodeToString(sum[:]), "private, no-store")
	serveContent(w, r, modTime, int64(len(content)), bytes.NewReader(content))
}

// describe sets the headers that do not depend on the request. The last two keep a browser from showing an
// upload as a page of ours.
func describe(header http.Header, t target, sha, cache string) {
	header.Set("Content-Type", mediaType(t.name))
	header.Set("Etag", `"`+sha+`"`)
	header.Set("Cache-Control", cache)
	header.Set("Content-Disposition", `attachment; filename="`+t.name+`"`)
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
}

// serveContent lets the standard library deal with conditions and ranges. Content that is an *os.File
// reaches the connection as such, through recorder.ReadFrom, and is sent by sendfile(2).
func serveContent(w *recorder, r *http.Request, modTime time.Time, size int64, content io.ReadSeeker) {
	allowed := stall + time.Duration(size/lowestRate)*time.Second
	// The server itself lifts the deadline after each request. A writer without deadlines has its own rules.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(allowed))
	if strings.Count(strings.Join(r.Header.Values("Range"), ","), ",") >= maxRanges {
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	http.ServeContent(w, r, "", modTime, content)
}

// refuseError answers for a target that is well formed. What went wrong inside is for the log only.
func (s *Store) refuseError(w *recorder, t target, err error) {
	if fault.CodeOf(err) == fault.NotFound {
		s.log.Info("artifact asked for is not there", "kind", t.kind, "id", t.id, "reason", err)
		refuseUnknown(w)
		return
	}
	s.log.Error("artifact cannot be served", "kind", t.kind, "id", t.id, "error", err)
	refuse(w, http.StatusInternalServerError, fault.New(fault.Internal, "internal error: the log of the service has the cause"))
}

// refuseUnknown is one answer for all that is not there, so that nothing can be told apart.
func refuseUnknown(w *recorder) {
	refuse(w, http.StatusNotFound, fault.New(fault.NotFound, "no artifact at this path"))
}

func refuse(w *recorder, status int, e *fault.Error) {
	body, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("artifact: encode an error: %v", err))
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // The client is gone, or this is a HEAD.
}

// recorder notes status and size without losing sendfile.
type recorder struct {
	http.ResponseWriter
	status int
	sent   int64
}

// Unwrap lets http.ResponseController through.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// WriteHeader notes the final status.
func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= 200 {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

// Write counts.
func (rec *recorder) Write(p []byte) (int, error) {
	rec.begin()
	n, err := rec.ResponseWriter.Write(p)
	rec.sent += int64(n)
	return n, err
}

// ReadFrom hands the source on as it is: a file stays a file.
func (rec *recorder) ReadFrom(src io.Reader) (int64, error) {
	rec.begin()
	n, err := io.Copy(rec.ResponseWriter, src)
	rec.sent += n
	return n, err
}

func (rec *recorder) begin() {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
}

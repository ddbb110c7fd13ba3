package artifact

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// formOverhead is how much a multipart body may be longer than its file, in bytes; maxParts how many
// fields may stand before the file.
const (
	formOverhead = 64 << 10
	maxParts     = 16
)

// Uploaded is the answer to an upload, and one element of the list.
type Uploaded struct {
	Artifact
	// URI is how a cluster's spec refers to the artifact.
	URI string `json:"uri"`
}

func uploaded(a Artifact) Uploaded { return Uploaded{Artifact: a, URI: a.URI()} }

// ServeUpload stores the body of a request and answers 201 with an Uploaded. The body is the file itself, or
// multipart/form-data with one file in it. The name is the query parameter "name", else the file name of the
// part. Memory does not depend on the size. The returned error has not been answered: Invalid for the name,
// Malformed for the form, TooLarge, Unavailable when the disk is full, or what the connection or disk said.
func (s *Store) ServeUpload(w http.ResponseWriter, r *http.Request) error {
	limit := s.options.MaxUpload
	if r.ContentLength > limit+formOverhead {
		// Closing says to a client that is still sending that it may stop.
		w.Header().Set("Connection", "close")
		return tooLarge(limit)
	}
	paced := &pacedBody{body: r.Body, control: http.NewResponseController(w), started: time.Now()}
	defer paced.release()
	body := http.MaxBytesReader(w, paced, limit+formOverhead)
	name, file, err := uploadedFile(r, body)
	if err != nil {
		return err
	}
	content := bufio.NewReader(file)
	if _, err := content.Peek(1); errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "the file %s is empty: send the file itself as the body", shorten(name))
	}
	a, err := s.Put(r.Context(), content, PutOptions{Name: name, MaxBytes: limit})
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fmt.Errorf("%w: %w", tooLarge(limit), tooLong)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", fault.New(fault.Malformed, "the upload ended before its last byte: send it again"), err)
	}
	if err != nil {
		if fault.CodeOf(err) != fault.Internal {
			w.Header().Set("Connection", "close")
		}
		return err
	}
	return answer(w, http.StatusCreated, uploaded(a))
}

// uploadedFile finds the name and the bytes of the file in a request.
func uploadedFile(r *http.Request, body io.ReadCloser) (string, io.Reader, error) {
	name := r.URL.Query().Get("name")
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(media, "multipart/") {
		return name, body, CheckName(name)
	}
	if media != "multipart/form-data" || params["boundary"] == "" {
		return "", nil, fault.New(fault.Malformed, "Content-Type %q: send the file itself, or multipart/form-data with a boundary", shorten(media))
	}
	form := multipart.NewReader(body, params["boundary"])
	for range maxParts {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", nil, fmt.Errorf("%w: %w", fault.New(fault.Malformed, "the form cannot be read: send one file as multipart/form-data"), err)
		}
		if part.FileName() == "" {
			continue
		}
		if name == "" {
			name = part.FileName()
		}
		return name, part, CheckName(name)
	}
	return "", nil, fault.New(fault.Malformed, "the form has no file among its first %d fields: send one field with a file name", maxParts)
}

// ServeList answers 200 with {"artifacts": […]}, oldest first. The returned error has not been answered.
func (s *Store) ServeList(w http.ResponseWriter, _ *http.Request) error {
	list, err := s.List()
	if err != nil {
		return err
	}
	body := struct {
		Artifacts []Uploaded `json:"artifacts"`
	}{Artifacts: make([]Uploaded, 0, len(list))}
	for _, a := range list {
		body.Artifacts = append(body.Artifacts, uploaded(a))
	}
	return answer(w, http.StatusOK, body)
}

// ServeDelete removes the artifact that the path value "sha256" names and answers 204. The returned error has not
// been answered: NotFound, or Conflict with the clusters that use it.
func (s *Store) ServeDelete(w http.ResponseWriter, r *http.Request) error {
	sha := r.PathValue("sha256")
	if _, err := s.Stat(sha); err != nil {
		return err
	}
	if s.options.InUse != nil {
		if users := s.options.InUse(sha); len(users) > 0 {
			return fault.New(fault.Conflict, "artifact %s is used by %s: change or delete that first", sha, strings.Join(users, ", "))
		}
	}
	if err := s.Delete(sha); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func answer(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // The client may be gone; the work is done.
	return nil
}

// pacedBody moves the read deadline along as bytes arrive: an upload may take hours, but not stand still.
type pacedBody struct {
	body    io.ReadCloser
	control *http.ResponseController
	started time.Time
	read    int64
	ended   bool
}

// Read allows the next bytes one stall, and the whole the lowest rate.
func (b *pacedBody) Read(p []byte) (int, error) {
	now := time.Now()
	deadline := b.started.Add(stall + time.Duration(b.read/lowestRate)*time.Second)
	if next := now.Add(stall); next.Before(deadline) {
		deadline = next
	}
	_ = b.control.SetReadDeadline(deadline) // A writer without deadlines has its own rules.
	n, err := b.body.Read(p)
	b.read += int64(n)
	if err != nil {
		b.release()
	}
	return n, err
}

// Close closes the body.
func (b *pacedBody) Close() error { return b.body.Close() }

// release lifts the deadline at once at the end: the server then watches the connection and would take a timeout for a hang-up.
func (b *pacedBody) release() {
	if !b.ended {
		b.ended = true
		_ = b.control.SetReadDeadline(time.Time{})
	}
}

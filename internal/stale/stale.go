// Package stale owns the leader's last answers, which a standby gives again while no instance leads.
package stale

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxRemembered bounds the answers that a standby remembers, and rememberedSize each of them, in bytes.
	maxRemembered  = 64
	rememberedSize = 1 << 20
)

// Answers are the leader's last answers to reads that went through this standby. While no instance leads they are given
// again, with their age. It is safe for use by several goroutines.
type Answers struct {
	mu      sync.Mutex
	answers map[string]recorded
}

// New returns Answers that remember none.
func New() *Answers { return &Answers{answers: map[string]recorded{}} }

type recorded struct {
	contentType string
	body        []byte
	at          time.Time
}

// Note remembers an answer of the leader; it passes the body on as it was.
func (m *Answers) Note(r *http.Response) error {
	if r.StatusCode != http.StatusOK || !readable(r.Request) {
		return nil
	}
	head, err := io.ReadAll(io.LimitReader(r.Body, rememberedSize+1))
	rest := r.Body
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), rest}
	if err != nil || len(head) > rememberedSize {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := r.Request.URL.RequestURI()
	if _, ok := m.answers[key]; !ok && len(m.answers) >= maxRemembered {
		for other := range m.answers {
			delete(m.answers, other) // Any will do: it is asked for again soon, if it is still of interest.
			break
		}
	}
	m.answers[key] = recorded{r.Header.Get("Content-Type"), head, time.Now()}
	return nil
}

// readable says whether a request reads the service's own state. What is behind the proxy to Flink is not ours
// to remember, and what is authenticated is not for everybody.
func readable(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Authorization") == "" && r.Header.Get("Cookie") == "" && !strings.Contains(r.URL.Path, "/ui/") && !strings.Contains(r.URL.Path, "/files/") &&
		(strings.HasPrefix(r.URL.Path, "/v1/clusters") || r.URL.Path == "/v1/service")
}

// Answer gives a remembered answer, if there is one.
func (m *Answers) Answer(w http.ResponseWriter, r *http.Request) bool {
	if !readable(r) {
		return false
	}
	m.mu.Lock()
	a, ok := m.answers[r.URL.RequestURI()]
	m.mu.Unlock()
	if !ok {
		return false
	}
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Age", strconv.Itoa(int(time.Since(a.at).Seconds())))
	w.Header().Set("Warning", `111 - "no instance leads; this is the last answer of the one before"`)
	_, _ = w.Write(a.body) // The client may be gone.
	return true
}

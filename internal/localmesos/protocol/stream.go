package protocol

import (
	"net/http"
	"sync"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// Stream is the open answer to a SUBSCRIBE: events are queued by the master and written by the
// goroutine of the request.
type Stream struct {
	ID    string
	media string

	mu     sync.Mutex
	queue  []*scheduler.Event
	ready  chan struct{}
	closed chan struct{}
	once   sync.Once
}

// NewStream makes a stream of a media type, with an id of its own.
func NewStream(media string) *Stream {
	return &Stream{ID: NewUUID(), media: media, ready: make(chan struct{}, 1), closed: make(chan struct{})}
}

// Send queues an event. It never waits.
func (s *Stream) Send(e *scheduler.Event) {
	s.mu.Lock()
	s.queue = append(s.queue, e)
	s.mu.Unlock()
	s.Wake()
}

// Wake has what is queued written, if it may be.
func (s *Stream) Wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Close ends the stream after what is queued was written.
func (s *Stream) Close() { s.once.Do(func() { close(s.closed) }) }

// flush writes what is queued.
func (s *Stream) flush(w http.ResponseWriter) error {
	s.mu.Lock()
	events := s.queue
	s.queue = nil
	s.mu.Unlock()
	for _, e := range events {
		data, err := Encode(e, s.media)
		if err != nil {
			return err
		}
		if err := writeRecord(w, data); err != nil {
			return err
		}
		// One chunk holds one record, as from the real master.
		if err := http.NewResponseController(w).Flush(); err != nil {
			return err
		}
	}
	return nil
}

// Serve writes events until the stream or the request ends.
func (s *Stream) Serve(w http.ResponseWriter, r *http.Request, stalled func() bool) {
	w.Header().Set("Content-Type", s.media)
	w.Header().Set("Mesos-Stream-Id", s.ID)
	w.WriteHeader(http.StatusOK)
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	for {
		if !stalled() {
			if err := s.flush(w); err != nil {
				return
			}
		}
		select {
		case <-s.ready:
		case <-s.closed:
			_ = s.flush(w) // The client may be gone already.
			return
		case <-r.Context().Done():
			return
		}
	}
}

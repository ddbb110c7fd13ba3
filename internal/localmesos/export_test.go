package localmesos

import "time"

// SetShortestFilter stands in for the allocation interval in tests that call Allocate themselves.
func (m *Master) SetShortestFilter(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shortestFilter = d
}

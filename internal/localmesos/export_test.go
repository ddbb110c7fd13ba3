package localmesos

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
)

// SetShortestFilter stands in for the allocation interval in tests that call Allocate themselves.
func (m *Master) SetShortestFilter(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shortestFilter = d
}

// LeaderNode is what the master writes into ZooKeeper.
func (m *Master) LeaderNode() ([]byte, error) {
	return protocol.Encode(m.masterInfo(), protocol.MediaJSON)
}

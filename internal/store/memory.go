package store

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
)

// Memory is a store that lasts as long as the process, for tests. Its zero value is an empty store.
type Memory struct {
	mu      sync.Mutex
	records map[string][]byte
	closed  bool
	fail    func(changes []Record) error
	applied int
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{} }

// Fail makes every later Apply ask fail first: when it returns an error, Apply changes nothing and returns that.
// Nil ends it.
func (m *Memory) Fail(fail func(changes []Record) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fail
}

// Applied returns the number of calls of Apply that succeeded.
func (m *Memory) Applied() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.applied
}

// Reopen returns a store with a copy of what this one holds, as if the process had ended and started again.
func (m *Memory) Reopen() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{records: maps.Clone(m.records)}
}

// Load returns a copy of every record.
func (m *Memory) Load(ctx context.Context) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	records := make([]Record, 0, len(m.records))
	for _, key := range slices.Sorted(maps.Keys(m.records)) {
		records = append(records, Record{Key: key, Value: bytes.Clone(m.records[key])})
	}
	return records, nil
}

// Apply makes the changes.
func (m *Memory) Apply(ctx context.Context, changes []Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	batch, err := Normalize(changes)
	if err != nil {
		return err
	}
	if m.fail != nil {
		if err := m.fail(changes); err != nil {
			return err
		}
	}
	if m.records == nil {
		m.records = map[string][]byte{}
	}
	for _, c := range batch {
		if len(c.Value) == 0 {
			delete(m.records, c.Key)
			continue
		}
		m.records[c.Key] = bytes.Clone(c.Value)
	}
	m.applied++
	return nil
}

// Close ends the use of the store; Reopen still works.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

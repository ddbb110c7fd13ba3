// Package encrypted owns the encryption of the state: a store in front of another one, whose values nobody reads or changes
// without the key. Keys of records stay as they are: they name clusters and tasks, and are no secrets.
package encrypted

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"github.com/flink-on-mesos/flink-service/internal/store"
)

// mark begins every sealed value. No JSON document begins so.
var mark = []byte("sealed:1\n")

// LeastSecret is the least number of characters of a secret.
const LeastSecret = 16

// Store seals what it writes to another store. Values that were written before there was a secret are read as they are, and
// sealed with the first write.
type Store struct {
	inner store.Store
	seal  cipher.AEAD // nil without a secret

	mu sync.Mutex
	// plain has, by key, the values that were loaded and are not sealed yet.
	plain map[string][]byte
}

// New returns a store in front of inner. Without a secret it seals nothing, and refuses what is sealed.
func New(inner store.Store, secret string) (*Store, error) {
	s := &Store{inner: inner}
	if secret == "" {
		return s, nil
	}
	if len(secret) < LeastSecret {
		return nil, fmt.Errorf("the secret is shorter than %d characters: make one with openssl rand -hex 32", LeastSecret)
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "flink-mesos state", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key of the state: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("derive the key of the state: %w", err)
	}
	if s.seal, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("derive the key of the state: %w", err)
	}
	return s, nil
}

// Load opens every value. One that was sealed with another secret, or changed, or moved to another key is an error.
func (s *Store) Load(ctx context.Context) ([]store.Record, error) {
	records, err := s.inner.Load(ctx)
	if err != nil {
		return nil, err
	}
	plain := make(map[string][]byte)
	for i := range records {
		r := &records[i]
		sealed, is := bytes.CutPrefix(r.Value, mark)
		switch {
		case is && s.seal == nil:
			return nil, fmt.Errorf("record %s is sealed: set STATE_KEY to the secret that it was sealed with", r.Key)
		case is:
			value, err := s.seal.Open(nil, nil, sealed, []byte(r.Key))
			if err != nil {
				return nil, fmt.Errorf("record %s cannot be opened: STATE_KEY is not the secret that it was sealed with, or somebody changed it", r.Key)
			}
			r.Value = value
		case s.seal != nil:
			plain[r.Key] = slices.Clone(r.Value)
		}
	}
	s.mu.Lock()
	s.plain = plain
	s.mu.Unlock()
	return records, nil
}

// Apply seals the values and writes them, together with those that were not sealed before.
func (s *Store) Apply(ctx context.Context, changes []store.Record) error {
	if s.seal == nil {
		return s.inner.Apply(ctx, changes)
	}
	s.mu.Lock()
	if len(s.plain) == 0 {
		s.mu.Unlock()
		return s.inner.Apply(ctx, s.all(nil, changes))
	}
	defer s.mu.Unlock()
	if err := s.inner.Apply(ctx, s.all(s.plain, changes)); err != nil {
		return err
	}
	s.plain = nil
	return nil
}

// all are the changes of one write: those that come last count.
func (s *Store) all(plain map[string][]byte, changes []store.Record) []store.Record {
	sealed := make([]store.Record, 0, len(plain)+len(changes))
	for key, value := range plain {
		sealed = append(sealed, s.sealed(store.Record{Key: key, Value: value}))
	}
	for _, c := range changes {
		sealed = append(sealed, s.sealed(c))
	}
	return sealed
}

// sealed is a record with its value sealed for its key. A deletion has none.
func (s *Store) sealed(r store.Record) store.Record {
	if len(r.Value) == 0 {
		return r
	}
	r.Value = append(slices.Clone(mark), s.seal.Seal(nil, nil, r.Value, []byte(r.Key))...)
	return r
}

// Close closes the store behind.
func (s *Store) Close() error { return s.inner.Close() }

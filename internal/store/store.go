// Package store owns how the service's state is kept: the contract that every
// store fulfils, the form of one record (Schema), an in-memory store for tests, and the
// file that carries a whole state from one store to another (Export, Import).
// The stores themselves are in the packages file (one machine) and zk (ZooKeeper).
//
// It refuses to know what the records mean, and it never guesses: a record that it
// cannot read is an error that names the record.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits that hold in every store, so that a state can always be moved to another kind.
const (
	// MaxKey is the longest key, in bytes.
	MaxKey = 512
	// MaxValue is the largest value, in bytes.
	MaxValue = 64 << 20
)

var (
	// ErrClosed is returned by every method of a store after Close.
	ErrClosed = errors.New("the store is closed")
	// ErrFenced says that another instance of the service owns the state now, or may own it. It is final: whoever gets it
	// must send nothing more to anyone and end.
	ErrFenced = errors.New("this instance no longer owns the state")
	// ErrNotLeader says that the store was asked to write before it held the lock.
	ErrNotLeader = errors.New("the lock of the state is not held")
	// ErrRemoved says that the state was removed as a whole, by an instance that held the lock, while this one waited for it.
	ErrRemoved = errors.New("the state was removed by another instance")
	// ErrFailed says that an earlier write failed in a way that leaves unknown what is on disk; only
	// opening the store again tells. It is final.
	ErrFailed = errors.New("the store failed earlier and must be opened again")
)

// Record is one versioned JSON document.
type Record struct {
	// Key is made of segments joined by slashes: "framework", "cluster/demo", "task/demo-x7k2-tm-3". See CheckKey.
	Key string
	// Value is the document as Schema.Encode wrote it. In a change, an empty value deletes the record,
	// whether there is one or not.
	Value []byte
}

// Store keeps records. All methods may be called from several goroutines at once.
type Store interface {
	// Load returns every record, sorted by key.
	Load(ctx context.Context) ([]Record, error)
	// Apply makes all the changes or none, and returns nil when they are durable. Of several changes of one key the last one
	// counts. When ctx ends first, Apply returns its error and the changes may still be made; they are never made in part, and never after
	// those of a later Apply.
	Apply(ctx context.Context, changes []Record) error
	// Close finishes the writes under way and releases what the store holds. Closing twice is closing once.
	Close() error
}

// CheckKey says whether a key may be used: 1 to MaxKey bytes of printable UTF-8, in segments joined by single slashes,
// no segment being "." or "..".
func CheckKey(key string) error {
	switch {
	case key == "":
		return errors.New("key is empty")
	case len(key) > MaxKey:
		return fmt.Errorf("key %.40q… has %d bytes, the most is %d", key, len(key), MaxKey)
	case !utf8.ValidString(key):
		return fmt.Errorf("key %q is not UTF-8", key)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf("key %q has the segment %q", key, segment)
		}
	}
	for _, r := range key {
		if r <= ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == utf8.RuneError || (r >= 0xe000 && r <= 0xf8ff) || r >= 0xfff0 {
			return fmt.Errorf("key %q has the character %U", key, r)
		}
	}
	return nil
}

// Normalize checks changes and returns what is left of them when of several changes of one key only the last counts,
// sorted by key. The values are not copied.
func Normalize(changes []Record) ([]Record, error) {
	last := make(map[string]int, len(changes))
	for i, c := range changes {
		if err := CheckKey(c.Key); err != nil {
			return nil, err
		}
		if len(c.Value) > MaxValue {
			return nil, fmt.Errorf("record %s has %d bytes, the most is %d", c.Key, len(c.Value), MaxValue)
		}
		last[c.Key] = i
	}
	result := make([]Record, 0, len(last))
	for i, c := range changes {
		if last[c.Key] == i {
			result = append(result, c)
		}
	}
	Sort(result)
	return result, nil
}

// Sort orders records by key.
func Sort(records []Record) {
	slices.SortFunc(records, func(a, b Record) int { return cmp.Compare(a.Key, b.Key) })
}

// Package storetest owns the contract that every store fulfils, as one suite of tests.
// It is used by tests only.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/store"
)

// Place is where one state lives, over the lifetimes of several processes.
type Place struct {
	// Open returns the store of this place, ready to write. The one opened before was closed or crashed.
	Open func(t *testing.T) store.Store
	// Crash makes an open store vanish as if its process had been killed, and frees what it held.
	Crash func(t *testing.T, s store.Store)
}

// Run checks a kind of store against the contract. Each call of place returns a new, empty place.
func Run(t *testing.T, place func(t *testing.T) Place) {
	t.Helper()
	tests := []struct {
		name string
		run  func(t *testing.T, p Place)
	}{
		{"empty", testEmpty},
		{"set, change and delete", testChanges},
		{"last change of a key wins", testLastWins},
		{"a bad change spoils the batch", testAtomicRefusal},
		{"values are copies", testCopies},
		{"any value", testValues},
		{"keys", testKeys},
		{"close and open again", testReopen},
		{"crash and open again", testCrash},
		{"large values", testLargeValues},
		{"large batch", testLargeBatch},
		{"many records", testMany},
		{"concurrent writers", testConcurrent},
		{"one writer's order", testOrder},
		{"ended context", testContext},
		{"closed", testClosed},
		{"random history", testRandom},
		{"export and import", testExport},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, place(t))
		})
	}
}

func open(t *testing.T, p Place) store.Store {
	t.Helper()
	s := p.Open(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func apply(t *testing.T, s store.Store, changes ...store.Record) {
	t.Helper()
	if err := s.Apply(t.Context(), changes); err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

func set(key, value string) store.Record { return store.Record{Key: key, Value: []byte(value)} }

func remove(key string) store.Record { return store.Record{Key: key} }

func want(t *testing.T, s store.Store, records ...store.Record) {
	t.Helper()
	got, err := s.Load(t.Context())
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	store.Sort(records)
	same := func(a, b store.Record) bool { return a.Key == b.Key && bytes.Equal(a.Value, b.Value) }
	if slices.EqualFunc(records, got, same) {
		return
	}
	// Only what differs, and no more of it than one can read.
	only := func(in, notIn []store.Record) []string {
		var lines []string
		for _, r := range in {
			if !slices.ContainsFunc(notIn, func(o store.Record) bool { return same(r, o) }) && len(lines) < 20 {
				lines = append(lines, fmt.Sprintf("%s = %.60q (%d bytes)", r.Key, r.Value, len(r.Value)))
			}
		}
		return lines
	}
	t.Fatalf("Load() mismatch (-want +got):\n%s", cmp.Diff(only(records, got), only(got, records)))
}

func testEmpty(t *testing.T, p Place) {
	s := open(t, p)
	want(t, s)
	apply(t, s)
	apply(t, s, remove("task/never-was"))
	want(t, s)
}

func testChanges(t *testing.T, p Place) {
	s := open(t, p)
	apply(t, s, set("framework", `{"id":"1"}`), set("cluster/b", "b"), set("cluster/a", "a"))
	want(t, s, set("cluster/a", "a"), set("cluster/b", "b"), set("framework", `{"id":"1"}`))
	apply(t, s, remove("cluster/a"), set("cluster/b", "B"), remove("cluster/none"), set("cluster/c", "c"))
	want(t, s, set("cluster/b", "B"), set("cluster/c", "c"), set("framework", `{"id":"1"}`))
	apply(t, s, set("cluster/a", "again"))
	apply(t, s, store.Record{Key: "cluster/c", Value: []byte{}})
	want(t, s, set("cluster/a", "again"), set("cluster/b", "B"), set("framework", `{"id":"1"}`))
}

func testLastWins(t *testing.T, p Place) {
	s := open(t, p)
	apply(t, s, set("a", "1"), set("b", "1"), set("a", "2"), remove("b"), set("c", "1"), remove("c"), set("c", "3"), remove("d"))
	want(t, s, set("a", "2"), set("c", "3"))
}

func testAtomicRefusal(t *testing.T, p Place) {
	s := open(t, p)
	apply(t, s, set("a", "1"))
	for _, key := range []string{"", "/a", "a/", "a//b", "..", "a/../b", "a b", "a\x00", "a\xff", string(bytes.Repeat([]byte("k"), store.MaxKey+1))} {
		if err := s.Apply(t.Context(), []store.Record{set("a", "2"), set("b", "2"), set(key, "2")}); err == nil {
			t.Errorf("Apply took the key %.60q", key)
		}
	}
	want(t, s, set("a", "1"))
	apply(t, s, set("b", "1"))
	want(t, s, set("a", "1"), set("b", "1"))
}

func testCopies(t *testing.T, p Place) {
	s := open(t, p)
	value := []byte("before")
	apply(t, s, store.Record{Key: "a", Value: value})
	copy(value, "after.")
	records, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	copy(records[0].Value, "after.")
	want(t, s, set("a", "before"))
}

func testValues(t *testing.T, p Place) {
	s := p.Open(t)
	var all []store.Record
	for i := range 256 {
		all = append(all,
			store.Record{Key: fmt.Sprintf("one/%03d", i), Value: []byte{byte(i)}},
			store.Record{Key: fmt.Sprintf("two/%03d", i), Value: []byte{byte(i), '{', 0}})
	}
	apply(t, s, all...)
	want(t, s, all...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, open(t, p), all...)
}

func testKeys(t *testing.T, p Place) {
	s := open(t, p)
	var all []store.Record
	for _, key := range []string{
		"a", "a/b", "a/b/c", "a%2Fb", "a.b", ".hidden", "...", "a/.x", "ключ/Schlüssel/鍵", "zookeeper", "zookeeper/quota", "%", "~", "a+b", "a:b", "A",
		string(bytes.Repeat([]byte("/k"), store.MaxKey/2))[1:],
	} {
		all = append(all, set(key, "value of "+key))
	}
	apply(t, s, all...)
	want(t, s, all...)
	for _, r := range all {
		apply(t, s, remove(r.Key))
	}
	want(t, s)
}

func testReopen(t *testing.T, p Place) {
	s := p.Open(t)
	apply(t, s, set("a", "1"), set("b", "1"))
	apply(t, s, set("a", "2"), remove("b"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = p.Open(t)
	want(t, s, set("a", "2"))
	apply(t, s, set("b", "3"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, open(t, p), set("a", "2"), set("b", "3"))
}

func testCrash(t *testing.T, p Place) {
	s := p.Open(t)
	apply(t, s, set("a", "1"))
	apply(t, s, set("b", "1"), set("a", "2"))
	p.Crash(t, s)
	s = p.Open(t)
	want(t, s, set("a", "2"), set("b", "1"))
	apply(t, s, remove("a"), set("c", "1"))
	p.Crash(t, s)
	want(t, open(t, p), set("b", "1"), set("c", "1"))
}

// pattern returns size bytes that are unlike those of another seed.
func pattern(seed uint64, size int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	value := make([]byte, size)
	_, _ = r.Read(value)
	return value
}

func testLargeValues(t *testing.T, p Place) {
	s := p.Open(t)
	sizes := []int{512<<10 - 1, 512 << 10, 512<<10 + 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5 << 20}
	var all []store.Record
	for i, size := range sizes {
		r := store.Record{Key: fmt.Sprintf("large/%d", i), Value: pattern(uint64(i), size)}
		all = append(all, r)
		apply(t, s, r, set("beside", r.Key))
	}
	want(t, s, append([]store.Record{set("beside", "large/6")}, all...)...)
	// Changed to another large one, to a small one, deleted.
	all[6].Value = pattern(100, 3<<20)
	all[5].Value = []byte("small")
	apply(t, s, all[6], all[5], remove("large/4"), remove("beside"))
	all = append(all[:4], all[5:]...)
	want(t, s, all...)
	p.Crash(t, s)
	want(t, open(t, p), all...)
}

func testLargeBatch(t *testing.T, p Place) {
	s := p.Open(t)
	apply(t, s, set("task/00001", "old"), set("task/gone", "old"), set("task/kept", "old"))
	batch := []store.Record{remove("task/gone")}
	for i := range 6000 {
		batch = append(batch, store.Record{Key: fmt.Sprintf("task/%05d", i), Value: pattern(uint64(i), 700)})
	}
	apply(t, s, batch...)
	all := append([]store.Record{set("task/kept", "old")}, batch[1:]...)
	want(t, s, all...)
	p.Crash(t, s)
	s = open(t, p)
	want(t, s, all...)
	var none []store.Record
	for _, r := range all {
		none = append(none, remove(r.Key))
	}
	apply(t, s, none...)
	want(t, s)
}

func testMany(t *testing.T, p Place) {
	s := p.Open(t)
	var all []store.Record
	for i := range 10_000 {
		all = append(all, set(fmt.Sprintf("task/%05d", i), fmt.Sprintf(`{"kind":"task","schema":1,"data":{"n":%d}}`, i)))
	}
	for i := 0; i < len(all); i += 500 {
		apply(t, s, all[i:i+500]...)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, open(t, p), all...)
}

func testConcurrent(t *testing.T, p Place) {
	s := p.Open(t)
	const writers, writes = 16, 20
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range writes {
				key := fmt.Sprintf("own/%02d", w)
				changes := []store.Record{set(key, fmt.Sprint(i)), set("both/1", fmt.Sprint(w, i)), set("both/2", fmt.Sprint(w, i))}
				if err := s.Apply(t.Context(), changes); err != nil {
					t.Errorf("writer %d, write %d: %v", w, i, err)
					return
				}
				records, err := s.Load(t.Context())
				if err != nil {
					t.Errorf("writer %d, load %d: %v", w, i, err)
					return
				}
				found := map[string]string{}
				for _, r := range records {
					found[r.Key] = string(r.Value)
				}
				if found[key] != fmt.Sprint(i) {
					t.Errorf("writer %d reads %q of its write %d", w, found[key], i)
				}
				if found["both/1"] != found["both/2"] {
					t.Errorf("half a batch: %q and %q", found["both/1"], found["both/2"])
				}
			}
		})
	}
	group.Wait()
	p.Crash(t, s)
	records, err := open(t, p).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != writers+2 {
		t.Fatalf("%d records, want %d", len(records), writers+2)
	}
	if !bytes.Equal(records[0].Value, records[1].Value) {
		t.Errorf("half a batch: %q and %q", records[0].Value, records[1].Value)
	}
	for _, r := range records[2:] {
		if string(r.Value) != fmt.Sprint(writes-1) {
			t.Errorf("%s is %q, want the last write", r.Key, r.Value)
		}
	}
}

func testOrder(t *testing.T, p Place) {
	s := open(t, p)
	// Writes that are started one after the other without waiting are done in that order.
	ctx, cancel := context.WithCancel(t.Context())
	for i := range 50 {
		apply(t, s, set("n", fmt.Sprint(i)))
	}
	cancel()
	if err := s.Apply(ctx, []store.Record{set("n", "late")}); !errors.Is(err, context.Canceled) {
		t.Fatalf("Apply with an ended context: %v, want %v", err, context.Canceled)
	}
	want(t, s, set("n", "49"))
}

func testContext(t *testing.T, p Place) {
	s := open(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Apply(ctx, []store.Record{set("a", "1")}); !errors.Is(err, context.Canceled) {
		t.Errorf("Apply: %v, want %v", err, context.Canceled)
	}
	apply(t, s, set("b", "1"))
	want(t, s, set("b", "1"))
}

func testClosed(t *testing.T, p Place) {
	s := p.Open(t)
	apply(t, s, set("a", "1"))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if err := s.Apply(t.Context(), []store.Record{set("a", "2")}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Apply: %v, want %v", err, store.ErrClosed)
	}
	if _, err := s.Load(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Load: %v, want %v", err, store.ErrClosed)
	}
}

func testRandom(t *testing.T, p Place) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	model := map[string]string{}
	s := p.Open(t)
	for step := range 120 {
		var changes []store.Record
		for range r.IntN(8) {
			key := fmt.Sprintf("k/%d", r.IntN(12))
			if r.IntN(3) == 0 {
				changes = append(changes, remove(key))
				delete(model, key)
				continue
			}
			value := fmt.Sprintf("%d:%s", step, bytes.Repeat([]byte("x"), r.IntN(300)))
			changes = append(changes, set(key, value))
			model[key] = value
		}
		apply(t, s, changes...)
		if step%40 == 39 {
			if r.IntN(2) == 0 {
				p.Crash(t, s)
			} else if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = p.Open(t)
			var all []store.Record
			for k, v := range model {
				all = append(all, set(k, v))
			}
			want(t, s, all...)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func testExport(t *testing.T, p Place) {
	s := open(t, p)
	apply(t, s, set("a", `{"kind":"task","schema":1,"data":{"text":"<&> é"}}`), set("b", "not JSON"), set("c", `{ "loose" : 1 }`),
		store.Record{Key: "large", Value: pattern(1, 2<<20)})
	before, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := store.Export(t.Context(), s, &file); err != nil {
		t.Fatal(err)
	}
	apply(t, s, set("a", "changed"), set("new", "1"), remove("b"))
	if err := store.Import(t.Context(), s, bytes.NewReader(file.Bytes()), false); !errors.Is(err, store.ErrNotEmpty) {
		t.Fatalf("Import: %v, want %v", err, store.ErrNotEmpty)
	}
	if err := store.Import(t.Context(), s, bytes.NewReader(file.Bytes()), true); err != nil {
		t.Fatal(err)
	}
	want(t, s, before...)
	m := store.NewMemory()
	if err := store.Import(t.Context(), m, bytes.NewReader(file.Bytes()), false); err != nil {
		t.Fatal(err)
	}
	want(t, m, before...)
}

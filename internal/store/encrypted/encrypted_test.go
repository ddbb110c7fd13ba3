package encrypted_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/encrypted"
	"github.com/flink-on-mesos/flink-service/internal/store/storetest"
)

const secret = "0123456789abcdef"

func open(t *testing.T, inner store.Store, secret string) *encrypted.Store {
	t.Helper()
	s, err := encrypted.New(inner, secret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{secret, ""} {
		storetest.Run(t, func(*testing.T) storetest.Place {
			m := store.NewMemory()
			return storetest.Place{
				Open: func(t *testing.T) store.Store {
					m = m.Reopen()
					return open(t, m, secret)
				},
				Crash: func(*testing.T, store.Store) {},
			}
		})
	}
}

func apply(t *testing.T, s store.Store, records ...store.Record) {
	t.Helper()
	if err := s.Apply(context.Background(), records); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s store.Store) map[string]string {
	t.Helper()
	records, err := s.Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, r := range records {
		all[r.Key] = string(r.Value)
	}
	return all
}

// TestNothingIsPlain writes before and after there is a secret, and looks at what is behind.
func TestNothingIsPlain(t *testing.T) {
	t.Parallel()
	inner := store.NewMemory()
	apply(t, open(t, inner, ""), store.Record{Key: "a", Value: []byte("canary a")}, store.Record{Key: "b", Value: []byte("canary b")}, store.Record{Key: "c", Value: []byte("canary c")})
	s := open(t, inner, secret)
	if got := load(t, s); got["a"] != "canary a" || len(got) != 3 {
		t.Fatalf("what was there is read as %v", got)
	}
	apply(t, s, store.Record{Key: "b", Value: []byte("canary new")}, store.Record{Key: "c"})
	behind := load(t, inner)
	for key, value := range behind {
		if strings.Contains(value, "canary") {
			t.Errorf("%s is %q", key, value)
		}
	}
	if got := load(t, open(t, inner, secret)); len(got) != 2 || got["a"] != "canary a" || got["b"] != "canary new" {
		t.Errorf("later it is %v", got)
	}
	apply(t, s, store.Record{Key: "b", Value: []byte("canary new")})
	if again := load(t, inner); again["b"] == behind["b"] {
		t.Error("equal values are sealed equally")
	}
}

// TestRefused opens with no secret, with another one, and after somebody exchanged two values.
func TestRefused(t *testing.T) {
	t.Parallel()
	inner := store.NewMemory()
	apply(t, open(t, inner, secret), store.Record{Key: "a", Value: []byte("1")}, store.Record{Key: "b", Value: []byte("2")})
	for name, c := range map[string]struct{ secret, problem string }{
		"none": {"", "set STATE_KEY"}, "another": {"fedcba9876543210", "is not the secret"},
	} {
		if _, err := open(t, inner, c.secret).Load(t.Context()); err == nil || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: want %q, got %v", name, c.problem, err)
		}
	}
	behind := load(t, inner)
	apply(t, inner, store.Record{Key: "a", Value: []byte(behind["b"])})
	if _, err := open(t, inner, secret).Load(t.Context()); err == nil || !strings.Contains(err.Error(), "record a cannot be opened") {
		t.Errorf("a moved value: %v", err)
	}
	spoiled := bytes.Clone([]byte(behind["a"]))
	spoiled[len(spoiled)-1] ^= 1
	apply(t, inner, store.Record{Key: "a", Value: spoiled})
	if _, err := open(t, inner, secret).Load(t.Context()); err == nil {
		t.Error("a changed value is let pass")
	}
	if _, err := encrypted.New(inner, "short"); err == nil {
		t.Error("a short secret is let pass")
	}
}

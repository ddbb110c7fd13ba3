package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/storetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) storetest.Place {
		m := store.NewMemory()
		return storetest.Place{
			Open: func(*testing.T) store.Store {
				m = m.Reopen()
				return m
			},
			Crash: func(*testing.T, store.Store) {},
		}
	})
}

func TestMemoryFail(t *testing.T) {
	t.Parallel()
	m := store.NewMemory()
	broken := errors.New("broken")
	change := []store.Record{{Key: "a", Value: []byte("1")}}
	m.Fail(func(changes []store.Record) error {
		if changes[0].Key == "a" {
			return broken
		}
		return nil
	})
	if err := m.Apply(t.Context(), change); !errors.Is(err, broken) {
		t.Fatalf("Apply: %v, want %v", err, broken)
	}
	if records, err := m.Load(t.Context()); err != nil || len(records) != 0 {
		t.Fatalf("Load: %v, %v, want nothing", records, err)
	}
	m.Fail(nil)
	if err := m.Apply(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if m.Applied() != 1 {
		t.Errorf("Applied() = %d, want 1", m.Applied())
	}
}

type taskV2 struct {
	Name string `json:"name"`
	Size int    `json:"size"`
}

var tasks = store.Schema{
	Kind: "task", Version: 3,
	Upgrades: map[int]store.Upgrade{
		// Version 1 had no size, and is no longer upgraded; version 2 called it length.
		2: func(data json.RawMessage) (json.RawMessage, error) {
			var old struct {
				Name   string
				Length int
			}
			if err := json.Unmarshal(data, &old); err != nil {
				return nil, err
			}
			return json.Marshal(taskV2{Name: old.Name, Size: old.Length})
		},
	},
}

func TestSchema(t *testing.T) {
	t.Parallel()
	value, err := tasks.Encode(taskV2{Name: "a", Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"kind":"task","schema":3,"data":{"name":"a","size":1}}`; string(value) != want {
		t.Errorf("Encode() = %s, want %s", value, want)
	}
	if kind, err := store.Kind("task/a", value); kind != "task" || err != nil {
		t.Errorf("Kind() = %q, %v", kind, err)
	}
	tests := []struct {
		name, value string
		want        taskV2
		cause       error
		says        string
	}{
		{name: "present", value: string(value), want: taskV2{"a", 1}},
		{name: "earlier", value: `{"kind":"task","schema":2,"data":{"name":"b","length":7}}`, want: taskV2{"b", 7}},
		{name: "too early", value: `{"kind":"task","schema":1,"data":{}}`, cause: store.ErrSchema, says: "no longer upgrades"},
		{name: "later", value: `{"kind":"task","schema":4,"data":{}}`, cause: store.ErrSchema, says: "this release knows up to 3"},
		{name: "no schema", value: `{"kind":"task","data":{}}`, cause: store.ErrSchema, says: "schema 0"},
		{name: "other kind", value: `{"kind":"cluster","schema":3,"data":{}}`, cause: store.ErrKind, says: `"cluster"`},
		{name: "unknown field", value: `{"kind":"task","schema":3,"data":{"colour":1}}`, cause: store.ErrCorrupt, says: "colour"},
		{name: "unknown field outside", value: `{"kind":"task","schema":3,"data":{},"x":1}`, cause: store.ErrCorrupt, says: `"x"`},
		{name: "wrong type", value: `{"kind":"task","schema":3,"data":{"size":"big"}}`, cause: store.ErrCorrupt, says: "size"},
		{name: "bad old data", value: `{"kind":"task","schema":2,"data":[]}`, cause: store.ErrCorrupt, says: "upgrade of task from schema 2"},
		{name: "no data", value: `{"kind":"task","schema":3}`, cause: store.ErrCorrupt, says: "no data"},
		{name: "null data", value: `{"kind":"task","schema":3,"data":null}`, cause: store.ErrCorrupt, says: "no data"},
		{name: "cut off", value: string(value[:20]), cause: store.ErrCorrupt, says: "ends too early"},
		{name: "empty", value: "", cause: store.ErrCorrupt, says: "ends too early"},
		{name: "more", value: string(value) + "{}", cause: store.ErrCorrupt, says: "something after"},
		{name: "binary", value: "\x00\x01", cause: store.ErrCorrupt, says: "invalid character"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got taskV2
			err := tasks.Decode("task/x", []byte(test.value), &got)
			if test.cause == nil {
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Fatalf("Decode() mismatch (-want +got):\n%s", diff)
				}
				return
			}
			if !errors.Is(err, test.cause) {
				t.Fatalf("Decode() = %v, want %v", err, test.cause)
			}
			for _, part := range []string{"task/x", test.says, "nothing was changed"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("Decode() = %q, want %q in it", err, part)
				}
			}
		})
	}
}

func FuzzSchema(f *testing.F) {
	f.Add([]byte(`{"kind":"task","schema":3,"data":{"name":"a","size":1}}`))
	f.Add([]byte(`{"kind":"task","schema":2,"data":{"name":"a","length":1}}`))
	f.Add([]byte(`{"kind":"task","schema":2,"data":null}`))
	f.Add([]byte("{\"kind\":\"\xff\""))
	f.Fuzz(func(t *testing.T, value []byte) {
		var first, second taskV2
		if err := tasks.Decode("task/x", value, &first); err != nil {
			if _, ok := errors.AsType[*store.RecordError](err); !ok {
				t.Fatalf("Decode() = %T %v, want a RecordError", err, err)
			}
			return
		}
		again, err := tasks.Encode(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := tasks.Decode("task/x", again, &second); err != nil {
			t.Fatal(err)
		}
		if first != second {
			t.Fatalf("%+v became %+v", first, second)
		}
	})
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	m := store.NewMemory()
	if err := m.Apply(t.Context(), []store.Record{{Key: "a", Value: []byte(`{"x":1}`)}, {Key: "b", Value: []byte("\x00")}}); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := store.Export(t.Context(), m, &file); err != nil {
		t.Fatal(err)
	}
	text := file.String()
	tests := []struct {
		name, text, says string
	}{
		{"cut off", text[:len(text)/2], "not a complete export"},
		{"not JSON", "state", "not a complete export"},
		{"other format", `{"format":"backup"}`, "format"},
		{"later version", strings.Replace(text, `"version": 1`, `"version": 2`, 1), "version 2"},
		{"changed value", strings.Replace(text, `"x": 1`, `"x": 2`, 1), "checksum"},
		{"changed key", strings.Replace(text, `"key": "b"`, `"key": "c"`, 1), "checksum"},
		{"twice", strings.Replace(text, `"key": "b"`, `"key": "a"`, 1), "there twice"},
		{"unknown field", strings.Replace(text, `"key": "b"`, `"key": "b", "z": 1`, 1), `"z"`},
		{"two files", text + text, "not a complete export"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			into := store.NewMemory()
			err := store.Import(t.Context(), into, strings.NewReader(test.text), false)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("Import() = %v, want %q in it", err, test.says)
			}
			if into.Applied() != 0 {
				t.Error("Import changed the store")
			}
		})
	}
}

package app

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/records"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

var update = flag.Bool("update", false, "write the golden records of this release")

// golden are the kinds of records. Those of testdata/records/1 were written by the first release, with every field
// that it had; those of a later form get a directory of their own.
func golden() []struct {
	key    string
	schema store.Schema
	empty  func() any
} {
	return []struct {
		key    string
		schema store.Schema
		empty  func() any
	}{
		{state.FrameworkKey, records.Framework, func() any { return new(state.Framework) }},
		{state.ClusterPrefix + "demo", records.Cluster, func() any { return new(state.ClusterRecord) }},
		{state.TaskPrefix + "demo-aaaa-tm-1", records.Task, func() any { return new(task.Task) }},
		{state.OrphanedHADataPrefix + "demo-aaaa", records.Leftover, func() any { return new(state.OrphanedHAData) }},
		{state.ReservationPrefix + "demo-aaaa-tm-1", records.Reservation, func() any { return new(task.Reservation) }},
		{keysKey, keysSchema, func() any { return new(keys) }},
	}
}

func goldenFile(schema store.Schema) string {
	return filepath.Join("testdata", "records", "1", schema.Kind+".json")
}

// TestRecordsOfTheFirstRelease reads records of the first release, and loses nothing of them.
func TestRecordsOfTheFirstRelease(t *testing.T) {
	t.Parallel()
	memory := store.NewMemory()
	var records []store.Record
	for _, g := range golden() {
		if *update {
			write(t, g.schema, g.empty())
		}
		value, err := os.ReadFile(goldenFile(g.schema))
		if err != nil {
			t.Fatal(err)
		}
		v := g.empty()
		if err := g.schema.Decode(g.key, value, v); err != nil {
			t.Errorf("%v\nIf the form of the record was changed, give it a new version with an upgrade from the one before.", err)
			continue
		}
		again, err := g.schema.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(data(t, value), data(t, again)); diff != "" {
			t.Errorf("%s is not what it was after reading and writing (-was +is):\n%s", g.key, diff)
		}
		records = append(records, store.Record{Key: g.key, Value: value})
	}
	if err := memory.Apply(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	stored, k, err := load(t.Context(), memory)
	if err != nil || len(stored.Clusters) != 1 || len(stored.Tasks) != 1 || len(stored.Reservations) != 1 || stored.Framework.ID == "" || k.Prefix == "" || len(k.Signing) == 0 {
		t.Errorf("load() = %+v, %v", stored, err)
	}
}

// data is what a record holds, below its version.
func data(t *testing.T, value []byte) (d any) {
	t.Helper()
	var envelope struct{ Data any }
	if err := json.Unmarshal(value, &envelope); err != nil {
		t.Fatal(err)
	}
	return envelope.Data
}

// write fills every field of a record in.
func write(t *testing.T, schema store.Schema, v any) {
	t.Helper()
	fill(reflect.ValueOf(v).Elem())
	value, err := schema.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := json.Indent(&text, value, "", "  "); err != nil {
		t.Fatal(err)
	}
	text.WriteByte('\n')
	if err := os.MkdirAll(filepath.Dir(goldenFile(schema)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goldenFile(schema), text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func fill(v reflect.Value) {
	if _, ok := reflect.TypeAssert[time.Time](v); ok {
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1 << 20)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field)
		}
	default:
		panic("no content for a " + v.Kind().String())
	}
}

// TestRefusedRecords has a start fail for a record that cannot be read, by its name, with nothing changed.
func TestRefusedRecords(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]store.Record{
		"no JSON":                {Key: "cluster/demo", Value: []byte("\x00\x01")},
		"cut off":                {Key: "cluster/demo", Value: []byte(`{"kind":"cluster","schema":1,"data":{"spec":`)},
		"a later form":           {Key: "task/demo-aaaa-tm-1", Value: []byte(`{"kind":"task","schema":99,"data":{}}`)},
		"a field of the future":  {Key: "task/demo-aaaa-tm-1", Value: []byte(`{"kind":"task","schema":1,"data":{"id":"x","colour":"red"}}`)},
		"of another kind":        {Key: "framework", Value: []byte(`{"kind":"task","schema":1,"data":{}}`)},
		"under a name not known": {Key: "colour/red", Value: []byte(`{"kind":"colour","schema":1,"data":{}}`)},
	} {
		memory := store.NewMemory()
		if err := memory.Apply(t.Context(), []store.Record{r}); err != nil {
			t.Fatal(err)
		}
		_, _, err := load(t.Context(), memory)
		if err == nil || !strings.Contains(err.Error(), r.Key) {
			t.Errorf("%s: load() = %v, want an error that names %s", name, err, r.Key)
		}
		left, err := memory.Load(t.Context())
		if err != nil || len(left) != 1 || !bytes.Equal(left[0].Value, r.Value) {
			t.Errorf("%s: the state is %v, %v", name, left, err)
		}
	}
}

package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Causes of a RecordError.
var (
	// ErrCorrupt says that the bytes are not a record.
	ErrCorrupt = errors.New("corrupt record")
	// ErrKind says that the record is of another kind than its key promises.
	ErrKind = errors.New("unexpected kind of record")
	// ErrSchema says that this release does not know the schema version of the record.
	ErrSchema = errors.New("unknown schema version of a record")
)

// RecordError says which record cannot be read, why, and what to do.
type RecordError struct {
	Key    string // of the record
	Cause  error  // ErrCorrupt, ErrKind or ErrSchema
	Detail string // what was met
	Advice string // what an operator can do
}

// Error names the record first.
func (e *RecordError) Error() string {
	return fmt.Sprintf("record %s: %v: %s; %s", e.Key, e.Cause, e.Detail, e.Advice)
}

// Unwrap returns the cause.
func (e *RecordError) Unwrap() error { return e.Cause }

const (
	adviceCorrupt = "nothing was changed: restore the state from an export, or delete this one record if you can do without it"
	adviceNewer   = "nothing was changed: start the release that wrote it, or a newer one"
	adviceOlder   = "nothing was changed: start the release before this one once, it will bring the record up to date"
)

// Upgrade turns the data of one schema version into that of the next.
type Upgrade func(data json.RawMessage) (json.RawMessage, error)

// Schema is the form of one kind of record. A change of form that an earlier release cannot read, an added field
// included, is a new version with an upgrade from the one before.
type Schema struct {
	// Kind names the record: "task".
	Kind string
	// Version is the one that Encode writes, from 1.
	Version int
	// Upgrades holds, by version, the way from that version to the next one.
	Upgrades map[int]Upgrade
}

// envelope is what every record looks like outside.
type envelope struct {
	Kind   string          `json:"kind"`
	Schema int             `json:"schema"`
	Data   json.RawMessage `json:"data"`
}

// Encode returns v as a record of this kind and version: {"kind":"task","schema":1,"data":{…}}.
func (s Schema) Encode(v any) ([]byte, error) {
	if s.Kind == "" || s.Version < 1 {
		return nil, fmt.Errorf("encode a record: kind %q, schema %d: a schema has a name and a version from 1", s.Kind, s.Version)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s record: %w", s.Kind, err)
	}
	value, err := json.Marshal(envelope{Kind: s.Kind, Schema: s.Version, Data: data})
	if err != nil {
		return nil, fmt.Errorf("encode %s record: %w", s.Kind, err)
	}
	return value, nil
}

// Decode reads the record at key into v, upgrading it when an earlier release wrote it. Every failure is a *RecordError. Fields
// that v does not have are an error too: dropping them at the next write would lose them.
func (s Schema) Decode(key string, value []byte, v any) error {
	var e envelope
	if err := strict(value, &e); err != nil {
		return &RecordError{Key: key, Cause: ErrCorrupt, Detail: err.Error(), Advice: adviceCorrupt}
	}
	if e.Kind != s.Kind {
		return &RecordError{
			Key: key, Cause: ErrKind, Advice: adviceNewer,
			Detail: fmt.Sprintf("it is a %q, not a %q", e.Kind, s.Kind),
		}
	}
	if e.Schema > s.Version || e.Schema < 1 {
		return &RecordError{
			Key: key, Cause: ErrSchema, Advice: adviceNewer,
			Detail: fmt.Sprintf("%s has schema %d, this release knows up to %d", s.Kind, e.Schema, s.Version),
		}
	}
	data := e.Data
	for version := e.Schema; version < s.Version; version++ {
		upgrade := s.Upgrades[version]
		if upgrade == nil {
			return &RecordError{
				Key: key, Cause: ErrSchema, Advice: adviceOlder,
				Detail: fmt.Sprintf("%s has schema %d, which this release no longer upgrades", s.Kind, e.Schema),
			}
		}
		var err error
		if data, err = upgrade(data); err != nil {
			return &RecordError{
				Key: key, Cause: ErrCorrupt, Advice: adviceCorrupt,
				Detail: fmt.Sprintf("upgrade of %s from schema %d: %v", s.Kind, version, err),
			}
		}
	}
	if len(data) == 0 || bytes.Equal(bytes.TrimSpace(data), []byte("null")) {
		return &RecordError{Key: key, Cause: ErrCorrupt, Detail: "it has no data", Advice: adviceCorrupt}
	}
	if err := strict(data, v); err != nil {
		return &RecordError{Key: key, Cause: ErrCorrupt, Detail: err.Error(), Advice: adviceCorrupt}
	}
	return nil
}

// Kind returns the kind that a record says it is of.
func Kind(key string, value []byte) (string, error) {
	var e envelope
	if err := strict(value, &e); err != nil {
		return "", &RecordError{Key: key, Cause: ErrCorrupt, Detail: err.Error(), Advice: adviceCorrupt}
	}
	return e.Kind, nil
}

// strict reads one JSON value that has no unknown field and nothing after it.
func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the JSON text ends too early")
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the JSON text")
	}
	return nil
}

package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/runner"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/eventlog"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/records"
)

// keysSchema is the form of the keys. A change of form is a new version with an upgrade from the one before.
var keysSchema = store.Schema{Kind: "keys", Version: 1}

// keysKey is where the keys of the service are kept.
const keysKey = "keys"

// keys are what artifact paths are made of. They outlive a restart, so that what was handed to
// tasks stays good and the fetcher's cache keeps hitting.
type keys struct {
	Prefix  string       `json:"prefix"`
	Signing artifact.Key `json:"signing"`
	// Initial says that the initial cluster was created, or that there was none to create.
	Initial bool `json:"initial,omitempty"`
	// events are the chunks of the record of events, which have keys of their own.
	events []store.Record
	// autoscaler are the records of the autoscaler.
	autoscaler []store.Record
}

// load reads everything that is stored. A record that cannot be read stops the start: nothing is
// guessed and nothing wiped.
func load(ctx context.Context, s store.Store) (state.Stored, keys, error) {
	stored, k, err := read(ctx, s)
	if err != nil || k.Prefix != "" {
		return stored, k, err
	}
	k.Prefix, k.Signing = artifact.NewPrefix(), artifact.NewKey()
	value, err := keysSchema.Encode(k)
	if err != nil {
		return stored, k, err
	}
	if err := s.Apply(ctx, []store.Record{{Key: keysKey, Value: value}}); err != nil {
		return stored, k, fmt.Errorf("save the keys of the service: %w", err)
	}
	return stored, k, nil
}

// read decodes what is stored, as load does, and writes nothing: there are no keys before an instance has led.
func read(ctx context.Context, s store.Store) (state.Stored, keys, error) {
	var k keys
	all, err := s.Load(ctx)
	if err != nil {
		return state.Stored{}, k, fmt.Errorf("load the state: %w", err)
	}
	stored, err := records.Decode(all, func(r store.Record) (bool, error) {
		if strings.HasPrefix(r.Key, eventlog.Prefix) {
			k.events = append(k.events, r)
			return true, nil
		}
		if runner.Owns(r) {
			k.autoscaler = append(k.autoscaler, r)
			return true, nil
		}
		if r.Key != keysKey {
			return false, nil
		}
		return true, keysSchema.Decode(r.Key, r.Value, &k)
	})
	if err != nil {
		return stored, k, fmt.Errorf("load the state: %w", err)
	}
	return stored, k, nil
}

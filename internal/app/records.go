package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// The forms of our records. A change of form is a new version with an upgrade from the one before.
var (
	frameworkSchema = store.Schema{Kind: "framework", Version: 1}
	clusterSchema   = store.Schema{Kind: "cluster", Version: 1}
	leftoverSchema  = store.Schema{Kind: "leftover", Version: 1}
	taskSchema      = store.Schema{Kind: "task", Version: 1}

	reservationSchema = store.Schema{Kind: "reservation", Version: 1}
	keysSchema        = store.Schema{Kind: "keys", Version: 1}
)

// keysKey is where the keys of the service are kept.
const keysKey = "keys"

// keys are what artifact paths are made of. They outlive a restart, so that what was handed to
// tasks stays good and the fetcher's cache keeps hitting.
type keys struct {
	Prefix  string       `json:"prefix"`
	Signing artifact.Key `json:"signing"`
	// Initial says that the initial cluster was created, or that there was none to create.
	Initial bool `json:"initial,omitempty"`
}

// saver makes the records of the core durable.
type saver struct{ store store.Store }

// Save encodes and applies the records, all or none.
func (s saver) Save(ctx context.Context, records []state.Record) error {
	changes := make([]store.Record, len(records))
	for i, r := range records {
		changes[i].Key = r.Key
		var err error
		switch v := r.Value.(type) {
		case nil:
		case *state.Framework:
			changes[i].Value, err = frameworkSchema.Encode(v)
		case *state.ClusterRecord:
			changes[i].Value, err = clusterSchema.Encode(v)
		case *state.OrphanedHAData:
			changes[i].Value, err = leftoverSchema.Encode(v)
		case *task.Task:
			changes[i].Value, err = taskSchema.Encode(v)
		case *task.Reservation:
			changes[i].Value, err = reservationSchema.Encode(v)
		default:
			err = fmt.Errorf("record %s is a %T, which has no schema", r.Key, r.Value)
		}
		if err != nil {
			return err
		}
	}
	return s.store.Apply(ctx, changes)
}

// load reads everything that is stored. A record that cannot be read stops the start: nothing is
// guessed and nothing wiped.
func load(ctx context.Context, s store.Store) (state.Stored, keys, error) {
	stored, k, err := read(ctx, s)
	if err != nil || k.Prefix != "" {
		return stored, k, err
	}
	k = keys{Prefix: artifact.NewPrefix(), Signing: artifact.NewKey()}
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
	var stored state.Stored
	var k keys
	records, err := s.Load(ctx)
	if err != nil {
		return stored, k, fmt.Errorf("load the state: %w", err)
	}
	for _, r := range records {
		switch {
		case r.Key == keysKey:
			err = keysSchema.Decode(r.Key, r.Value, &k)
		case r.Key == state.FrameworkKey:
			err = frameworkSchema.Decode(r.Key, r.Value, &stored.Framework)
		case strings.HasPrefix(r.Key, state.ClusterPrefix):
			var v state.ClusterRecord
			err = clusterSchema.Decode(r.Key, r.Value, &v)
			stored.Clusters = append(stored.Clusters, v)
		case strings.HasPrefix(r.Key, state.OrphanedHADataPrefix):
			var v state.OrphanedHAData
			err = leftoverSchema.Decode(r.Key, r.Value, &v)
			stored.Leftovers = append(stored.Leftovers, v)
		case strings.HasPrefix(r.Key, state.TaskPrefix):
			var v task.Task
			err = taskSchema.Decode(r.Key, r.Value, &v)
			stored.Tasks = append(stored.Tasks, v)
		case strings.HasPrefix(r.Key, state.ReservationPrefix):
			var v task.Reservation
			err = reservationSchema.Decode(r.Key, r.Value, &v)
			stored.Reservations = append(stored.Reservations, v)
		default:
			err = fmt.Errorf("record %s is of no kind that this release knows; start the release that wrote it", r.Key)
		}
		if err != nil {
			return stored, k, fmt.Errorf("load the state: %w", err)
		}
	}
	return stored, k, nil
}

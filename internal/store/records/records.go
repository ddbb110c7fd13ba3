// Package records owns the stored form of what the core saves: one schema for each kind of record, and which key
// belongs to which. It reads and writes no store itself beyond Apply.
package records

import (
	"context"
	"fmt"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// The schemas of the records. A change of form is a new version with an upgrade from the one before.
var (
	Framework   = store.Schema{Kind: "framework", Version: 1}
	Cluster     = store.Schema{Kind: "cluster", Version: 1}
	Leftover    = store.Schema{Kind: "leftover", Version: 1}
	Task        = store.Schema{Kind: "task", Version: 1}
	Reservation = store.Schema{Kind: "reservation", Version: 1}
	Snapshot    = store.Schema{Kind: "snapshot", Version: 1}
	Operation   = store.Schema{Kind: "operation", Version: 1}
	Revision    = store.Schema{Kind: "revision", Version: 1}
)

// Saver makes the records of the core durable. It implements loop.Saver.
type Saver struct{ Store store.Store }

// Save encodes the records and applies them, all or none.
func (s Saver) Save(ctx context.Context, changed []state.Record) error {
	changes, err := Encode(changed)
	if err != nil {
		return err
	}
	return s.Store.Apply(ctx, changes)
}

// Encode returns the stored form of records. A record without a value is a deletion. It fails for a value of a type
// that has no schema.
func Encode(changed []state.Record) ([]store.Record, error) {
	changes := make([]store.Record, len(changed))
	for i, r := range changed {
		changes[i].Key = r.Key
		var err error
		switch v := r.Value.(type) {
		case nil:
		case *state.Framework:
			changes[i].Value, err = Framework.Encode(v)
		case *state.ClusterRecord:
			changes[i].Value, err = Cluster.Encode(v)
		case *state.OrphanedHAData:
			changes[i].Value, err = Leftover.Encode(v)
		case *task.Task:
			changes[i].Value, err = Task.Encode(v)
		case *task.Reservation:
			changes[i].Value, err = Reservation.Encode(v)
		case *wire.Snapshot:
			changes[i].Value, err = Snapshot.Encode(v)
		case *wire.Operation:
			changes[i].Value, err = Operation.Encode(v)
		case *state.Revision:
			changes[i].Value, err = Revision.Encode(v)
		default:
			err = fmt.Errorf("record %s is a %T, which has no schema", r.Key, r.Value)
		}
		if err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// Decode reads stored records. Other takes a record with a key that is not one of the core's and says whether it
// knows it; nil knows none. A record that cannot be read is an error: nothing is guessed and nothing skipped.
func Decode(all []store.Record, other func(store.Record) (bool, error)) (state.Stored, error) {
	var stored state.Stored
	for _, r := range all {
		known, err := decode(r, &stored)
		if !known && other != nil {
			known, err = other(r)
		}
		if err == nil && !known {
			err = fmt.Errorf("record %s is of no kind that this release knows; start the release that wrote it", r.Key)
		}
		if err != nil {
			return stored, err
		}
	}
	return stored, nil
}

// decode reads one record into stored. It returns false for a key that is not one of the core's.
func decode(r store.Record, stored *state.Stored) (known bool, err error) {
	switch {
	case r.Key == state.FrameworkKey:
		err = Framework.Decode(r.Key, r.Value, &stored.Framework)
	case strings.HasPrefix(r.Key, state.ClusterPrefix):
		stored.Clusters, err = add(stored.Clusters, Cluster, r)
	case strings.HasPrefix(r.Key, state.OrphanedHADataPrefix):
		stored.Leftovers, err = add(stored.Leftovers, Leftover, r)
	case strings.HasPrefix(r.Key, state.TaskPrefix):
		stored.Tasks, err = add(stored.Tasks, Task, r)
	case strings.HasPrefix(r.Key, state.ReservationPrefix):
		stored.Reservations, err = add(stored.Reservations, Reservation, r)
	case strings.HasPrefix(r.Key, state.SnapshotPrefix):
		stored.Snapshots, err = add(stored.Snapshots, Snapshot, r)
	case strings.HasPrefix(r.Key, state.OperationPrefix):
		stored.Operations, err = add(stored.Operations, Operation, r)
	case strings.HasPrefix(r.Key, state.RevisionPrefix):
		stored.Revisions, err = add(stored.Revisions, Revision, r)
	default:
		return false, nil
	}
	return true, err
}

// add appends the decoded record to a list.
func add[T any](list []T, schema store.Schema, r store.Record) ([]T, error) {
	var v T
	err := schema.Decode(r.Key, r.Value, &v)
	return append(list, v), err
}

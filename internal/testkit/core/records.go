package core

import (
	"context"
	"fmt"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

var (
	frameworkSchema = store.Schema{Kind: "framework", Version: 1}
	clusterSchema   = store.Schema{Kind: "cluster", Version: 1}
	leftoverSchema  = store.Schema{Kind: "leftover", Version: 1}
	taskSchema      = store.Schema{Kind: "task", Version: 1}

	reservationSchema = store.Schema{Kind: "reservation", Version: 1}
)

func encode(records []state.Record) ([]store.Record, error) {
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
			return nil, err
		}
	}
	return changes, nil
}

func load(ctx context.Context, s store.Store) (state.Stored, error) {
	var stored state.Stored
	records, err := s.Load(ctx)
	if err != nil {
		return stored, err
	}
	for _, r := range records {
		switch {
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
			err = fmt.Errorf("record %s is of no known kind", r.Key)
		}
		if err != nil {
			return stored, err
		}
	}
	return stored, nil
}

package core

import (
	"context"
	"fmt"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/decide"
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

func encode(records []decide.Record) ([]store.Record, error) {
	changes := make([]store.Record, len(records))
	for i, r := range records {
		changes[i].Key = r.Key
		var err error
		switch v := r.Value.(type) {
		case nil:
		case *decide.Framework:
			changes[i].Value, err = frameworkSchema.Encode(v)
		case *decide.ClusterRecord:
			changes[i].Value, err = clusterSchema.Encode(v)
		case *decide.Leftover:
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

func load(ctx context.Context, s store.Store) (decide.Stored, error) {
	var stored decide.Stored
	records, err := s.Load(ctx)
	if err != nil {
		return stored, err
	}
	for _, r := range records {
		switch {
		case r.Key == decide.FrameworkKey:
			err = frameworkSchema.Decode(r.Key, r.Value, &stored.Framework)
		case strings.HasPrefix(r.Key, decide.ClusterPrefix):
			var v decide.ClusterRecord
			err = clusterSchema.Decode(r.Key, r.Value, &v)
			stored.Clusters = append(stored.Clusters, v)
		case strings.HasPrefix(r.Key, decide.LeftoverPrefix):
			var v decide.Leftover
			err = leftoverSchema.Decode(r.Key, r.Value, &v)
			stored.Leftovers = append(stored.Leftovers, v)
		case strings.HasPrefix(r.Key, decide.TaskPrefix):
			var v task.Task
			err = taskSchema.Decode(r.Key, r.Value, &v)
			stored.Tasks = append(stored.Tasks, v)
		case strings.HasPrefix(r.Key, decide.ReservationPrefix):
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

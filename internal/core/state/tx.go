package state

import (
	"fmt"
	"slices"
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Tx is the working memory of one Step.
type Tx struct {
	State State
	Now   time.Time

	Clusters       *iradix.Txn[*Cluster]
	Tasks          *iradix.Txn[*task.Task]
	Agents         *iradix.Txn[*Agent]
	killing        *iradix.Txn[struct{}]
	Unreachable    *iradix.Txn[Probing]
	Open           *iradix.Txn[struct{}]
	DrainingAgents *iradix.Txn[DrainingAgent]

	Reservations *iradix.Txn[*Reservation]

	// Edited are the clusters copied by this step, in the order of their first change.
	Edited map[string]*Cluster
	order  []string

	// Outcomes are those of this step.
	Outcomes []Outcome

	saves   []Record
	saved   map[string]int
	Sends   []Action
	Acks    []Action
	answers []Action
}

// Begin opens the tables of the state for changes.
func (tx *Tx) Begin() {
	tx.Clusters = tx.State.Clusters.Txn()
	tx.Tasks = tx.State.Tasks.Txn()
	tx.Agents = tx.State.Agents.Txn()
	tx.killing = tx.State.Killing.Txn()
	tx.Unreachable = tx.State.Unreachable.Txn()
	tx.Open = tx.State.Reconcile.Open.Txn()
	tx.Reservations = tx.State.Reservations.Txn()
	tx.DrainingAgents = tx.State.DrainingAgents.Txn()
}

// EachEdited calls do for every cluster that this step has changed and not removed, in the order of the changes.
func (tx *Tx) EachEdited(do func(*Cluster)) {
	for _, name := range tx.order {
		if c := tx.Edited[name]; c != nil {
			do(c)
		}
	}
}

// Commit puts the tables of the step into its state.
func (tx *Tx) Commit() {
	tx.State.Clusters = tx.Clusters.Commit()
	tx.commitBusy()
	tx.State.Tasks = tx.Tasks.Commit()
	tx.State.Agents = tx.Agents.Commit()
	tx.State.Killing = tx.killing.Commit()
	tx.State.Unreachable = tx.Unreachable.Commit()
	tx.State.Reconcile.Open = tx.Open.Commit()
	tx.State.Reservations = tx.Reservations.Commit()
	tx.State.DrainingAgents = tx.DrainingAgents.Commit()
	if n := len(tx.Outcomes); n > 0 {
		all := append(slices.Clone(tx.State.Outcomes), tx.Outcomes[max(0, n-MaxOutcomes):]...)
		tx.State.Outcomes = slices.Clip(all[max(0, len(all)-MaxOutcomes):])
	}
}

// commitBusy keeps the index of the clusters that a tick or an offer may concern.
func (tx *Tx) commitBusy() {
	busy := tx.State.Busy.Txn()
	for _, name := range tx.order {
		if c := tx.Edited[name]; c != nil && c.Busy() {
			busy.Insert([]byte(name), c)
		} else {
			busy.Delete([]byte(name))
		}
	}
	tx.State.Busy = busy.Commit()
}

// Actions are what the step has decided, in the order that is promised.
func (tx *Tx) Actions() []Action {
	actions := make([]Action, 0, 1+len(tx.Sends)+len(tx.Acks)+len(tx.answers))
	if len(tx.saves) > 0 {
		actions = append(actions, Save{Records: tx.saves})
	}
	actions = append(actions, tx.Sends...)
	actions = append(actions, tx.Acks...)
	return append(actions, tx.answers...)
}

// Send puts an action on the list of this step.
func (tx *Tx) Send(a Action) { tx.Sends = append(tx.Sends, a) }

// Answer completes a request of the API once everything is saved.
func (tx *Tx) Answer(request uint64, err error) {
	tx.answers = append(tx.answers, Answer{Request: request, Err: err})
}

// Edit returns the step's own copy of a cluster, nil when there is none of that name.
func (tx *Tx) Edit(name string) *Cluster {
	if c, ok := tx.Edited[name]; ok {
		return c
	}
	old, ok := tx.Clusters.Get([]byte(name))
	if !ok {
		return nil
	}
	c := *old
	return tx.Adopt(&c)
}

// Adopt makes c the cluster of its name; c belongs to this step.
func (tx *Tx) Adopt(c *Cluster) *Cluster {
	if tx.Edited == nil {
		tx.Edited = make(map[string]*Cluster)
	}
	tx.Edited[c.Spec.Name] = c
	tx.order = append(tx.order, c.Spec.Name)
	tx.Clusters.Insert([]byte(c.Spec.Name), c)
	return c
}

// RecordEvent adds an entry to a cluster's history.
func (tx *Tx) RecordEvent(c *Cluster, kind, format string, args ...any) {
	tx.RecordData(c, kind, nil, format, args...)
}

// RecordData adds an entry whose parts programs can read.
func (tx *Tx) RecordData(c *Cluster, kind string, data map[string]string, format string, args ...any) {
	n := wire.Event{Time: tx.Now, Type: kind, Message: fmt.Sprintf(format, args...), Data: data}
	from := max(0, len(c.Events)-maxEvents+1)
	c.Events = append(slices.Clone(c.Events[from:]), n)
	tx.Send(RecordEvent{Cluster: c.Spec.Name, Event: n})
}

package state

import (
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/task"
)

// State is everything that is known. It is a value: Step makes a new one and leaves the old as it was.
type State struct {
	Options   Options
	Framework Framework
	Master    string
	// MasterVersion is that of the leading master; empty while it is not known.
	MasterVersion string
	// MasterRegion is the fault domain's region of the leading master; empty when it has none.
	MasterRegion string
	Connected    bool
	// Suppressed is what we last told the master: that we want no offers.
	Suppressed bool

	Clusters *iradix.Tree[*Cluster]
	// Busy are those of them that a tick or an offer may concern (Cluster.Busy).
	Busy   *iradix.Tree[*Cluster]
	Tasks  *iradix.Tree[*task.Task]
	Agents *iradix.Tree[*Agent]
	// Killing are the tasks with goal released that are not known to have ended.
	Killing *iradix.Tree[struct{}]
	// Unreachable are the tasks whose agent Mesos does not hear, with what is known of them otherwise.
	Unreachable *iradix.Tree[Probing]
	// Reservations are what is reserved on agents, by id.
	Reservations *iradix.Tree[*Reservation]
	// ReleasesPending counts those of them that are to be given back.
	ReleasesPending int
	Reconcile       reconciliation
	// OrphanedHAData are the deleted clusters that left something in ZooKeeper; forgetNext is when to try again to remove it.
	OrphanedHAData *iradix.Tree[*OrphanedHAData]
	HACleanupNext  time.Time
	// TeardownNext is when a TEARDOWN may be sent (again).
	TeardownNext time.Time
	// WantOffers says that something new waits that the filters of earlier declines may hide.
	WantOffers bool
	RevivedAt  time.Time
	// ReviveDue is when the last REVIVE would have been sent at the even pace.
	ReviveDue time.Time
	// ReviveNext is when offers are asked for anew though nothing new waits.
	ReviveNext time.Time
	// Constraints is what the master was last told of the offers that are of use, unconfirmed that it may not have taken that.
	Constraints            []RoleConstraints
	ConstraintsUnconfirmed bool
	// ConstraintsRefused says that this master does not take constraints.
	ConstraintsRefused bool
	// DrainingAgents are the agents that will not be there, by id.
	DrainingAgents *iradix.Tree[DrainingAgent]
	// Probes are the requests that wait for offers to be seen, in the order of their ends.
	Probes []OfferProbe
	// ReleaseWait is the time between such requests while nothing waits and something is to be given back.
	ReleaseWait time.Duration
	// AbandonAt is when the uninstallation no longer waits for what is to be given back.
	AbandonAt time.Time
	Outcomes  []Outcome
	// Snapshots are the savepoints and checkpoints that are known, by id.
	Snapshots Snapshots
	// Operations are the changes that were asked for.
	Operations Operations
	// Revisions are the specs that clusters have and had (RevisionsOf).
	Revisions *iradix.Tree[*Revision]
}

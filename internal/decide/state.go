package decide

import (
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Options are the knobs of the decisions. They do not change while the service runs.
type Options struct {
	// Refuse is the filter of a decline: for how long Mesos is not to offer the same
	// resources again. REVIVE ends it early.
	Refuse time.Duration
	// ReconcileInterval is the time between implicit reconciliations.
	ReconcileInterval time.Duration
	// UnreachableTimeout is how long an unreachable task is waited for before it is replaced.
	UnreachableTimeout time.Duration
	// Principal is who reserves resources; empty for a master that asks for none.
	Principal string
	// Uninstall removes the service: every cluster and then the framework.
	Uninstall bool
	// UninstallSavepoints is where the jobs of each cluster are stopped with savepoints before; empty for none.
	UninstallSavepoints string
	// Resources of a JobManager's and a TaskManager's task beyond what the spec says.
	JobManagerPorts, TaskManagerPorts []string
}

// Defaults returns the options with every zero field set to its default.
func (o Options) Defaults() Options {
	if o.Refuse == 0 {
		o.Refuse = time.Hour
	}
	if o.ReconcileInterval == 0 {
		o.ReconcileInterval = 15 * time.Minute
	}
	if o.UnreachableTimeout == 0 {
		o.UnreachableTimeout = 30 * time.Second
	}
	if o.JobManagerPorts == nil {
		o.JobManagerPorts = []string{"rpc", "rest", "blob", "metrics", "driver"}
	}
	if o.TaskManagerPorts == nil {
		o.TaskManagerPorts = []string{"rpc", "data", "metrics"}
	}
	return o
}

// Framework is the record of our registration with Mesos.
type Framework struct {
	ID string `json:"id"`
	// Previous are the ids that the master removed, the newest last.
	Previous []string `json:"previous,omitempty"`
}

// ClusterRecord is what is stored of a cluster.
type ClusterRecord struct {
	Spec       spec.Spec `json:"spec"`
	Generation int64     `json:"generation"`
	Created    time.Time `json:"created"`
	// Nonce is part of the ids of all its tasks, which makes them unlike those of an
	// earlier cluster of the same name.
	Nonce string `json:"nonce"`
	// NextTask numbers the tasks.
	NextTask int64           `json:"nextTask"`
	State    wire.State      `json:"state"`
	Message  string          `json:"message,omitempty"`
	Result   *wire.JobResult `json:"result,omitempty"`
	Restarts int             `json:"restarts"`
	// Failures are the last tasks that ended without being asked to, the newest last.
	Failures []wire.Failure `json:"failures,omitempty"`
	// Change is a change that waits for jobs to be stopped; nil for none.
	Change *Change `json:"change,omitempty"`
	// Changes numbers those changes; ChangeFailure is why the last one was given up.
	Changes       int64  `json:"changes,omitempty"`
	ChangeFailure string `json:"changeFailure,omitempty"`
	// Savepoints are those with which the jobs were last stopped for a change.
	Savepoints []wire.Savepoint `json:"savepoints,omitempty"`
	// Paused says that no task of it is to be started until that is taken back.
	Paused bool `json:"paused,omitempty"`
}

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

	clusters *iradix.Tree[*Cluster]
	tasks    *iradix.Tree[*task.Task]
	agents   *iradix.Tree[*Agent]
	// killing are the tasks with goal released that are not known to have ended.
	killing *iradix.Tree[struct{}]
	// unreachable are the tasks whose agent Mesos does not hear.
	unreachable *iradix.Tree[struct{}]
	// reservations are what is reserved on agents, by id.
	reservations *iradix.Tree[*reservation]
	// owing counts those of them that are to be given back.
	owing     int
	reconcile reconciliation
	// leftovers are the deleted clusters that left something in ZooKeeper; forgetNext is when to try again to remove it.
	leftovers  *iradix.Tree[*Leftover]
	forgetNext time.Time
	// teardown is when a TEARDOWN may be sent (again).
	teardown time.Time
	// wantOffers says that something new waits that the filters of earlier declines may hide.
	wantOffers bool
	revived    time.Time
	// reviveDue is when the last REVIVE would have been sent at the even pace.
	reviveDue time.Time
	// reviveNext is when offers are asked for anew though nothing new waits.
	reviveNext time.Time
	// constrained is what the master was last told of the offers that are of use, unconfirmed that it may not have taken that.
	constrained []RoleConstraints
	unconfirmed bool
	// unconstrained says that this master does not take constraints.
	unconstrained bool
	// leavers are the agents that will not be there, by id.
	leavers *iradix.Tree[leaving]
	// looks are the requests that wait for offers to be seen, in the order of their ends.
	looks []look
	// owedWait is the time between such requests while nothing waits and something is to be given back.
	owedWait time.Duration
	// giveUp is when the uninstallation no longer waits for what is to be given back.
	giveUp   time.Time
	outcomes []Outcome
}

// Cluster is one cluster with what is known of it and not stored.
type Cluster struct {
	ClusterRecord
	// waiting holds the tasks that have no place yet, by id.
	waiting *iradix.Tree[*waiting]
	// waitingJobManagers is how many of them are JobManagers.
	waitingJobManagers int
	// jobManagers are the ids of the JobManagers that were launched and have not ended, oldest first.
	jobManagers []string
	// taskManagers counts the launched TaskManagers that have not ended and are not released.
	taskManagers int
	// releasing counts the tasks of any role with goal released that have not ended.
	releasing int
	// running counts the TaskManagers in state RUNNING with goal launched.
	running  int
	exchange exchange
	flink    *wire.Flink
	// doubted says that flink was corrected here: the next observation counts, also when nothing changed.
	doubted bool
	phases  []wire.PhaseTime
	notes   []wire.Note
	// stopAsked is when the stop of the jobs was last asked for.
	stopAsked time.Time
	// cancelBegun and cancelAsked are when their cancellation was first and last asked for; cancelled says that none runs any more.
	cancelBegun, cancelAsked time.Time
	cancelled                bool
	// jobManagerBrake and taskManagerBrake slow the starts of a role after failures in a row.
	jobManagerBrake, taskManagerBrake brake
	// jobManagerRules and taskManagerRules are the spec's constraints, read once.
	jobManagerRules, taskManagerRules constraint.Rules
	rulesProblem                      error
	// jobManagerConditions and taskManagerConditions are what a master can apply of them.
	jobManagerConditions, taskManagerConditions []constraint.Condition
	// move is the replacement of a TaskManager on an agent that will not be there; nil for none.
	move *move
	// moveNext is before when no other replacement is begun.
	moveNext time.Time
	// surge says that there may be more TaskManagers than the spec's number, for that reason.
	surge bool
}

// waiting is a wanted task without a place.
type waiting struct {
	id        string
	role      spec.TaskKind
	need      offer.Need
	resources spec.Resources
	worker    *task.Worker
	// surplus is the task that it is to replace, when Flink did not ask for it.
	surplus string
	since   time.Time
}

// exchange is the state of the conversation with the driver in the JobManager.
type exchange struct {
	// jobManager is the task id of the JobManager that leads: of several only its driver has wants.
	jobManager string
	epoch      string
	// past are the last epochs before this one. What comes late from one of them is no news.
	past    []string
	version int64
	// wanted is what the driver last asked for; nil before it did.
	wanted *iradix.Tree[*task.Worker]
	// ended holds the words about workers that ended, until the driver no longer wants them.
	ended *iradix.Tree[string]
}

// brake counts starts that failed one after the other.
type brake struct {
	failures int
	// counted is when the last failure was counted.
	counted time.Time
	until   time.Time
	reason  string
}

// Agent is what is remembered of an agent: its last offers, and starts that failed there.
type Agent struct {
	ID, Hostname string
	// rooms are the last offers to each role, the newest last; for explanations and what-if questions.
	rooms []room
	// failures counts starts that failed one after the other, as of counted; half of them are forgotten every agentHalfLife.
	failures int
	counted  time.Time
	avoid    time.Time
}

// room is what an agent last offered to a role, less what was taken of it.
type room struct {
	role   string
	offers []offer.Offer
	seen   time.Time
}

// reconciliation asks the master for the state of tasks until each has answered.
type reconciliation struct {
	open    *iradix.Tree[struct{}]
	attempt int
	next    time.Time
	// implicit is when all tasks are asked for next.
	implicit time.Time
}

// look is a request for a look at what Mesos offers now.
type look struct {
	request uint64
	until   time.Time
}

// Outcome is what became of the offers of one agent.
type Outcome struct {
	Time     time.Time `json:"time"`
	OfferIDs []string  `json:"offerIds"`
	AgentID  string    `json:"agentId"`
	Hostname string    `json:"hostname"`
	// Result is accepted or declined.
	Result string `json:"result"`
	// Tasks are the ids of the tasks that were placed.
	Tasks   []string `json:"tasks,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
}

// Sizes of what is kept for people, and to answer what would fit.
const (
	maxOutcomes = 100
	maxNotes    = 100
	maxFailures = 5
	maxAgents   = 10000
)

// Stored is what a store holds, decoded.
type Stored struct {
	Framework Framework
	Clusters  []ClusterRecord
	Tasks     []task.Task
	// Reservations are what is reserved on agents.
	Reservations []task.Reservation `json:",omitempty"`
	Leftovers    []Leftover
}

// New returns the state after a start: what was stored, and nothing known of the present.
func New(o Options, stored Stored, now time.Time) State {
	s := State{
		Options:     o.Defaults(),
		Framework:   stored.Framework,
		clusters:    iradix.New[*Cluster](),
		tasks:       iradix.New[*task.Task](),
		agents:      iradix.New[*Agent](),
		killing:     iradix.New[struct{}](),
		leftovers:   iradix.New[*Leftover](),
		unreachable: iradix.New[struct{}](),

		reservations: iradix.New[*reservation](),
		leavers:      iradix.New[leaving](),
	}
	s.reconcile.open = iradix.New[struct{}]()
	s.reconcile.implicit = now.Add(s.Options.ReconcileInterval)
	st := &step{s: s, now: now}
	st.begin()
	if len(stored.Leftovers) == 0 {
		st.s.forgetNext = now.Add(forgetAgain) // Else it is tried with the first tick.
	}
	for i := range stored.Leftovers {
		l := stored.Leftovers[i]
		st.s.leftovers, _, _ = st.s.leftovers.Insert([]byte(l.key()), &l)
	}
	for _, r := range stored.Clusters {
		c := newCluster(r)
		c.phases = []wire.PhaseTime{{Phase: wire.PhaseOffer, Since: now}}
		st.clusters.Insert([]byte(r.Spec.Name), c)
	}
	for i := range stored.Tasks {
		t := stored.Tasks[i]
		if _, ok := st.clusters.Get([]byte(t.Cluster)); ok {
			st.indexTask(&t)
		}
	}
	for i := range stored.Reservations {
		r := reservation{Reservation: stored.Reservations[i], quiet: now.Add(quietAfterStart)}
		if _, used := st.tasks.Get([]byte(r.Task)); !used {
			r.freed = now
		}
		st.keepReservation(&r)
	}
	for _, r := range stored.Clusters {
		st.converge(r.Spec.Name)
	}
	s, _ = st.end()
	return s
}

func newCluster(r ClusterRecord) *Cluster {
	c := &Cluster{
		ClusterRecord: r,
		waiting:       iradix.New[*waiting](),
		exchange:      exchange{ended: iradix.New[string]()},
	}
	c.compile()
	return c
}

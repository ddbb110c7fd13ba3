package state

import (
	"time"
)

// Options are the knobs of the decisions. They do not change while the service runs.
type Options struct {
	// Refuse is the filter of a decline: for how long Mesos is not to offer the same
	// resources again. REVIVE ends it early.
	Refuse time.Duration
	// ReconcileInterval is the time between implicit reconciliations.
	ReconcileInterval time.Duration
	// UnreachableTimeout is how long an unreachable task is waited for while neither it nor anything else answers.
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

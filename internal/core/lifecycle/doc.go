// Package lifecycle decides what should run: clusters that are put, suspended, deleted and uninstalled,
// rollouts, where the state of a job comes from, and when a cluster is stable.
package lifecycle

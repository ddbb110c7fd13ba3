// Package tasks keeps what Mesos runs in step with what is known: status updates, kills, lost agents,
// reconciliation, the session with the master, and back-off after failed launches.
package tasks

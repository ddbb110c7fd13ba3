package cluster

import "time"

// Plan is how a task is started: everything about it that is neither its identity nor its
// resources. Package launch makes it; package mesos puts it into a TaskInfo.
type Plan struct {
	// Command is run by /bin/sh -c in the sandbox.
	Command     string
	Environment map[string]string
	URIs        []URI
	// User is the operating system user; empty means the framework's.
	User string
	// KillGrace is the time between SIGTERM and SIGKILL.
	KillGrace time.Duration
	Labels    map[string]string
}

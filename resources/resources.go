// Package resources embeds the files that go into the sandboxes of Flink tasks, so that the
// service is one binary. The resource manager driver is no part of it: its jar
// belongs into Flink's lib directory, and is put there when a distribution is assembled.
package resources

import _ "embed"

//go:embed flink/start.sh
var startScript string

//go:embed flink/log4j.properties
var log4j string

//go:embed flink/log4j-file.properties
var log4jFile string

// StartScript is the shell script that turns a task into a Flink process: it finds a
// Java, checks it, and replaces itself by it.
func StartScript() string { return startScript }

// Log4j is the logging configuration of every task: everything to standard output,
// which Mesos keeps in the sandbox.
func Log4j() string { return log4j }

// Log4jFile is what Log4j is continued with when a bounded log file is asked for too.
func Log4jFile() string { return log4jFile }

// Package resources embeds the files that go into the sandboxes of Flink tasks, so that the
// service is one binary.
package resources

import "embed"

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

// DriverName is the file name of the resource manager driver's jar, in Flink's lib directory.
const DriverName = "flink-mesos-driver.jar"

// A directory, because its file need not be there: a checkout builds without Maven.
//
//go:embed embedded
var embedded embed.FS

// Driver is the jar of the resource manager driver that this program was built with; nil when
// it was built without one. The service adds it to every Flink that it packs itself.
func Driver() []byte {
	jar, err := embedded.ReadFile("embedded/" + DriverName)
	if err != nil {
		return nil
	}
	return jar
}

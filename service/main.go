// Flink-service runs Apache Flink on Apache Mesos; see internal/app.
package main

import (
	"os"

	"github.com/flink-on-mesos/flink-service/internal/admin"
)

// Set by the linker.
var (
	version = "dev"
	commit  = "unknown"
)

func main() {
	os.Exit(admin.Main(version, commit, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

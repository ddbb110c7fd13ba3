package zookeeper

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/flink-on-mesos/flink-service/internal/testkit/jars"
)

// version is of the line that DC/OS and Debian 12 run too.
const version = "3.8.4"

// server is what Maven fetches. ZooKeeper declares the last two artifacts as provided by others. It logs through whichever
// binding is there; this one says "debug" of everything unless told otherwise.
var server = jars.Set{
	Name: "zookeeper", Version: version,
	Artifacts: []string{"org.apache.zookeeper:zookeeper:" + version, "io.dropwizard.metrics:metrics-core:4.1.12.1", "org.xerial.snappy:snappy-java:1.1.10.5"},
	Files: map[string]string{"logback.xml": `<configuration><appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %-5level %msg%n</pattern></encoder></appender>` +
		`<root level="WARN"><appender-ref ref="out"/></root></configuration>`},
}

// debian holds the jar of Debian's package zookeeper, which names its own class path.
const debian = "/usr/share/java/zookeeper.jar"

// Prepare returns the class path of a ZooKeeper server. The jars are fetched once with Maven into build/zookeeper below the
// module's root; several processes may call it at once. Without Maven, Debian's package zookeeper does.
func Prepare(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("mvn"); err != nil {
		if _, err := os.Stat(debian); err == nil {
			return debian, nil
		}
		return "", errors.New("ZooKeeper is needed and there is neither Maven nor " + debian +
			": install one of the Debian packages maven and zookeeper")
	}
	lib, err := server.Fetch(ctx)
	if err != nil {
		return "", err
	}
	return jars.ClassPath(lib), nil
}

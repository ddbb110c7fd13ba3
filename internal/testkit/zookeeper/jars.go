package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// version is of the line that DC/OS and Debian 12 run too.
const version = "3.8.4"

// project names what Maven is to fetch. ZooKeeper declares the last two as provided by others.
const project = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>flink-service</groupId>
  <artifactId>zookeeper-for-tests</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.zookeeper</groupId><artifactId>zookeeper</artifactId><version>` + version + `</version></dependency>
    <dependency><groupId>io.dropwizard.metrics</groupId><artifactId>metrics-core</artifactId><version>4.1.12.1</version></dependency>
    <dependency><groupId>org.xerial.snappy</groupId><artifactId>snappy-java</artifactId><version>1.1.10.5</version></dependency>
  </dependencies>
</project>
`

// debian holds the jar of Debian's package zookeeper, which names its own class path.
const debian = "/usr/share/java/zookeeper.jar"

// Prepare returns the class path of a ZooKeeper server. The jars are fetched once with Maven into build/zookeeper below the
// module's root; several processes may call it at once. Without Maven, Debian's package zookeeper does.
func Prepare(ctx context.Context) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "build", "zookeeper")
	lib := filepath.Join(dir, version)
	if _, err := os.Stat(lib); err == nil {
		return classPath(lib), nil
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		if _, err := os.Stat(debian); err == nil {
			return debian, nil
		}
		return "", errors.New("ZooKeeper is needed and there is neither Maven nor " + debian +
			": install one of the Debian packages maven and zookeeper")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if _, err := os.Stat(lib); err == nil {
		return classPath(lib), nil
	}
	if err := fetch(ctx, dir, lib); err != nil {
		return "", err
	}
	return classPath(lib), nil
}

// classPath holds every jar in lib, and lib itself for the logging settings.
func classPath(lib string) string {
	return lib + string(os.PathListSeparator) + filepath.Join(lib, "*")
}

// fetch has Maven copy the jars; lib appears when it is complete.
func fetch(ctx context.Context, dir, lib string) error {
	pom := filepath.Join(dir, "pom.xml")
	if err := os.WriteFile(pom, []byte(project), 0o644); err != nil {
		return err
	}
	part := lib + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	mvn := exec.CommandContext(ctx, "mvn", "--batch-mode", "--quiet", "--file", pom,
		"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+part)
	if output, err := mvn.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch ZooKeeper %s with Maven: %w: %s", version, err, lastLines(string(output), 5))
	}
	// ZooKeeper logs through whichever binding is there; this one says "debug" of everything unless told otherwise.
	settings := `<configuration><appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %-5level %msg%n</pattern></encoder></appender>` +
		`<root level="WARN"><appender-ref ref="out"/></root></configuration>`
	if err := os.WriteFile(filepath.Join(part, "logback.xml"), []byte(settings), 0o644); err != nil {
		return err
	}
	return os.Rename(part, lib)
}

// moduleRoot returns the directory of go.mod, at or above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.Contains(string(text), "module github.com/flink-on-mesos/flink-service\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod of this project at or above the working directory")
		}
		dir = parent
	}
}

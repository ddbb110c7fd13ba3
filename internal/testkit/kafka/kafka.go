// Package kafka runs a real Kafka broker for tests: one process that is its own controller (KRaft), on 127.0.0.1.
package kafka

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/testkit/jars"
	"github.com/flink-on-mesos/flink-service/internal/testkit/process"
)

// Version is that of the broker.
const Version = "4.1.1"

var broker = jars.Set{Name: "kafka", Version: Version, Artifacts: []string{
	"org.apache.kafka:kafka_2.13:" + Version, "org.apache.kafka:kafka-tools:" + Version,
}}

// Server is a broker that runs.
type Server struct {
	// Address is host:port for clients.
	Address string

	t   testing.TB
	lib string
}

// Start runs a broker that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	lib, err := broker.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Address: process.FreeAddress(t), t: t, lib: lib}
	controller, dir := process.FreeAddress(t), t.TempDir()
	settings := filepath.Join(dir, "server.properties")
	text := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
advertised.listeners=PLAINTEXT://%[1]s
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=%[3]s/logs
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
`, s.Address, controller, dir)
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.tool("", "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", settings)
	process.Start(t, process.Options{
		Name: "kafka", Dir: dir, Ready: process.Listens(s.Address), Command: append(s.java(), "kafka.Kafka", settings),
	})
	return s
}

// Topic makes a topic.
func (s *Server) Topic(name string, partitions int) {
	s.t.Helper()
	s.tool("", "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", s.Address, "--create", "--topic", name, "--partitions", strconv.Itoa(partitions))
}

// Produce writes records without keys to a topic.
func (s *Server) Produce(topic string, records []string) {
	s.t.Helper()
	s.tool(strings.Join(records, "\n")+"\n", "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", s.Address, "--topic", topic)
}

// Consume reads all records of a topic that are committed: those that come before a second passes without one.
func (s *Server) Consume(topic string) []string {
	s.t.Helper()
	out := s.tool("", "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", s.Address, "--topic", topic,
		"--from-beginning", "--isolation-level", "read_committed", "--timeout-ms", "5000")
	return strings.Fields(out)
}

func (s *Server) java() []string {
	return []string{"java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars.ClassPath(s.lib)}
}

// tool runs one of Kafka's own programs, and returns its standard output.
func (s *Server) tool(input, class string, args ...string) string {
	s.t.Helper()
	command := append(append(s.java(), class), args...)
	cmd := exec.CommandContext(s.t.Context(), command[0], command[1:]...)
	cmd.Stdin = strings.NewReader(input)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	// The consumer ends with an error when nothing more comes.
	if err != nil && !strings.Contains(stderr.String(), "TimeoutException") {
		s.t.Fatalf("%s: %v\n%s%s", class, err, out, stderr.String())
	}
	return string(out)
}

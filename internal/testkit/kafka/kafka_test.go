package kafka_test

import (
	"os"
	"slices"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/testkit/kafka"
)

// TestBroker writes to a topic and reads from it.
func TestBroker(t *testing.T) {
	if os.Getenv("FLINK_REAL") != "1" {
		t.Skip("tests with a real Kafka run with FLINK_REAL=1 (make e2e-storage)")
	}
	s := kafka.Start(t)
	s.Topic("numbers", 1)
	want := []string{"1", "2", "3"}
	s.Produce("numbers", want)
	if got := s.Consume("numbers"); !slices.Equal(got, want) {
		t.Errorf("Consume() = %q, want %q", got, want)
	}
}

package hdfs_test

import (
	"net/http"
	"os"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/testkit/hdfs"
	"github.com/flink-on-mesos/flink-service/internal/testkit/kdc"
)

// TestSecured has a user log in and look at what there is.
func TestSecured(t *testing.T) {
	if os.Getenv("FLINK_REAL") != "1" {
		t.Skip("tests with a real HDFS run with FLINK_REAL=1 (make e2e-storage)")
	}
	s := hdfs.Start(t, kdc.Start(t))
	// The directory of MiniDFSCluster's own files is not there; the root is readable, and has nothing.
	if got := s.List("/"); len(got) != 0 {
		t.Errorf("List(/) = %q, want nothing", got)
	}
	for _, name := range []string{"core-site.xml", "hdfs-site.xml"} {
		response, err := http.Get(s.ConfigURL + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %s", name, response.Status)
		}
	}
	for _, jar := range s.Jars() {
		if _, err := os.Stat(jar); err != nil {
			t.Error(err)
		}
	}
}

package hdfs

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/testkit/kdc"
)

// TestStart has the user write where it may, and where it may not, with and without Kerberos.
func TestStart(t *testing.T) {
	if os.Getenv("FLINK_REAL") != "1" {
		t.Skip("tests with a real HDFS run with FLINK_REAL=1 (make e2e-storage)")
	}
	for _, name := range []string{"plain", "Kerberos"} {
		t.Run(name, func(t *testing.T) {
			var k *kdc.KDC
			if name == "Kerberos" {
				k = kdc.Start(t)
			}
			s := Start(t, k)
			if _, err := s.shell(User, "-touchz", Dir+"/mine"); err != nil {
				t.Error(err)
			}
			if _, err := s.shell(User, "-touchz", "/other"); err == nil || !strings.Contains(err.Error(), "Permission denied") {
				t.Errorf("write to / = %v, want permission denied", err)
			}
			if got, want := s.List("/"), []string{Dir, Dir + "/mine"}; !slices.Equal(got, want) {
				t.Errorf("List(/) = %q, want %q", got, want)
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
		})
	}
}

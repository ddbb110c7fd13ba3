package ha_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/flink/ha"
)

func TestLocate(t *testing.T) {
	tests := []struct {
		name   string
		config map[string]string
		// want is SERVERS ROOT PATH; empty when the cluster does not use ZooKeeper.
		want string
	}{
		{"nothing", nil, ""},
		{"other high availability", map[string]string{"high-availability.type": "kubernetes", "high-availability.zookeeper.quorum": "a"}, ""},
		{"no quorum", map[string]string{"high-availability.type": "zookeeper"}, ""},
		{"empty quorum", map[string]string{"high-availability.type": "zookeeper", "high-availability.zookeeper.quorum": " , "}, ""},
		{"defaults", map[string]string{"high-availability.type": "zookeeper", "high-availability.zookeeper.quorum": "a"}, "[a:2181] /flink /flink/default"},
		{
			"all of it", map[string]string{
				"high-availability.type": "ZooKeeper", "high-availability.zookeeper.quorum": "a:1, b ,c:3/chroot", "high-availability.zookeeper.path.root": "x/y/",
				"high-availability.cluster-id": "/demo-x7k2",
			}, "[a:1 b:2181 c:3] /chroot/x/y /chroot/x/y/demo-x7k2",
		},
		{
			"deprecated names", map[string]string{
				"high-availability": "zookeeper", "recovery.zookeeper.quorum": "a:1", "recovery.zookeeper.path.root": "/r", "recovery.zookeeper.path.namespace": "n",
			}, "[a:1] /r /r/n",
		},
		{"nothing above", map[string]string{
			"high-availability.type": "zookeeper", "high-availability.zookeeper.quorum": "a", "high-availability.zookeeper.path.root": "/", "high-availability.cluster-id": "../../x",
		}, "[a:2181] / /x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, ok, err := ha.Locate(tt.config)
			if err != nil {
				t.Fatalf("Locate() error: %v", err)
			}
			got := ""
			if ok {
				got = fmt.Sprint(l.Servers) + " " + l.Root + " " + l.Path
			}
			if got != tt.want {
				t.Errorf("Locate() = %q, want %q", got, tt.want)
			}
		})
	}
}

// What would have a graph's removal take more than graphs, or a namespace's more than the namespace, is refused, and
// so is a login that cannot be read. No error shows a password.
func TestLocateRefuses(t *testing.T) {
	tests := []struct{ option, value string }{
		{"high-availability.zookeeper.path.jobgraphs", "/"},
		{"high-availability.zookeeper.path.jobgraphs", "jobs"},
		{"high-availability.zookeeper.path.execution-plans", "/leader/x"},
		{"high-availability.zookeeper.path.applications", "/jobs/a"},
		{"high-availability.zookeeper.client.authorization", "hunter2"},
		{"high-availability.zookeeper.client.authorization", "digest:'a:b',:hunter2"},
	}
	for _, tt := range tests {
		t.Run(tt.option+" "+tt.value, func(t *testing.T) {
			_, _, err := ha.Locate(map[string]string{"high-availability.type": "zookeeper", "high-availability.zookeeper.quorum": "a", tt.option: tt.value})
			if fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), tt.option) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Locate() error %v, want one that names %s", err, tt.option)
			}
		})
	}
	_, _, err := ha.Locate(map[string]string{
		"high-availability.type": "zookeeper", "high-availability.zookeeper.quorum": "a", "high-availability.zookeeper.path.root": "/", "high-availability.cluster-id": "/",
	})
	if fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), "cluster-id") {
		t.Errorf("Locate() of the root: error %v", err)
	}
}

func TestLocationHidesLogins(t *testing.T) {
	l, _, err := ha.Locate(map[string]string{
		"high-availability.type": "zookeeper", "high-availability.zookeeper.quorum": "a", "high-availability.zookeeper.client.authorization": `{digest: "flink:hunter2"}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	l.SASL = &ha.SASL{User: "flink", Password: "hunter2"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format+format, l, l.SASL); strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%d", []byte("hunter2"))) {
			t.Errorf("%s shows the password: %s", format, text)
		}
	}
}

func TestNamespace(t *testing.T) {
	l := locate(t, "a:1", map[string]string{"high-availability.zookeeper.path.root": "/r", "high-availability.cluster-id": "/demo-g1"})
	if diff := cmp.Diff("/r/demo-g2", l.Namespace("demo-g2").Path); diff != "" {
		t.Errorf("Namespace() mismatch (-want +got):\n%s", diff)
	}
	if l.Path != "/r/demo-g1" {
		t.Errorf("the location itself is now %s", l.Path)
	}
}

// Only who is shut out is told.
func TestNote(t *testing.T) {
	const acl, login = "high-availability.zookeeper.client.acl", "high-availability.zookeeper.client.authorization"
	tests := []struct {
		name    string
		options map[string]string
		sasl    *ha.SASL
		told    bool
	}{
		{"open", map[string]string{acl: "open"}, nil, false},
		{"by default", nil, nil, false},
		{"creator", map[string]string{acl: "CREATOR"}, nil, true},
		{"creator with a login", map[string]string{acl: "creator", login: "digest:'a:b'"}, nil, false},
		{"creator with SASL", map[string]string{acl: "creator"}, &ha.SASL{User: "a", Password: "b"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := locate(t, "a", tt.options)
			l.SASL = tt.sasl
			if note := l.Note(); (note != "") != tt.told || tt.told && (!strings.Contains(note, login) || !strings.Contains(note, "ZOOKEEPER_SASL_USER")) {
				t.Errorf("Note() = %q", note)
			}
		})
	}
}

func TestOn(t *testing.T) {
	l := locate(t, "a:1,b", nil)
	for quorum, want := range map[string]bool{"b:2181, a:1/chroot": true, "a:1": false, "a:1,b:2181,c": false, "": false} {
		if l.On(quorum) != want {
			t.Errorf("On(%q) = %t, want %t", quorum, !want, want)
		}
	}
}

// locate is the location of a cluster on a server, with options besides.
func locate(t *testing.T, server string, options map[string]string) ha.Location {
	t.Helper()
	config := map[string]string{"high-availability.type": "zookeeper", "high-availability.zookeeper.quorum": server}
	maps.Copy(config, options)
	l, ok, err := ha.Locate(config)
	if err != nil || !ok {
		t.Fatalf("Locate() = %t, %v", ok, err)
	}
	return l
}

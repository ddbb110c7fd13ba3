package mesos_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesosgo "github.com/mesos/mesos-go/api/v1/lib"
	"sigs.k8s.io/yaml"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/flinkmesos"
	"github.com/flink-on-mesos/flink-service/internal/launch"
	"github.com/flink-on-mesos/flink-service/internal/mesos"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

var update = flag.Bool("update", false, "write the golden files")

// TestTaskInfo goes the whole way of each spec in testdata/taskinfo: defaults, validation, an offer, the plan, and
// the TaskInfo of both roles, which is compared with the golden file beside it.
func TestTaskInfo(t *testing.T) {
	t.Parallel()
	specs, err := filepath.Glob("testdata/taskinfo/*.yaml")
	if err != nil || len(specs) == 0 {
		t.Fatalf("no specs: %v", err)
	}
	planner := newPlanner(t)
	for _, file := range specs {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			var infos []mesosgo.TaskInfo
			for _, l := range launches(t, read(t, file)) {
				plan, err := planner.Plan(l)
				if err != nil {
					t.Fatal(err)
				}
				infos = append(infos, mesos.TaskInfo(l, plan))
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".json", infos)
		})
	}
}

// jvm are the options of the JVM, which package flink tests.
var jvm = regexp.MustCompile(`(Entrypoint|TaskManagerRunner) -.*? -- `)

func golden(t *testing.T, file string, infos []mesosgo.TaskInfo) {
	t.Helper()
	for i := range infos {
		// What a master cannot read back it would not have understood.
		data, err := infos[i].Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var back mesosgo.TaskInfo
		if err := back.Unmarshal(data); err != nil {
			t.Fatal(err)
		}
		*infos[i].Command.Value = jvm.ReplaceAllString(infos[i].Command.GetValue(), "$1 … -- ")
	}
	var got bytes.Buffer
	e := json.NewEncoder(&got)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(infos); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("TaskInfo of %s (-want +got; go test -update writes it):\n%s", file, diff)
	}
}

// read completes and checks a spec as the API does.
func read(t *testing.T, file string) spec.Spec {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sp := spec.Spec{Name: "demo", Allocation: spec.Static, TaskManagers: spec.TaskManagers{Count: 1}}
	if err := yaml.UnmarshalStrict(data, &sp); err != nil {
		t.Fatal(err)
	}
	sp, _, err = flinkmesos.Adopt(sp)
	if err != nil {
		t.Fatal(err)
	}
	sp = sp.Complete(spec.Defaults{FlinkVersion: "2.3.0", Role: "flink", User: "nobody"})
	if err := sp.Validate(spec.Rules{Constraints: true, Privileged: true}); err != nil {
		t.Fatal(err)
	}
	return sp
}

// launchTime is when the stories of tests begin.
var launchTime = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // A constant.

// largeOffer has more of everything than two tasks need.
func largeOffer(id, role string, attributes map[string]string) offer.Offer {
	o := offer.Offer{ID: id, AgentID: "agent", Hostname: "host", Attributes: attributes}
	for name, amount := range map[string]float64{"cpus": 8, "mem": 16384, "disk": 10000, "gpus": 2, "network_bandwidth": 1000, "network": 1000, "uplink": 1000} {
		o.Resources = append(o.Resources, offer.Resource{Name: name, Scalar: offer.ToMilli(amount), AllocationRole: role})
	}
	o.Resources = append(o.Resources, offer.Resource{Name: "ports", Ranges: []offer.Range{{Begin: 31000, End: 31999}}, AllocationRole: role})
	o.Resources = append(o.Resources, offer.Resource{Name: "cpus", Scalar: 4000, AllocationRole: role, Revocable: true},
		offer.Resource{Name: "disk", Scalar: 2000_000, AllocationRole: role, Disk: &offer.Disk{Source: offer.MountSource, Root: "/mnt/ssd"}})
	return o
}

// launches offers one large agent until both roles have a place.
func launches(t *testing.T, spec spec.Spec) []state.Launch {
	t.Helper()
	now := launchTime
	st := core.New(state.Options{}, state.Stored{}, now)
	var all []state.Launch
	step := func(e state.Event) {
		var actions []state.Action
		now = now.Add(time.Second)
		st, actions = core.Step(st, e, now)
		for _, a := range actions {
			if accept, ok := a.(state.Accept); ok {
				all = append(all, accept.Launches...)
			}
		}
	}
	offered := func(id string) state.Offered {
		return state.Offered{Offers: []offer.Offer{largeOffer(id, spec.Role, map[string]string{"disk": "ssd"})}}
	}
	step(state.Subscribed{FrameworkID: "fw"})
	step(state.PutCluster{Request: 1, Spec: spec, Nonce: "aaaa"})
	step(offered("o1"))
	step(state.Updated{TaskID: "demo-aaaa-jm-1", AgentID: "agent", State: task.Running, Address: "9.0.1.2"})
	step(offered("o2"))
	if len(all) != 2 {
		d, _ := view.Describe(&st, spec.Name)
		t.Fatalf("%d of 2 tasks have a place: %+v", len(all), d.Waiting)
	}
	return all
}

func newPlanner(t *testing.T) *launch.Planner {
	t.Helper()
	p, err := launch.New(launch.Options{
		Distribution: func(s spec.Spec) (launch.Distribution, error) {
			return launch.Distribution{Version: s.FlinkVersion, URI: "http://service/flink-" + s.FlinkVersion + ".tgz"}, nil
		},
		OverlayURI:  func(name string) (string, error) { return "http://service/" + name + "/overlay.tgz", nil },
		ArtifactURI: func(u spec.ArtifactURI) (string, error) { return "http://service/" + u.String(), nil },
		Secret:      func(name string) ([]byte, error) { return []byte("content of " + name + "\n"), nil },
		Key:         bytes.Repeat([]byte("k"), 32), JavaHome: "/opt/java", ZooKeeper: "zk:2181", StorageDir: "hdfs:///ha",
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

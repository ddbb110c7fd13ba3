package mesos_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flinkmesos"
	"github.com/flink-on-mesos/flink-service/internal/mesos"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// legacyOption is what one option of flink-mesos does to the TaskInfo of a TaskManager.
type legacyOption struct {
	key, value string
	// also are options without which it has no effect; they are set on both sides of the comparison.
	also map[string]string
	// want is a pattern of what the TaskInfo, as JSON without blanks, has with the option and not without it. Empty
	// means that nothing changes, or that the option is refused.
	want string
	// refused is in the message of a refusal.
	refused string
}

// legacyOptions has each option of flink-mesos, those of 1.13 and those of before.
func legacyOptions() []legacyOption {
	const tasks = "mesos.resourcemanager.tasks."
	image := map[string]string{tasks + "container.type": "docker", tasks + "container.image.name": "jre:17"}
	return []legacyOption{
		{key: "mesos.master", value: "zk://a:2181/mesos"},
		{key: "mesos.failover-timeout", value: "600"},
		{key: "mesos.resourcemanager.framework.name", value: "Other"},
		{key: "mesos.resourcemanager.framework.role", value: "flink/other", want: `"role":"flink/other"`},
		{key: "mesos.resourcemanager.framework.principal", value: "p"},
		{key: "mesos.resourcemanager.framework.secret", value: "s", refused: "MESOS_SECRET"},
		{key: "mesos.resourcemanager.framework.user", value: "alice", want: `"user":"alice"`},
		{key: "mesos.resourcemanager.artifactserver.port", value: "9000"},
		{key: "mesos.resourcemanager.artifactserver.ssl.enabled", value: "false"},
		{key: "mesos.resourcemanager.declined-offer-refuse-duration", value: "60000"},
		{key: "mesos.resourcemanager.unused-offer-expiration", value: "1000"},
		{key: tasks + "port-assignments", value: "metrics.reporter.prom.port", want: `-D metrics\.reporter\.prom\.port=31\d\d\d`},
		{key: "mesos.constraints.hard.hostattribute", value: "disk:ssd"}, // TestLegacyHostAttribute shows what it does.
		{key: "mesos.resourcemanager.network.resource.name", value: "uplink", also: map[string]string{tasks + "network.bandwidth": "10"}, want: `"name":"uplink"`},
		{key: tasks + "bootstrap-cmd", value: ". /etc/site.sh", want: `\{ \. /etc/site\.sh\\n\} && exec sh`},
		{key: tasks + "taskmanager-cmd", value: "/my/start.sh", refused: "taskManager.bootstrap"},
		{key: tasks + "taskmanager-cmd", value: "$FLINK_HOME/bin/mesos-taskmanager.sh"},
		{key: tasks + "container.type", value: "docker", also: map[string]string{tasks + "container.image.name": "jre:17"}, want: `"container":\{"type":"DOCKER"`},
		{key: tasks + "container.image.name", value: "jre:21", want: `"docker":\{"name":"jre:21"`},
		{key: tasks + "container.volumes", value: "/a:/b:RO", want: `"container_path":"/b","host_path":"/a"`},
		{key: tasks + "container.docker.parameters", value: "env=A=b", also: image, want: `"parameters":\[\{"key":"env","value":"A=b"\}`},
		{key: tasks + "container.docker.force-pull-image", value: "true", also: image, want: `"force_pull_image":true`},
		{key: tasks + "cpus", value: "3", want: `"name":"cpus","type":"SCALAR","scalar":\{"value":3\}`},
		{key: tasks + "disk", value: "2048", want: `"name":"disk","type":"SCALAR","scalar":\{"value":2048\}`},
		{key: tasks + "gpus", value: "2", want: `"name":"gpus","type":"SCALAR","scalar":\{"value":2\}`},
		{key: tasks + "network.bandwidth", value: "25", want: `"name":"network","type":"SCALAR","scalar":\{"value":25\}`},
		{key: tasks + "hostname", value: "_TASK_.site", want: `taskmanager\.host=demo-aaaa-tm-\d+\.site`},
		{key: tasks + "labels", value: "team:a", want: `"key":"team","value":"a"`},
		{key: tasks + "uris", value: "http://h/site.tgz", want: `"value":"http://h/site\.tgz","executable":false,"extract":true`},

		{key: "high-availability.zookeeper.path.mesos-workers", value: "/mesos-workers"},
		{key: "recovery.zookeeper.path.mesos-workers", value: "/mesos-workers"},
		{key: tasks + "mem", value: "3072", want: `"name":"mem","type":"SCALAR","scalar":\{"value":3072\}`},
		{key: "mesos.initial-tasks", value: "1"}, // A number of tasks; package legacy tests it.
		{key: "mesos.maximum-failed-tasks", value: "3"},
		{key: "mesos.maximum-failed-workers-per-interval", value: "3"},
		{key: "mesos.workers-failure-rate-interval", value: "300"},
	}
}

// TestLegacyOptions shows what each option does to the TaskInfo of a TaskManager, or that it is refused.
func TestLegacyOptions(t *testing.T) {
	t.Parallel()
	covered := map[string]bool{}
	for _, o := range legacyOptions() {
		covered[o.key] = true
		t.Run(o.key+"="+o.value, func(t *testing.T) {
			t.Parallel()
			config := map[string]string{o.key: o.value}
			maps.Copy(config, o.also)
			if o.refused != "" {
				_, _, err := flinkmesos.Adopt(spec.Spec{FlinkConfiguration: config})
				if err == nil || !strings.Contains(err.Error(), o.refused) {
					t.Errorf("Adopt() = %v, want a refusal with %q", err, o.refused)
				}
				return
			}
			without, with := taskInfoOf(t, o.also), taskInfoOf(t, config)
			if o.want == "" {
				if diff := cmp.Diff(without, with); diff != "" {
					t.Errorf("the TaskInfo changes (-without +with):\n%s", diff)
				}
				return
			}
			want := regexp.MustCompile(o.want)
			if want.MatchString(without) || !want.MatchString(with) {
				t.Errorf("%s is not what the option makes:\nwithout %s\nwith    %s", o.want, without, with)
			}
		})
	}
	for _, o := range flinkmesos.Options() {
		if !covered[o.Key] {
			t.Errorf("no case for %s", o.Key)
		}
	}
}

// taskInfoOf is the TaskInfo of a TaskManager with a configuration, as JSON without blanks.
func taskInfoOf(t *testing.T, config map[string]string) string {
	t.Helper()
	for _, l := range launches(t, legacySpec(t, config)) {
		if l.Task.Kind != spec.TaskManagerTask {
			continue
		}
		plan, err := newPlanner(t).Plan(l)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(mesos.TaskInfo(l, plan))
		if err != nil {
			t.Fatal(err)
		}
		return strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(data))
	}
	t.Fatal("there is no TaskManager")
	return ""
}

func legacySpec(t *testing.T, config map[string]string) spec.Spec {
	t.Helper()
	sp, _, err := flinkmesos.Adopt(spec.Spec{
		Name: "demo", Allocation: spec.Static, TaskManagers: spec.TaskManagers{Count: 1}, FlinkConfiguration: config,
	})
	if err != nil {
		t.Fatal(err)
	}
	sp = sp.Complete(spec.Defaults{FlinkVersion: "2.3.0", Role: "flink", User: "nobody"})
	if err := sp.Validate(spec.Rules{Constraints: true}); err != nil {
		t.Fatal(err)
	}
	return sp
}

// TestLegacyHostAttribute offers an agent without the attribute, and one with it.
func TestLegacyHostAttribute(t *testing.T) {
	t.Parallel()
	sp := legacySpec(t, map[string]string{"mesos.constraints.hard.hostattribute": "disk:ssd"})
	for value, want := range map[string]int{"ssd": 1, "hdd": 0, "": 0} {
		now := launchTime
		st := core.New(state.Options{}, state.Stored{}, now)
		placed := 0
		for _, e := range []state.Event{
			state.Subscribed{FrameworkID: "fw"},
			state.PutCluster{Request: 1, Spec: sp, Nonce: "aaaa"},
			state.Offered{Offers: []offer.Offer{largeOffer("o1", "flink", map[string]string{"disk": value})}},
			state.Updated{TaskID: "demo-aaaa-jm-1", AgentID: "agent", State: task.Running, Address: "9.0.1.2"},
			state.Offered{Offers: []offer.Offer{largeOffer("o2", "flink", map[string]string{"disk": value})}},
		} {
			var actions []state.Action
			now = now.Add(1e9)
			st, actions = core.Step(st, e, now)
			for _, a := range actions {
				accept, ok := a.(state.Accept)
				if !ok {
					continue
				}
				for _, l := range accept.Launches {
					if l.Task.Kind == spec.TaskManagerTask {
						placed++
					}
				}
			}
		}
		if placed != want {
			t.Errorf("on an agent with disk:%s there are %d TaskManagers, want %d", value, placed, want)
		}
	}
}

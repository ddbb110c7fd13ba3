package localmesos_test

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
)

// accepted are the differences from the real master that are meant to be, each with its reason. What is
// not listed here is an error, and so is an entry that no recording needs any more.
var accepted = []struct {
	at     *regexp.Regexp
	reason string
}{
	{
		re(`^[^/]+/(after-|lost-)?agent-(get_(containers|flags|files_debug|monitor_statistics|state|slave1_state)|op-GET_(AGENT|CONTAINERS|EXECUTORS|FLAGS|FRAMEWORKS|OPERATIONS|RESOURCE_PROVIDERS|STATE|TASKS))/`),
		"an agent here has no API of its own beyond health, version and files: what it knows, the master tells",
	},
	{re(`^[^/]+/(after-|lost-)?(op-GET|get)_(flags|FLAGS|METRICS|LOGGING_LEVEL|state-summary)/`), "flags, metrics and logging are those of another program"},
	{re(`^[^/]+/(after-|lost-)?get(_|-auth-)state/flags/`), "as above: /state shows the one flag that says how often offers come"},
	{re(`^[^/]+/(after-|lost-)?(op-GET|get)_(maintenance_\w+|MAINTENANCE_\w+|quota|QUOTA|weights|WEIGHTS)/`), "no quota, no weights; of maintenance the schedule is kept, and not who agreed to it"},
	{re(`^[^/]+/(after-|lost-)?(op-GET|get)_(roles|ROLES|OPERATIONS)/`), "roles and operations are not listed: the offers show the first, and operations end at once"},
	{re(`^[^/]+/(after-|lost-)?get_(frameworks|tasks)/`), "the lists of /frameworks and /tasks are parts of /state"},
	{re(`_resources_full$`), "the second form of resources in /slaves repeats the first"},
	{re(`^[^/]+/agent-(files-|op-(LIST|READ)_FILE|state-for-sandbox)`), "files are those of real tasks; package runtime compares them"},
	{
		re(`^04.*/lost-get_state/frameworks/loss/(offered_)?resources/ports`),
		"the real one forgets the ports of the second agent when it subtracts those of the first, which have the same numbers",
	},
	{re(`^04.*/lost-op-GET_(FRAMEWORKS|STATE)/.*/offered_resources$`), "as above"},
	{re(`^16.*/nonleader-get_frameworks`), "there is no /frameworks, as above"},
	{re(`/offer_constraints$`), "offer constraints are applied, and not shown: mesos-go does not know them"},
	{re(`/agent_info/checkpoint$`), "mesos-go's AgentInfo does not have the field"},
	{re(`^03.*/head/text`), "Go's server sends no body in answer to HEAD, as HTTP wants it"},
	{re(`^03.*/change-3-user/OFFERS/.*/role`), "which of two roles with equal shares comes first is a matter of chance"},
}

// acceptedUsed are the entries that some recording needed.
var acceptedUsed sync.Map

func re(text string) *regexp.Regexp { return regexp.MustCompile(text) }

// reservedForWeb are "cpus:2;mem:1024;disk:2048;cpus(web):2;mem(web):512;ports:[31000-31050]".
var reservedForWeb = func() mesos.Resources {
	rs := mesos.Resources{
		scalar(resources.NameCPUs, 2), scalar(resources.NameMem, 1024), scalar(resources.NameDisk, 2048), scalar(resources.NameCPUs, 2), scalar(resources.NameMem, 512),
		resources.Build().Name(resources.NamePorts).Ranges(resources.BuildRanges().Span(31000, 31050).Ranges).Resource,
	}
	for _, i := range []int{3, 4} {
		rs[i].Reservations = []mesos.Resource_ReservationInfo{{Type: mesos.Resource_ReservationInfo_STATIC.Enum(), Role: new("web")}}
	}
	return rs
}()

func scalar(name resources.Name, value float64) mesos.Resource {
	return resources.Build().Name(name).Scalar(value).Resource
}

func nothing(*replay) {}

// pings are those of the recorded master.
var pings = localmesos.Options{AgentPingTimeout: 2 * time.Second, MaxAgentPingTimeouts: 2}

// A recording also shows what was not recorded, where the master is known to treat two things alike. Each of these
// changes a line of a recording.

func asRecorded(line string) string { return line }

// withoutAllocation leaves allocation_info out of ACCEPT calls. The master completes such resources from their offer
// before it does anything else with them (Master::accept), so the same must happen.
func withoutAllocation(line string) string {
	if !strings.Contains(line, `"type":"ACCEPT"`) {
		return line
	}
	return allocation.ReplaceAllString(line, "")
}

var allocation = re(`,"allocation_info":\{"role":"[^"]*"\}`)

// notPartitionAware has the framework do without PARTITION_AWARE. It is told TASK_LOST in place of the newer states,
// and that is all of the difference (Master::__removeSlave, Master::reconcile): its tasks, too, are listed as
// unreachable, and are known again when their agent is back.
func notPartitionAware(line string) string {
	return strings.NewReplacer(
		`,{"type":"PARTITION_AWARE"}`, ``, `,"PARTITION_AWARE"`, ``,
		`"TASK_UNREACHABLE"`, `"TASK_LOST"`, `"TASK_GONE"`, `"TASK_LOST"`, `"TASK_UNKNOWN"`, `"TASK_LOST"`,
	).Replace(line)
}

func TestConformance(t *testing.T) {
	tests := []struct {
		// name is that of the recording, and of how it differs when it does.
		name string
		// resources are those of the agents, when not the usual.
		resources mesos.Resources
		o         localmesos.Options
		// prepare is what was so before the recording began.
		prepare func(*replay)
		edit    func(string) string
	}{
		{"01-basic-nonpartitionaware", nil, localmesos.Options{}, nothing, asRecorded},
		{"01-basic-nonpartitionaware without allocation_info", nil, localmesos.Options{}, nothing, withoutAllocation},
		{"02-basic-partitionaware", nil, localmesos.Options{}, nothing, asRecorded},
		{"03-protocol-errors", nil, localmesos.Options{}, nothing, asRecorded},
		{"04-agent-loss-partitionaware-checkpoint", nil, pings, nothing, asRecorded},
		{"04-agent-loss-partitionaware-checkpoint without PARTITION_AWARE", nil, pings, nothing, notPartitionAware},
		{"04-agent-loss-partitionaware-nocheckpoint", nil, pings, nothing, asRecorded},
		{"04-agent-loss-partitionaware-nocheckpoint without PARTITION_AWARE", nil, pings, nothing, notPartitionAware},
		{"06-maintenance", nil, localmesos.Options{}, nothing, asRecorded},
		{"07-roles-reservations", reservedForWeb, localmesos.Options{}, nothing, asRecorded},
		{"07-roles-reservations without allocation_info", reservedForWeb, localmesos.Options{}, nothing, withoutAllocation},
		{"10-http-basic-auth", nil, localmesos.Options{Principal: "fw", Secret: "fwsecret", Principals: map[string]string{"op": "opsecret"}}, nothing, asRecorded},
		{"16-not-leading", nil, localmesos.Options{}, func(r *replay) { r.Redirect("127.0.0.1:15050") }, asRecorded},
		{"17-no-leader", nil, localmesos.Options{}, func(r *replay) { r.NotReady(http.StatusServiceUnavailable, "No leader elected") }, asRecorded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name, _, _ := strings.Cut(tt.name, " ")
			steps := readRecording(t, name, tt.edit)
			synctest.Test(t, func(t *testing.T) {
				r := newReplay(t, name, tt.resources, tt.o)
				tt.prepare(r)
				r.play(steps)
			})
		})
	}
	for i, a := range accepted {
		if _, ok := acceptedUsed.Load(i); !ok && !t.Failed() {
			t.Errorf("no recording needs the accepted difference %s", a.at)
		}
	}
}

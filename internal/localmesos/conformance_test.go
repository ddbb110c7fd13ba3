package localmesos_test

import (
	"net/http"
	"regexp"
	"sync"
	"testing"
	"testing/synctest"

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

func TestConformance(t *testing.T) {
	tests := []struct {
		name string
		// resources are those of the agents, when not the usual.
		resources mesos.Resources
		o         localmesos.Options
		// prepare is what was so before the recording began.
		prepare func(*replay)
	}{
		{"01-basic-nonpartitionaware", nil, localmesos.Options{}, nothing},
		{"02-basic-partitionaware", nil, localmesos.Options{}, nothing},
		{"03-protocol-errors", nil, localmesos.Options{}, nothing},
		{"04-agent-loss-partitionaware-checkpoint", nil, localmesos.Options{}, nothing},
		{"04-agent-loss-partitionaware-nocheckpoint", nil, localmesos.Options{}, nothing},
		{"06-maintenance", nil, localmesos.Options{}, nothing},
		{"07-roles-reservations", reservedForWeb, localmesos.Options{}, nothing},
		{"10-http-basic-auth", nil, localmesos.Options{Principal: "fw", Secret: "fwsecret", Principals: map[string]string{"op": "opsecret"}}, nothing},
		{"16-not-leading", nil, localmesos.Options{}, func(r *replay) { r.Redirect("127.0.0.1:15050") }},
		{"17-no-leader", nil, localmesos.Options{}, func(r *replay) { r.NotReady(http.StatusServiceUnavailable, "No leader elected") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			steps := readRecording(t, tt.name)
			synctest.Test(t, func(t *testing.T) {
				r := newReplay(t, tt.name, tt.resources, tt.o)
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

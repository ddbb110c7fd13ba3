package localmesos_test

import (
	"regexp"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
)

// accepted are the differences from the real master that are meant to be, each with its reason. What is
// not listed here is an error, and so is an entry that no recording needs any more.
var accepted = []struct {
	at     *regexp.Regexp
	reason string
}{
	{re(`agent-(get_(containers|flags|files_debug|monitor_statistics|state|slave1_state)|op-GET_(AGENT|CONTAINERS|EXECUTORS|FLAGS|FRAMEWORKS|OPERATIONS|RESOURCE_PROVIDERS|STATE|TASKS))/`),
		"an agent here has no API of its own beyond health, version and files: what it knows, the master tells"},
	{re(`(op-GET|get)_(flags|FLAGS|METRICS|LOGGING_LEVEL|state-summary)/`), "flags, metrics and logging are those of another program"},
	{re(`get(_|-auth-)state/flags/`), "as above: /state shows the one flag that says how often offers come"},
	{re(`(op-GET|get)_(maintenance_\w+|MAINTENANCE_\w+|quota|QUOTA|weights|WEIGHTS)/`), "no maintenance schedule, quota or weights: Plan and Drain stand in for the first"},
	{re(`(op-GET|get)_(roles|ROLES|OPERATIONS)/`), "roles and operations are not listed: the offers show the first, and operations end at once"},
	{re(`get_(frameworks|tasks)/`), "the lists of /frameworks and /tasks are parts of /state"},
	{re(`_resources_full$`), "the second form of resources in /slaves repeats the first"},
	{re(`agent-(files-|op-(LIST|READ)_FILE|state-for-sandbox)`), "files are those of real tasks; package runtime compares them"},
	{re(`^04.*/lost-get_state/frameworks/loss/(offered_)?resources/ports`),
		"the real one forgets the ports of the second agent when it subtracts those of the first, which have the same numbers"},
	{re(`/agent_info/checkpoint$`), "mesos-go's AgentInfo does not have the field"},
	{re(`^03.*/head/text`), "Go's server sends no body in answer to HEAD, as HTTP wants it"},
	{re(`^03.*/change-3-user/OFFERS/.*/role`), "which of two roles with equal shares comes first is a matter of chance"},
}

// acceptedUsed are the entries that some recording needed.
var acceptedUsed sync.Map

func re(text string) *regexp.Regexp { return regexp.MustCompile(text) }

func TestConformance(t *testing.T) {
	tests := []struct {
		name string
		o    localmesos.Options
	}{
		{"01-basic-nonpartitionaware", localmesos.Options{}},
		{"02-basic-partitionaware", localmesos.Options{}},
		{"03-protocol-errors", localmesos.Options{}},
		{"04-agent-loss-partitionaware-checkpoint", localmesos.Options{}},
		{"04-agent-loss-partitionaware-nocheckpoint", localmesos.Options{}},
		{"10-http-basic-auth", localmesos.Options{Principal: "fw", Secret: "fwsecret", Principals: map[string]string{"op": "opsecret"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			steps := readRecording(t, tt.name)
			synctest.Test(t, func(t *testing.T) {
				newReplay(t, tt.name, nil, tt.o).play(steps)
			})
		})
	}
	for i, a := range accepted {
		if _, ok := acceptedUsed.Load(i); !ok && !t.Failed() {
			t.Errorf("no recording needs the accepted difference %s", a.at)
		}
	}
}

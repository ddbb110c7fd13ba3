package service

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// schema is that of the package.
func schema(t *testing.T) map[string]any {
	t.Helper()
	data, err := os.ReadFile("../../../config.json")
	if err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCheck gives options that the package manager or the service would refuse: each is refused here, with the option's
// name and what to do.
func TestCheck(t *testing.T) {
	t.Parallel()
	s := schema(t)
	for _, tt := range []struct {
		options string
		want    []string // empty for options that are right
	}{
		{`{}`, nil},
		{`{"service": {"log_level": "LOUD"}}`, []string{"service.log_level: LOUD is not allowed: use one of DEBUG, INFO, WARN, ERROR"}},
		{`{"service": {"colour": "red"}, "colour": 1}`, []string{"colour: is not an option", "service.colour: is not an option"}},
		{`{"service": {"cpus": "1"}}`, []string{"service.cpus: is of type string, not number"}},
		{`{"service": {"mem": 1}}`, []string{"service.mem: 1 is less than 128"}},
		{`{"taskmanager": {"slots": 5000}}`, []string{"taskmanager.slots: 5000 is more than 1024"}},
		{`{"jobmanager": {"cpus": 1.0001}}`, []string{"jobmanager.cpus: has too many decimals: use a multiple of 0.001"}},
		{`{"taskmanager": {"memory": "999999g"}}`, []string{`taskmanager.memory: "999999g" is not allowed: The memory of the whole process`}},
		{`{"service": {"user": "` + strings.Repeat("x", 100) + `"}}`, []string{`service.user: "` + strings.Repeat("x", 60) + `…" is not allowed`}},
		{`{"session": {"spec": "` + strings.Repeat("a: b\\n", 20001) + `"}}`, []string{"session.spec: has 100005 characters; at most 100000 are allowed"}},
		{`{"high_availability": {"enabled": true}}`, []string{"high_availability.enabled needs high_availability.storage_dir"}},
		{`{"kerberos": {"enabled": true}}`, []string{"kerberos.enabled needs kerberos.keytab"}},
		{`{"flink": {"release_2_3": false, "release_1_20": false}}`, []string{"clusters need at least one Flink"}},
		{`{"tls": {"certificate": "a"}, "state": {"ca_file": "b"}}`, []string{"tls.certificate needs tls.key", "state.ca_file needs state.tls"}},
		{`{"mesos": {"insecure": true, "ca_file": "b"}}`, []string{"mesos.insecure and mesos.ca_file exclude each other"}},
		{`{"session": {"role": "analytics"}}`, []string{"session.role: analytics is not one of mesos.roles, which are *"}},
		{`{"session": {"role": "analytics"}, "service": {"name": "analytics/flink"}}`, nil}, // The group may enforce it.
		{`{"session": {"role": "a"}, "mesos": {"roles": "b,a"}}`, nil},
		{`{"taskmanager": {"min": 5, "max": 2}}`, []string{"taskmanager.min: 5 is above taskmanager.max, which is 2"}},
		{`{"taskmanager": {"min": 5, "max": 2}, "session": {"dynamic_allocation": false}}`, nil},
		{`{"taskmanager": {"min": 5, "max": 2}, "session": {"enabled": false}}`, nil},
		{`{"session": {"placement_constraint": "[[\"rack\",\"LIKE\",\"(\"]]"}}`, []string{"session.placement_constraint[0]: \"(\" is not a regular expression"}},
		{`{"session": {"spec": "name: x"}}`, nil},
		{`{"session": {"spec": "` + base64.StdEncoding.EncodeToString([]byte("name: x")) + `"}}`, nil},
		{`{"session": {"spec": "name: x\nsize: 3"}}`, []string{"session.spec: the specification of a cluster has fields that cannot be read", "size: is not a field"}},
		{`{"session": {"spec": "` + base64.StdEncoding.EncodeToString([]byte("name: X\ntaskManager: {slots: -1}")) + `"}}`, []string{"session.spec: name ", "session.spec: taskManager.slots"}},
	} {
		var given map[string]any
		if err := json.Unmarshal([]byte(strings.ReplaceAll(tt.options, "\n", `\n`)), &given); err != nil {
			t.Fatalf("%s: %v", tt.options, err)
		}
		err := check(s, laidOver(defaults(s), given))
		if (err == nil) != (len(tt.want) == 0) || err != nil && command.ExitOf(err) != command.ExitUsage {
			t.Errorf("%.200s: check() = %v (exit code %d)", tt.options, err, command.ExitOf(err))
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%.200s: check() = %v, want %q", tt.options, err, want)
			}
		}
	}
	if err := check(nil, map[string]any{"anything": 1}); err != nil {
		t.Errorf("check() of a package without a schema = %v", err)
	}
}

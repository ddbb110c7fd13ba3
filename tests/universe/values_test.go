package universe_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/universe"
)

// alongside are options without which another has no effect, or none that makes sense.
var alongside = map[string]map[string]any{
	"mesos.principal":                       {"mesos.secret": "flink/principal"},
	"service.service_account":               {"service.service_account_secret": "flink/service-account"},
	"service.principal":                     {"service.service_account_secret": "flink/service-account"},
	"state.user":                            {"state.password": "flink/zookeeper"},
	"service.virtual_network_name":          {"service.virtual_network_enabled": true},
	"service.placement_attribute":           {"service.placement_value": "a"},
	"service.placement_operator":            {"service.placement_attribute": "rack", "service.placement_value": "a"},
	"service.placement_value":               {"service.placement_attribute": "rack"},
	"service.deploy_in_parallel":            {"service.standby": true},
	"service.vip_domain":                    {"service.vip": "api.flink"},
	"session.virtual_network_name":          {"session.virtual_network_enabled": true},
	"session.virtual_network_plugin_labels": {"session.virtual_network_enabled": true},
	"taskmanager.count":                     {"session.dynamic_allocation": false},
	"high_availability.enabled":             {"high_availability.storage_dir": "hdfs:///flink/ha"},
	"high_availability.jobmanager_replicas": {"high_availability.storage_dir": "hdfs:///flink/ha", "high_availability.enabled": true},
	"state.ca_file":                         {"state.tls": true},
	"tls.certificate":                       {"tls.key": "flink/key"},
	"tls.key":                               {"tls.certificate": "flink/certificate"},
	"kerberos.enabled":                      {"kerberos.keytab": "flink/keytab"},
	"kerberos.principal":                    {"kerberos.keytab": "flink/keytab", "kerberos.enabled": true},
	"kerberos.contexts":                     {"kerberos.keytab": "flink/keytab", "kerberos.enabled": true},
	"kerberos.krb5_conf_url":                {"kerberos.keytab": "flink/keytab", "kerberos.enabled": true},
}

// samples are values of options of which the schema cannot say all.
func samples(t testing.TB, path string) []any {
	switch path {
	case "mesos.ca_file", "state.ca_file": // The file must be there when the service starts.
		file := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		return []any{file}
	case "state.key": // The secret must be long enough: in tests its value is made of its path.
		return []any{"flink/state", "folder/flink/the-key_of.state"}
	case "flink.java_archive":
		return []any{"https://example.com/java/jre-21.tar.gz", "hdfs:///java/jdk_17+8.tgz", "s3://bucket/a.zip"}
	case "session.spec":
		const spec = "name: mine\nkind: session\nflinkConfiguration:\n  state.backend.type: \"rocksdb\"\n"
		return []any{spec, `{"name": "mine"}`, base64.StdEncoding.EncodeToString([]byte(spec))} // The last as the form stores it.
	case "session.placement_constraint": // Some operators need a value, some take none.
		return []any{
			`[["rack", "LIKE", "rack-[1-3]"], ["hostname","MAX_PER","2"]]`, `[["@zone", "GROUP_BY"]]`, `[ [ "hostname" , "UNIQUE" ] ]`,
			`[["rack","like","rack-\\d+"],["@zone","group_by",""],["os","IS","linux"]]`, `[["a\"b\\c","UNLIKE","\\[x\\]"]]`,
			`[]`, // What the form's widget leaves when its last row is removed.
		}
	case "session.role": // One of mesos.roles.
		return []any{"*"}
	default:
		return nil
	}
}

// values derives values of an option from its schema: each differs from the default and is valid.
func values(t testing.TB, o universe.Option) []any {
	t.Helper()
	all := samples(t, o.Path)
	if all == nil {
		all = derive(t, o.Schema)
	}
	all = slices.DeleteFunc(slices.Clone(all), func(v any) bool { return fmt.Sprint(v) == fmt.Sprint(o.Schema["default"]) })
	if len(all) == 0 {
		t.Errorf("%s has no value but its default: add a sample to this test", o.Path)
	}
	return all
}

func derive(t testing.TB, s map[string]any) []any {
	t.Helper()
	if enum, ok := s["enum"].([]any); ok {
		return enum
	}
	switch s["type"] {
	case "boolean":
		return []any{true, false}
	case "integer", "number":
		all := []any{s["minimum"], s["maximum"]}
		n, err := s["default"].(json.Number).Float64()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, json.Number(strconv.FormatFloat(n+1, 'f', -1, 64)))
		if s["type"] == "number" {
			all = append(all, json.Number(strconv.FormatFloat(n+0.25, 'f', -1, 64)))
		}
		return all
	case "string":
		pattern, ok := s["pattern"].(string)
		if !ok {
			return []any{"text"}
		}
		tree, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		var all []any
		for _, text := range generate(tree) {
			all = append(all, text)
		}
		return all
	}
	t.Fatalf("a %v cannot be derived", s["type"])
	return nil
}

// generate gives texts that match an expression: each alternative once, and what may be repeated as rarely as
// possible and once more.
func generate(e *syntax.Regexp) []string {
	switch e.Op {
	case syntax.OpLiteral:
		return []string{string(e.Rune)}
	case syntax.OpCharClass:
		for _, c := range "a1A*." {
			for i := 0; i < len(e.Rune); i += 2 {
				if c >= e.Rune[i] && c <= e.Rune[i+1] {
					return []string{string(c)}
				}
			}
		}
		return []string{string(e.Rune[0])}
	case syntax.OpCapture:
		return generate(e.Sub[0])
	case syntax.OpStar, syntax.OpQuest:
		return append([]string{""}, generate(e.Sub[0])...)
	case syntax.OpPlus:
		return generate(e.Sub[0])
	case syntax.OpRepeat:
		var all []string
		for _, one := range generate(e.Sub[0]) {
			all = append(all, strings.Repeat(one, e.Min))
			if e.Max < 0 || e.Max > e.Min {
				all = append(all, strings.Repeat(one, e.Min+1))
			}
		}
		return all
	case syntax.OpAlternate:
		var all []string
		for _, sub := range e.Sub {
			all = append(all, generate(sub)...)
		}
		return all
	case syntax.OpConcat:
		// The parts vary one after another, not in all combinations.
		parts := make([][]string, len(e.Sub))
		longest := 1
		for i, sub := range e.Sub {
			parts[i] = generate(sub)
			longest = max(longest, len(parts[i]))
		}
		all := make([]string, longest)
		for n := range all {
			for _, p := range parts {
				all[n] += p[n%len(p)]
			}
		}
		return all
	default: // Anchors.
		return []string{""}
	}
}

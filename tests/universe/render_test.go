package universe_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/program"
	"github.com/flink-on-mesos/flink-service/internal/universe"
)

// cases calls f for every value of every option, alone or with what it needs.
func cases(t *testing.T, f func(t *testing.T, o universe.Option, base, changed map[string]any)) {
	p := pkg(t)
	for _, o := range universe.Options(p.Config) {
		var base map[string]any
		for name, v := range alongside[o.Path] {
			base = universe.Set(base, name, v)
		}
		for i, v := range values(t, o) {
			t.Run(fmt.Sprintf("%s/%d", o.Path, i), func(t *testing.T) {
				t.Parallel()
				f(t, o, base, universe.Set(base, o.Path, v))
			})
		}
	}
}

func render(t testing.TB, options map[string]any) map[string]any {
	t.Helper()
	app, err := renderer(t).Render(universe.RenderOptions{Options: options, Source: "https://example.com/repo"})
	if err != nil {
		t.Fatalf("Render(%v) = %v", options, err)
	}
	return app
}

// valid says whether the form accepts options.
func valid(t testing.TB, options map[string]any) bool {
	t.Helper()
	_, err := renderer(t).Render(universe.RenderOptions{Options: options})
	if err != nil && !strings.Contains(err.Error(), "options are not valid") {
		t.Fatalf("Render(%v) = %v", options, err)
	}
	return err == nil
}

// TestDefaults starts the app of a user who sets nothing.
func TestDefaults(t *testing.T) {
	t.Parallel()
	app := render(t, nil)
	if err := universe.CheckApp(app); err != nil {
		t.Error(err)
	}
	c, err := config.Load(start(t, app))
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP.Listen != "0.0.0.0:31007" || c.HTTP.AdvertiseHost != "agent-1" || len(c.Flink.Distributions) != 2 {
		t.Errorf("the service listens on %s, is known as %s and has the Flinks %v", c.HTTP.Listen, c.HTTP.AdvertiseHost, c.Flink.Distributions)
	}
	if s := first(c); s == nil || s.Name != "session" {
		t.Errorf("the first cluster is %+v", s)
	}
}

// first is the first cluster; nil when there is none, or it cannot be read.
func first(c config.Config) *spec.Spec {
	sp, err := c.Flink.InitialCluster.Spec()
	if err != nil {
		return nil
	}
	return sp
}

// TestEachOption changes each option: the app obeys Marathon, the service takes its environment, and the option has
// an effect. Together the options reach every variable of the service.
func TestEachOption(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	reached := reach{}
	app := render(t, nil)
	plainly := environment(t, app, start(t, app))
	// The group ends when all its parallel cases have.
	t.Run("options", func(t *testing.T) {
		cases(t, func(t *testing.T, o universe.Option, base, changed map[string]any) {
			app := render(t, changed)
			if !valid(t, base) { // Neither goes without the other.
				base = nil
			}
			before := render(t, base)
			if err := universe.CheckApp(app); err != nil {
				t.Errorf("%v: %v", changed, err)
			}
			started := start(t, app)
			if _, err := config.Load(started); err != nil {
				t.Errorf("%v: %v", changed, err)
			}
			env, without := environment(t, app, started), plainly
			if base != nil {
				without = environment(t, before, start(t, before))
			}
			mu.Lock()
			reached.add(o.Path, without, env)
			mu.Unlock()
			for _, a := range []map[string]any{before, app} {
				delete(a["labels"].(map[string]any), "DCOS_PACKAGE_OPTIONS")
			}
			if reflect.DeepEqual(before, app) {
				t.Errorf("%s = %v changes nothing", o.Path, changed)
			}
		})
	})
	reached.check(t)
}

// TestMarathonSchema holds the same apps to Marathon's own schema.
func TestMarathonSchema(t *testing.T) {
	t.Parallel()
	s := schema(t, "marathon-app.schema.json")
	check := func(t *testing.T, options map[string]any) {
		t.Helper()
		if err := s.Validate(plain(t, render(t, options))); err != nil {
			t.Errorf("%v: %v", options, err)
		}
	}
	check(t, nil)
	cases(t, func(t *testing.T, _ universe.Option, _, changed map[string]any) { check(t, changed) })
}

// TestCombinations renders what belongs together.
func TestCombinations(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options string
		check   func(app map[string]any, c config.Config) bool
	}{
		{
			"standby in a region with rules",
			`{"service": {"standby": true, "region": "eu-1", "placement_attribute": "rack", "placement_value": "a.*"}}`,
			func(app map[string]any, _ config.Config) bool {
				return fmt.Sprint(app["constraints"]) == "[[@region IS eu-1] [hostname UNIQUE] [rack LIKE a.*]]" &&
					app["instances"] == json.Number("2") && app["labels"].(map[string]any)["MARATHON_SINGLE_INSTANCE_APP"] == nil
			},
		},
		{
			"rules for the first cluster",
			`{"session": {"placement_constraint": "[[\"rack\", \"LIKE\", \"rack-[1-3]\"], [\"hostname\", \"MAX_PER\", \"2\"]]"}}`,
			func(_ map[string]any, c config.Config) bool {
				s := first(c)
				const want = "[[rack LIKE rack-[1-3]] [hostname MAX_PER 2]]"
				return fmt.Sprint(s.JobManager.Constraints) == want && fmt.Sprint(s.TaskManager.Constraints) == want
			},
		},
		{
			"a first cluster with a network, its plugin's labels and many open files",
			`{"session": {"virtual_network_enabled": true, "virtual_network_name": "calico", "virtual_network_plugin_labels": "{\"policy\": \"a\\\\b\", \"x\":\"\"}", "rlimit_nofile": "128000"}}`,
			func(_ map[string]any, c config.Config) bool {
				container := first(c).Container
				want := spec.Network{Mode: spec.ContainerNetwork, Name: "calico", Labels: map[string]string{"policy": `a\b`, "x": ""}}
				return reflect.DeepEqual(container.Network, want) && container.Rlimits[0].Type == "nofile" && *container.Rlimits[0].Soft == 128000
			},
		},
		{
			"a virtual address in a domain of its own, instances replaced together, a role for Marathon",
			`{"service": {"vip": "api.flink", "vip_domain": "l4lb.example.com", "standby": true, "deploy_in_parallel": true, "role": "dev"}}`,
			func(app map[string]any, c config.Config) bool {
				return c.HTTP.AdvertiseURL == "http://api.flink.l4lb.example.com" && app["role"] == "dev" &&
					app["upgradeStrategy"].(map[string]any)["minimumHealthCapacity"] == json.Number("0")
			},
		},
		{
			"rules of the form's widget with a regular expression in it",
			`{"session": {"placement_constraint": "[[\"rack\",\"like\",\"rack-\\\\d\"]]"}}`,
			func(_ map[string]any, c config.Config) bool {
				return fmt.Sprint(first(c).TaskManager.Constraints) == `[[rack like rack-\d]]`
			},
		},
		{
			"the form's widget without a row",
			`{"session": {"placement_constraint": "[]"}}`,
			func(_ map[string]any, c config.Config) bool {
				s := first(c)
				return len(s.JobManager.Constraints)+len(s.TaskManager.Constraints) == 0
			},
		},
		{
			"a specification typed in the form",
			`{"session": {"spec": "bmFtZTogdHlwZWQKa2luZDogc2Vzc2lvbgp0YXNrTWFuYWdlcjoKICBzbG90czogMwo="}}`,
			func(_ map[string]any, c config.Config) bool {
				s := first(c)
				return s.Name == "typed" && s.TaskManager.Slots == 3
			},
		},
		{
			"both secrets",
			`{"mesos": {"secret": "flink/mesos", "principal": "me"}, "state": {"password": "flink/zk", "user": "you"}}`,
			func(_ map[string]any, c config.Config) bool {
				return c.Mesos.Principal == "me" && c.State.User == "you" && c.Mesos.Secret.Reveal() == "secret flink/mesos" && c.State.Password.Reveal() == "secret flink/zk"
			},
		},
		{
			"a service in a folder on a virtual network",
			`{"service": {"name": "analytics/flink", "virtual_network_enabled": true, "vip": "api.flink"}}`,
			func(app map[string]any, c config.Config) bool {
				return app["id"] == "/analytics/flink" && c.HTTP.Listen == "0.0.0.0:8080" && c.HTTP.AdvertiseHost == "9.0.0.5" &&
					c.HTTP.AdvertiseURL == "http://api.flink.marathon.l4lb.thisdcos.directory" && c.State.Store == "zk://master.mesos:2181/flink-service/analytics/flink"
			},
		},
		{
			"a large highly available first cluster with HDFS",
			`{"high_availability": {"enabled": true, "storage_dir": "hdfs:///flink/ha", "jobmanager_replicas": 3}, "hdfs": {"config_url": "http://hdfs/v1", "hadoop_classpath": "/opt/hadoop/*"},
			  "jobmanager": {"cpus": 2.5, "memory": "4g", "disk": "1g"}, "taskmanager": {"slots": 8, "cpus": 4, "memory": "32g", "disk": "100g", "gpus": 2, "min": 2, "max": 20}}`,
			func(_ map[string]any, c config.Config) bool {
				s := first(c)
				return s.HighAvailability() && s.JobManager.Replicas == 3 && s.JobManager.CPUs == 2.5 && s.TaskManager.GPUs == 2 && s.TaskManagers.Max == 20 &&
					*s.Hadoop == spec.Hadoop{ConfigURL: "http://hdfs/v1", Classpath: "/opt/hadoop/*"}
			},
		},
		{
			"a highly available first cluster with Kerberos and TLS",
			`{"high_availability": {"enabled": true, "storage_dir": "hdfs:///flink/ha"}, "hdfs": {"config_url": "http://hdfs/v1"}, "tls": {"enabled": true},
			  "kerberos": {"enabled": true, "keytab": "flink/keytab", "principal": "flink/host@EXAMPLE.COM", "contexts": "Client,KafkaClient", "krb5_conf_url": "https://example.com/krb5.conf"}}`,
			func(_ map[string]any, c config.Config) bool {
				s := first(c)
				keytab, err := os.ReadFile(filepath.Join(c.Flink.SecretsDir, s.Secrets[0].ValueFrom))
				return err == nil && string(keytab) == "secret flink/keytab" && s.Security.TLS && s.HighAvailability() &&
					reflect.DeepEqual(s.Secrets, []spec.TaskSecret{{File: "secrets/flink.keytab", ValueFrom: "flink.keytab"}}) &&
					reflect.DeepEqual(s.URIs, []spec.URI{{Value: "https://example.com/krb5.conf", OutputFile: "kerberos/krb5.conf"}}) &&
					maps.Equal(s.FlinkConfiguration, map[string]string{
						"high-availability.type": "zookeeper", "env.java.opts.all": "-Djava.security.krb5.conf=kerberos/krb5.conf",
						"security.kerberos.login.contexts": "Client,KafkaClient", "security.kerberos.login.principal": "flink/host@EXAMPLE.COM", "security.kerberos.login.keytab": "secrets/flink.keytab",
					})
			},
		},
		{
			"a keytab for other clusters",
			`{"kerberos": {"keytab": "flink/keytab"}}`,
			func(_ map[string]any, c config.Config) bool {
				_, err := os.Stat(filepath.Join(c.Flink.SecretsDir, "flink.keytab"))
				s := first(c)
				return err == nil && len(s.Secrets)+len(s.FlinkConfiguration) == 0
			},
		},
		{
			"a service that speaks HTTPS",
			`{"service": {"vip": "api.flink"}, "tls": {"certificate": "flink/certificate", "key": "flink/key"}, "kerberos": {"keytab": "flink/keytab"}}`,
			func(app map[string]any, c config.Config) bool {
				certificate, err := os.ReadFile(c.HTTP.CertificateFile)
				key, err2 := os.ReadFile(c.HTTP.KeyFile)
				handedOut, err3 := os.ReadDir(c.Flink.SecretsDir)
				return errors.Join(err, err2, err3) == nil && string(certificate) == "secret flink/certificate" && string(key) == "secret flink/key" && len(handedOut) == 1 &&
					app["labels"].(map[string]any)["DCOS_SERVICE_SCHEME"] == "https" && c.HTTP.AdvertiseURL == "https://api.flink.marathon.l4lb.thisdcos.directory" &&
					strings.Contains(fmt.Sprint(app["portDefinitions"]), "VIP_0:/api.flink:443") && strings.Contains(fmt.Sprint(app["healthChecks"]), "MESOS_HTTPS")
			},
		},
		{
			"what scripts of DC/OS SDK services set in strict mode",
			`{"service": {"service_account": "service-acct", "principal": "service-acct", "service_account_secret": "secret", "secret_name": "secret"}}`,
			func(app map[string]any, c config.Config) bool {
				return c.Mesos.Principal == "service-acct" && fmt.Sprint(app["secrets"].(map[string]any)["service-account"]) == "map[source:secret]"
			},
		},
		{
			"the older names of the service account and its secret",
			`{"service": {"principal": "older", "secret_name": "secret"}}`,
			func(app map[string]any, c config.Config) bool {
				return c.Mesos.Principal == "older" && fmt.Sprint(app["secrets"].(map[string]any)["service-account"]) == "map[source:secret]"
			},
		},
		{
			"the Java of the package",
			`{}`,
			func(app map[string]any, c config.Config) bool {
				return strings.HasPrefix(path.Base(c.Flink.JavaArchive), "java-17.") && c.Flink.JavaHome == "" && strings.Count(fmt.Sprint(app["fetch"]), "/classes-") == 4 && strings.Count(fmt.Sprint(app["fetch"]), "-optional-") == 2
			},
		},
		{
			"a Java archive of one's own",
			`{"flink": {"java_archive": "https://example.com/jre-21.tgz"}}`,
			func(app map[string]any, c config.Config) bool {
				return c.Flink.JavaArchive == "https://example.com/jre-21.tgz" && !strings.Contains(fmt.Sprint(app["fetch"]), "/java-") && !strings.Contains(fmt.Sprint(app["fetch"]), "/classes-")
			},
		},
		{
			"the Java of the agents",
			`{"flink": {"java_home": "/usr/lib/jvm/java-17"}}`,
			func(app map[string]any, c config.Config) bool {
				return c.Flink.JavaHome == "/usr/lib/jvm/java-17" && c.Flink.JavaArchive == "" && !strings.Contains(fmt.Sprint(app["fetch"]), "/java-")
			},
		},
		{
			"no first cluster, one release and another's archive",
			`{"session": {"enabled": false}, "flink": {"release_1_20": false, "archive": "https://example.com/flink-2.2.1-bin-scala_2.12.tgz"}}`,
			func(app map[string]any, c config.Config) bool {
				return c.Flink.InitialCluster == "" && len(c.Flink.Distributions) == 2 && strings.Count(fmt.Sprint(app["fetch"]), "-optional-") == 1 && slices.Contains(c.Flink.Distributions, "flink-2.2.1-bin-scala_2.12.tgz")
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var options map[string]any
			if err := json.Unmarshal([]byte(tt.options), &options); err != nil {
				t.Fatal(err)
			}
			app := render(t, options)
			if err := universe.CheckApp(app); err != nil {
				t.Error(err)
			}
			c, err := config.Load(start(t, app))
			if err != nil {
				t.Fatal(err)
			}
			if !tt.check(app, c) {
				t.Errorf("the app is %v and the configuration %+v", app, c)
			}
		})
	}
}

// TestEnforcedRole starts the app in a group of Marathon that enforces its role.
func TestEnforcedRole(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		options string
		env     []string
		want    string
	}{
		{`{"mesos": {"roles": "a,b"}}`, []string{"MARATHON_APP_ENFORCE_GROUP_ROLE=TRUE", "MESOS_ALLOCATION_ROLE=dev"}, "[dev]"},
		{`{"mesos": {"roles": "a,b"}}`, []string{"MARATHON_APP_ENFORCE_GROUP_ROLE=FALSE", "MESOS_ALLOCATION_ROLE=dev"}, "[a b]"},
		{`{"mesos": {"roles": "a,b"}}`, []string{"MESOS_ALLOCATION_ROLE=dev"}, "[a b]"}, // As an older DC/OS has it.
		{`{"mesos": {"roles": "a"}, "service": {"enforce_role": false}}`, []string{"MARATHON_APP_ENFORCE_GROUP_ROLE=TRUE", "MESOS_ALLOCATION_ROLE=dev"}, "[a]"},
	} {
		var options map[string]any
		if err := json.Unmarshal([]byte(tt.options), &options); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(start(t, render(t, options), tt.env...))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(c.Mesos.Roles); got != tt.want {
			t.Errorf("%s with %v: the roles are %s, want %s", tt.options, tt.env, got, tt.want)
		}
	}
}

// TestRefused gives options that Cosmos accepted and Marathon or the service refused: the form refuses them itself.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		path   string
		values []any
	}{
		{"session.placement_constraint", []any{
			`[["rack","LIKE"]]`, `[["rack","LIKE",""]]`, `[["rack","UNLIKE"]]`, `[["rack","IS"]]`, `[["rack","MAX_PER"]]`, `[["rack","MAX_PER","x"]]`,
			`[["hostname","UNIQUE","x"]]`, `[["@zone","GROUP_BY","x"]]`, `[["rack","NEAR","x"]]`, `[["rack","LIKE","\d"]]`, `[[null,null]]`, `[,]`, `["rack","LIKE","x"]`, " ",
		}},
		{"service.placement_value", []any{"[", "*", "(", "a**", "[3-1]", "x)", `\`, "(?=a)", "a{2}"}},
		{"service.placement_attribute", []any{"@rack", "@"}},
		{"jobmanager.memory", []any{"999999g", "799m", "1m", "0"}},
		{"taskmanager.memory", []any{"999999g", "999m", "60000g"}},
		{"taskmanager.disk", []any{"999999g"}},
		{"jobmanager.cpus", []any{json.Number("1.0001"), json.Number("0.001")}},
		{"taskmanager.cpus", []any{json.Number("0.1234"), json.Number("0.005")}},
		{"service.virtual_network_name", []any{"Overlay", "a.b", "_a", "a-", strings.Repeat("a", 64)}},
	} {
		for _, v := range tt.values {
			options := universe.Set(nil, tt.path, v)
			for name, other := range alongside[tt.path] {
				options = universe.Set(options, name, other)
			}
			if valid(t, options) {
				t.Errorf("%s = %v is accepted by the form", tt.path, v)
			}
		}
	}
	for _, text := range []string{
		`{"high_availability": {"enabled": true}}`,
		`{"kerberos": {"enabled": true}}`,
		`{"flink": {"release_2_3": false, "release_1_20": false}}`,
		`{"tls": {"certificate": "a"}}`,
		`{"tls": {"key": "a"}}`,
		`{"state": {"ca_file": "ca.pem"}}`,
		`{"mesos": {"insecure": true, "ca_file": "ca.pem"}}`,
		`{"service": {"placement_attribute": "rack", "placement_operator": "IS", "placement_value": "a|b"}}`,
	} {
		var options map[string]any
		if err := json.Unmarshal([]byte(text), &options); err != nil {
			t.Fatal(err)
		}
		if valid(t, options) {
			t.Errorf("%s is accepted by the form", text)
		}
	}
	for _, text := range []string{
		`{"high_availability": {"enabled": true}, "session": {"enabled": false}}`,
		`{"high_availability": {"enabled": true}, "session": {"spec": "name: x"}}`,
		`{"flink": {"release_2_3": false, "release_1_20": false, "archive": "https://example.com/flink-2.2.1.tgz"}}`,
		`{"service": {"placement_attribute": "@zone", "placement_operator": "IS", "placement_value": "us (east)"}}`,
	} {
		var options map[string]any
		if err := json.Unmarshal([]byte(text), &options); err != nil {
			t.Fatal(err)
		}
		if !valid(t, options) {
			t.Errorf("%s is refused by the form", text)
		}
	}
}

// TestEverySwitch renders all combinations of what comes and goes with one option: each secret, and each part of the first
// cluster.
func TestEverySwitch(t *testing.T) {
	t.Parallel()
	secrets := []string{"service.service_account_secret", "service.secret_name", "mesos.secret", "state.password", "state.key", "kerberos.keytab", "tls.certificate"}
	parts := map[string]any{
		"kerberos.enabled": true, "kerberos.contexts": "Client", "kerberos.krb5_conf_url": "http://example.com/krb5.conf", "high_availability.enabled": true,
		"tls.enabled": true, "hdfs.config_url": "http://hdfs/v1", "session.dynamic_allocation": false,
		"session.virtual_network_enabled": true, "session.rlimit_nofile": "4096",
	}
	// choose sets the options whose bit is 1.
	choose := func(options map[string]any, n int, paths []string, value func(path string) any) map[string]any {
		for i, path := range paths {
			if n>>i&1 == 1 {
				options = universe.Set(options, path, value(path))
			}
		}
		return options
	}
	for n := range 1 << len(secrets) {
		for _, network := range []bool{false, true} {
			options := universe.Set(nil, "service.virtual_network_enabled", network)
			options = choose(options, n, secrets, func(path string) any { return "flink/" + path })
			if tls, ok := options["tls"].(map[string]any); ok {
				tls["key"] = "flink/key"
			}
			if err := universe.CheckApp(render(t, options)); err != nil {
				t.Errorf("%v: %v", options, err)
			}
		}
	}
	names := slices.Sorted(maps.Keys(parts))
	for n := range 1 << len(names) {
		options := universe.Set(nil, "high_availability.storage_dir", "hdfs:///flink/ha")
		options = universe.Set(options, "kerberos.keytab", "flink/keytab")
		options = choose(options, n, names, func(path string) any { return parts[path] })
		spec := render(t, options)["env"].(map[string]any)[config.Prefix+"INITIAL_CLUSTER"].(string)
		if err := config.CheckElsewhere([]string{
			"MESOS_MASTER=a:5050", "FLINK_DISTRIBUTIONS=flink.tgz", "ADVERTISE_HOST=a", "HA_STORAGE_DIR=hdfs:///flink/ha", "INITIAL_CLUSTER=" + spec,
		}); err != nil || !json.Valid([]byte(spec)) {
			t.Errorf("%v: %v: %s", options, err, spec)
		}
	}
}

// TestHostileValues gives what nobody should to every option that takes text: it is refused, or it arrives as it is.
func TestHostileValues(t *testing.T) {
	t.Parallel()
	hostile := []string{
		`"`, `\`, `", "x": "y`, `\", \"x\": \"y`, "a\nb", "a\tb", "\x00", "{{service.name}}", "{{#service}}", "}}", "{{{resource}}}", "<script>alert(1)</script>", "a&b;c|d`e$(f)",
		"$HOME", "'; rm -rf /; '", "\u00fc\u4e16\U0001F43F", "\u2028", "../..", " ", strings.Repeat("x", 1<<18), "@base@",
	}
	p := pkg(t)
	names := slices.Sorted(maps.Keys(render(t, nil)["env"].(map[string]any)))
	for _, o := range universe.Options(p.Config) {
		if o.Schema["type"] == "boolean" || o.Schema["type"] == "integer" || o.Schema["type"] == "number" {
			continue
		}
		t.Run(o.Path, func(t *testing.T) {
			t.Parallel()
			for i, text := range hostile {
				options := universe.Set(nil, o.Path, text)
				for name, v := range alongside[o.Path] {
					options = universe.Set(options, name, v)
				}
				app, err := renderer(t).Render(universe.RenderOptions{Options: options})
				if err != nil {
					if !strings.Contains(err.Error(), "options are not valid") {
						t.Errorf("hostile value %d: %v", i, err)
					}
					continue
				}
				if !holds(app, text) {
					t.Errorf("hostile value %d (%.40q) is not in the app as it is", i, text)
				}
				env := slices.Sorted(maps.Keys(app["env"].(map[string]any)))
				env = slices.DeleteFunc(env, func(n string) bool { return !slices.Contains(names, n) && strings.HasPrefix(n, config.Prefix) })
				if !slices.Equal(env, names) {
					t.Errorf("hostile value %d changes the variables to %v", i, env)
				}
			}
		})
	}
}

// holds says whether a text is in one of the texts of a value, apart from Cosmos's own labels.
func holds(v any, text string) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, text)
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return holds(e, text) })
	case map[string]any:
		for name, e := range v {
			if !strings.HasPrefix(name, "DCOS_PACKAGE_OPTIONS") && holds(e, text) {
				return true
			}
		}
	}
	return text == " " // An option of blanks may only switch something on.
}

// start runs an app's command as Marathon and Mesos do: after the fetcher, with the app's environment, the secrets in it
// and the facts; more of these may be given. A program that tells its environment stands in for the service. It returns that environment.
func start(t testing.TB, app map[string]any, facts ...string) []string {
	t.Helper()
	sandbox := t.TempDir()
	for _, f := range app["fetch"].([]any) {
		uri := f.(map[string]any)["uri"].(string)
		name := filepath.Join(sandbox, path.Base(uri))
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if f.(map[string]any)["extract"] == true {
			program.Write(t, filepath.Join(sandbox, "flink-service", "flink-service"), "#!/bin/sh\n[ $# -eq 0 ] || exit 3\nexec env -0\n")
		}
	}
	env := append([]string{
		"PATH=" + os.Getenv("PATH"), "MARATHON_APP_ID=" + app["id"].(string), "MARATHON_APP_VERSION=2020-01-01T00:00:00.000Z", "MESOS_TASK_ID=flink.instance-1", "MESOS_SANDBOX=" + sandbox,
		"HOST=agent-1",
	}, facts...)
	if app["portDefinitions"] != nil {
		env = append(env, "PORT=31007", "PORT0=31007", "PORTS=31007", "PORT_API=31007", "LIBPROCESS_IP=10.0.0.5")
	} else {
		env = append(env, "PORT=8080", "PORT0=8080", "PORTS=8080", "PORT_API=8080", "MESOS_CONTAINER_IP=9.0.0.5", "LIBPROCESS_IP=0.0.0.0")
	}
	secret := func(ref any) string {
		return "secret " + app["secrets"].(map[string]any)[ref.(map[string]any)["secret"].(string)].(map[string]any)["source"].(string)
	}
	for _, v := range app["container"].(map[string]any)["volumes"].([]any) {
		name := filepath.Join(sandbox, v.(map[string]any)["containerPath"].(string))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(secret(v)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, v := range app["env"].(map[string]any) {
		if _, ok := v.(map[string]any); ok {
			v = secret(v)
		}
		// The service starts in the sandbox, and these tests do not.
		if file := filepath.Join(sandbox, v.(string)); strings.Contains(v.(string), "/") || v == "secrets" {
			if _, err := os.Stat(file); err == nil {
				v = file
			}
		}
		env = append(env, name+"="+v.(string))
	}
	cmd := exec.Command("/bin/sh", "-c", app["cmd"].(string))
	cmd.Dir, cmd.Env, cmd.Stderr = sandbox, env, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", app["cmd"], err)
	}
	all := slices.DeleteFunc(strings.Split(string(out), "\x00"), func(s string) bool { return s == "" })
	for i, e := range all { // As above.
		if name, ok := strings.CutPrefix(e, config.Prefix+"JAVA_ARCHIVE="); ok && path.Base(name) == name {
			all[i] = config.Prefix + "JAVA_ARCHIVE=" + filepath.Join(sandbox, name)
		}
	}
	return all
}

// tag is a Mustache tag of the template with its name.
var tag = regexp.MustCompile(`\{\{([#^/]?)([^}]+)\}\}`)

// TestFlinkWithoutOpt renders the app of a release whose Flink 1.20 has no jars of opt: the agent fetches none.
func TestFlinkWithoutOpt(t *testing.T) {
	t.Parallel()
	p := pkg(t)
	p.Resource, _ = filled(p.Resource).(map[string]any)
	uris := p.Resource["assets"].(map[string]any)["uris"].(map[string]any)
	delete(uris, "flink-1-20-opt")
	r, err := universe.NewRenderer(p)
	if err != nil {
		t.Fatal(err)
	}
	app, err := r.Render(universe.RenderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(app["fetch"]); strings.Count(text, "-optional-") != 1 || strings.Contains(text, "uri:]") || strings.Contains(text, "uri: ") {
		t.Errorf("the agent fetches %s", text)
	}
}

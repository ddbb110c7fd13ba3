package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	c := load(t, "MESOS_MASTER=local", "ADVERTISE_HOST=here")
	want := config.Config{
		Mesos:     config.Mesos{Master: "local", Scheme: "http", Roles: []string{"*"}},
		Framework: config.Framework{Name: "flink", FailoverTimeout: 168 * time.Hour},
		HTTP:      config.HTTP{Listen: "0.0.0.0:8080", AdvertiseHost: "here"},
		State:     config.State{DataDir: "flink-service-data", Store: "file:flink-service-data/state", SessionTimeout: 10 * time.Second},
		Flink: config.Flink{
			Distributions: []string{"build/flink"}, DefaultAllocation: "dynamic",
			ArtifactURLs: time.Hour, ArtifactMaxSize: 1023 << 20, ProxyResponseStall: 11 * time.Minute,
		},
		Timing:  config.Timing{OfferRefuse: time.Hour, Reconcile: 15 * time.Minute, KillGrace: 30 * time.Second, Unreachable: 30 * time.Second},
		Metrics: config.Metrics{MaxSeries: 10_000},
		Log:     config.Log{Format: "text"},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("Load() mismatch (-want +got):\n%s", diff)
	}
	if got := c.HTTP.URL(8080); got != "http://here:8080" {
		t.Errorf("URL() = %q", got)
	}
}

// Every variable can be set, by its short name and by its long one, and the long one wins.
func TestLoadEveryVariable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	write(t, ca, "x")
	values := map[string]string{
		"MESOS_MASTER": "zk://a:2181,b:2181/mesos", "MESOS_SCHEME": "https", "MESOS_PRINCIPAL": "p", "MESOS_SECRET": "s", "MESOS_ROLES": "flink, dev/x",
		"MESOS_CA_FILE": ca, "MESOS_INSECURE": "false", "FRAMEWORK_NAME": "f", "FRAMEWORK_USER": "nobody", "FRAMEWORK_FAILOVER_TIMEOUT": "1h",
		"FRAMEWORK_WEBUI_URL": "http://w/", "LISTEN": "127.0.0.1:0", "ADVERTISE_HOST": "h", "ADVERTISE_URL": "https://vip/flink/", "API_TOKENS": "read:0123456789abcdef", "DATA_DIR": "/data",
		"STATE_STORE": "zk://a:2181/flink", "STATE_STORE_USER": "u", "STATE_STORE_PASSWORD": "pw", "STATE_KEY": "0123456789abcdef", "STATE_SESSION_TIMEOUT": "6s",
		"FLINK_DISTRIBUTIONS": "/a.tgz,/b", "DEFAULT_FLINK_VERSION": "2.3", "DEFAULT_ALLOCATION": "static", "ZOOKEEPER": "a:2181,b:2181", "ZOOKEEPER_SASL_USER": "u", "ZOOKEEPER_SASL_PASSWORD": "pw",
		"HA_STORAGE_DIR": "hdfs:///ha", "JAVA_HOME": "/jre", "JAVA_ARCHIVE": "hdfs:///java/jre.tgz", "ARTIFACT_URL_LIFETIME": "2h", "ARTIFACT_MAX_SIZE": "2g", "INITIAL_CLUSTER": `{"name": "first"}`, "PROXY_STALL_TIMEOUT": "1m",
		"ALLOW_PRIVILEGED_CONTAINERS": "true", "SECRETS_DIR": dir, "HADOOP_CONF_DIR": dir, "INHERIT_ENVIRONMENT": "HADOOP_*,TZ",
		"STATE_STORE_TLS": "true", "STATE_STORE_CA_FILE": ca, "LISTEN_CERTIFICATE_FILE": ca, "LISTEN_KEY_FILE": ca, "FETCH_SCHEMES": "https,s3", "FETCH_HOSTS": "files.example.com,.internal",
		"OFFER_REFUSE_DURATION": "2m", "RECONCILE_INTERVAL": "2m", "TASK_KILL_GRACE": "5s", "UNREACHABLE_TIMEOUT": "1m",
		"METRICS_MAX_SERIES": "500", "STATSD_UDP_HOST": "127.0.0.1", "STATSD_UDP_PORT": "8125",
		"AUDIT_STDOUT": "true", "LOG_LEVEL": "debug", "LOG_FORMAT": "json",
		"DCOS_SERVICE_ACCOUNT_CREDENTIAL": "file:sa.json", "MARATHON_URL": "http://marathon.mesos:8080", "UNINSTALL_SAVEPOINT_DIRECTORY": "hdfs:///sp", "MARATHON_USER": "u", "MARATHON_PASSWORD": "pw", "UNINSTALL": "true", "SDK_UNINSTALL": "true",
		"HOST": "agent", "PORT_API": "31000", "PORT0": "31001", "MARATHON_APP_ID": "/flink", "MESOS_TASK_ID": "t", "MESOS_SANDBOX": "/s",
	}
	var short, long []string
	for _, v := range config.Variables() {
		value, ok := values[v.Name]
		if !ok {
			t.Errorf("no value for %s: add one to this test", v.Name)
		}
		short = append(short, v.Name+"="+value)
		if v.Fact {
			long = append(long, v.Name+"="+value)
			continue
		}
		long = append(long, config.Prefix+v.Name+"="+value, v.Name+"=\x00wrong")
	}
	a, b := load(t, short...), load(t, long...)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("short and long names differ (-short +long):\n%s", diff)
	}
	defaults := load(t, "MESOS_MASTER=local", "ADVERTISE_HOST=here")
	for _, section := range []struct {
		name     string
		was, now any
	}{
		{"State", defaults.State, a.State},
		{"Timing", defaults.Timing, a.Timing},
		{"Metrics", defaults.Metrics, a.Metrics},
		{"Log", defaults.Log, a.Log},
		{"Facts", defaults.Facts, a.Facts},
	} {
		if cmp.Equal(section.was, section.now) {
			t.Errorf("%s did not change", section.name)
		}
	}
	if diff := cmp.Diff([]string{"flink", "dev/x"}, a.Mesos.Roles); diff != "" {
		t.Errorf("MESOS_ROLES mismatch (-want +got):\n%s", diff)
	}
	if a.Mesos.Secret.Reveal() != "s" || a.State.Password.Reveal() != "pw" || a.Log.Level != slog.LevelDebug {
		t.Errorf("Load() = %+v", a)
	}
	if got := a.Metrics.StatsD() + defaults.Metrics.StatsD(); got != "127.0.0.1:8125" {
		t.Errorf("StatsD() = %q", got)
	}
	if got := a.HTTP.URL(1); got != "https://vip/flink" {
		t.Errorf("URL() = %q", got)
	}
}

func TestLoadFacts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		env          []string
		listen, host string
	}{
		{"named port", []string{"PORT0=1", "PORT_API=2", "HOST=agent"}, "0.0.0.0:2", "agent"},
		{"first port", []string{"PORT0=1", "HOST=agent", "ADVERTISE_HOST=vip"}, "0.0.0.0:1", "vip"},
		{"told", []string{"PORT0=1", "HOST=agent", "FLINK_SERVICE_LISTEN=127.0.0.1:7"}, "127.0.0.1:7", "agent"},
		{"told but empty", []string{"PORT0=1", "HOST=agent", "LISTEN="}, "0.0.0.0:1", "agent"},
		{"what Mesos sets besides", []string{"MESOS_CONTAINER_IP=1.2.3.4", "MESOS_NATIVE_JAVA_LIBRARY=/x", "MARATHON_APP_LABELS=", "LOCALMESOS_AGENTS=3", "HOST=agent"}, "0.0.0.0:8080", "agent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := load(t, append(tt.env, "MESOS_MASTER=m:5050")...)
			if c.HTTP.Listen != tt.listen || c.HTTP.AdvertiseHost != tt.host {
				t.Errorf("Load() listens on %s and advertises %s, want %s and %s", c.HTTP.Listen, c.HTTP.AdvertiseHost, tt.listen, tt.host)
			}
		})
	}
	if c := load(t, "MESOS_MASTER=local"); c.HTTP.AdvertiseHost == "" {
		t.Error("Load() advertises no host")
	}
}

func TestLoadTellsEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := config.Load([]string{
		"MESOS_MASTER=http://", "MESOS_SCHEME=ftp", "MESOS_PRINCIPAL=p", "MESOS_ROLES=a,,b", "MESOS_INSECURE=perhaps", "MESOS_CA_FILE=/does/not/exist",
		"FRAMEWORK_USER=a b", "FRAMEWORK_FAILOVER_TIMEOUT=7d", "FLINK_SERVICE_FRAMEWORK_WEBUI_URL=javascript:x", "LISTEN=8080", "ADVERTISE_HOST=http://h",
		"ADVERTISE_URL=h", "STATE_STORE=redis:x", "STATE_SESSION_TIMEOUT=1ms", "DEFAULT_ALLOCATION=both", "ZOOKEEPER=a", "HA_STORAGE_DIR=x", "JAVA_HOME=jre",
		"ARTIFACT_MAX_SIZE=many", "LOG_LEVEL=LOUD", "LOG_FORMAT=xml", "FLINK_SERVICE_MESOS_MASTR=x", "FLINK_SERVICE_HOST=x", "FLINK_SERVICE_LOCALMESOS_AGENTS=3", "FLINK_DISTRIBUTIONS=a,",
	})
	var got []string
	for _, d := range details(t, err) {
		got = append(got, d.Field)
	}
	slices.Sort(got)
	want := []string{
		"ADVERTISE_HOST", "ADVERTISE_URL", "ARTIFACT_MAX_SIZE", "DEFAULT_ALLOCATION", "FLINK_DISTRIBUTIONS",
		"FLINK_SERVICE_FRAMEWORK_WEBUI_URL", "FLINK_SERVICE_HOST", "FLINK_SERVICE_LOCALMESOS_AGENTS", "FLINK_SERVICE_MESOS_MASTR",
		"FRAMEWORK_FAILOVER_TIMEOUT", "FRAMEWORK_USER", "HA_STORAGE_DIR", "JAVA_HOME", "LISTEN", "LOG_FORMAT", "LOG_LEVEL",
		"MESOS_CA_FILE", "MESOS_INSECURE", "MESOS_MASTER", "MESOS_ROLES", "MESOS_SCHEME", "MESOS_SECRET", "STATE_SESSION_TIMEOUT", "STATE_STORE", "ZOOKEEPER",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load() names other variables (-want +got):\n%s", diff)
	}
	for _, text := range []string{
		"did you mean FLINK_SERVICE_MESOS_MASTER?", `FRAMEWORK_FAILOVER_TIMEOUT: "7d" is not a duration`, `MESOS_INSECURE: "perhaps" is neither true nor false`,
		`LOG_LEVEL: "LOUD" is not a level`,
	} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("Load() does not say %q, but: %v", text, err)
		}
	}
	if _, err := config.Load(nil); details(t, err)[0].Field != "MESOS_MASTER" {
		t.Errorf("Load() of nothing = %v, want that MESOS_MASTER is missing", err)
	}
}

func TestMasterForms(t *testing.T) {
	t.Parallel()
	tests := []struct {
		master string
		ok     bool
	}{
		{"local", true},
		{"m:5050", true},
		{"a:5050,b:5050, c:5050", true},
		{"[::1]:5050", true},
		{"http://m:5050", true},
		{"https://dcos/mesos", true},
		{"zk://a:2181,b:2181/mesos", true},
		{"zk://user:pw@a:2181/mesos", true},
		{"m", false},
		{"m:0", false},
		{"m:70000", false},
		{"a:5050,", false},
		{"zk://a:2181", false},
		{"zk://a/mesos", false},
		{"zk://a:2181//mesos", false},
		{"ftp://m:5050", false},
		{"http://user:pw@m:5050", false},
		{" m:5050\n", true},
		{"m:50 50", false},
	}
	for _, tt := range tests {
		_, err := config.Load([]string{"MESOS_MASTER=" + tt.master, "ADVERTISE_HOST=h"})
		if (err == nil) != tt.ok {
			t.Errorf("MESOS_MASTER=%q: %v", tt.master, err)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("MESOS_MASTER=%q: the error shows the password: %v", tt.master, err)
		}
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, empty, large := filepath.Join(dir, "good"), filepath.Join(dir, "empty"), filepath.Join(dir, "large")
	write(t, good, "hunter2\n")
	write(t, empty, "\n")
	write(t, large, strings.Repeat("x", 100<<10))
	c := load(t, "MESOS_MASTER=local", "MESOS_PRINCIPAL=p", "FLINK_SERVICE_MESOS_SECRET_FILE="+good)
	if got := c.Mesos.Secret.Reveal(); got != "hunter2" {
		t.Errorf("secret = %q", got)
	}
	for _, env := range [][]string{
		{"MESOS_SECRET_FILE=" + empty},
		{"MESOS_SECRET_FILE=" + large},
		{"MESOS_SECRET_FILE=" + filepath.Join(dir, "missing")},
		{"MESOS_SECRET_FILE=" + dir},
		{"MESOS_SECRET_FILE=" + good, "MESOS_SECRET=hunter2"},
	} {
		_, err := config.Load(append(env, "MESOS_MASTER=local", "MESOS_PRINCIPAL=p"))
		if d := details(t, err); len(d) != 1 || d[0].Field != "MESOS_SECRET_FILE" || strings.Contains(d[0].Message, "hunter2") {
			t.Errorf("Load(%v) = %v, want one problem of MESOS_SECRET_FILE", env, err)
		}
	}
}

// A secret must not be seen in any form in which a configuration might be shown.
func TestSecretIsHidden(t *testing.T) {
	t.Parallel()
	c := load(t, "MESOS_MASTER=local", "MESOS_PRINCIPAL=p", "MESOS_SECRET=hunter2")
	type private struct{ c config.Config }
	js, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "secret", c.Mesos.Secret)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "secret", c.Mesos.Secret)
	for _, text := range []string{
		fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%+v", private{c}), fmt.Sprintf("%#v", private{c}),
		fmt.Sprintf("%q %x %s", c.Mesos.Secret, c.Mesos.Secret, c.Mesos.Secret), string(js), log.String(),
	} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("the secret is shown: %s", text)
		}
	}
	if (config.Secret{}).String() != "" || !(config.Secret{}).Empty() {
		t.Error("an empty secret should look empty")
	}
}

// FuzzLoad gives any values to variables: nothing may panic, and a secret is never in an error.
func FuzzLoad(f *testing.F) {
	f.Add("local", "flink", "1h", "4g")
	f.Add("zk://a:2181/x", "a,b", "-1s", "x")
	f.Fuzz(func(t *testing.T, master, roles, wait, size string) {
		_, err := config.Load([]string{
			"MESOS_MASTER=" + master, "MESOS_ROLES=" + roles, "TASK_KILL_GRACE=" + wait, "ARTIFACT_MAX_SIZE=" + size,
			"MESOS_SECRET=hunter2hunter2", "ADVERTISE_HOST=h", "FLINK_SERVICE_" + size + "=x",
		})
		if err == nil || strings.Contains(err.Error(), "hunter2hunter2") {
			t.Errorf("Load() = %v", err)
		}
	})
}

func load(t testing.TB, environ ...string) config.Config {
	t.Helper()
	c, err := config.Load(environ)
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	return c
}

func details(t testing.TB, err error) []fault.Detail {
	t.Helper()
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Code != fault.Invalid || len(e.Details) == 0 {
		t.Fatalf("Load() = %#v, want an invalid fault with details", err)
	}
	return e.Details
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What Marathon, Mesos and Cosmos say fills in what the operator left open.
func TestLoadUnderMarathon(t *testing.T) {
	t.Parallel()
	sandbox := t.TempDir()
	base := []string{"MESOS_MASTER=local", "MARATHON_APP_ID=/analytics/flink", "MESOS_SANDBOX=" + sandbox, "DCOS_SERVICE_ACCOUNT_CREDENTIAL={}", "MESOS_PRINCIPAL=flink"}
	c := load(t, base...)
	if c.Framework.Name != "analytics/flink" || c.Mesos.CAFile != "" || c.Marathon.Uninstall {
		t.Errorf("name %q, authorities %q, uninstall %t", c.Framework.Name, c.Mesos.CAFile, c.Marathon.Uninstall)
	}
	bundle := filepath.Join(sandbox, ".ssl", "ca-bundle.crt")
	if err := os.Mkdir(filepath.Dir(bundle), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, bundle, "x")
	c = load(t, append(base, "FRAMEWORK_NAME=own", "SDK_UNINSTALL=true")...)
	if c.Framework.Name != "own" || c.Mesos.CAFile != bundle || !c.Marathon.Uninstall {
		t.Errorf("name %q, authorities %q, uninstall %t", c.Framework.Name, c.Mesos.CAFile, c.Marathon.Uninstall)
	}
	if c := load(t, append(base, "MESOS_INSECURE=true")...); c.Mesos.CAFile != "" {
		t.Errorf("authorities %q although any will do", c.Mesos.CAFile)
	}
}

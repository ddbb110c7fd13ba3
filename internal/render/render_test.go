package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/render"
	"github.com/flink-on-mesos/flink-service/internal/universe"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// plain is the environment of somebody who installs the service, with things that are about their own machine.
func plain(more ...string) []string {
	return append([]string{
		"HOME=/root", "JAVA_HOME=/opt/mine", "MESOS_MASTER=ignored", "PORT0=1", "HOST=ignored",
		"FLINK_SERVICE_MESOS_MASTER=zk://10.0.0.5:2181,10.0.0.6:2181/mesos",
		"FLINK_SERVICE_STATE_STORE=zk://10.0.0.5:2181/flink-service/flink",
		"RENDER_FETCH=http://files.example/flink-2.3.0-aa.tgz, http://files.example/flink-2.3.0-aa.json,http://files.example/flink-service-linux-amd64.zip",
	}, more...)
}

func full() []string {
	return plain(
		"FLINK_SERVICE_MESOS_PRINCIPAL=flink", "FLINK_SERVICE_MESOS_SECRET_FILE=/etc/flink-service/mesos-secret", "FLINK_SERVICE_MESOS_CA_FILE=/etc/flink-service/ca.pem",
		"FLINK_SERVICE_API_TOKENS_FILE=/etc/flink-service/tokens", "FLINK_SERVICE_LISTEN=0.0.0.0:18080",
		"FLINK_SERVICE_FLINK_DISTRIBUTIONS=/opt/flink", `FLINK_SERVICE_INITIAL_CLUSTER={"name": "demo", "environment": {"A": "50% \\ \"x\""}}`,
		"RENDER_APP_ID=/data/flink", "RENDER_USER=flink", "RENDER_CPUS=1.5", "RENDER_MEM=1024", "RENDER_DISK=0", "RENDER_INSTANCES=2",
		`RENDER_CONSTRAINTS=[["rack","LIKE","r[12]"]]`, "RENDER_IMAGE=debian:12-slim", "RENDER_PROGRAM=/srv/flink-service",
	)
}

// TestGolden compares what is rendered, and checks it by the rules of those who will read it.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		environ []string
		form    string
	}{
		{"bare.json", plain(), "marathon"},
		{"bare-full.json", full(), "marathon"},
		{"docker.json", plain("RENDER_IMAGE=debian:12-slim"), "docker"},
		{"docker-full.json", full(), "docker"},
		{"plain.service", plain(), "systemd"},
		{"full.service", full(), "systemd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := rendered(t, c.form, c.environ)
			file := filepath.Join("testdata", c.name)
			if *update {
				if err := os.WriteFile(file, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(text)); diff != "" {
				t.Errorf("%s mismatch (-want +got):\n%s", file, diff)
			}
			if c.form == "systemd" {
				checkUnit(t, text)
				return
			}
			checkApp(t, text, c.environ)
		})
	}
}

func rendered(t *testing.T, form string, environ []string) []byte {
	t.Helper()
	text, err := render.Systemd(environ)
	if form != "systemd" {
		text, err = render.Marathon(environ, form == "docker")
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// checkApp looks at an app as Marathon does, and at its environment as the service does.
func checkApp(t *testing.T, text []byte, environ []string) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var app map[string]any
	if err := decoder.Decode(&app); err != nil {
		t.Fatal(err)
	}
	if err := universe.CheckPlainApp(app); err != nil {
		t.Errorf("Marathon would refuse the app: %v", err)
	}
	var env []string
	for name, v := range app["env"].(map[string]any) {
		env = append(env, name+"="+v.(string))
	}
	if err := config.CheckElsewhere(append(env, "PORT_API=31000", "HOST=agent")); err != nil {
		t.Errorf("the service would refuse its environment: %v", err)
	}
	for _, e := range environ {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, config.Prefix) && app["env"].(map[string]any)[name] == nil {
			t.Errorf("%s is not handed on", name)
		}
	}
	const schema = "/work/shared/schemas/marathon-app.schema.json" // Marathon's own, when it is at hand.
	data, err := os.ReadFile(schema)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(schema, document); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile(schema)
	if err != nil {
		t.Fatal(err)
	}
	plainApp, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(plainApp); err != nil {
		t.Errorf("Marathon's schema: %v", err)
	}
}

// checkUnit has systemd itself read a unit, where there is one.
func checkUnit(t *testing.T, text []byte) {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze")
	}
	dir := t.TempDir()
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	// systemd looks for the program and the user, which are on another machine.
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "ExecStart=") {
			lines[i] = "ExecStart=" + program
		}
		if strings.HasPrefix(l, "User=") {
			lines[i] = "User=root"
		}
	}
	unit := filepath.Join(dir, "flink-service.service")
	if err := os.WriteFile(unit, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(analyze, "verify", "--man=no", unit)
	cmd.Env = append(os.Environ(), "SYSTEMD_LOG_TARGET=console")
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "flink-service.service") {
			t.Errorf("systemd: %s (%v)", line, err)
		}
	}
}

// TestRefused finds what is wrong with an environment, all of it at once, and never shows a secret.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		environ []string
		form    string
		fields  []string
	}{
		{"nothing", nil, "marathon", []string{"FLINK_SERVICE_MESOS_MASTER", "FLINK_SERVICE_STATE_STORE", "RENDER_FETCH"}},
		{"misspelt", plain("FLINK_SERVICE_MESOS_MASTR=x", "RENDER_CPU=1"), "marathon", []string{"RENDER_CPU", "FLINK_SERVICE_MESOS_MASTR"}},
		{"secret", plain("FLINK_SERVICE_MESOS_PRINCIPAL=p", "FLINK_SERVICE_MESOS_SECRET=canary"), "marathon", []string{"FLINK_SERVICE_MESOS_SECRET"}},
		{"no image", plain(), "docker", []string{"RENDER_IMAGE"}},
		{"file store", plain("FLINK_SERVICE_STATE_STORE=file:/x"), "marathon", []string{"FLINK_SERVICE_STATE_STORE"}},
		{"no program", plain("RENDER_FETCH=http://h/flink.tgz"), "marathon", []string{"RENDER_FETCH"}},
		{"no Flink", plain("RENDER_FETCH=http://h/s.zip"), "marathon", []string{"RENDER_FETCH"}},
		{"sizes", plain("RENDER_CPUS=0", "RENDER_MEM=x", "RENDER_DISK=-1", "RENDER_INSTANCES=3", "RENDER_USER=a b", "RENDER_CONSTRAINTS=x", "RENDER_APP_ID=/A"), "marathon", []string{
			"RENDER_CPUS", "RENDER_MEM", "RENDER_DISK", "RENDER_INSTANCES", "RENDER_USER", "RENDER_CONSTRAINTS", "RENDER_APP_ID",
		}},
		{"relative program", plain("RENDER_PROGRAM=flink-service"), "systemd", []string{"RENDER_PROGRAM"}},
		{"relative store", plain("FLINK_SERVICE_STATE_STORE=file:x"), "systemd", []string{"FLINK_SERVICE_STATE_STORE"}},
		{"local", plain("FLINK_SERVICE_MESOS_MASTER=local"), "systemd", []string{"FLINK_SERVICE_MESOS_MASTER"}},
		{"control", plain("FLINK_SERVICE_HA_STORAGE_DIR=file:///a\x01"), "systemd", []string{"FLINK_SERVICE_HA_STORAGE_DIR"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := render.Systemd(c.environ)
			if c.form != "systemd" {
				_, err = render.Marathon(c.environ, c.form == "docker")
			}
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || strings.Contains(err.Error(), "canary") {
				t.Fatalf("error is %v", err)
			}
			var got []string
			for _, d := range f.Details {
				if len(got) == 0 || got[len(got)-1] != d.Field {
					got = append(got, d.Field)
				}
			}
			if diff := cmp.Diff(c.fields, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}

// TestDocumented compares the variables with the table of the manual.
func TestDocumented(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range render.Variables() {
		if !strings.Contains(string(manual), "`"+render.Prefix+v.Name+"`") {
			t.Errorf("docs/install.md does not have %s%s: %s", render.Prefix, v.Name, v.Doc)
		}
	}
}

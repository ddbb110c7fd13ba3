package e2e_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// canaries are secrets by what they are, each with the files of a sandbox in which it may be.
type canaries map[string]canary

type canary struct {
	text    string
	allowed []string
}

// plant makes a secret that is nowhere else in the world.
func (c canaries) plant(t *testing.T, what string, allowed ...string) string {
	t.Helper()
	random := make([]byte, 12)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	text := "canary-" + hex.EncodeToString(random)
	c[what] = canary{text, allowed}
	return text
}

// look reports every secret that a text holds. Sandbox is the path in a sandbox, empty for anything else.
func (c canaries) look(t *testing.T, where, sandbox string, content []byte) {
	t.Helper()
	for what, x := range c {
		if i := bytes.Index(content, []byte(x.text)); i >= 0 && !slices.Contains(x.allowed, sandbox) {
			t.Errorf("%s is in %s: …%s…", what, where, bytes.ReplaceAll(content[max(0, i-100):min(len(content), i+20)], []byte(x.text), []byte("<CANARY>")))
		}
	}
}

// TestCanaries plants secrets of every sort, runs a cluster with real Flink, a cluster that cannot start and a service that is
// started again, and looks for them in logs, answers, state, journal, command lines and sandboxes.
func TestCanaries(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		planted := canaries{}
		secrets := t.TempDir()
		for name, text := range map[string]string{
			"from-file": planted.plant(t, "secret of SECRETS_DIR in a file", "secrets/deep/one"), "from-env": planted.plant(t, "secret of SECRETS_DIR in a variable"),
		} {
			if err := os.WriteFile(filepath.Join(secrets, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		server := zookeeper.Start(t)
		service := []string{
			"STATE_STORE=zk://" + server.Addr + "/service", "STATE_STORE_USER=service", "STATE_STORE_PASSWORD=" + planted.plant(t, "password of ZooKeeper"),
			"STATE_KEY=" + planted.plant(t, "STATE_KEY"), "SECRETS_DIR=" + secrets, "LOG_LEVEL=debug",
			"MESOS_PRINCIPAL=flink", "MESOS_SECRET=" + planted.plant(t, "secret of the principal"),
		}
		w := world.Start(t, world.Options{
			Token:   planted.plant(t, "API token"),
			Service: func(dir string) []string { return append(withZooKeeper(server)(dir), service...) },
		})
		files := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "a file") }))
		defer files.Close()
		uri := func(host, kind string) string {
			return "http://me:" + planted.plant(t, "password in "+kind) + "@" + host + "/extra.txt?signature=" + planted.plant(t, "query of "+kind)
		}

		sp := dynamic("secretive", d, 2)
		sp.Security.TLS = true
		sp.Environment = map[string]string{"DB_PASSWORD": planted.plant(t, "variable with a password")}
		sp.FlinkConfiguration["s3.secret-key"] = planted.plant(t, "option with a password", "conf/config.yaml")
		sp.URIs = []spec.URI{{Value: uri(strings.TrimPrefix(files.URL, "http://"), "a URI")}}
		sp.Secrets = []spec.TaskSecret{
			{Environment: "ONE", Value: planted.plant(t, "value of a secret in a variable")},
			{Environment: "TWO", ValueFrom: "from-env"},
			{File: "secrets/deep/one", ValueFrom: "from-file"},
			{File: "secrets/two", Value: planted.plant(t, "value of a secret in a file", "secrets/two")},
		}
		created := w.Create(sp)
		w.JobState("secretive", w.Run("secretive", "Endless", "--parallelism", "2"), "RUNNING")

		broken := dynamic("broken", d, 1)
		broken.URIs = []spec.URI{{Value: uri("127.0.0.1:1", "a URI that fails")}}
		if _, err := w.Client.CreateCluster(t.Context(), broken); err != nil {
			t.Fatal(err)
		}
		w.Until("broken", "has failed to start", func(d wire.Description) bool { return strings.Contains(fmt.Sprintf("%+v", d), "ailed to fetch") })
		refused := dynamic("refused", d, 1)
		refused.URIs = []spec.URI{{Value: "gopher://" + strings.TrimPrefix(uri("host", "a URI that is refused"), "http://")}}
		if _, err := w.Client.CreateCluster(t.Context(), refused); err == nil {
			t.Error("a URI that nobody can fetch is accepted")
		} else {
			planted.look(t, "the refusal", "", []byte(err.Error()))
		}
		w.KillService()
		w.StartService()
		w.State("secretive", wire.Stable)

		made(t, w, planted)
		handedOver(t, w, created)
		answers(t, w, planted, created)
		commandLines(t, planted)
		written(t, w, planted)
		znodes(t, server, planted)
	})
}

// made adds the secrets that the service itself makes: the driver's token and the passwords of key stores.
func made(t *testing.T, w *world.World, planted canaries) {
	t.Helper()
	password := regexp.MustCompile(`(?m)^security\.ssl\.rest\.key-password: "?([0-9a-f]+)`)
	sandboxes := w.Sandboxes()
	tokens := 0
	for i, sandbox := range sandboxes {
		conf := filepath.Join(sandbox, "conf")
		config, err := os.ReadFile(filepath.Join(conf, "config.yaml"))
		if err != nil {
			continue // The cluster that cannot start has a sandbox being made or removed.
		}
		if found := password.FindSubmatch(config); found != nil {
			planted[fmt.Sprintf("password of key store %d", i)] = canary{string(found[1]), []string{"conf/config.yaml"}}
			tokens++
		}
		if token, err := os.ReadFile(filepath.Join(conf, "driver-token")); err == nil {
			planted[fmt.Sprintf("driver's token %d", i)] = canary{strings.TrimSpace(string(token)), []string{"conf/driver-token"}}
			tokens++
		}
	}
	if tokens < 2 { // The JobManager has one of each.
		t.Errorf("only %d tokens and passwords are in %v", tokens, sandboxes)
	}
}

// handedOver has the secrets be where they belong: in the variables of Flink's processes.
func handedOver(t *testing.T, w *world.World, d wire.Description) {
	t.Helper()
	jm := world.Tasks(d, spec.JobManagerTask)[0]
	looked := 0
	for _, pid := range w.Pids(jm.ID) {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || len(env) == 0 {
			continue // The process is over: one that the JobManager had started for a moment.
		}
		looked++
		for _, name := range []string{"DB_PASSWORD", "ONE", "TWO"} {
			if !bytes.Contains(env, []byte("\x00"+name+"=canary-")) {
				t.Errorf("process %d has no %s", pid, name)
			}
		}
	}
	if looked == 0 {
		t.Error("the JobManager has no process")
	}
}

// firstMessage reads a stream of server-sent events to the end of its first message that has data.
func firstMessage(stream io.Reader) io.Reader {
	var all bytes.Buffer
	data := false
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		all.Write(append(lines.Bytes(), '\n'))
		data = data || bytes.HasPrefix(lines.Bytes(), []byte("data:"))
		if data && len(lines.Bytes()) == 0 {
			break
		}
	}
	return &all
}

// answers asks everything that the API and Flink's REST API answer.
func answers(t *testing.T, w *world.World, planted canaries, d wire.Description) {
	t.Helper()
	get := func(path string) (int, []byte) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+planted["API token"].text)
		response, err := (&http.Client{Timeout: 20 * time.Second}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var all bytes.Buffer
		if err := response.Header.Write(&all); err != nil {
			t.Fatal(err)
		}
		var body io.Reader = response.Body
		if response.Header.Get("Content-Type") == "text/event-stream" {
			body = firstMessage(response.Body) // It has all clusters, and no end follows.
		}
		if _, err := io.Copy(&all, io.LimitReader(body, 8<<20)); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, all.Bytes()
	}
	_, description := get("/v1/openapi.yaml")
	routes := regexp.MustCompile(`(?m)^  (/\S*):\n((?:    .*\n|\n)*)`).FindAllStringSubmatch(string(description), -1)
	jm := world.Tasks(d, spec.JobManagerTask)[0]
	good := 0
	for _, name := range []string{"secretive", "broken"} {
		fill := strings.NewReplacer("{name}", name, "{task}", jm.ID, "{pod}", jm.ID, "{path}", "stdout", "{file}", "page.js", "{plan}", "deploy", "{endpoint}", "x", "{id}", name, "{sha256}", strings.Repeat("0", 64))
		for _, route := range routes {
			if !strings.Contains(route[2], "    get:") || strings.HasPrefix(route[1], "/artifacts/") {
				continue
			}
			path := fill.Replace(route[1])
			if strings.HasSuffix(path, "/events") {
				path += "?follow=false"
			}
			status, answer := get(path)
			if status == http.StatusOK {
				good++
			}
			planted.look(t, "GET "+path, "", answer)
		}
	}
	for _, path := range []string{"/jobmanager/config", "/jobmanager/environment", "/jobmanager/log", "/jobmanager/stdout", "/config", "/overview", "/taskmanagers", "/jobs/overview"} {
		status, answer := get("/v1/clusters/secretive/ui" + path)
		if status == http.StatusOK {
			good++
		}
		planted.look(t, "Flink's "+path, "", answer)
	}
	if good < 30 {
		t.Errorf("only %d answers were good", good)
	}
	for _, path := range []string{"/state", "/tasks", "/frameworks", "/slaves", "/metrics/snapshot"} {
		response, err := http.Get("http://" + w.Master() + path)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		planted.look(t, "the master's "+path, "", answer)
	}
}

// commandLines looks at every process of the machine.
func commandLines(t *testing.T, planted canaries) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if content, err := os.ReadFile(f); err == nil { // The process may be over.
			planted.look(t, f, "", content)
		}
	}
}

// written looks at every file that the service, the local Mesos and the tasks wrote.
func written(t *testing.T, w *world.World, planted canaries) {
	t.Helper()
	looked := map[string]int{}
	walk := func(top string, part func(relative string) string) {
		t.Helper()
		err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return nil //nolint:nilerr // What Flink removes meanwhile is not there to be looked at.
			}
			relative, err := filepath.Rel(top, path)
			if err != nil {
				return err
			}
			if lookAt(t, planted, path) {
				looked[part(relative)]++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	walk(w.Dir(), func(relative string) string { return strings.Split(relative, "/")[0] })
	for _, sandbox := range w.Sandboxes() {
		walk(sandbox, func(string) string { return "sandboxes" })
	}
	parts := []string{"service.log", "data", "sandboxes"}
	if w.Local() {
		parts = append(parts, "local-mesos.log", "mesos")
	}
	for _, part := range parts {
		if looked[part] == 0 {
			t.Errorf("nothing of %s was looked at: %v", part, looked)
		}
	}
}

// lookAt looks at a file, unless it is a part of Flink or gone already.
func lookAt(t *testing.T, planted canaries, path string) bool {
	t.Helper()
	sandbox := ""
	if found := inSandbox.FindStringSubmatch(path); found != nil {
		sandbox = found[1]
	}
	if strings.HasPrefix(sandbox, "flink/") || strings.HasSuffix(path, ".jsa") || strings.HasSuffix(path, ".jar") {
		return false // What Flink is made of.
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	planted.look(t, path, sandbox, content)
	return true
}

// inSandbox finds the path in a sandbox.
var inSandbox = regexp.MustCompile(`/runs/[^/]+/(.*)$`)

// znodes looks at everything in ZooKeeper, as the service's own user.
func znodes(t *testing.T, server *zookeeper.Server, planted canaries) {
	t.Helper()
	c, _, err := zk.Connect([]string{server.Addr}, 10*time.Second, zk.WithLogInfo(false))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.AddAuth("digest", []byte("service:"+planted["password of ZooKeeper"].text)); err != nil {
		t.Fatal(err)
	}
	looked := 0
	var walk func(path string)
	walk = func(path string) {
		if content, _, err := c.Get(path); err == nil {
			looked += len(content)
			planted.look(t, "znode "+path, "", append([]byte(path+" "), content...))
		}
		children, _, err := c.Children(path)
		if err != nil {
			return
		}
		for _, child := range children {
			walk(strings.TrimSuffix(path, "/") + "/" + child)
		}
	}
	walk("/")
	if looked < 1000 {
		t.Errorf("ZooKeeper holds %d bytes: that is no state", looked)
	}
}

package e2e_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	zkclient "github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/marathon"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/adminrouter"
	standin "github.com/flink-on-mesos/flink-service/internal/testkit/marathon"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
	"github.com/flink-on-mesos/flink-service/internal/universe"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// login is the token that a user of this DC/OS has.
const login = "canary-login-0123456789"

// installation is a DC/OS of stand-ins around the real things: the package as it is released, the service, Mesos'
// agents that run it, Flink, and the command line.
type installation struct {
	t *testing.T
	w *world.World
	// catalog is the address of the package repository.
	catalog string
	// name is the service's.
	name string
	// dcos is the address of Admin Router.
	dcos     string
	marathon *standin.Server
	app      *marathon.Client
	zk       *zookeeper.Server
	// others are the ids of the frameworks that the master knew before.
	others []string
	// plugin is where the command line was unpacked.
	plugin string
}

// TestInstall lives through what a user of DC/OS does: add the repository, fill in the form, install, use the service
// through Admin Router with the command line of the package, and uninstall; then nothing is left.
func TestInstall(t *testing.T) {
	d := disttest.Real(t)[0]
	in := &installation{t: t, w: world.Start(t, world.Options{Alone: true}), zk: zookeeper.Start(t), name: "dev/flink"}
	frameworks, completed := in.mesos()
	for _, f := range append(frameworks, completed...) {
		in.others = append(in.others, f.ID)
	}
	in.release()
	p := in.repository()
	options := in.form(p, d.Version)
	in.install(p, options)
	in.plug(p)
	in.use()
	in.sdk()
	in.opt(d.Manifest)
	in.suspend()
	in.edit(p, options)
	in.uninstall()
}

// release builds the package as `make universe` does, and serves it as `make universe-serve`.
func (in *installation) release() {
	in.t.Helper()
	const url = "http://release.example.com/flink"
	dir := filepath.Join(in.w.Dir(), "release")
	_, err := universe.Build(in.t.Context(), universe.BuildOptions{
		Root: in.w.Root(), Dir: dir, URL: url, Flinks: filepath.Join(in.w.Root(), "build", "flink"), Commit: "e2e",
		DriverJar: filepath.Join(in.w.Root(), "resources", "resource-manager-driver", "target", "flink-mesos-driver.jar"),
		Compile: func(ctx context.Context, o universe.BuildOptions, main, goos, goarch, file string) error {
			if goos != runtime.GOOS || goarch != runtime.GOARCH { // Nobody runs it here, and all of them take minutes.
				return os.WriteFile(file, []byte(goos), 0o600)
			}
			return universe.Compile(ctx, o, main, goos, goarch, file)
		},
	})
	if err != nil {
		in.t.Fatal(err)
	}
	h, err := universe.Handler(dir, url)
	if err != nil {
		in.t.Fatal(err)
	}
	s := httptest.NewServer(h)
	in.t.Cleanup(s.Close)
	in.catalog = s.URL
}

// fetch gets a file; the media type is asked for and insisted on unless it is empty.
func (in *installation) fetch(url, mediaType string) []byte {
	in.t.Helper()
	req, err := http.NewRequestWithContext(in.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		in.t.Fatal(err)
	}
	if mediaType != "" {
		req.Header.Set("Accept", mediaType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		in.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || mediaType != "" && resp.Header.Get("Content-Type") != mediaType {
		in.t.Fatalf("GET %s: %s %s %v", url, resp.Status, resp.Header.Get("Content-Type"), err)
	}
	return data
}

// repository reads the package out of the repository, as Cosmos does.
func (in *installation) repository() universe.Package {
	in.t.Helper()
	var repo struct {
		Packages []map[string]any `json:"packages"`
	}
	d := json.NewDecoder(bytes.NewReader(in.fetch(in.catalog+"/repo", universe.ContentType(5))))
	d.UseNumber()
	if err := d.Decode(&repo); err != nil || len(repo.Packages) != 1 {
		in.t.Fatalf("the repository has %d packages: %v", len(repo.Packages), err)
	}
	info := repo.Packages[0]
	part := func(name string) map[string]any {
		m, _ := info[name].(map[string]any)
		delete(info, name)
		return m
	}
	p := universe.Package{Config: part("config"), Resource: part("resource")}
	text, _ := part("marathon")["v2AppMustacheTemplate"].(string)
	template, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(template) == 0 {
		in.t.Fatalf("the repository has no template: %v", err)
	}
	p.Info, p.Template = info, string(template)
	for _, name := range []string{"icon-small", "icon-medium", "icon-large"} {
		if image := in.fetch(str(p.Resource, "images", name), ""); http.DetectContentType(image) != "image/png" {
			in.t.Errorf("%s is %s", name, http.DetectContentType(image))
		}
	}
	images, _ := p.Resource["images"].(map[string]any)
	screenshots, _ := images["screenshots"].([]any)
	for _, url := range screenshots {
		if image := in.fetch(fmt.Sprint(url), ""); http.DetectContentType(image) != "image/png" {
			in.t.Errorf("%v is %s", url, http.DetectContentType(image))
		}
	}
	return p
}

// str walks into nested objects and returns the text there.
func str(v map[string]any, names ...string) string {
	for _, name := range names[:len(names)-1] {
		v, _ = v[name].(map[string]any)
	}
	text, _ := v[names[len(names)-1]].(string)
	return text
}

// firstCluster is typed into the form's YAML editor.
const firstCluster = `name: first
kind: session
taskManager:
  slots: 2
  memory: 1g
flinkConfiguration:
  high-availability.type: zookeeper
`

// form is what the form of the DC/OS UI sends: every option, of which the user has changed some.
func (in *installation) form(p universe.Package, version string) map[string]any {
	in.t.Helper()
	name := "nobody"
	if os.Geteuid() != 0 { // Only the superuser can run something as another.
		u, err := user.Current()
		if err != nil {
			in.t.Fatal(err)
		}
		name = u.Username
	}
	options := universe.Defaults(p.Config)
	for path, v := range map[string]any{
		"service.name": in.name, "service.user": name, "mesos.master": in.w.Master(), "state.zookeeper": in.zk.Addr,
		"flink.release_1_20": false, "flink.default_version": version, "mesos.task_kill_grace": "10s",
		"session.spec":                          base64.StdEncoding.EncodeToString([]byte(firstCluster)), // As the form's YAML editor stores it.
		"service.uninstall_savepoint_directory": "file://" + in.shared("savepoints"), "high_availability.zookeeper": in.zk.Addr, "high_availability.storage_dir": "file://" + in.shared("ha"),
	} {
		options = universe.Set(options, path, v)
	}
	return options
}

// shared is a directory that every user of this machine can write to, as tasks' users do.
func (in *installation) shared(name string) string {
	in.t.Helper()
	dir := filepath.Join(in.w.Dir(), name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		in.t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil { // Whatever the umask is.
		in.t.Fatal(err)
	}
	return dir
}

// install renders the app as Cosmos does and gives it to Marathon, which runs it.
func (in *installation) install(p universe.Package, options map[string]any) {
	in.t.Helper()
	if err := os.Chmod(filepath.Dir(in.w.Dir()), 0o711); err != nil { // Users of tasks must reach their sandboxes.
		in.t.Fatal(err)
	}
	r, err := universe.NewRenderer(p)
	if err != nil {
		in.t.Fatal(err)
	}
	app, err := r.Render(universe.RenderOptions{Options: options, Source: in.catalog + "/repo"})
	if err != nil {
		in.t.Fatal(err)
	}
	if err := universe.CheckApp(app); err != nil {
		in.t.Fatal(err)
	}
	in.marathon = standin.Start(in.t, standin.Options{WorkDir: filepath.Join(in.w.Dir(), "marathon")})
	router := httptest.NewServer(&adminrouter.Router{
		Token: login, Services: map[string]http.Handler{in.name: in.marathon.Service(in.name)},
		Cosmos: &adminrouter.Cosmos{App: "/" + in.name, Config: p.Config, Options: options},
	})
	in.t.Cleanup(router.Close)
	in.dcos = router.URL
	if in.app, err = marathon.New(marathon.Options{URL: in.marathon.URL, AppID: str(app, "id"), Poll: 100 * time.Millisecond}); err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(in.showLog)
	body, err := json.Marshal(app)
	if err != nil {
		in.t.Fatal(err)
	}
	resp, err := http.Post(in.marathon.URL+"/v2/apps", "application/json", bytes.NewReader(body))
	if err != nil {
		in.t.Fatal(err)
	}
	defer resp.Body.Close()
	var deployment struct {
		ID string `json:"deploymentId"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&deployment); err != nil || deployment.ID == "" {
		in.t.Fatalf("Marathon takes the app: %s %v", resp.Status, err)
	}
	in.wait(deployment.ID, nil)
	if got, err := in.app.App(in.t.Context()); err != nil || got.Healthy != 1 {
		in.t.Fatalf("the app is %+v, %v", got, err)
	}
	in.w.URL = in.dcos + "/service/" + in.name
	if in.w.Client, err = client.New(client.Options{BaseURL: in.w.URL, Token: login, Service: in.name}); err != nil {
		in.t.Fatal(err)
	}
}

// wait waits for the end of a deployment.
func (in *installation) wait(deployment string, err error) {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), 3*time.Minute)
	defer cancel()
	if err == nil {
		err = in.app.Wait(ctx, deployment)
	}
	if err != nil {
		in.t.Fatal(err)
	}
}

// showLog shows what the service wrote, when the test has failed.
func (in *installation) showLog() {
	if !in.t.Failed() {
		return
	}
	files, err := filepath.Glob(filepath.Join(in.w.Dir(), "marathon", "slaves", "*", "frameworks", "*", "executors", "*", "runs", "latest", "stderr"))
	if err != nil {
		return
	}
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil {
			in.t.Logf("%s:\n%s", f, text[max(0, len(text)-8<<10):])
		}
	}
}

// realDCOS is the variable with the path of a real dcos program; without it the test does what that would.
const realDCOS = "E2E_DCOS"

// plug installs the command line of the package as `dcos package install --cli` does.
func (in *installation) plug(p universe.Package) {
	in.t.Helper()
	binary := func(names ...string) string {
		return str(p.Resource, append([]string{"cli", "binaries", "linux", "x86-64"}, names...)...)
	}
	data := in.fetch(binary("url"), "")
	sum := sha256.Sum256(data)
	if hash := fmt.Sprintf("%v", p.Resource["cli"]); binary("kind") != "zip" || !strings.Contains(hash, hex.EncodeToString(sum[:])) {
		in.t.Fatalf("the command line is a %s with a hash that is not in resource.json", binary("kind"))
	}
	in.plugin = filepath.Join(in.w.Dir(), "dcos", "clusters", "7f", "subcommands", "flink", "env")
	if os.Getenv(realDCOS) != "" {
		in.add(data)
		return
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		in.t.Fatal(err)
	}
	for _, f := range archive.File {
		if err := unzip(f, filepath.Join(in.plugin, f.Name)); err != nil {
			in.t.Fatal(err)
		}
	}
	manifest, err := os.ReadFile(filepath.Join(in.plugin, "plugin.toml"))
	if err != nil || !regexp.MustCompile(`(?m)^path = "bin/dcos-flink"$`).Match(manifest) {
		in.t.Fatalf("plugin.toml names no bin/dcos-flink: %s %v", manifest, err)
	}
	if code, out, _ := in.flink("--info"); code != 0 || strings.Count(out, "\n") != 1 {
		in.t.Errorf("flink --info exits with %d and says %q", code, out)
	}
}

// add has the real dcos program add the plugin, and checks what it makes of it.
func (in *installation) add(plugin []byte) {
	in.t.Helper()
	file := filepath.Join(in.w.Dir(), "dcos-flink.zip")
	if err := os.WriteFile(file, plugin, 0o600); err != nil {
		in.t.Fatal(err)
	}
	settings := filepath.Join(in.w.Dir(), "dcos", "clusters", "7f", "dcos.toml")
	if err := os.MkdirAll(filepath.Dir(settings), 0o700); err != nil {
		in.t.Fatal(err)
	}
	if err := os.WriteFile(settings, []byte("[cluster]\nname = \"e2e\"\n"), 0o600); err != nil {
		in.t.Fatal(err)
	}
	for _, c := range [][]string{
		{"config", "set", "core.dcos_url", in.dcos},
		{"config", "set", "core.dcos_acs_token", login},
		{"config", "set", "flink.service_name", in.name},
		{"plugin", "add", file},
	} {
		if code, out, said := in.run(nil, os.Getenv(realDCOS), c...); code != 0 {
			in.t.Fatalf("dcos %v exits with %d:\n%s%s", c, code, out, said)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"plugin", "list", "--json"}, `"description": "Run Apache Flink clusters and jobs on Mesos"`},
		{[]string{"--help"}, "Run Apache Flink clusters and jobs on Mesos"},
		{[]string{"flink", "--help"}, "cluster"},
		{[]string{"flink", "cluster", "--help"}, "create"},
	} {
		if code, out, said := in.run(nil, os.Getenv(realDCOS), c.args...); code != 0 || !strings.Contains(out, c.want) {
			in.t.Errorf("dcos %v exits with %d and does not say %q:\n%s%s", c.args, code, c.want, out, said)
		}
	}
}

func unzip(f *zip.File, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	data, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, f.Mode().Perm())
}

// flink runs `dcos flink …` as the DC/OS CLI runs a plugin: its first argument is the command's name, and the cluster is
// in the environment.
func (in *installation) flink(args ...string) (code int, stdout, stderr string) {
	in.t.Helper()
	return in.flinkAs(login, args...)
}

func (in *installation) flinkAs(token string, args ...string) (code int, stdout, stderr string) {
	in.t.Helper()
	args = append([]string{"flink"}, args...)
	if dcos := os.Getenv(realDCOS); dcos != "" {
		if code, _, said := in.run(nil, dcos, "config", "set", "core.dcos_acs_token", token); code != 0 {
			in.t.Fatalf("dcos config set exits with %d: %s", code, said)
		}
		return in.run(nil, dcos, args...)
	}
	return in.run([]string{
		"DCOS_CLI_VERSION=1.2.0", "DCOS_CLI_EXECUTABLE_PATH=/usr/local/bin/dcos", "DCOS_URL=" + in.dcos, "DCOS_ACS_TOKEN=" + token, "DCOS_TLS_INSECURE=1",
		"DCOS_FLINK_SERVICE_NAME=" + in.name, // dcos config set flink.service_name dev/flink
	}, filepath.Join(in.plugin, "bin", "dcos-flink"), args...)
}

// run runs a program as the user of the command line.
func (in *installation) run(env []string, program string, args ...string) (code int, stdout, stderr string) {
	in.t.Helper()
	cmd := exec.CommandContext(in.t.Context(), program, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + in.w.Dir(), "DCOS_DIR=" + filepath.Join(in.w.Dir(), "dcos")}, env...)
	var out, progress strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &progress
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String(), progress.String()
	}
	if err != nil {
		in.t.Fatal(err)
	}
	return 0, out.String(), progress.String()
}

// use looks at the service and runs a job on the cluster of the form, all through Admin Router.
func (in *installation) use() {
	in.t.Helper()
	if code, _, said := in.flinkAs("of-yesterday", "cluster", "list"); code != 8 || !strings.Contains(said, "dcos auth login") {
		in.t.Errorf("with a token that Admin Router does not take the exit code is %d, want 8:\n%s", code, said)
	}
	if code, _, said := in.flink("--name", "dev/other", "cluster", "list"); code == 0 {
		in.t.Errorf("a service that is not there is found:\n%s", said)
	}
	first := in.w.State("first", wire.Stable)
	if first.Spec.TaskManager.Slots != 2 || string(first.Spec.Kind) != "session" || !first.Spec.HighAvailability() {
		in.t.Errorf("the form's cluster is %+v", first.Spec)
	}
	in.java()
	in.page()
	for _, command := range [][]string{{"describe"}, {"cluster", "describe", "first"}, {"debug", "offers"}, {"version"}} {
		if code, out, said := in.flink(command...); code != 0 || out == "" {
			in.t.Errorf("flink %v exits with %d:\n%s%s", command, code, out, said)
		}
	}
	out := filepath.Join(in.shared("results"), "sum")
	jar := filepath.Join(in.w.Root(), "resources", "demo-job", "target", "flink-mesos-demo-job.jar")
	code, id, said := in.flink("job", "run", "first", jar, "--class", "org.flinkonmesos.demo.Sum", "--wait", "--",
		"--count", "2000", "--parallelism", "2", "--checkpoints", "file://"+in.shared("checkpoints"), "--output", out)
	if code != 0 {
		in.t.Fatalf("flink job run exits with %d:\n%s%s", code, id, said)
	}
	checkSum(in.t, out, 2000)
	if in.framework() != in.name {
		in.t.Errorf("Mesos knows the framework %q, want %q", in.framework(), in.name)
	}
}

// java looks at which Java the tasks run: the one that they fetched, as on an agent that has none.
func (in *installation) java() {
	in.t.Helper()
	for _, id := range in.tasks() {
		var programs []string
		for _, pid := range in.w.Pids(id) {
			if program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil { // Else it is gone.
				programs = append(programs, program)
			}
		}
		if !slices.ContainsFunc(programs, func(p string) bool {
			return strings.HasSuffix(p, "/java-17/bin/java") && strings.Contains(p, "/frameworks/")
		}) {
			in.t.Errorf("task %s runs %v, want the Java of its sandbox", id, programs)
		}
	}
}

// page reads the service's page and what it is made of, as Open Service does: every address is relative.
func (in *installation) page() {
	in.t.Helper()
	get := func(path string) string {
		req, err := http.NewRequestWithContext(in.t.Context(), http.MethodGet, in.w.URL+"/"+path, nil)
		if err != nil {
			in.t.Fatal(err)
		}
		req.Header.Set("Authorization", "token="+login)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			in.t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			in.t.Errorf("the page's %q: %s %v", path, resp.Status, err)
		}
		return string(text)
	}
	for _, m := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(get(""), -1) {
		if strings.HasPrefix(m[1], "/") || strings.Contains(m[1], "://") {
			in.t.Errorf("the page links to %s, which is not below its prefix", m[1])
			continue
		}
		get(m[1])
	}
	if !strings.Contains(get("v1/clusters/first/ui/"), "Flink") {
		in.t.Error("Flink's page is not found through Admin Router")
	}
}

// mesos reads the master's state, without what is not ours.
func (in *installation) mesos() (frameworks, completed []struct{ ID, Name string }) {
	in.t.Helper()
	var state struct {
		Frameworks []struct{ ID, Name string } `json:"frameworks"`
		Completed  []struct{ ID, Name string } `json:"completed_frameworks"`
	}
	if err := json.Unmarshal(in.fetch("http://"+in.w.Master()+"/state", ""), &state); err != nil {
		in.t.Fatal(err)
	}
	others := func(f struct{ ID, Name string }) bool { return slices.Contains(in.others, f.ID) }
	return slices.DeleteFunc(state.Frameworks, others), slices.DeleteFunc(state.Completed, others)
}

// framework is the name of the only framework.
func (in *installation) framework() string {
	in.t.Helper()
	frameworks, _ := in.mesos()
	if len(frameworks) != 1 {
		in.t.Fatalf("Mesos has the frameworks %v, want one", frameworks)
	}
	return frameworks[0].Name
}

// ask reads JSON of the service through Admin Router; the status is that of the answer.
func (in *installation) ask(path string, into any) int {
	in.t.Helper()
	req, err := http.NewRequestWithContext(in.t.Context(), http.MethodGet, in.w.URL+path, nil)
	if err != nil {
		in.t.Fatal(err)
	}
	req.Header.Set("Authorization", "token="+login)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			in.t.Errorf("GET %s: %v", path, err)
		}
	}
	return resp.StatusCode
}

// tasks are the ids of the running tasks of the form's cluster.
func (in *installation) tasks() (ids []string) {
	in.t.Helper()
	d := in.w.State("first", wire.Stable)
	for _, t := range d.Tasks {
		if t.Goal == task.Launched && t.State == task.Running {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// suspend has Marathon stop the service, and start it again, while a job runs: the job does not notice.
func (in *installation) suspend() {
	in.t.Helper()
	job := in.w.Run("first", "Endless", "--parallelism", "2")
	in.w.JobState("first", job, client.JobRunning)
	if len(in.files("ha")) == 0 || len(in.nodes("/flink")) == 0 {
		in.t.Error("high availability keeps nothing of the running job, so that its removal proves nothing")
	}
	before := in.tasks()
	in.wait(in.app.Suspend(in.t.Context(), false))
	if code, _, said := in.flink("cluster", "list"); code != 5 {
		in.t.Errorf("with the service suspended flink cluster list exits with %d, want 5:\n%s", code, said)
	}
	for _, id := range before {
		if len(in.w.Pids(id)) == 0 {
			in.t.Errorf("task %s ended with the service", id)
		}
	}
	in.wait(in.app.Resume(in.t.Context(), 1, false))
	if after := in.tasks(); !slices.Equal(before, after) {
		in.t.Errorf("the tasks were %v and are %v", before, after)
	}
	in.w.JobState("first", job, client.JobRunning)
}

// edit changes an option in the form of the installed service: Cosmos renders the app again and replaces it as a whole.
func (in *installation) edit(p universe.Package, options map[string]any) {
	in.t.Helper()
	before := in.tasks()
	r, err := universe.NewRenderer(p)
	if err != nil {
		in.t.Fatal(err)
	}
	options = universe.Set(options, "service.log_format", "json")
	// What is wrong with the first cluster is of no concern to a service that has clusters.
	options = universe.Set(options, "session.spec", base64.StdEncoding.EncodeToString([]byte("name: First\nslots: many\n")))
	edited, err := r.Render(universe.RenderOptions{Options: options, Source: in.catalog + "/repo"})
	if err != nil {
		in.t.Fatal(err)
	}
	in.wait(in.app.Update(in.t.Context(), func(app map[string]any) error {
		clear(app)
		maps.Copy(app, edited)
		return nil
	}, false))
	if after := in.tasks(); !slices.Equal(before, after) {
		in.t.Errorf("the tasks were %v and are %v", before, after)
	}
	log, err := os.ReadFile(filepath.Join(in.marathon.Sandbox(str(edited, "id")), "stderr"))
	if err != nil || !strings.Contains(string(log), `"msg":"service is ready"`) {
		in.t.Errorf("the option has no effect: %v\n%s", err, log)
	}
}

// uninstall removes the service as Cosmos does one with the label DCOS_COMMONS_UNINSTALL, and looks for what is left.
func (in *installation) uninstall() {
	in.t.Helper()
	var ids []string
	if status := in.ask("/v1/state/frameworkId", &ids); status != http.StatusOK || len(ids) != 1 {
		in.t.Fatalf("the framework's id is %v (%d)", ids, status)
	}
	d, err := in.w.Client.Cluster(in.t.Context(), "first")
	if err != nil || len(d.Tasks) < 2 {
		in.t.Fatalf("the cluster has the tasks %v: %v", d.Tasks, err)
	}
	in.wait(in.app.Update(in.t.Context(), func(app map[string]any) error {
		app["env"].(map[string]any)["SDK_UNINSTALL"] = "true"
		return nil
	}, true))
	in.w.Eventually("the plan of the removal is complete", func() error {
		var plan struct{ Status string }
		if status := in.ask("/v1/plans/deploy", &plan); status != http.StatusOK || plan.Status != "COMPLETE" {
			return fmt.Errorf("the answer is %d %+v", status, plan)
		}
		return nil
	})
	in.wait(in.app.Destroy(in.t.Context(), true))

	frameworks, completed := in.mesos()
	if len(frameworks) != 0 || len(completed) != 1 || completed[0].ID != ids[0] {
		in.t.Errorf("Mesos has the frameworks %v, and knows of the end of %v, want %s", frameworks, completed, ids[0])
	}
	for _, task := range d.Tasks {
		if pids := in.w.Pids(task.ID); len(pids) > 0 {
			in.t.Errorf("task %s still has the processes %v", task.ID, pids)
		}
	}
	for i := range 9 { // One for each start.
		if pids := in.w.Pids("dev_flink.instance-" + strconv.Itoa(i)); len(pids) > 0 {
			in.t.Errorf("the service still has the processes %v", pids)
		}
	}
	if nodes := in.nodes("/"); len(nodes) > 0 {
		in.t.Errorf("ZooKeeper still has %v", nodes)
	}
	if files := in.files("ha"); len(files) > 0 {
		in.t.Errorf("the files %v are left", files)
	}
	if files := in.files("savepoints"); len(files) == 0 {
		in.t.Error("no savepoint was taken of the job that ran")
	}
}

// nodes lists what ZooKeeper has below a node, but for its own.
func (in *installation) nodes(top string) (all []string) {
	in.t.Helper()
	c, _, err := zkclient.Connect([]string{in.zk.Addr}, 10*time.Second, zkclient.WithLogInfo(false))
	if err != nil {
		in.t.Fatal(err)
	}
	defer c.Close()
	var walk func(node string)
	walk = func(node string) {
		children, _, err := c.Children(node)
		if err != nil {
			in.t.Fatalf("list %s: %v", node, err)
		}
		for _, name := range children {
			if child := path.Join(node, name); child != "/zookeeper" {
				all = append(all, child)
				walk(child)
			}
		}
	}
	walk(top)
	slices.Sort(all)
	return all
}

// files lists the files in a directory that is shared with tasks.
func (in *installation) files(name string) (all []string) {
	in.t.Helper()
	err := filepath.WalkDir(filepath.Join(in.w.Dir(), name), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		in.t.Error(err)
	}
	return all
}

package marathon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// app is one app with the task that it has, or none.
type app struct {
	s  *Server
	id string
	// document and version are guarded by the server's lock.
	document map[string]any
	version  string

	turn   sync.Mutex // held while one version makes room for the next
	cancel context.CancelFunc
	ended  chan struct{} // closed when the version before has no task any more

	mu      sync.Mutex // guards what is below
	running planned
	task    string
	serial  int
	ports   []int
	up      bool
	healthy bool
}

// planned is an app in the form in which it is run.
type planned struct {
	document  map[string]any
	version   string
	instances int
	command   string
	user      string
	uris      []mesos.CommandInfo_URI
	env       map[string]string
	ports     []string // their names
	health    string   // the path of the check, empty for none
	port      int      // its index
	grace     time.Duration
	backoff   time.Duration
}

// portVariable is what may be part of the name of a variable for a label.
var portVariable = regexp.MustCompile(`[^A-Z0-9_]`)

// plan reads what must be known to run an app.
func plan(document map[string]any, secrets map[string]string) (planned, error) {
	p := planned{document: document, env: map[string]string{}, instances: 1, grace: 3 * time.Second, backoff: time.Second}
	var d struct {
		Cmd       string
		User      string
		Instances *int
		Fetch     []struct {
			URI                        string
			Extract, Cache, Executable bool
		}
		Env             map[string]any
		Secrets         map[string]struct{ Source string }
		PortDefinitions []struct{ Name string }
		HealthChecks    []struct {
			Path      string
			PortIndex int
		}
		KillGrace int `json:"taskKillGracePeriodSeconds"`
	}
	data, err := json.Marshal(document)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return p, err
	}
	if d.Cmd == "" {
		return p, errors.New("cmd is missing")
	}
	p.command, p.user = d.Cmd, d.User
	if d.Instances != nil {
		p.instances = *d.Instances
	}
	if p.instances < 0 || p.instances > 1 {
		return p, fmt.Errorf("this Marathon runs one instance of an app, not %d", p.instances)
	}
	for _, f := range d.Fetch {
		p.uris = append(p.uris, mesos.CommandInfo_URI{Value: f.URI, Extract: &f.Extract, Cache: &f.Cache, Executable: &f.Executable})
	}
	for _, port := range d.PortDefinitions {
		p.ports = append(p.ports, port.Name)
	}
	if len(d.HealthChecks) > 0 {
		p.health, p.port = d.HealthChecks[0].Path, d.HealthChecks[0].PortIndex
		if p.port >= len(p.ports) {
			return p, fmt.Errorf("the health check asks port %d of %d", p.port, len(p.ports))
		}
	}
	if d.KillGrace > 0 {
		p.grace = time.Duration(d.KillGrace) * time.Second
	}
	for name, v := range d.Env {
		switch v := v.(type) {
		case string:
			p.env[name] = v
		case map[string]any:
			value, ok := secrets[d.Secrets[fmt.Sprint(v["secret"])].Source]
			if !ok {
				return p, fmt.Errorf("the secret of env %s is not in the secret store", name)
			}
			p.env[name] = value
		default:
			return p, fmt.Errorf("env %s is neither a text nor a secret", name)
		}
	}
	return p, nil
}

// become ends the version before and runs this one. Done is called when it is healthy, or when it is to have no instance.
func (a *app) become(p planned, done func()) {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.stop()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	a.cancel, a.ended = cancel, ended
	go func() {
		defer close(ended)
		a.keep(ctx, p, sync.OnceFunc(done))
	}()
}

// end ends the app.
func (a *app) end() {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.stop()
}

// stop ends what runs and waits for it. The caller has the turn.
func (a *app) stop() {
	if a.cancel != nil {
		a.cancel()
		<-a.ended
	}
}

// keep keeps an instance running until ctx is done.
func (a *app) keep(ctx context.Context, p planned, done func()) {
	if p.instances == 0 {
		done()
		return
	}
	for ctx.Err() == nil {
		task, ended, err := a.launch(p)
		if err != nil {
			a.s.t.Errorf("Marathon: launch %s: %v", a.id, err)
			return
		}
		look, stop := context.WithCancel(ctx)
		looked := make(chan struct{})
		go func() {
			defer close(looked)
			a.look(look, p, done)
		}()
		select {
		case <-ended:
		case <-ctx.Done():
			a.s.runtime.Kill(task, &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: p.grace.Nanoseconds()}})
			<-ended
		}
		stop()
		<-looked
		a.mu.Lock()
		a.up, a.healthy = false, false
		a.mu.Unlock()
		select {
		case <-time.After(p.backoff):
		case <-ctx.Done():
		}
	}
}

// look checks the health of the task until ctx is done.
func (a *app) look(ctx context.Context, p planned, done func()) {
	for ctx.Err() == nil {
		a.mu.Lock()
		up, port := a.up, 0
		if p.port < len(a.ports) {
			port = a.ports[p.port]
		}
		a.mu.Unlock()
		healthy := up && (p.health == "" || answers(ctx, "http://127.0.0.1:"+strconv.Itoa(port)+p.health))
		a.mu.Lock()
		a.healthy = healthy
		a.mu.Unlock()
		if healthy {
			done()
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode >= 200 && resp.StatusCode < 400
}

// launch starts a task; ended is closed when it has ended.
func (a *app) launch(p planned) (id string, ended chan struct{}, err error) {
	ports, err := freePorts(len(p.ports))
	if err != nil {
		return "", nil, err
	}
	a.mu.Lock()
	a.serial++
	id = strings.ReplaceAll(strings.Trim(a.id, "/"), "/", "_") + ".instance-" + strconv.Itoa(a.serial)
	a.task, a.ports, a.running = id, ports, p
	a.mu.Unlock()
	ended = make(chan struct{})
	shell := true
	info := mesos.TaskInfo{
		Name: a.id, TaskID: mesos.TaskID{Value: id}, AgentID: mesos.AgentID{Value: "agent"},
		Command: &mesos.CommandInfo{Shell: &shell, Value: &p.command, URIs: p.uris, Environment: p.environment(a.id, id, ports)},
	}
	if p.user != "" {
		info.Command.User = &p.user
	}
	framework := mesos.FrameworkInfo{ID: &mesos.FrameworkID{Value: "marathon"}, Name: "marathon"}
	a.s.runtime.Launch(framework, info, func(status mesos.TaskStatus) {
		switch status.GetState() {
		case mesos.TASK_STARTING, mesos.TASK_RUNNING:
			a.mu.Lock()
			a.up = true
			a.mu.Unlock()
		default:
			close(ended)
		}
	})
	return id, ended, nil
}

// freePorts finds ports that nobody uses right now.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // Only when all are found, so that they differ.
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// environment is what Marathon gives a task; what the app sets wins.
func (p planned) environment(app, task string, ports []int) *mesos.Environment {
	env := map[string]string{
		"MESOS_TASK_ID": task, "MESOS_EXECUTOR_ID": task, "MARATHON_APP_ID": app, "MARATHON_APP_VERSION": p.version, "HOST": "127.0.0.1",
	}
	for name, field := range map[string]string{"CPUS": "cpus", "MEM": "mem", "DISK": "disk", "GPUS": "gpus"} {
		env["MARATHON_APP_RESOURCE_"+name] = fmt.Sprint(p.document[field])
	}
	var names, list []string
	labels, _ := p.document["labels"].(map[string]any)
	for name, v := range labels {
		upper := portVariable.ReplaceAllString(strings.ToUpper(name), "_")
		names = append(names, upper)
		if value := fmt.Sprint(v); len(value) < 512 {
			env["MARATHON_APP_LABEL_"+upper] = value
		}
	}
	slices.Sort(names)
	env["MARATHON_APP_LABELS"] = strings.Join(names, " ")
	for i, port := range ports {
		text := strconv.Itoa(port)
		list = append(list, text)
		env["PORT"+strconv.Itoa(i)] = text
		env["PORT_"+strconv.Itoa(10000+i)] = text
		if p.ports[i] != "" {
			env["PORT_"+strings.ToUpper(p.ports[i])] = text
		}
	}
	if len(list) > 0 {
		env["PORT"], env["PORTS"] = list[0], strings.Join(list, ",")
	}
	maps.Copy(env, p.env)
	all := &mesos.Environment{}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		value := env[name]
		all.Variables = append(all.Variables, mesos.Environment_Variable{Name: name, Value: &value})
	}
	return all
}

// tell adds to the document of an app what is so of its task.
func (a *app) tell(document map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	count := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	document["tasksStaged"], document["tasksRunning"] = 0, count(a.up)
	document["tasksHealthy"], document["tasksUnhealthy"] = count(a.healthy), 0
	tasks := []any{}
	if a.up {
		tasks = append(tasks, map[string]any{"id": a.task, "appId": a.id, "host": "127.0.0.1", "ports": a.ports, "state": "TASK_RUNNING"})
	}
	document["tasks"] = tasks
}

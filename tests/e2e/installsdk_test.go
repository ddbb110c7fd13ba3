package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// sdk makes the calls of the tools that test DC/OS SDK services: plans, pods, endpoints, configuration and metrics, with
// the command line where those use it and over HTTP where they do that.
func (in *installation) sdk() {
	in.t.Helper()
	in.plan("deploy", http.StatusOK, "COMPLETE")
	in.plan("recovery", http.StatusOK, "COMPLETE")
	in.plan("decommission", http.StatusOK, "COMPLETE")
	pods := in.names("pod", "list")
	if len(pods) < 2 || pods[0] != "first-jobmanager-0" || pods[1] != "first-taskmanager-0" {
		in.t.Errorf("the pods are %v", pods)
	}
	if names := in.names("endpoints"); !slices.Contains(names, "first-rest") {
		in.t.Errorf("the endpoints are %v", names)
	}
	var target struct{ Clusters []spec.Spec }
	in.output(&target, "debug", "config", "target")
	if len(target.Clusters) != 1 || target.Clusters[0].Name != "first" {
		in.t.Errorf("the target configuration has %+v", target.Clusters)
	}
	var options map[string]any
	in.output(&options, "describe")
	if str(options, "service", "name") != in.name {
		in.t.Errorf("describe prints %v, want the options", options)
	}
	var metrics struct {
		Counters map[string]struct{ Count int }
		Gauges   map[string]struct{ Value any }
	}
	if status := in.ask("/v1/metrics", &metrics); status != http.StatusOK || metrics.Counters["offers.processed"].Count == 0 || metrics.Gauges["is_suppressed"].Value == nil {
		in.t.Errorf("the metrics are %+v (%d)", metrics, status)
	}
	in.replacePod("first-taskmanager-0")
	in.plan("deploy", http.StatusOK, "COMPLETE")
}

// replacePod replaces a pod and follows the plan recovery: another task of Mesos has the same name, and no other pod changes.
func (in *installation) replacePod(pod string) {
	in.t.Helper()
	before := in.mesosTasks()
	if code, out, said := in.flink("pod", "replace", pod); code != 0 {
		in.t.Fatalf("flink pod replace exits with %d:\n%s%s", code, out, said)
	}
	in.plan("recovery", http.StatusAccepted, "IN_PROGRESS", "PENDING", "STARTING", "STARTED")
	in.w.Eventually("the pod is replaced", func() error {
		var plan struct{ Status string }
		if status := in.ask("/v1/plans/recovery", &plan); status != http.StatusOK || plan.Status != "COMPLETE" {
			return fmt.Errorf("the plan recovery is %+v (%d)", plan, status)
		}
		return nil
	})
	after := in.mesosTasks()
	for name, id := range before {
		if (after[name] == id) == (name == pod) || after[name] == "" {
			in.t.Errorf("the task of %s was %s and is %q after the replacement of %s", name, id, after[name], pod)
		}
	}
}

// mesosTasks are the ids of the running tasks by name, as the master has them.
func (in *installation) mesosTasks() map[string]string {
	in.t.Helper()
	var state struct {
		Frameworks []struct {
			Name  string
			Tasks []struct{ ID, Name, State string }
		}
	}
	if err := json.Unmarshal(in.fetch("http://"+in.w.Master()+"/state", ""), &state); err != nil {
		in.t.Fatal(err)
	}
	tasks := map[string]string{}
	for _, f := range state.Frameworks {
		for _, t := range f.Tasks {
			if f.Name == in.name && t.State == "TASK_RUNNING" {
				tasks[t.Name] = t.ID
			}
		}
	}
	return tasks
}

// plan asks for a plan and checks its HTTP status and its own.
func (in *installation) plan(name string, status int, want ...string) {
	in.t.Helper()
	code, out, said := in.flink("plan", "status", name, "--json")
	var plan struct{ Status string }
	if err := json.Unmarshal([]byte(out), &plan); err != nil || code != 0 || !slices.Contains(want, plan.Status) {
		in.t.Errorf("the plan %s is %q, want %v: exit code %d %v\n%s", name, plan.Status, want, code, err, said)
	}
	var any json.RawMessage
	if got := in.ask("/v1/plans/"+name, &any); got != status {
		in.t.Errorf("the plan %s is answered with %d, want %d", name, got, status)
	}
}

// output runs a command that prints JSON without a terminal.
func (in *installation) output(into any, args ...string) {
	in.t.Helper()
	code, out, said := in.flink(args...)
	if err := json.Unmarshal([]byte(out), into); err != nil || code != 0 {
		in.t.Errorf("flink %v exits with %d (%v):\n%s%s", args, code, err, out, said)
	}
}

// names runs a command that prints a list of names in JSON.
func (in *installation) names(args ...string) (names []string) {
	in.t.Helper()
	in.output(&names, args...)
	return names
}

// opt creates a cluster, suspended, that needs a jar of Flink's opt, which the package brings as a file of its own.
func (in *installation) opt(m dist.Manifest) {
	in.t.Helper()
	if m.Optional == nil || len(m.Optional.Libraries) == 0 {
		in.t.Fatalf("Flink %s was assembled without jars of opt", m.Version)
	}
	i := slices.IndexFunc(m.Optional.Libraries, func(l dist.Library) bool { return strings.Contains(l.Path, "-fs-") })
	if i < 0 {
		in.t.Fatalf("no file system is among the jars of opt: %v", m.Optional.Libraries)
	}
	plugin := strings.TrimSuffix(strings.TrimPrefix(m.Optional.Libraries[i].Path, "opt/flink-"), "-"+m.Version+".jar")
	put := func(plugin string) int {
		body := []byte(`{"kind": "session", "suspended": true, "plugins": ["` + plugin + `"]}`)
		req, err := http.NewRequestWithContext(in.t.Context(), http.MethodPut, in.w.URL+"/v1/clusters/plugged", bytes.NewReader(body))
		if err != nil {
			in.t.Fatal(err)
		}
		req.Header.Set("Authorization", "token="+login)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			in.t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if status := put("no-such-fs"); status != http.StatusUnprocessableEntity {
		in.t.Errorf("a plugin that Flink does not have is answered with %d", status)
	}
	if status := put(plugin); status != http.StatusCreated {
		in.t.Errorf("the plugin %s of opt is answered with %d: the service has no such jar", plugin, status)
	}
	if code, _, said := in.flink("cluster", "delete", "plugged", "--yes"); code != 0 {
		in.t.Errorf("flink cluster delete exits with %d: %s", code, said)
	}
}

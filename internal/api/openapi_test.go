package api_test

import (
	"bytes"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

func document(t testing.TB, w *world) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(w.do("GET", "/v1/openapi.yaml", "").body))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestRoutesAreDocumented compares the surface with the document, both ways.
func TestRoutesAreDocumented(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	documented := map[string]bool{}
	for path, item := range document(t, w).Paths.Map() {
		for method := range item.Operations() {
			if path == "/v1/clusters/{name}/ui/{path}" {
				method = "ANY"
			}
			documented[method+" "+path] = true
		}
	}
	served := map[string]bool{}
	for _, route := range w.api.Routes() {
		served[strings.NewReplacer("...}", "}", "{$}", "").Replace(route)] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(served)), slices.Sorted(maps.Keys(documented))); diff != "" {
		t.Fatalf("served and documented (-served +documented):\n%s", diff)
	}
}

// TestFieldsAreDocumented compares the types with their schemas, both ways.
func TestFieldsAreDocumented(t *testing.T) {
	t.Parallel()
	doc := document(t, newWorld(t))
	for name, typ := range map[string]reflect.Type{
		"Spec": reflect.TypeFor[spec.Spec](), "Resources": reflect.TypeFor[spec.Resources](), "Job": reflect.TypeFor[spec.JobSpec](),
		"URI": reflect.TypeFor[spec.URI](), "Summary": reflect.TypeFor[wire.Summary](), "Description": reflect.TypeFor[wire.Description](),
		"Status": reflect.TypeFor[wire.Status](), "TaskStatus": reflect.TypeFor[wire.TaskStatus](), "Waiting": reflect.TypeFor[wire.Waiting](),
		"Container": reflect.TypeFor[spec.Container](), "Parameter": reflect.TypeFor[spec.Parameter](), "Seccomp": reflect.TypeFor[spec.Seccomp](),
		"Rlimit": reflect.TypeFor[spec.Rlimit](), "Volume": reflect.TypeFor[spec.Volume](), "ExternalVolume": reflect.TypeFor[spec.ExternalVolume](),
		"Network": reflect.TypeFor[spec.Network](), "Port": reflect.TypeFor[spec.Port](), "Discovery": reflect.TypeFor[spec.Discovery](),
		"HealthCheck": reflect.TypeFor[spec.HealthCheck](), "TaskOptions": reflect.TypeFor[spec.TaskOptions](), "Exposure": reflect.TypeFor[spec.Exposure](),
		"Limits": reflect.TypeFor[spec.Limits](), "PersistentVolume": reflect.TypeFor[spec.PersistentVolume](), "Reservation": reflect.TypeFor[task.Reservation](),
		"Savepoint": reflect.TypeFor[wire.Savepoint](), "Change": reflect.TypeFor[wire.Change](),
		"Failure": reflect.TypeFor[wire.Failure](), "Note": reflect.TypeFor[wire.Event](), "Event": reflect.TypeFor[wire.ClusterEvent](), "Events": reflect.TypeFor[wire.Events](), "Notes": reflect.TypeFor[wire.Notes](),
		"Snapshots": reflect.TypeFor[wire.Snapshots](), "Snapshot": reflect.TypeFor[wire.Snapshot](), "SnapshotRequest": reflect.TypeFor[wire.SnapshotRequest](), "Verification": reflect.TypeFor[wire.Verification](),
		"ChangePlan": reflect.TypeFor[wire.Plan](), "SnapshotPolicy": reflect.TypeFor[spec.Snapshots](), "Retention": reflect.TypeFor[spec.Retention](),
		"Revisions": reflect.TypeFor[wire.Revisions](), "Revision": reflect.TypeFor[wire.Revision](), "RevisionSpec": reflect.TypeFor[wire.RevisionSpec](), "RevisionDiff": reflect.TypeFor[wire.RevisionDiff](),
		"UpgradeOptions": reflect.TypeFor[spec.Upgrade](), "Rollback": reflect.TypeFor[wire.Rollback](),
		"RevertRequest": reflect.TypeFor[wire.RevertRequest](), "TagRequest": reflect.TypeFor[wire.TagRequest](),
		"Operations": reflect.TypeFor[wire.Operations](), "Operation": reflect.TypeFor[wire.Operation](), "Actor": reflect.TypeFor[wire.Actor](), "SpecChange": reflect.TypeFor[wire.SpecChange](),
		"History": reflect.TypeFor[wire.History](),
		"Sample":  reflect.TypeFor[wire.Sample](), "Recovery": reflect.TypeFor[wire.Recovery](), "Outcome": reflect.TypeFor[state.Outcome](),
		"Autoscaler": reflect.TypeFor[report.Autoscaler](), "AutoscalerJob": reflect.TypeFor[report.Job](), "AutoscalerDecision": reflect.TypeFor[report.Decision](),
		"AutoscalerChange": reflect.TypeFor[report.Change](), "AutoscalerHistory": reflect.TypeFor[report.History](), "AutoscalerReason": reflect.TypeFor[report.Reason](),
		"ReplayRequest": reflect.TypeFor[report.ReplayRequest](), "Replay": reflect.TypeFor[report.Replay](),
		"Hadoop": reflect.TypeFor[spec.Hadoop](), "Kerberos": reflect.TypeFor[spec.Kerberos](),
		"OldFiles": reflect.TypeFor[wire.OldFiles](), "Imported": reflect.TypeFor[wire.Imported](), "ImportLine": reflect.TypeFor[wire.ImportLine](),
		"Error": reflect.TypeFor[fault.Error](),
	} {
		fields := fieldNames(typ)
		slices.Sort(fields)
		if diff := cmp.Diff(fields, slices.Sorted(maps.Keys(doc.Components.Schemas[name].Value.Properties))); diff != "" {
			t.Errorf("%s (-type +schema):\n%s", name, diff)
		}
	}
	var codes []any
	for _, c := range fault.Codes() {
		codes = append(codes, string(c))
	}
	if diff := cmp.Diff(codes, doc.Components.Schemas["Error"].Value.Properties["code"].Value.Enum); diff != "" {
		t.Errorf("codes (-ours +documented):\n%s", diff)
	}
}

// fieldNames lists what JSON calls the fields of a struct, those of embedded structs included.
func fieldNames(typ reflect.Type) []string {
	var names []string
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			names = append(names, fieldNames(f.Type)...)
			continue
		}
		names = append(names, name)
	}
	return names
}

// TestAnswersAreDocumented validates requests and answers of a story against the document.
func TestAnswersAreDocumented(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Autoscaler = scaled{} })
	doc := document(t, w)
	check := func(method, path, pattern, body, media string) {
		t.Helper()
		headers := []string{}
		if media != "" {
			headers = append(headers, "Content-Type", media)
		}
		a := w.do(method, path, body, headers...)
		item := doc.Paths.Find(pattern)
		if item == nil {
			t.Fatalf("%s is not documented", pattern)
		}
		operation := item.GetOperation(method)
		req := a.Request.Clone(t.Context())
		req.Body = io.NopCloser(strings.NewReader(body))
		params := map[string]string{}
		want, got := strings.Split(pattern, "/"), strings.Split(a.Request.URL.Path, "/")
		for i, s := range want {
			if strings.HasPrefix(s, "{") && i < len(got) {
				params[strings.Trim(s, "{}")] = got[i]
			}
		}
		input := &openapi3filter.RequestValidationInput{
			Request: req, PathParams: params, Route: &routers.Route{Spec: doc, Path: pattern, PathItem: item, Method: method, Operation: operation},
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}, // TestScopes is about tokens.
		}
		if a.StatusCode < 400 {
			if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
				t.Errorf("request %s %s: %v", method, path, err)
			}
		}
		kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
		opaque := slices.Contains([]string{"application/yaml", "text/html", "text/css"}, kind)
		response := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: input, Status: a.StatusCode, Header: a.Header,
			Body: io.NopCloser(bytes.NewReader([]byte(a.body))), Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: opaque},
		}
		if err := openapi3filter.ValidateResponse(t.Context(), response); err != nil {
			t.Errorf("answer of %s %s (%d %s): %v", method, path, a.StatusCode, a.body, err)
		}
	}
	const one, media = "/v1/clusters/{name}", "application/json"
	check("GET", "/v1/clusters", "/v1/clusters", "", "")
	check("POST", "/v1/clusters", "/v1/clusters", session, media)
	check("POST", "/v1/clusters", "/v1/clusters", session, media)
	check("POST", "/v1/clusters", "/v1/clusters", `{"x":1}`, media)
	check("POST", "/v1/import", "/v1/import", `{"flinkConf":"a: b\nmesos.master: x\nmesos.resourcemanager.framework.role: none","marathonApp":"{\"id\":\"/x\"}"}`, media)
	check("POST", "/v1/import", "/v1/import", `{"flinkConf":""}`, media)
	check("PUT", "/v1/clusters/wide", one, `{"jobManager":{"cpus":100,"disk":"1g"},"environment":{"A":"b"},"uris":[{"value":"http://host/x.tgz","extract":true}],
		"flinkConfiguration":{"a":"b"},"taskManagers":{"count":2}}`, media)
	check("PUT", "/v1/clusters/boxed", one, `{"container":{"image":"jre:17","volumes":"/data:/data:RO","shmSize":"64m","rlimits":[{"type":"nofile","soft":1,"hard":2}],
		"seccomp":{"unconfined":true},"network":{"mode":"container","name":"dcos"}},"labels":{"team":"a"},"killGracePeriod":"1m","bootstrap":"true","javaHome":"/jre",
		"jobManager":{"hostname":"jm.example","ports":[{"name":"rest","labels":{"VIP_0":"/boxed:80"}}],"discovery":{"name":"boxed"},"healthCheck":{"interval":"30s"}},
		"taskManager":{"container":{"type":"docker","image":"jre:17","parameters":[{"key":"dns","value":"1.1.1.1"}],
		"volumes":[{"containerPath":"/v","external":{"driver":"pxd","name":"v","options":{"size":"1"}}}]},"networkBandwidth":10}}`, media)
	check("GET", "/v1/clusters/boxed", one, "", "")
	check("PUT", "/v1/clusters/bad", one, `{"container":{"type":"docker","network":{"mode":"container"}}}`, media)
	check("PUT", "/v1/clusters/bad", one, `{"container":{"volumes":"a:b:c:d"}}`, media)
	jm := w.up("demo", "http://127.0.0.1:1/slave(1)")
	w.loop.Post(state.FlinkObserved{Cluster: "demo", JobManager: jm.ID, Flink: wire.Flink{Version: "2.3.0", SlotsTotal: 1}})
	w.poll("the observation", func(s *state.State) bool { d, _ := view.Describe(s, "demo"); return d.Status.Flink != nil })
	for _, path := range []string{"/v1/health", "/v1/version", "/v1/service", "/v1/openapi.yaml", "/v1/debug/offers", "/v1/clusters", "/metrics", "/"} {
		check("GET", path, path, "", "")
	}
	check("GET", "/v1/debug/journal?limit=10&contains=demo", "/v1/debug/journal", "", "")
	check("GET", "/v1/debug/journal?limit=1", "/v1/debug/journal", "", "")
	check("GET", "/v1/debug/journal?limit=0", "/v1/debug/journal", "", "")
	check("GET", "/v1/debug/journal?contains="+strings.Repeat("x", 257), "/v1/debug/journal", "", "")
	for _, path := range []string{"/v1/plans", "/v1/pod", "/v1/pod/status", "/v1/endpoints", "/v1/state/frameworkId", "/v1/configurations"} {
		check("GET", path, path, "", "")
	}
	const plan, pod = "/v1/plans/{plan}", "/v1/pod/{pod}"
	check("GET", "/v1/plans/deploy", plan, "", "")
	check("GET", "/v1/plans/none", plan, "", "")
	check("POST", "/v1/plans/deploy/interrupt", plan+"/{command}", "", "")
	check("GET", "/v1/pod/"+jm.ID+"/status", pod+"/status", "", "")
	check("GET", "/v1/pod/"+jm.ID+"/info", pod+"/info", "", "")
	check("POST", "/v1/pod/"+jm.ID+"/pause", pod+"/pause", "", "")
	check("POST", "/v1/pod/none/resume", pod+"/resume", "", "")
	check("GET", "/v1/endpoints/api", "/v1/endpoints/{endpoint}", "", "")
	check("GET", "/v1/configurations/targetId", "/v1/configurations/{id}", "", "")
	check("GET", "/v1/configurations/target", "/v1/configurations/{id}", "", "")
	check("GET", "/page/page.css", "/page/{file}", "", "")
	check("GET", "/page/none", "/page/{file}", "", "")
	check("GET", "/v1/clusters/demo", one, "", "")
	check("GET", "/v1/clusters/wide", one, "", "")
	check("GET", "/v1/clusters/none", one, "", "")
	check("GET", "/v1/clusters/demo/events", one+"/events", "", "")
	check("GET", "/v1/clusters/none/events", one+"/events", "", "")
	check("GET", "/v1/clusters/demo/operations?state=running,succeeded", one+"/operations", "", "")
	check("GET", "/v1/events?cluster=demo&kind=Created&after=0&wait=1s", "/v1/events", "", "")
	check("POST", "/v1/clusters/demo/snapshots", one+"/snapshots", `{"path":"s3://bucket/sp-1"}`, "application/json")
	check("POST", "/v1/clusters/demo/snapshots", one+"/snapshots", `{}`, "application/json")
	check("GET", "/v1/clusters/demo/snapshots", one+"/snapshots", "", "")
	check("GET", "/v1/snapshots?cluster=demo", "/v1/snapshots", "", "")
	id := into[wire.Snapshots](t, w.json("GET", "/v1/snapshots", "", 200)).Snapshots[0].ID
	check("GET", "/v1/snapshots/"+id, "/v1/snapshots/{snapshot}", "", "")
	check("POST", "/v1/snapshots/"+id+"/verify", "/v1/snapshots/{snapshot}/{command}", "", "")
	check("POST", "/v1/snapshots/"+id+"/pin", "/v1/snapshots/{snapshot}/{command}", "", "")
	check("DELETE", "/v1/snapshots/"+id, "/v1/snapshots/{snapshot}", "", "")
	check("POST", "/v1/snapshots/"+id+"/unpin", "/v1/snapshots/{snapshot}/{command}", "", "")
	check("DELETE", "/v1/snapshots/"+id, "/v1/snapshots/{snapshot}", "", "")
	const revisions = one + "/revisions"
	check("PUT", "/v1/clusters/wide?reason=less", one, `{"environment":{"A":"b"}}`, media)
	check("GET", "/v1/clusters/wide/revisions", revisions, "", "")
	check("GET", "/v1/clusters/none/revisions", revisions, "", "")
	check("PUT", "/v1/clusters/wide/revisions/1/tag", revisions+"/{revision}/tag", `{"tag":"good"}`, media)
	check("PUT", "/v1/clusters/wide/revisions/2/tag", revisions+"/{revision}/tag", `{"tag":"good"}`, media)
	check("GET", "/v1/clusters/wide/revisions/good", revisions+"/{revision}", "", "")
	check("GET", "/v1/clusters/wide/revisions/good/diff", revisions+"/{revision}/diff", "", "")
	check("POST", "/v1/clusters/wide/revert", one+"/revert", `{"revision":"good"}`, media)
	check("POST", "/v1/clusters/wide/revert", one+"/revert", `{"revision":"good"}`, media)
	check("PUT", "/v1/clusters/demo?dryRun=true", one, `{}`, "application/json")
	check("GET", "/v1/audit?limit=5", "/v1/audit", "", "")
	check("GET", "/v1/audit?outcome=x", "/v1/audit", "", "")
	check("GET", "/v1/operations?after=0", "/v1/operations", "", "")
	check("GET", "/v1/operations/1", "/v1/operations/{operation}", "", "")
	check("GET", "/v1/operations/none", "/v1/operations/{operation}", "", "")
	check("GET", "/v1/clusters/demo/placement?taskManagers=3", one+"/placement", "", "")
	check("GET", "/v1/clusters/demo/placement?taskManagers=0", one+"/placement", "", "")
	check("GET", "/v1/clusters/none/placement", one+"/placement", "", "")
	check("GET", "/v1/clusters/demo/autoscaler", one+"/autoscaler", "", "")
	check("GET", "/v1/clusters/shown/autoscaler", one+"/autoscaler", "", "")
	check("GET", "/v1/clusters/shown/autoscaler/history", one+"/autoscaler/history", "", "")
	check("POST", "/v1/clusters/shown/autoscaler/replay", one+"/autoscaler/replay", `{"options":{"job.autoscaler.utilization.target":"0.6"}}`, media)
	check("POST", "/v1/clusters/shown/autoscaler/replay", one+"/autoscaler/replay", `{"option":{}}`, media)
	check("GET", "/v1/clusters/demo/ui/config", one+"/ui/{path}", "", "")
	check("GET", "/v1/clusters/demo/tasks/"+jm.ID+"/files/stdout", one+"/tasks/{task}/files/{path}", "", "")
	check("POST", "/v1/clusters/demo/tasks/"+jm.ID+"/restart", one+"/tasks/{task}/restart", "", "")
	check("POST", "/v1/pod/"+jm.ID+"/restart", pod+"/restart", "", "")
	check("POST", "/v1/pod/"+jm.ID+"/replace", pod+"/replace", "", "")
	check("POST", "/v1/plans/deploy/restart?phase=demo", plan+"/{command}", "", "")
	check("POST", "/v1/clusters/demo/restart", one+"/restart", "", "")
	check("DELETE", "/v1/clusters/demo?force=true", one, "", "")
	check("POST", "/v1/artifacts?name=a.jar", "/v1/artifacts", "x", "application/octet-stream")
	check("GET", "/v1/artifacts", "/v1/artifacts", "", "")
	check("DELETE", "/v1/artifacts/"+strings.Repeat("0", 64), "/v1/artifacts/{sha256}", "", "")
	check("GET", "/artifacts/none", "/artifacts/{path}", "", "")
}

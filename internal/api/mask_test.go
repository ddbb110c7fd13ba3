package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/core/view"
)

// TestVariablesAreMasked has the usual names of variables.
func TestVariablesAreMasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret := []string{
		"MY_API_KEY", "DB_PASSWORD", "DB_PASSWD", "GOOGLE_CREDENTIALS", "TLS_PRIVATE_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
		"SERVICE_KEY", "KEY_PASSPHRASE", "GIT_TOKEN", "KAFKA_JAAS_CONFIG", "apikey",
	}
	open := []string{"HOME", "KEYBOARD", "TZ", "HADOOP_USER_NAME", "PASS_COUNT"}
	var fields []string
	for _, name := range append(append([]string{}, secret...), open...) {
		fields = append(fields, `"`+name+`":"canary-`+name+`"`)
	}
	body := `{"name":"demo","environment":{` + strings.Join(fields, ",") + `}}`
	shown := w.json("POST", "/v1/clusters", body, http.StatusCreated).body
	for _, name := range secret {
		if strings.Contains(shown, "canary-"+name+`"`) {
			t.Errorf("the value of %s is shown", name)
		}
		body = strings.Replace(body, "canary-"+name+`"`, `******"`, 1)
	}
	for _, name := range open {
		if !strings.Contains(shown, "canary-"+name+`"`) {
			t.Errorf("the value of %s is hidden", name)
		}
	}
	w.json("PUT", "/v1/clusters/demo", body, http.StatusOK)
	stored, _ := view.Spec(w.loop.View(), "demo")
	for _, name := range secret {
		if got := stored.Environment[name]; got != "canary-"+name {
			t.Errorf("%s was put back as %q", name, got)
		}
	}
}

// TestPasswordsInURIsAreMasked checks each field that holds a URI, and that a description can be put back.
func TestPasswordsInURIsAreMasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"name":"demo","kind":"application","job":{"jarURI":"https://u:canary-1@host/a.jar"},
		"uris":[{"value":"ftp://me:canary-2@host:21/x.tgz?a=b@c:d"},{"value":"http://host/y"},{"value":"https://u:canary-3@host/a.jar"}]}`
	a := w.json("POST", "/v1/clusters", body, http.StatusCreated)
	if got := w.do("GET", "/v1/clusters/demo", ""); strings.Contains(a.body+got.body, "canary") {
		t.Fatalf("a password is shown: %s", got.body)
	}
	for _, want := range []string{`"https://u:******@host/a.jar"`, `"ftp://me:******@host:21/x.tgz?a=******"`, `"http://host/y"`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("%s is not in %s", want, a.body)
		}
	}
	// The list is put back in another order.
	w.json("PUT", "/v1/clusters/demo", `{"name":"demo","kind":"application","job":{"jarURI":"https://u:******@host/a.jar"},
		"uris":[{"value":"https://u:******@host/a.jar"},{"value":"ftp://me:******@host:21/x.tgz?a=******"}]}`, http.StatusOK)
	stored, _ := view.Spec(w.loop.View(), "demo")
	if stored.Job.JarURI != "https://u:canary-1@host/a.jar" || stored.URIs[0].Value != "https://u:canary-3@host/a.jar" ||
		stored.URIs[1].Value != "ftp://me:canary-2@host:21/x.tgz?a=b@c:d" {
		t.Fatalf("put back as %+v and %+v", stored.Job, stored.URIs)
	}
	for field, bad := range map[string]string{
		"uris[0].value": `"kind":"session","uris":[{"value":"https://other:******@host/a.jar"}]`,
		"job.jarURI":    `"kind":"application","job":{"jarURI":"https://u:******@elsewhere/a.jar"}`,
	} {
		w.do("PUT", "/v1/clusters/demo", `{"name":"demo",`+bad+`}`, "Content-Type", "application/json").
			wantFault(t, 422, "invalid", field+": has a masked secret")
	}
}

// TestQueriesAreMasked has signatures and tokens in URIs.
func TestQueriesAreMasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"name":"demo","kind":"application","job":{"jarURI":"https://host/a.jar?X-Amz-Expires=canary-0&X-Amz-Signature=canary-1#f","initialSavepointPath":"s3://b/sp?canary-2"},
		"uris":[{"value":"https://canary-3@host/y"},{"value":"hdfs:///z"}]}`
	a := w.json("POST", "/v1/clusters", body, http.StatusCreated)
	for _, want := range []string{`"https://host/a.jar?X-Amz-Expires=******\u0026X-Amz-Signature=******#f"`, `"s3://b/sp?******"`, `"https://******@host/y"`, `"hdfs:///z"`} {
		if !strings.Contains(a.body, want) && !strings.Contains(a.body, strings.ReplaceAll(want, `\u0026`, "&")) {
			t.Errorf("%s is not in %s", want, a.body)
		}
	}
	if strings.Contains(a.body, "canary") {
		t.Errorf("a secret is shown: %s", a.body)
	}
	w.json("PUT", "/v1/clusters/demo", `{"name":"demo","kind":"application","job":{"jarURI":"https://host/a.jar?X-Amz-Expires=******&X-Amz-Signature=******#f","initialSavepointPath":"s3://b/sp?******"},
		"uris":[{"value":"https://******@host/y"}]}`, http.StatusOK)
	stored, _ := view.Spec(w.loop.View(), "demo")
	if stored.Job.JarURI != "https://host/a.jar?X-Amz-Expires=canary-0&X-Amz-Signature=canary-1#f" || stored.Job.InitialSavepointPath != "s3://b/sp?canary-2" || stored.URIs[0].Value != "https://canary-3@host/y" {
		t.Errorf("put back as %+v and %+v", stored.Job, stored.URIs)
	}
	// What is wrong is said without what is secret.
	bad := w.do("POST", "/v1/clusters", `{"name":"other","uris":[{"value":"gopher://me:canary-4@host/x?token=canary-5"}]}`, "Content-Type", "application/json")
	if bad.StatusCode != http.StatusUnprocessableEntity || strings.Contains(bad.body, "canary") {
		t.Errorf("%d %s", bad.StatusCode, bad.body)
	}
}

// TestTaskSecretsAreMasked checks the values of secrets in a spec, and that a description can be put back.
func TestTaskSecretsAreMasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"name":"demo","secrets":[{"environment":"A","value":"canary-1"},{"environment":"B","reference":{"name":"db"}}],"taskManager":{"secrets":[{"file":"secrets/c","value":"canary-2"}]}}`
	a := w.json("POST", "/v1/clusters", body, http.StatusCreated)
	if got := w.do("GET", "/v1/clusters/demo", ""); strings.Contains(a.body+got.body, "canary") || !strings.Contains(got.body, `"db"`) {
		t.Fatalf("shown: %s", got.body)
	}
	w.json("PUT", "/v1/clusters/demo", strings.NewReplacer("canary-1", "******", "canary-2", "******").Replace(body), http.StatusOK)
	stored, _ := view.Spec(w.loop.View(), "demo")
	if stored.Secrets[0].Value != "canary-1" || stored.TaskManager.Secrets[0].Value != "canary-2" {
		t.Fatalf("put back as %+v and %+v", stored.Secrets, stored.TaskManager.Secrets)
	}
	w.do("PUT", "/v1/clusters/demo", `{"name":"demo","secrets":[{"environment":"NEW","value":"******"}]}`, "Content-Type", "application/json").
		wantFault(t, 422, "invalid", "secrets[0].value: is masked")
}

// TestSecretsOfContainersAreMasked checks Docker's parameters and the options of volumes, and that the state keeps them.
func TestSecretsOfContainersAreMasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"name":"demo","kind":"session","taskManagers":{"count":1},"container":{"type":"docker","image":"flink:2.3",
		"parameters":[{"key":"env","value":"DB_PASSWD=canary-1"},{"key":"env","value":"TZ=UTC"},{"key":"env","value":"API_KEY=canary-2"},
		{"key":"label","value":"stars=******"}],
		"volumes":[{"containerPath":"/data","mode":"RW","external":{"driver":"rexray","name":"v","options":{"secretKey":"canary-3","size":"5"}}}]}}`
	a := w.do("POST", "/v1/clusters", body, "Content-Type", "application/json")
	if a.StatusCode != http.StatusCreated {
		t.Fatalf("create: %d %s", a.StatusCode, a.body)
	}
	if strings.Contains(a.body, "canary") || !strings.Contains(a.body, `"TZ=UTC"`) || !strings.Contains(a.body, `"DB_PASSWD=******"`) {
		t.Fatalf("shown: %s", a.body)
	}
	for _, n := range []string{"1", "2", "3"} {
		body = strings.Replace(body, "canary-"+n, "******", 1)
	}
	body = strings.Replace(body, `{"key":"env","value":"TZ=UTC"},`, "", 1)
	if a := w.do("PUT", "/v1/clusters/demo", body, "Content-Type", "application/json"); a.StatusCode != http.StatusOK {
		t.Fatalf("put back: %d %s", a.StatusCode, a.body)
	}
	stored, _ := view.Spec(w.loop.View(), "demo")
	c := stored.Container
	if len(c.Parameters) != 3 || c.Parameters[0].Value != "DB_PASSWD=canary-1" || c.Parameters[1].Value != "API_KEY=canary-2" ||
		c.Volumes[0].External.Options["secretKey"] != "canary-3" {
		t.Fatalf("put back as %+v", c)
	}
	w.do("PUT", "/v1/clusters/demo", strings.Replace(body, "DB_PASSWD", "NEW_PASSWD", 1), "Content-Type", "application/json").
		wantFault(t, 422, "invalid", "container.parameters[0].value: is masked")
}

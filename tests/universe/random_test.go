package universe_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/universe"
)

// TestRandomOptions fills in the form at random. Whatever the form's schema accepts, Marathon accepts too, and so does the
// service, apart from what a schema cannot say: see beyondSchema.
func TestRandomOptions(t *testing.T) {
	t.Parallel()
	all, r := universe.Options(pkg(t).Config), renderer(t)
	var marathon *jsonschema.Schema
	if found, path := schemaFile(t, "marathon-app.schema.json"); found {
		marathon = compileSchema(t, path)
	}
	var accepted, refused int
	rapid.Check(t, func(rt *rapid.T) {
		options := draw(rt, all)
		app, err := r.Render(universe.RenderOptions{Options: options})
		if err != nil {
			if !strings.Contains(err.Error(), "options are not valid") {
				rt.Fatalf("%v: the form accepts what cannot be rendered: %v", options, err)
			}
			refused++
			return
		}
		accepted++
		if err := universe.CheckApp(app); err != nil {
			rt.Fatalf("%v: Marathon refuses what the form accepts: %v", options, err)
		}
		if marathon != nil {
			if err := marathon.Validate(plain(t, app)); err != nil {
				rt.Fatalf("%v: Marathon's schema refuses what the form accepts: %v", options, err)
			}
		}
		if err := takes(app); err != nil && !beyondSchema(err) {
			rt.Fatalf("%v: the service refuses what the form accepts: %v", options, err)
		}
	})
	if accepted == 0 || refused == 0 {
		t.Errorf("%d sets are accepted and %d refused: the test shows nothing", accepted, refused)
	}
}

// draw sets some of the options: mostly to what each may be alone, sometimes to anything.
func draw(t *rapid.T, all []universe.Option) map[string]any {
	var options map[string]any
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(all)-1), 0, 12, rapid.ID).Draw(t, "which") {
		options = universe.Set(options, all[i].Path, value(all[i]).Draw(t, all[i].Path))
	}
	return options
}

// value generates values of one option.
func value(o universe.Option) *rapid.Generator[any] {
	number := func(n float64) json.Number { return json.Number(fmt.Sprint(n)) }
	s := o.Schema
	if enum, ok := s["enum"].([]any); ok {
		return rapid.SampledFrom(enum)
	}
	switch s["type"] {
	case "boolean":
		return rapid.Map(rapid.Bool(), func(b bool) any { return b })
	case "integer":
		return rapid.Map(rapid.IntRange(0, 200), func(n int) any { return number(float64(n)) })
	case "number":
		return rapid.Map(rapid.IntRange(0, 2000), func(n int) any { return number(float64(n) / 400) })
	}
	fixed := []string{"", " ", `"`, "[]", "a", "1g", "999999g", "é"}
	if o.Path == "session.spec" {
		fixed = append(fixed, "name: x\nkind: session", "bmFtZTogeAo=")
	}
	texts := rapid.SampledFrom(fixed)
	if pattern, ok := s["pattern"].(string); ok {
		matching := rapid.StringMatching(pattern)
		texts = rapid.OneOf(matching, matching, matching, matching, matching, matching, matching, texts)
	}
	return rapid.Map(texts, func(text string) any { return text })
}

// takes says whether the service takes the environment of an app, and whether Flink fits into the first cluster's tasks.
func takes(app map[string]any) error {
	env := []string{"FLINK_SERVICE_FLINK_DISTRIBUTIONS=flink.tgz", "FLINK_SERVICE_ADVERTISE_HOST=agent-1", "MESOS_SANDBOX=" + os.TempDir()}
	for name, v := range app["env"].(map[string]any) {
		text, ok := v.(string)
		if !ok { // A secret.
			text = strings.Repeat("s", 20)
			if strings.HasSuffix(name, "_CREDENTIAL") {
				text = "file:credential.json"
			}
		}
		env = append(env, name+"="+text)
	}
	if err := config.CheckElsewhere(env); err != nil {
		return err
	}
	text, _ := app["env"].(map[string]any)[config.Prefix+"INITIAL_CLUSTER"].(string)
	first, err := config.InitialCluster(text).Spec()
	if err != nil || first == nil {
		return err
	}
	sp, err := flink.Adopt(*first)
	if err != nil {
		return err
	}
	settings := flink.Configuration(sp, nil)
	for prefix, size := range map[string]spec.Memory{"jobmanager": first.JobManager.Memory, "taskmanager": first.TaskManager.Memory} {
		if size > 0 {
			settings[prefix+".memory.process.size"] = size.String()
		}
	}
	if first.JobManager.Memory == 0 { // The sizes are the service's to complete.
		return nil
	}
	if _, err := flink.SplitJobManager(settings); err != nil {
		return err
	}
	_, err = flink.SplitTaskManager(settings)
	return err
}

// beyondSchema says whether a problem is one that a JSON schema cannot find: it lies in a specification that is one text, in
// an expression, or between two options whose values must be compared. The service then runs without a first cluster
// and says so, and `update start` refuses it.
func beyondSchema(err error) bool {
	for _, known := range []string{
		"INITIAL_CLUSTER: is not the spec of a cluster", "INITIAL_CLUSTER: the spec cannot be read", "not registered for the role", "taskManagers.min", "names a role twice", "constraints[",
	} {
		if strings.Contains(err.Error(), known) {
			return true
		}
	}
	return false
}

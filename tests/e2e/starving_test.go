package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// submitAsPage runs a jar as Flink's page "Submit New Job" does: with the arguments as one text, in the body and in
// the query.
func submitAsPage(t *testing.T, w *world.World, cluster, class, args string) string {
	t.Helper()
	jar, err := w.Client.Flink(cluster).UploadJar(t.Context(), w.Jar())
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"entryClass": class, "programArgs": args, "parallelism": nil, "savepointPath": nil, "allowNonRestoredState": nil})
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("%s/v1/clusters/%s/ui/jars/%s/run?entry-class=%s&program-args=%s", w.URL, cluster, url.PathEscape(jar), class, url.QueryEscape(args))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		JobID  string   `json:"jobid"`
		Errors []string `json:"errors"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.JobID == "" {
		t.Fatalf("run the jar: %s: %v %v", resp.Status, err, answer.Errors)
	}
	return answer.JobID
}

// TestStarvingJob gives a job fewer slots than it needs: the service says so, and how to give it enough, which is done.
func TestStarvingJob(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		s := static("starves", d, 1, 1)
		// Flink gives up soon, so that the job restarts for want of slots.
		s.FlinkConfiguration = map[string]string{
			"slot.request.timeout": "8s", "restart-strategy.type": "fixed-delay", "restart-strategy.fixed-delay.attempts": "100",
			"restart-strategy.fixed-delay.delay": "1s",
		}
		w.Create(s)
		id := submitAsPage(t, w, "starves", "org.flinkonmesos.demo.Endless", "--parallelism '2'")
		w.Until("starves", "says that its job waits", func(d wire.Description) bool {
			return d.Status.Flink != nil && d.Status.Flink.SlotWait.Job == id && strings.Contains(d.Status.Message, "set taskManagers.count to 2 (it is 1)")
		})
		got := w.Until("starves", "says that Flink restarts the job", func(d wire.Description) bool {
			return d.Status.Flink != nil && d.Status.Flink.SlotWait.Failed
		})
		list, err := w.Client.Clusters(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 1 || !strings.Contains(list[0].Waiting, "waits for 2 slots") {
			t.Errorf("the list does not say what the job waits for: %+v", list)
		}
		told := 0
		for _, e := range got.Events {
			if e.Type == "SlotsMissing" {
				told++
			}
		}
		if told != 1 {
			t.Errorf("want one event SlotsMissing, got %d in %v", told, got.Events)
		}
		s = got.Spec
		s.TaskManagers = spec.TaskManagers{Count: 2}
		if _, err := w.Client.PutCluster(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		w.JobState("starves", id, "RUNNING")
		w.Until("starves", "has slots for its job", func(d wire.Description) bool {
			return d.Status.Flink != nil && d.Status.Flink.SlotWait.Job == "" && d.Status.Message == ""
		})
	})
}

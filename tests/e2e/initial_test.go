package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestRefusedInitialCluster starts the service with a first cluster whose sizes Flink's memory model refuses: the service
// goes on without it and says what to correct, and the next start with better words creates it.
func TestRefusedInitialCluster(t *testing.T) {
	disttest.Real(t)
	spec := `{name: first, taskManager: {memory: 100m}}`
	w := world.Start(t, world.Options{Service: func(string) []string { return []string{"INITIAL_CLUSTER=" + spec} }})
	text := func(path string) (int, string) {
		t.Helper()
		resp, err := http.Get(w.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for path, want := range map[string]int{"/v1/health": http.StatusOK, "/v1/service": http.StatusOK, "/v1/plans/deploy": http.StatusExpectationFailed} {
		w.Eventually(path+" tells of the refused cluster", func() error {
			if status, got := text(path); status != want || !strings.Contains(got, "INITIAL_CLUSTER") || !strings.Contains(got, "memory") {
				return fmt.Errorf("%d %s", status, got)
			}
			return nil
		})
	}
	w.StopService()
	spec = `{name: first, allocation: static, taskManagers: {count: 0}}`
	w.StartService()
	w.Eventually("the first cluster is there", func() error {
		_, err := w.Client.Cluster(t.Context(), "first")
		return err
	})
	var s struct{ Problem string }
	_, answer := text("/v1/service")
	if err := json.Unmarshal([]byte(answer), &s); err != nil || s.Problem != "" {
		t.Errorf("the problem is still %q, %v", s.Problem, err)
	}
}

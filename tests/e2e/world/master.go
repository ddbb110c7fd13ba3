package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"
)

// foreign names the variable with host:port of a master that is not the tests' own. Its agents must be on this
// machine, with ports of their own each; they may have one host name.
const foreign = "E2E_MESOS_MASTER"

// NeedsLocal skips a test that needs what only the local Mesos has.
func NeedsLocal(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(foreign) != "" {
		t.Skipf("needs the local Mesos, and %s is set: %s", foreign, why)
	}
}

// Local says whether the Mesos is the World's own, which faults can be injected into.
func (w *World) Local() bool { return w.local != nil }

// checkRoom skips the test when a master that is not ours has too little left for it.
func (w *World) checkRoom() {
	w.t.Helper()
	type amounts struct{ CPUs, Mem float64 }
	var answer struct {
		Slaves []struct {
			Active     bool
			Unreserved amounts `json:"unreserved_resources"`
			Used       amounts `json:"used_resources"`
		}
	}
	if err := get(w.t.Context(), "http://"+w.master+"/slaves", &answer); err != nil {
		w.t.Fatalf("%s: %v", foreign, err)
	}
	var free amounts
	for _, a := range answer.Slaves {
		if a.Active {
			free.CPUs += a.Unreserved.CPUs - a.Used.CPUs
			free.Mem += a.Unreserved.Mem - a.Used.Mem
		}
	}
	if free.CPUs < w.o.NeedsCPUs || free.Mem < w.o.NeedsMemMiB {
		w.t.Skipf("the agents of %s have %g cpus and %g MiB free, and this test needs %g and %g", w.master, free.CPUs, free.Mem, w.o.NeedsCPUs, w.o.NeedsMemMiB)
	}
}

// FrameworkID is the id under which the service is registered; empty when it cannot be asked.
func (w *World) FrameworkID() string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+"/v1/state/frameworkId", nil)
	if err != nil {
		return ""
	}
	if w.o.Token != "" {
		request.Header.Set("Authorization", "Bearer "+w.o.Token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	var ids []string
	if response.StatusCode != http.StatusOK || json.NewDecoder(response.Body).Decode(&ids) != nil || len(ids) == 0 {
		return ""
	}
	return ids[0]
}

// foreignFramework is what a master that is not ours would keep of the test.
func (w *World) foreignFramework() string {
	if w.local != nil {
		return ""
	}
	return w.FrameworkID()
}

// teardown removes the framework with its tasks from a master that is not ours.
func (w *World) teardown(framework string) {
	w.t.Helper()
	call := fmt.Sprintf(`{"type":"TEARDOWN","teardown":{"framework_id":{"value":%q}}}`, framework)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.master+"/api/v1", bytes.NewReader([]byte(call)))
	if err != nil {
		w.t.Error(err)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Errorf("framework %s is left behind: %v", framework, err)
		return
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		text, _ := io.ReadAll(response.Body) // The status says it all already.
		w.t.Errorf("framework %s is left behind: %s: %s", framework, response.Status, text)
	}
}

package client_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"sync/atomic"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/client"
)

// TestAccumulators waits until Flink's cache knows that the job has ended.
func TestAccumulators(t *testing.T) {
	t.Parallel()
	var looks atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path.Base(r.URL.Path) {
		case "status":
			fmt.Fprint(w, `{"status":"FINISHED"}`)
		case "j1":
			state := "RUNNING"
			if looks.Add(1) > 2 {
				state = "FINISHED"
			}
			fmt.Fprintf(w, `{"jid":"j1","state":%q}`, state)
		case "accumulators":
			if looks.Load() <= 2 {
				fmt.Fprint(w, `{"user-task-accumulators":[]}`)
				return
			}
			fmt.Fprint(w, `{"user-task-accumulators":[{"name":"top","type":"Top","value":"7 the"}]}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	c, err := client.New(client.Options{BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Flink("demo").Accumulators(t.Context(), "j1")
	if err != nil || len(got) != 1 || got[0].Value != "7 the" {
		t.Errorf("Accumulators() = %v, %v, want those of the job that has ended", got, err)
	}
}

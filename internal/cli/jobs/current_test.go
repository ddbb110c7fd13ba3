package jobs

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// stepping is a clock that a sleep moves on.
type stepping struct{ now time.Time }

func (c *stepping) Now() time.Time { return c.now }

func (c *stepping) Sleep(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	return ctx.Err()
}

// TestCurrent describes a job that was just stopped: Flink answers for a while with the details of the running job.
func TestCurrent(t *testing.T) {
	t.Parallel()
	const id = "0123456789abcdef0123456789abcdef"
	for _, tt := range []struct {
		name  string
		stale int // answers that are out of date
		want  client.JobState
	}{
		{"up to date", 0, "FINISHED"},
		{"out of date for a while", 3, "FINISHED"},
		{"out of date for longer than Flink ever is", 1000, "RUNNING"},
	} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if strings.HasSuffix(r.URL.Path, "/status") {
				fmt.Fprint(w, `{"status": "FINISHED"}`)
				return
			}
			state := "FINISHED"
			if asked < tt.stale {
				state = "RUNNING"
			}
			asked++
			fmt.Fprintf(w, `{"jid": %q, "name": "x", "state": %q}`, id, state)
		}))
		c, err := client.New(client.Options{BaseURL: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		o := &DescribeOptions{Factory: &command.Factory{Clock: &stepping{}, Poll: 500 * time.Millisecond}, Target: Target{Cluster: "demo", Job: id}}
		j, err := current(t.Context(), o, c.Flink("demo"))
		if err != nil || j.State != tt.want || asked > 12 {
			t.Errorf("%s: the job is %s after %d looks: %v, want %s", tt.name, j.State, asked, err, tt.want)
		}
		server.Close()
	}
}

package jobmanager

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
)

// maxBody is the largest report that the driver takes.
const maxBody = 8 << 20

// answer is what a request comes to, before it is sent or lost.
type answer struct {
	status int
	body   any
}

// handler is the counterpart of ExchangeServer.java, with faults.
func handler(b *book, o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		if o.Fault != nil {
			f = o.Fault(r)
		}
		if f.Delay > 0 {
			t := time.NewTimer(f.Delay)
			defer t.Stop()
			select {
			case <-t.C:
			case <-r.Context().Done():
				return
			}
		}
		if f.LoseRequest {
			panic(http.ErrAbortHandler)
		}
		if f.Status != 0 {
			send(w, answer{f.Status, problem("a fault of the test")})
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err != nil {
			return // The service went away.
		}
		a := act(b, o, r, body)
		if f.Twice {
			a = act(b, o, r, body)
		}
		if f.LoseAnswer {
			panic(http.ErrAbortHandler)
		}
		send(w, a)
	})
}

func act(b *book, o Options, r *http.Request, body []byte) answer {
	shown := []byte(r.Header.Get("Authorization"))
	if subtle.ConstantTimeCompare(shown, []byte("Bearer "+string(o.Token))) != 1 {
		return answer{http.StatusUnauthorized, problem("unauthorized: send the cluster's token as Bearer")}
	}
	route := r.Method + " " + r.URL.Path
	switch route {
	case "GET /v1/wanted":
		return wanted(b, r)
	case "PUT /v1/workers":
		return workers(b, body)
	}
	status := http.StatusNotFound
	if r.URL.Path == "/v1/wanted" || r.URL.Path == "/v1/workers" {
		status = http.StatusMethodNotAllowed
	}
	return answer{status, problem(route + " is not served here")}
}

func wanted(b *book, r *http.Request) answer {
	q := r.URL.Query()
	after, err1 := number(q.Get("after"), -1)
	wait, err2 := number(q.Get("wait"), 0)
	if err1 != nil || err2 != nil {
		return answer{http.StatusBadRequest, problem("after, wait: whole numbers are needed")}
	}
	wait = min(max(wait, 0), int64(driver.MaxWait/time.Second))
	w, open := b.await(r.Context(), q.Get("epoch"), after, time.Duration(wait)*time.Second)
	if !open {
		return answer{http.StatusServiceUnavailable, problem("the JobManager is going down")}
	}
	return answer{http.StatusOK, w}
}

func number(text string, missing int64) (int64, error) {
	if text == "" {
		return missing, nil
	}
	return strconv.ParseInt(text, 10, 64)
}

func workers(b *book, body []byte) answer {
	if len(body) > maxBody {
		return answer{http.StatusRequestEntityTooLarge, problem(fmt.Sprintf("the report is larger than %d bytes", maxBody))}
	}
	r, err := report(body)
	if err != nil {
		return answer{http.StatusBadRequest, problem(err.Error())}
	}
	a, current, open := b.report(r)
	switch {
	case !open:
		return answer{http.StatusServiceUnavailable, problem("the JobManager is going down")}
	case !current:
		return answer{http.StatusConflict, map[string]string{"epoch": a.Epoch}}
	}
	return answer{http.StatusOK, a}
}

func problem(message string) map[string]string { return map[string]string{"error": message} }

func send(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body) // The service may have gone away.
}

package sim_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/client"
)

// instance is a place for processes of the service: its address, its directory and its settings stay while
// processes come and go.
type instance struct {
	t       testing.TB
	url     string
	client  *client.Client
	environ []string
	log     string

	cmd   *exec.Cmd
	ended chan struct{}
	// began is when the present process was started.
	began time.Time
}

// newInstance prepares an instance, with a Flink that is none: nothing is ever started from it.
func newInstance(t testing.TB, name, master, dir string, variables ...string) *instance {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	i := &instance{t: t, url: "http://" + address, log: filepath.Join(dir, name+".log")}
	if i.client, err = client.New(client.Options{BaseURL: i.url, Timeout: 10 * time.Second}); err != nil {
		t.Fatal(err)
	}
	i.environ = append([]string{
		asService + "=1", "PATH=" + os.Getenv("PATH"), "MESOS_MASTER=" + master, "LISTEN=" + address, "ADVERTISE_HOST=127.0.0.1",
		"DATA_DIR=" + filepath.Join(dir, name), "FLINK_DISTRIBUTIONS=" + distribution, "FRAMEWORK_NAME=sim", "FRAMEWORK_USER=nobody",
	}, variables...)
	t.Cleanup(i.kill)
	return i
}

// start starts a process.
func (i *instance) start() {
	i.t.Helper()
	log, err := os.OpenFile(i.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		i.t.Fatal(err)
	}
	defer log.Close()
	i.cmd = exec.Command(os.Args[0])
	i.cmd.Env, i.cmd.Stdout, i.cmd.Stderr = i.environ, log, log
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // A killed test leaves no service behind.
	i.began = time.Now()
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	ended := make(chan struct{})
	i.ended = ended
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // How it ended is in its log.
		close(ended)
	}(i.cmd)
}

// kill ends the process as kill -9 does, and waits.
func (i *instance) kill() {
	if i.cmd == nil {
		return
	}
	_ = i.cmd.Process.Kill() // It has ended already when this fails.
	<-i.ended
}

// alive says whether the process runs.
func (i *instance) alive() bool {
	select {
	case <-i.ended:
		return false
	default:
		return true
	}
}

// serviceView is what an instance says of itself.
type serviceView struct {
	Connected                             bool
	FrameworkID                           string
	Clusters, Reconciling, Tasks, Waiting int
}

// view asks the instance how it is; one that does not lead says nothing.
func (i *instance) view() (v serviceView, err error) {
	raw, err := i.client.Raw(i.t.Context(), "service")
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(raw, &v)
}

// until polls until there is no problem. A process that ended by itself because it lost its lock is started again, as
// Marathon does; any other end fails the test.
func (i *instance) until(what string, problem func() error) {
	i.t.Helper()
	end := time.Now().Add(2 * time.Minute)
	for err := problem(); err != nil; err = problem() {
		time.Sleep(10 * time.Millisecond)
		if time.Now().After(end) {
			i.t.Fatalf("%s: never: %v: %s", what, err, i.lastWords())
		}
		if i.alive() {
			continue
		}
		if words := i.lastWords(); !strings.Contains(words, "the lock of the state is lost") {
			i.t.Fatalf("%s: the service ended: %s", what, words)
		}
		i.t.Log("the service lost its lock and is started again")
		i.start()
	}
}

// reconciled waits until Mesos has said of each task how it is, and returns the time since the start of the process.
func (i *instance) reconciled() time.Duration {
	i.t.Helper()
	i.until("subscribed and reconciled", func() error {
		v, err := i.view()
		if err == nil && (!v.Connected || v.Reconciling > 0) {
			err = fmt.Errorf("connected is %t, and %d tasks are not reconciled", v.Connected, v.Reconciling)
		}
		return err
	})
	return time.Since(i.began)
}

// role is what the instance is; empty while it does not answer.
func (i *instance) role() string {
	req, err := http.NewRequestWithContext(i.t.Context(), http.MethodGet, i.url+"/v1/health", nil)
	if err != nil {
		i.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var h struct{ Role string }
	if json.NewDecoder(resp.Body).Decode(&h) != nil {
		return ""
	}
	return h.Role
}

// lastWords is the end of the log.
func (i *instance) lastWords() string {
	text, err := os.ReadFile(i.log)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(text[max(0, len(text)-1500):])
}

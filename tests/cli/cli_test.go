// Package cli_test runs the real command line, as its own process, against the service on scripted ends (testkit/service)
// and a stand-in of Admin Router. Each script of this directory is one test.
package cli_test

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/term"

	"github.com/flink-on-mesos/flink-service/internal/cli"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/testkit/adminrouter"
	"github.com/flink-on-mesos/flink-service/internal/testkit/service"
	"github.com/flink-on-mesos/flink-service/internal/universe"
)

// TestMain makes this binary the programs that scripts call.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"dcos-flink": plugin,
		"dcos":       dcos,
	})
}

// plugin is what cli-plugin/main.go does.
func plugin() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	is := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	streams := &terminal.Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTerminal: is(os.Stdin), OutTerminal: is(os.Stdout), ErrTerminal: is(os.Stderr),
	}
	os.Exit(int(cli.Main(ctx, os.Args[1:], os.Getenv, streams)))
}

// dcos calls the plugin as the DC/OS CLI does: with the command's name first, --help at the
// end for `dcos help flink`, and the cluster's coordinates in the environment.
func dcos() {
	args := os.Args[1:]
	switch {
	case len(args) == 2 && args[0] == "help" && args[1] == "flink":
		args = []string{"flink", "--help"}
	case len(args) == 0 || args[0] != "flink":
		os.Exit(0) // As the real one does for a command that it does not know.
	}
	cmd := exec.Command("dcos-flink", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "DCOS_URL="+os.Getenv("CLUSTER"), "DCOS_ACS_TOKEN="+os.Getenv("TOKEN"), "DCOS_CLI_VERSION=1.2.0")
	if err := cmd.Run(); err != nil {
		os.Exit(cmd.ProcessState.ExitCode())
	}
}

// token is what Admin Router wants.
const token = "eyJhbGciOiJIUzI1NiJ9.secret"

// TestScripts runs every script.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 ".",
		Setup:               setup,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":   code,
			"calls":  calls,
			"append": appendFile,
			"pick":   pick,
		},
	})
}

// key is how scripts find their service.
type key struct{}

// setup starts the stand-ins of one script: $SERVICE is the service itself, $CLUSTER is Admin
// Router with it behind, and $SECURE the same over TLS with its CA in $CA.
func setup(env *testscript.Env) error {
	p, err := universe.Load("../..")
	if err != nil {
		return err
	}
	server, err := start(env, "flink")
	if err != nil {
		return err
	}
	other, err := start(env, "dev-flink")
	if err != nil {
		return err
	}
	router := &adminrouter.Router{Token: token, Services: map[string]http.Handler{
		"flink": server, "dev/flink": other, "starting": nil,
	}, Cosmos: &adminrouter.Cosmos{App: "/dev/flink", Config: p.Config, Options: universe.Set(universe.Defaults(p.Config), "service.name", "dev/flink")}}
	direct := httptest.NewServer(server)
	env.Defer(direct.Close)
	cluster := httptest.NewServer(router)
	env.Defer(cluster.Close)
	secure := httptest.NewUnstartedServer(router)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // Refused certificates are part of the test.
	secure.StartTLS()
	env.Defer(secure.Close)
	ca := filepath.Join(env.WorkDir, "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		return err
	}
	completion, err := filepath.Abs("../../cli-plugin/completion/bash/flink.sh")
	if err != nil {
		return err
	}
	env.Values[key{}] = server
	env.Vars = append(env.Vars,
		"SERVICE="+direct.URL, "CLUSTER="+cluster.URL, "SECURE="+secure.URL, "CA="+ca, "TOKEN="+token,
		"COMPLETION="+completion, "DCOS_FLINK_POLL_INTERVAL=1ms")
	return nil
}

// start runs a service twenty times as fast as it is.
func start(env *testscript.Env, name string) (*service.Service, error) {
	s, err := service.Start(service.Options{Dir: filepath.Join(env.WorkDir, "."+name), Speed: 20, Runs: 500 * time.Millisecond})
	if err == nil {
		env.Defer(func() {
			if err := s.Close(); err != nil {
				env.T().Fatal("close the service: ", err)
			}
		})
	}
	return s, err
}

// code runs a command and compares its exit code: code 3 dcos-flink cluster describe x.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command args…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// calls checks that the service was asked for something: calls 'DELETE /v1/clusters/demo'.
func calls(ts *testscript.TestScript, neg bool, args []string) {
	all := strings.Join(ts.Value(key{}).(*service.Service).Requests(), "\n")
	for _, want := range args {
		if strings.Contains(all+"\n", want+"\n") == neg {
			ts.Fatalf("calls of %q: found is %v; all calls:\n%s", want, !neg, all)
		}
	}
}

// pick sets a variable to what an expression matches first in the output of the last command: pick TM 'demo-.*-tm-[0-9]+'.
func pick(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: pick VARIABLE expression")
	}
	found := regexp.MustCompile(args[1]).FindString(ts.ReadFile("stdout"))
	if found == "" {
		ts.Fatalf("nothing in the output matches %s", args[1])
	}
	ts.Setenv(args[0], found)
}

// appendFile adds a line to a file of a task: append demo-x7k2-jm-1 stdout text.
func appendFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: append task file text")
	}
	ts.Value(key{}).(*service.Service).Append(args[0], args[1], args[2]+"\n")
}

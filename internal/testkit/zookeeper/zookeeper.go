// Package zookeeper owns real ZooKeeper servers for tests: it gets the published
// jars, starts servers on 127.0.0.1 as processes of their own, stops, kills and pauses them, and puts a
// proxy in front that stalls or cuts connections. It is used by tests and benchmarks only.
package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Options say how a server runs.
type Options struct {
	// Dir is where the server keeps its data and its output. It must exist.
	Dir string
	// Durable has the server wait for its disk before it answers a write, as in production. Tests of
	// behaviour do not need it.
	Durable bool
	// Tick is ZooKeeper's tickTime; a session lasts at least two ticks. Default 100 ms.
	Tick time.Duration
	// SASL has the server authenticate this user by DIGEST-MD5, whose password is the second; none when empty.
	SASL [2]string
	// MaxSession bounds what a session may last. Default 60 s.
	MaxSession time.Duration
}

// Server is one ZooKeeper process.
type Server struct {
	// Addr is host:port of the server.
	Addr string

	o         Options
	classPath string
	process   *exec.Cmd
	exited    chan struct{}
}

// Start runs a server that ends with the test. It skips nothing: where ZooKeeper cannot be had, the test fails
// and says what to do.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := New(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stop ZooKeeper: %v", err)
		}
	})
	return s
}

// New gets the jars when they are missing, and starts a server with an empty or kept state in o.Dir. Whoever
// calls it calls Stop.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("start ZooKeeper: Dir is empty; give a directory for its data")
	}
	if o.Tick == 0 {
		o.Tick = 100 * time.Millisecond
	}
	if o.MaxSession == 0 {
		o.MaxSession = time.Minute
	}
	classPath, err := Prepare(ctx)
	if err != nil {
		return nil, fmt.Errorf("start ZooKeeper: %w", err)
	}
	s := &Server{o: o, classPath: classPath}
	// Between looking for a free port and using it, someone else may take it.
	for range 5 {
		if s.Addr, err = freeAddr(); err != nil {
			break
		}
		if err = s.start(ctx); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("start ZooKeeper: %w", err)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// start runs the process and waits until it answers.
func (s *Server) start(ctx context.Context) error {
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	settings := fmt.Sprintf(`dataDir=%s
clientPort=%s
clientPortAddress=127.0.0.1
tickTime=%d
minSessionTimeout=%d
maxSessionTimeout=%d
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=srvr
`, s.o.Dir, port, s.o.Tick.Milliseconds(), 2*s.o.Tick.Milliseconds(), s.o.MaxSession.Milliseconds())
	login, err := s.login(&settings)
	if err != nil {
		return err
	}
	config := filepath.Join(s.o.Dir, "zoo.cfg")
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		return err
	}
	name := filepath.Join(s.o.Dir, "zookeeper.out")
	output, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer output.Close()
	force := "no"
	if s.o.Durable {
		force = "yes"
	}
	s.process = exec.Command("java", append(login, "-Xmx512m", "-XX:+ExitOnOutOfMemoryError", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-Dzookeeper.forceSync="+force, "-Dzookeeper.preAllocSize=1024",
		"-cp", s.classPath, "org.apache.zookeeper.server.ZooKeeperServerMain", config)...)
	s.process.Stdout, s.process.Stderr = output, output
	// A killed test leaves no server behind.
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	s.exited = exited
	go func(p *exec.Cmd) {
		_ = p.Wait()
		close(exited)
	}(s.process)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		if answers(s.Addr) {
			return nil
		}
		select {
		case <-exited:
			text, err := os.ReadFile(name)
			return errors.Join(fmt.Errorf("it ended: %s", lastLines(string(text), 5)), err)
		case <-ctx.Done():
			s.Kill()
			text, err := os.ReadFile(name)
			return errors.Join(fmt.Errorf("it does not answer: %s", lastLines(string(text), 5)), ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// login adds what has the server authenticate by SASL to its settings, and returns the options of its JVM for that.
func (s *Server) login(settings *string) ([]string, error) {
	if s.o.SASL[0] == "" {
		return nil, nil
	}
	*settings += "authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n"
	jaas := filepath.Join(s.o.Dir, "jaas.conf")
	text := fmt.Sprintf("Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_%s=%q; };\n", s.o.SASL[0], s.o.SASL[1])
	if err := os.WriteFile(jaas, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return []string{"-Djava.security.auth.login.config=" + jaas}, nil
}

// answers asks the server whether it serves.
func answers(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := c.Write([]byte("srvr")); err != nil {
		return false
	}
	answer, err := io.ReadAll(io.LimitReader(c, 1<<16))
	return err == nil && strings.Contains(string(answer), "Mode:")
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Stop ends the server in order, paused or not, and waits until it is gone. Stopping twice is stopping once.
func (s *Server) Stop() error {
	return s.end(syscall.SIGTERM)
}

// Kill ends the server as a crash would.
func (s *Server) Kill() {
	_ = s.end(syscall.SIGKILL)
}

func (s *Server) end(signal syscall.Signal) error {
	if s.process == nil {
		return nil
	}
	_ = s.process.Process.Signal(signal)
	_ = s.process.Process.Signal(syscall.SIGCONT)
	select {
	case <-s.exited:
	case <-time.After(10 * time.Second):
		if err := s.process.Process.Kill(); err != nil {
			return err
		}
		<-s.exited
	}
	s.process = nil
	return nil
}

// Restart starts the server again where it was, with the state that it had; it ends it first when it runs.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.start(ctx)
}

// Pause freezes the process: its connections stay open and nothing answers.
func (s *Server) Pause() error {
	if err := s.process.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	// The signal returns before every thread has stopped.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if stopped, err := allStopped(s.process.Process.Pid); stopped || err != nil {
			return err
		}
	}
	return errors.New("the ZooKeeper process does not stop")
}

// allStopped says whether no thread of the process runs.
func allStopped(pid int) (bool, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		return false, errors.Join(fmt.Errorf("process %d has no threads", pid), err)
	}
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		// The state follows the name of the thread, which is in parentheses.
		if _, state, ok := strings.Cut(string(text), ") "); !ok || !strings.HasPrefix(state, "T") {
			return false, nil
		}
	}
	return true, nil
}

// Resume ends Pause.
func (s *Server) Resume() error { return s.process.Process.Signal(syscall.SIGCONT) }

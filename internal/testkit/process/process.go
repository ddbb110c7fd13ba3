// Package process runs the server programs that tests need: each as a process of its own that ends with the test, with its
// output in a file. It owns what it starts and ends nothing else.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds the start of a server. It is far above what any takes on a slow machine.
const patience = 2 * time.Minute

// Options say what is run.
type Options struct {
	// Name names the file of its output: NAME.out in Dir.
	Name string
	// Command is the program with its arguments.
	Command []string
	// Env are variables in addition to those of the test.
	Env []string
	// Dir is its working directory.
	Dir string
	// Ready returns nil when the server serves. It is asked again and again.
	Ready func(ctx context.Context) error
}

// Process is a server that runs.
type Process struct {
	name, output string
	cmd          *exec.Cmd
	exited       chan struct{}
}

// Start runs a server and waits until it is ready; it ends with the test. Where it does not get ready the test fails with the
// end of its output.
func Start(t testing.TB, o Options) *Process {
	t.Helper()
	p := &Process{name: o.Name, output: filepath.Join(o.Dir, o.Name+".out"), exited: make(chan struct{})}
	output, err := os.OpenFile(p.output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	p.cmd = exec.Command(o.Command[0], o.Command[1:]...)
	p.cmd.Dir, p.cmd.Env = o.Dir, append(os.Environ(), o.Env...)
	p.cmd.Stdout, p.cmd.Stderr = output, output
	// A killed test leaves no server behind.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", o.Name, err)
	}
	go func() {
		_ = p.cmd.Wait() // How it ended is in its output.
		close(p.exited)
	}()
	t.Cleanup(p.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.wait(ctx, o.Ready); err != nil {
		t.Fatalf("start %s: %v\n%s", o.Name, err, p.tail())
	}
	return p
}

func (p *Process) wait(ctx context.Context, ready func(context.Context) error) error {
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return errors.New("it ended")
		case <-ctx.Done():
			return fmt.Errorf("it does not get ready: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop ends the server, and waits until it is gone. Stopping twice is stopping once.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // It may have ended.
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// tail is the end of the output.
func (p *Process) tail() string {
	text, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// Package chromium drives a real browser in tests, through Chromium's DevTools protocol on a pipe
// (https://chromedevtools.github.io/devtools-protocol/, --remote-debugging-pipe). It owns one process for each
// Browser and ends it with the test. The browser reaches 127.0.0.1 and no other host.
package chromium

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// patience bounds the answer to one command.
const patience = time.Minute

// names are the programs that are looked for, the lightest first.
func names() []string {
	return []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"}
}

// Browser is one running Chromium.
type Browser struct {
	t     testing.TB
	pipe  io.WriteCloser
	mu    sync.Mutex
	last  int
	waits map[int]chan answer
	pages map[string]*Page
	// gone is closed when the browser says nothing more.
	gone chan struct{}
}

// answer is what the browser says to a command.
type answer struct {
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// message is anything that the browser says.
type message struct {
	answer
	ID        int             `json:"id"`
	SessionID string          `json:"sessionId"`
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params"`
}

// Start starts a browser that ends with the test. It skips the test where there is none.
func Start(t testing.TB) *Browser {
	t.Helper()
	program := ""
	for _, name := range names() {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		t.Skipf("none of %v is installed: apt-get install chromium", names())
	}
	commandsOut, commands := pipe(t)
	answers, answersIn := pipe(t)
	var said bytes.Buffer
	cmd := exec.Command(program, "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{commandsOut, answersIn} // Descriptors 3 and 4, as the protocol has them.
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	commandsOut.Close()
	answersIn.Close()
	b := &Browser{t: t, pipe: commands, waits: map[int]chan answer{}, pages: map[string]*Page{}, gone: make(chan struct{})}
	go b.listen(answers)
	t.Cleanup(func() {
		commands.Close() // It ends when nobody commands it.
		ended := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		<-b.gone
		_ = cmd.Wait() // How it ends is of no interest.
		ended.Stop()
		answers.Close()
		if t.Failed() {
			t.Logf("the browser said:\n%s", &said)
		}
	})
	return b
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// listen takes what the browser says: JSON texts that end in a NUL.
func (b *Browser) listen(r io.Reader) {
	defer close(b.gone)
	in := bufio.NewReader(r)
	for {
		text, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m) != nil {
			continue
		}
		b.mu.Lock()
		wait, page := b.waits[m.ID], b.pages[m.SessionID]
		delete(b.waits, m.ID)
		b.mu.Unlock()
		switch {
		case m.ID != 0 && wait != nil:
			wait <- m.answer
		case m.Method != "" && page != nil:
			page.hear(m.Method, m.Params)
		}
	}
}

// call sends a command and decodes its result into out, which may be nil.
func (b *Browser) call(session, method string, params, out any) error {
	if params == nil {
		params = struct{}{}
	}
	wait := make(chan answer, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.waits[id] = wait
	text, err := json.Marshal(struct {
		ID        int    `json:"id"`
		SessionID string `json:"sessionId,omitempty"`
		Method    string `json:"method"`
		Params    any    `json:"params"`
	}{id, session, method, params})
	if err == nil {
		_, err = b.pipe.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case a := <-wait:
		switch {
		case a.Error != nil:
			return fmt.Errorf("%s: %s", method, a.Error.Message)
		case out == nil:
			return nil
		}
		return json.Unmarshal(a.Result, out)
	case <-b.gone:
		return fmt.Errorf("%s: the browser is gone", method)
	case <-time.After(patience):
		return fmt.Errorf("%s: no answer in %s", method, patience)
	}
}

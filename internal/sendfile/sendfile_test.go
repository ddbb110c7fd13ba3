package sendfile_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/sendfile"
)

// pair returns both ends of a connection, of which the first was accepted.
func pair(t *testing.T) (server net.Conn, client *net.TCPConn) {
	t.Helper()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := sendfile.Listen(plain)
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(s.Close(), c.Close()) })
	return s, c.(*net.TCPConn)
}

// content makes a file of so many bytes.
func content(t *testing.T, size int) (*os.File, []byte) {
	t.Helper()
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // It never fails.
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, data
}

// TestSend sends files and parts of them to clients that read fast and slowly.
func TestSend(t *testing.T) {
	t.Parallel()
	const size = 24 << 20
	for name, c := range map[string]struct {
		from, limit int64
		slow        bool
	}{
		"the whole":            {0, size, false},
		"the whole, slowly":    {0, size, true},
		"a part":               {12345, 3 << 20, false},
		"nothing":              {5, 0, false},
		"more than there is":   {size - 10, 100, false},
		"from behind the end":  {size + 10, 100, false},
		"a small part, slowly": {1, 10, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, data := content(t, size)
			if _, err := f.Seek(c.from, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			s, client := pair(t)
			want := data[min(c.from, size):min(c.from+c.limit, size)]
			got := make(chan []byte, 1)
			go func() {
				var b bytes.Buffer
				if c.slow { // The socket's buffers are full long before these are read.
					_, _ = io.CopyN(&b, iotest.OneByteReader(client), 50_000)
				}
				_, _ = io.Copy(&b, client) // What is missing is seen.
				got <- b.Bytes()
			}()
			n, err := io.Copy(s, io.LimitReader(f, c.limit))
			if err != nil || n != int64(len(want)) {
				t.Errorf("%d bytes are sent, want %d (%v)", n, len(want), err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if b := <-got; sha256.Sum256(b) != sha256.Sum256(want) {
				t.Errorf("%d bytes arrive, which are not the %d of the file", len(b), len(want))
			}
		})
	}
}

// TestDeadline ends the sending to a client that reads nothing.
func TestDeadline(t *testing.T) {
	t.Parallel()
	f, _ := content(t, 64<<20)
	s, _ := pair(t)
	if err := s.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(s, io.LimitReader(f, 64<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n == 64<<20 {
		t.Errorf("%d bytes are sent: %v, want %v", n, err, os.ErrDeadlineExceeded)
	}
}

// TestGone fails when the client is gone.
func TestGone(t *testing.T) {
	t.Parallel()
	f, _ := content(t, 64<<20)
	s, client := pair(t)
	if err := errors.Join(client.SetLinger(0), client.Close()); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(s, io.LimitReader(f, 64<<20)); err == nil {
		t.Errorf("%d bytes are sent to nobody", n)
	}
}

// TestOthers sends what is no part of a file, or of a file that the system does not send.
func TestOthers(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("through a pipe"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, data := content(t, 100)
	for want, source := range map[string]io.Reader{
		"text":           strings.NewReader("text"),
		"li":             io.LimitReader(strings.NewReader("limited"), 2),
		"through a pipe": io.LimitReader(r, 100),
		string(data):     f,
	} {
		s, client := pair(t)
		n, err := io.Copy(s, source)
		if err != nil || n != int64(len(want)) {
			t.Errorf("%d bytes are sent, want %d (%v)", n, len(want), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(client); err != nil || string(got) != want {
			t.Errorf("%q arrives, want %q (%v)", got, want, err)
		}
	}
}

// TestServed has the standard library's server use it, over one connection for several requests.
func TestServed(t *testing.T) {
	t.Parallel()
	f, data := content(t, 5<<20)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(filepath.Dir(f.Name()))), ReadHeaderTimeout: time.Minute}
	done := make(chan error, 1)
	go func() { done <- server.Serve(sendfile.Listen(l)) }()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	for _, part := range []string{"", "bytes=100-199", "bytes=-7", ""} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/file", nil)
		if err != nil {
			t.Fatal(err)
		}
		want := data
		switch part {
		case "bytes=100-199":
			want = data[100:200]
		case "bytes=-7":
			want = data[len(data)-7:]
		}
		if part != "" {
			req.Header.Set("Range", part)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes arrive, want %d (%v)", part, len(got), len(want), err)
		}
	}
	client.CloseIdleConnections()
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

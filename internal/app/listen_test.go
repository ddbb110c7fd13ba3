package app

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/testkit/memzk"
)

// certificate writes the certificate and the key of httptest, which are for 127.0.0.1.
func certificate(t *testing.T) (certificateFile, keyFile string, pair tls.Certificate) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.StartTLS()
	defer s.Close()
	pair = s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificateFile, keyFile = filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certificateFile: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, keyFile: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificateFile, keyFile, pair
}

// TestListenTLS has another instance ask one that listens with a certificate, and a client that speaks plainly.
func TestListenTLS(t *testing.T) {
	t.Parallel()
	var c config.Config
	c.HTTP.Listen, c.HTTP.AdvertiseHost = "127.0.0.1:0", "127.0.0.1"
	c.HTTP.CertificateFile, c.HTTP.KeyFile, _ = certificate(t)
	s := &Service{c: c, log: slog.New(slog.DiscardHandler), handler: newSwitchHandler()}
	if err := s.identify(); err != nil {
		t.Fatal(err)
	}
	if err := s.listen(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if !strings.HasPrefix(s.url, "https://127.0.0.1:") || s.own != s.url {
		t.Fatalf("the service is at %s and %s", s.url, s.own)
	}
	client := &http.Client{Transport: s.others, Timeout: 10 * time.Second}
	answer, err := client.Get(s.url + "/v1/health")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	s.others.CloseIdleConnections()
	if answer.ProtoMajor != 1 || !strings.Contains(string(body), "starting") {
		t.Errorf("%s %s", answer.Proto, body)
	}
	plain, err := client.Get(strings.Replace(s.url, "https", "http", 1) + "/v1/health")
	if err == nil {
		_ = plain.Body.Close()
		if plain.StatusCode != http.StatusBadRequest {
			t.Errorf("without TLS: %s", plain.Status)
		}
	}
}

// TestServerIsBounded looks at what keeps slow clients from holding connections: no header may take longer, or be larger.
func TestServerIsBounded(t *testing.T) {
	t.Parallel()
	s := newServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if s.ReadHeaderTimeout <= 0 || s.ReadHeaderTimeout > 30*time.Second || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 || s.MaxHeaderBytes > 1<<20 {
		t.Errorf("headers may take %s and %d bytes, connections idle %s", s.ReadHeaderTimeout, s.MaxHeaderBytes, s.IdleTimeout)
	}
	s.ReadHeaderTimeout = 50 * time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	defer func() { _ = s.Close(); <-done }()
	for name, sent := range map[string]string{
		"half a header":         "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"nothing":               "",
		"two lengths":           "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"a length and chunks":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"a header without end":  "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 100<<10),
		"a space before colon":  "GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc",
		"a bare line feed line": "GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
	} {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, sent) // The server may hang up before all is sent.
		answer, err := io.ReadAll(c)
		if line, _, _ := strings.Cut(string(answer), "\r\n"); line != "" && !strings.HasPrefix(line, "HTTP/1.1 4") && !strings.HasPrefix(line, "HTTP/1.1 501") {
			t.Errorf("%s is answered %q (%v)", name, line, err)
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s holds the connection", name)
		}
		_ = c.Close()
	}
}

// TestStateTLS opens a state in a ZooKeeper that speaks TLS.
func TestStateTLS(t *testing.T) {
	t.Parallel()
	ca, _, pair := certificate(t)
	server := memzk.Start(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				_ = near.Close()
				continue
			}
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
			go func() { _, _ = io.Copy(near, far); _ = near.Close() }()
		}
	}()
	c := config.State{Store: fmt.Sprintf("zk://%s/state", l.Addr()), TLS: true, CAFile: ca, SessionTimeout: 10 * time.Second}
	st, err := openState(t.Context(), c, Network{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Load(t.Context()); err != nil {
		t.Error(err)
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
	c.CAFile = filepath.Join(t.TempDir(), "none")
	if _, err := openState(t.Context(), c, Network{}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "STATE_STORE_CA_FILE") {
		t.Errorf("no authorities: %v", err)
	}
}

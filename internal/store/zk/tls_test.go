package zk_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/store/zk"
)

// encrypted puts a TLS listener with a certificate for localhost in front of the server.
func encrypted(t *testing.T) (addr string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(certificate)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				s, err := net.Dial("tcp", server.Addr)
				if err != nil {
					return
				}
				defer s.Close()
				go func() {
					_, _ = io.Copy(s, c)
					s.Close()
				}()
				_, _ = io.Copy(c, s)
			}()
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("localhost", port), roots
}

func TestTLS(t *testing.T) {
	t.Parallel()
	addr, roots := encrypted(t)
	o := options(t, addr, root(t))
	// localhost may be looked up as ::1 first, where nobody listens.
	o.Dial = func(_, address string, timeout time.Duration) (net.Conn, error) {
		return net.DialTimeout("tcp4", address, timeout)
	}
	o.TLS = &tls.Config{RootCAs: roots}
	s := mustOpen(t, o)
	mustLock(t, s, "a")
	mustApply(t, s, set("a", "1"))

	// A server that cannot prove its name is not spoken to.
	o.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	o.Timeout = 500 * time.Millisecond
	if _, err := zk.New(t.Context(), o); err == nil || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "certificate") {
		t.Fatalf("New() = %v, want an error that names %s and the certificate", err, addr)
	}
}

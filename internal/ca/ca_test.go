package ca_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/flink-on-mesos/flink-service/internal/ca"
)

var key = bytes.Repeat([]byte{7}, 32)

func newAuthority(t *testing.T, key []byte, cluster, nonce string) *ca.Authority {
	t.Helper()
	a, err := ca.New(key, cluster, nonce)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// server is what a Flink process makes of its stores.
func server(t *testing.T, a *ca.Authority) *tls.Config {
	t.Helper()
	s, err := a.Stores(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	private, certificate, chain, err := pkcs12.DecodeChain(s.Key, s.Password)
	if err != nil || len(chain) != 1 {
		t.Fatalf("key store: %d certificates above, %v", len(chain), err)
	}
	trusted, err := pkcs12.DecodeTrustStore(s.Trust, s.Password)
	if err != nil || len(trusted) != 1 {
		t.Fatalf("trust store: %d certificates, %v", len(trusted), err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(trusted[0])
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		Certificates: []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: private}},
	}
}

// shake has a client and a server meet, and returns what each says of it.
func shake(t *testing.T, client, server *tls.Config) (atClient, atServer error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	done := make(chan error, 1)
	go func() {
		defer far.Close()
		c := tls.Server(far, server)
		err := c.Handshake()
		if err == nil {
			_, err = io.WriteString(c, "hello")
		}
		done <- err
	}()
	c := tls.Client(near, client)
	_, atClient = io.ReadFull(c, make([]byte, 5))
	near.Close()
	return atClient, <-done
}

// TestTrust has stores and clients of several authorities meet.
func TestTrust(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		server, client *ca.Authority
		good           bool
	}{
		{"the same", newAuthority(t, key, "demo", "x7k2"), newAuthority(t, key, "demo", "x7k2"), true},
		{"another cluster", newAuthority(t, key, "demo", "x7k2"), newAuthority(t, key, "other", "x7k2"), false},
		{"a later cluster of the name", newAuthority(t, key, "demo", "x7k2"), newAuthority(t, key, "demo", "aaaa"), false},
		{"another service", newAuthority(t, key, "demo", "x7k2"), newAuthority(t, bytes.Repeat([]byte{8}, 32), "demo", "x7k2"), false},
	} {
		client, err := c.client.Client(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		atClient, atServer := shake(t, client, server(t, c.server))
		if good := atClient == nil && atServer == nil; good != c.good {
			t.Errorf("%s: client %v, server %v", c.name, atClient, atServer)
		}
	}
}

// TestNobodyElse has a client without a certificate, and one that trusts everybody's authorities, be refused.
func TestNobodyElse(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, key, "demo", "x7k2")
	if _, err := shake(t, &tls.Config{InsecureSkipVerify: true}, server(t, a)); err == nil { //nolint:gosec // The client is the stranger here.
		t.Error("a client without a certificate is let in")
	}
	if err, _ := shake(t, &tls.Config{ServerName: "demo-x7k2.flink.invalid", MinVersion: tls.VersionTLS12}, server(t, a)); err == nil {
		t.Error("the authorities of the system vouch for a cluster")
	}
}

// TestStoresDiffer looks at what two tasks of a cluster get.
func TestStoresDiffer(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, key, "demo", "x7k2")
	one, err := a.Stores(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	two, err := a.Stores(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if one.Password == two.Password || bytes.Equal(one.Key, two.Key) || len(one.Password) != 32 {
		t.Error("two tasks share a key or a password")
	}
	_, c, _, err := pkcs12.DecodeChain(one.Key, one.Password)
	if err != nil {
		t.Fatal(err)
	}
	if now := time.Now(); !c.NotBefore.Before(now.Add(-time.Hour)) || !c.NotAfter.After(now.Add(9*365*24*time.Hour)) {
		t.Errorf("good from %s to %s", c.NotBefore, c.NotAfter)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key            []byte
		cluster, nonce string
	}{{key[:31], "demo", "x"}, {key, "", "x"}, {key, "demo", ""}} {
		if _, err := ca.New(c.key, c.cluster, c.nonce); err == nil {
			t.Errorf("New(%d bytes, %q, %q) is let pass", len(c.key), c.cluster, c.nonce)
		}
	}
}

// TestJavaReadsTheStores asks the JDK's own tool.
func TestJavaReadsTheStores(t *testing.T) {
	t.Parallel()
	keytool, err := exec.LookPath("keytool")
	if err != nil {
		t.Skip("there is no JDK")
	}
	s, err := newAuthority(t, key, "demo", "x7k2").Stores(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"key.p12": {s.Key, "PrivateKeyEntry"}, "trust.p12": {s.Trust, "trustedCertEntry"},
	} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		list := exec.CommandContext(t.Context(), keytool, "-J-Duser.language=en", "-list", "-keystore", file, "-storetype", "PKCS12", "-storepass:env", "PASSWORD")
		list.Env = append(os.Environ(), "PASSWORD="+s.Password)
		out, err := list.CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

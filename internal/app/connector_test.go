package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/launch"
	"github.com/flink-on-mesos/flink-service/internal/secretdir"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// ownCertificates is a JobManager with stores of the user's own, for jm.example.com, that asks for a certificate: it returns the
// server, its certificate, and a file with a client's certificate and key.
func ownCertificates(t *testing.T) (server *httptest.Server, authority string, client []byte) {
	t.Helper()
	make509 := func() (*ecdsa.PrivateKey, []byte, *x509.Certificate) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "own"}, DNSNames: []string{"jm.example.com"}, NotBefore: time.Now().Add(-time.Hour),
			NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), c
	}
	serverKey, serverPEM, serverCertificate := make509()
	clientKey, clientPEM, clientCertificate := make509()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(clientKey)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(clientCertificate)
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	server.TLS = &tls.Config{
		MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		Certificates: []tls.Certificate{{Certificate: [][]byte{serverCertificate.Raw}, PrivateKey: serverKey}},
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, string(serverPEM), append(clientPEM, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)
}

// TestConnectorOwnCertificates asks a JobManager that has certificates of the user's own.
func TestConnectorOwnCertificates(t *testing.T) {
	t.Parallel()
	server, ca, client := ownCertificates(t)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(at.Port())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"client.pem": client, "empty.pem": nil, "other.pem": []byte("x")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	planner, err := launch.New(launch.Options{
		Distribution: func(spec.Spec) (launch.Distribution, error) { return launch.Distribution{}, nil },
		OverlayURI:   func(string) (string, error) { return "", nil }, ArtifactURI: func(spec.ArtifactURI) (string, error) { return "", nil }, Key: bytes.Repeat([]byte{1}, 32),
	})
	if err != nil {
		t.Fatal(err)
	}
	rest := spec.RESTSecurity{Authorities: ca, ServerName: "jm.example.com", ClientCertificate: "client.pem"}
	for _, c := range []struct {
		name    string
		change  func(*spec.Spec)
		secrets secretdir.Dir
		problem string
	}{
		{"all is right", func(*spec.Spec) {}, secretdir.Dir(dir), ""},
		{"any certificate is good", func(s *spec.Spec) {
			s.Security.REST = spec.RESTSecurity{ClientCertificate: "client.pem", Insecure: true}
		}, secretdir.Dir(dir), ""},
		{"another name", func(s *spec.Spec) { s.Security.REST.ServerName = "" }, secretdir.Dir(dir), "certificate"},
		{"the authorities of the machine", func(s *spec.Spec) { s.Security.REST.Authorities = "" }, secretdir.Dir(dir), "unknown authority"},
		{"no certificate of our own", func(s *spec.Spec) { s.Security.REST.ClientCertificate = "" }, secretdir.Dir(dir), "certificate required"},
		{"an authority of the service's", func(s *spec.Spec) { s.Security = spec.Security{TLS: true} }, secretdir.Dir(dir), "not demo-aaaa.flink.invalid"},
		{"no directory", func(*spec.Spec) {}, "", "SECRETS_DIR, which is not set"},
		{"no such file", func(s *spec.Spec) { s.Security.REST.ClientCertificate = "none" }, secretdir.Dir(dir), "no file none in SECRETS_DIR"},
		{"a way out", func(s *spec.Spec) { s.Security.REST.ClientCertificate = "../" + filepath.Base(dir) + "/client.pem" }, secretdir.Dir(dir), "not the name of a file"},
		{"an empty file", func(s *spec.Spec) { s.Security.REST.ClientCertificate = "empty.pem" }, secretdir.Dir(dir), "is empty"},
		{"no certificate in it", func(s *spec.Spec) { s.Security.REST.ClientCertificate = "other.pem" }, secretdir.Dir(dir), "PEM form"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sp := spec.Spec{Name: "demo", FlinkConfiguration: map[string]string{"security.ssl.rest.enabled": "true"}, Security: spec.Security{REST: rest}}
			c.change(&sp)
			st := core.New(state.Options{}, state.Stored{Clusters: []state.ClusterRecord{{Spec: sp.Complete(spec.Defaults{}), Nonce: "aaaa"}}}, time.Now())
			r := jobmanager.NewConnector(jobmanager.ConnectorOptions{View: func() *state.State { return &st }, Authority: planner.Authority, Secret: c.secrets.Read})
			jm := task.Task{Cluster: "demo", Hostname: "127.0.0.1", Ports: map[string]int{"rest": port}, Secure: sp.SecureREST()}
			err := ask(r, jm)
			switch {
			case c.problem == "" && err != nil:
				t.Error(err)
			case c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)):
				t.Errorf("want %q, got %v", c.problem, err)
			}
			if one, _ := r.Transport(jm); err == nil {
				if two, _ := r.Transport(jm); one != two {
					t.Error("each request has a connection of its own")
				}
			}
		})
	}
}

func ask(r *jobmanager.Connector, jm task.Task) error {
	transport, err := r.Transport(jm)
	if err != nil {
		return err
	}
	defer transport.(*http.Transport).CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Get(jobmanager.RESTURL(jm))
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

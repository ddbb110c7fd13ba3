package jobmanager

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/ca"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// ConnectorOptions configure a Connector. View, Authority and Secret are required.
type ConnectorOptions struct {
	// View returns the state as last published.
	View func() *state.State
	// Authority is that of a cluster with security.tls.
	Authority func(cluster, nonce string) (*ca.Authority, error)
	// Secret reads a file of SECRETS_DIR.
	Secret func(name string) ([]byte, error)
	// Dial takes the place of a net.Dialer with a timeout of 5 s.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Connector connects to JobManagers. Those that speak TLS have a transport for each cluster, because each cluster has
// authorities of its own. It is safe for use by several goroutines.
type Connector struct {
	o     ConnectorOptions
	plain *http.Transport

	mu     sync.Mutex
	secure map[string]secured // by cluster
}

// NewConnector returns a Connector. It connects to nothing yet.
func NewConnector(o ConnectorOptions) *Connector {
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	}
	c := &Connector{o: o, secure: map[string]secured{}}
	c.plain = c.newTransport(nil)
	return c
}

// Close ends the connections that are idle.
func (c *Connector) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plain.CloseIdleConnections()
	for _, s := range c.secure {
		s.transport.CloseIdleConnections()
	}
	return nil
}

// newTransport is one without any proxy; it adds no credentials of the service but the certificate of config.
func (c *Connector) newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext: c.o.Dial, TLSClientConfig: config, TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, DisableCompression: true,
	}
}

// secured is a transport and what it was made for.
type secured struct {
	transport *http.Transport
	nonce     string
	tls       bool
	rest      spec.RESTSecurity
}

// Transport is the way to a JobManager.
func (c *Connector) Transport(jm task.Task) (http.RoundTripper, error) {
	if !jm.Secure {
		return c.plain, nil
	}
	t, err := c.secured(jm.Cluster)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// TLS is how to speak to the driver in a JobManager; nil for plain HTTP.
func (c *Connector) TLS(jm task.Task) (*tls.Config, error) {
	if !jm.Secure {
		return nil, nil
	}
	t, err := c.secured(jm.Cluster)
	if err != nil {
		return nil, err
	}
	return t.TLSClientConfig.Clone(), nil
}

func (c *Connector) secured(name string) (*http.Transport, error) {
	vw := c.o.View()
	spec, ok := view.Spec(vw, name)
	if !ok {
		return nil, fmt.Errorf("there is no cluster %q", name)
	}
	nonce := view.Nonce(vw, name)
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.secure[name]
	if ok && known.nonce == nonce && known.tls == spec.Security.TLS && known.rest == spec.Security.REST {
		return known.transport, nil
	}
	if ok {
		known.transport.CloseIdleConnections()
	}
	for other := range c.secure { // Clusters that are gone leave nothing behind.
		if _, there := view.Spec(vw, other); !there {
			delete(c.secure, other)
		}
	}
	config, err := c.trust(spec, nonce)
	if err != nil {
		delete(c.secure, name)
		return nil, fmt.Errorf("TLS of cluster %s: %w", name, err)
	}
	t := c.newTransport(config)
	c.secure[name] = secured{transport: t, nonce: nonce, tls: spec.Security.TLS, rest: spec.Security.REST}
	return t, nil
}

// trust says whom the service believes to be the JobManager of a cluster.
func (c *Connector) trust(sp spec.Spec, nonce string) (*tls.Config, error) {
	if sp.Security.TLS {
		a, err := c.o.Authority(sp.Name, nonce)
		if err != nil {
			return nil, err
		}
		return a.Client(time.Now())
	}
	rest := sp.Security.REST
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: rest.ServerName, InsecureSkipVerify: rest.Insecure} //nolint:gosec // security.rest.insecure says so.
	if rest.Authorities != "" {
		all, err := spec.Certificates(rest.Authorities)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		for _, c := range all {
			config.RootCAs.AddCert(c)
		}
	}
	if rest.ClientCertificate != "" {
		pem, err := c.o.Secret(rest.ClientCertificate)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(pem, pem)
		if err != nil {
			return nil, fmt.Errorf("%s in SECRETS_DIR is not a certificate with its key in PEM form: %w", rest.ClientCertificate, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/launch"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// reach connects to JobManagers. Those that speak TLS have a transport for each cluster: each has authorities of its own.
type reach struct {
	view    func() *state.State
	planner *launch.Planner
	secrets secretFiles
	network Network
	plain   *http.Transport

	mu     sync.Mutex
	secure map[string]secured // by cluster
}

// secured is a transport and what it was made for.
type secured struct {
	transport *http.Transport
	nonce     string
	tls       bool
	rest      spec.RESTSecurity
}

func newReach(view func() *state.State, planner *launch.Planner, secrets secretFiles, network Network) *reach {
	return &reach{view: view, planner: planner, secrets: secrets, network: network, plain: network.toJobManagers(nil), secure: map[string]secured{}}
}

// toJobManagers is a transport without any proxy; it adds no credentials of the service but the certificate of config.
func (n Network) toJobManagers(config *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext: n.dialer(5 * time.Second), TLSClientConfig: config, TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, DisableCompression: true,
	}
}

// transport is the way to a JobManager.
func (r *reach) transport(jm task.Task) (http.RoundTripper, error) {
	if !jm.Secure {
		return r.plain, nil
	}
	t, err := r.secured(jm.Cluster)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// tls is how to speak to the driver in a JobManager; nil for plain HTTP.
func (r *reach) tls(jm task.Task) (*tls.Config, error) {
	if !jm.Secure {
		return nil, nil
	}
	t, err := r.secured(jm.Cluster)
	if err != nil {
		return nil, err
	}
	return t.TLSClientConfig.Clone(), nil
}

func (r *reach) secured(name string) (*http.Transport, error) {
	vw := r.view()
	spec, ok := view.Spec(vw, name)
	if !ok {
		return nil, fmt.Errorf("there is no cluster %q", name)
	}
	nonce := view.Nonce(vw, name)
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.secure[name]
	if ok && known.nonce == nonce && known.tls == spec.Security.TLS && known.rest == spec.Security.REST {
		return known.transport, nil
	}
	if ok {
		known.transport.CloseIdleConnections()
	}
	for other := range r.secure { // Clusters that are gone leave nothing behind.
		if _, there := view.Spec(vw, other); !there {
			delete(r.secure, other)
		}
	}
	config, err := r.trust(spec, nonce)
	if err != nil {
		delete(r.secure, name)
		return nil, fmt.Errorf("TLS of cluster %s: %w", name, err)
	}
	t := r.network.toJobManagers(config)
	r.secure[name] = secured{transport: t, nonce: nonce, tls: spec.Security.TLS, rest: spec.Security.REST}
	return t, nil
}

// trust says whom the service believes to be the JobManager of a cluster.
func (r *reach) trust(sp spec.Spec, nonce string) (*tls.Config, error) {
	if sp.Security.TLS {
		a, err := r.planner.Authority(sp.Name, nonce)
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
		pem, err := r.secrets.read(rest.ClientCertificate)
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

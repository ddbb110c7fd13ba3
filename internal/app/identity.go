package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/serviceaccount"
)

// identify reads whom to trust, and who we are. With a service account the principal is its name: masters in strict
// mode demand that both are equal.
func (s *Service) identify() (err error) {
	if s.tls, err = newTLS(s.c.Mesos); err != nil {
		return err
	}
	if s.others, err = s.peers(); err != nil {
		return err
	}
	if s.c.Identity.Credential.Empty() {
		return nil
	}
	s.identity, err = serviceaccount.New(serviceaccount.Options{
		Credential: s.c.Identity.Credential.Reveal(), Transport: s.transport(), Log: s.log.With("part", "dcos"),
	})
	if err != nil {
		return fault.New(fault.Invalid, "DCOS_SERVICE_ACCOUNT_CREDENTIAL: %v", err)
	}
	if p := s.c.Mesos.Principal; p != "" && p != s.identity.UID() {
		return fault.New(fault.Invalid, "MESOS_PRINCIPAL is %s, and the service account of DCOS_SERVICE_ACCOUNT_CREDENTIAL is %s: a master wants them equal; leave MESOS_PRINCIPAL out", p, s.identity.UID())
	}
	s.c.Mesos.Principal = s.identity.UID()
	return nil
}

// newTLS says which certificates of masters, agents, the login endpoint and Marathon are good.
func newTLS(c config.Mesos) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.Insecure} //nolint:gosec // MESOS_INSECURE says so, for trials.
	var err error
	t.RootCAs, err = authorities("MESOS_CA_FILE", c.CAFile)
	return t, err
}

// authorities are those of a file that a variable names; nil, for those of the system, when there is none.
func authorities(variable, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: %s holds no certificate in PEM form", variable, file)
	}
	return pool, nil
}

// peers reaches the other instances of the service. They have certificates like ours, so that those in LISTEN_CERTIFICATE_FILE are
// trusted beside the authorities of the system and of MESOS_CA_FILE. It goes through no proxy.
func (s *Service) peers() (*http.Transport, error) {
	t := &http.Transport{
		DialContext: s.o.Network.dialer(5 * time.Second), TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
	}
	if s.c.HTTP.CertificateFile == "" {
		return t, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // A machine without authorities.
	}
	for _, file := range []string{s.c.Mesos.CAFile, s.c.HTTP.CertificateFile} {
		if file == "" {
			continue
		}
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("authorities of other instances: %w", err)
		}
		pool.AppendCertsFromPEM(pem)
	}
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	return t, nil
}

// transport reaches a part of the cluster that the authorities of MESOS_CA_FILE vouch for. It goes through no proxy.
func (s *Service) transport() *http.Transport {
	t := &http.Transport{
		DialContext: s.o.Network.dialer(5 * time.Second), TLSClientConfig: s.tls.Clone(),
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
	}
	s.steps.add("idle connections", func() error { t.CloseIdleConnections(); return nil })
	return t
}

// authorized puts the token of the service account on requests; without one it leaves them as they are.
func (s *Service) authorized(next http.RoundTripper) http.RoundTripper {
	if s.identity == nil {
		return next
	}
	return s.identity.RoundTripper(next)
}

// authenticate adds the principal's secret to each call; nil when there is none, or a service account.
func (s *Service) authenticate() func(*http.Request) error {
	if s.identity != nil || s.c.Mesos.Principal == "" || s.c.Mesos.Secret.Empty() {
		return nil
	}
	return func(r *http.Request) error {
		r.SetBasicAuth(s.c.Mesos.Principal, s.c.Mesos.Secret.Reveal())
		return nil
	}
}

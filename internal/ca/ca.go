// Package ca owns the certificates of clusters that use TLS: an authority of each cluster's own, the key stores
// that Flink reads, and the service's side of a conversation. It keeps nothing: the authority's key is derived from
// the service's key, so that whoever has the state has the same authority after a restart, and no key is stored.
package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// Lifetime is how long a certificate of a process is good. Flink reads its stores once, when a process starts, and a
// cluster may run for years; a task that is replaced gets a new certificate.
const Lifetime = 10 * 365 * 24 * time.Hour

// skew is how far the clocks of machines may be apart.
const skew = 24 * time.Hour

// leastKey is the least size of the service's key in bytes.
const leastKey = 32

// Authority signs the certificates of one cluster.
type Authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	name        string
}

// Stores are what a process of the cluster reads, both in PKCS #12.
type Stores struct {
	// Key holds the process's own key with its certificate and that of the authority; Trust holds the authority.
	Key, Trust []byte
	// Password is that of both stores and of the key.
	Password string
}

// New returns the authority of a cluster. It is the same for the same key (32 bytes or more), name and nonce, but for
// the signature below its certificate, which nobody compares.
func New(key []byte, cluster, nonce string) (*Authority, error) {
	if len(key) < leastKey {
		return nil, fmt.Errorf("authority: the key has fewer than %d bytes", leastKey)
	}
	if cluster == "" || nonce == "" {
		return nil, errors.New("authority: a cluster and its nonce are required")
	}
	private, err := derive(key, cluster, nonce)
	if err != nil {
		return nil, err
	}
	a := &Authority{key: private, name: cluster + "-" + nonce + ".flink.invalid"}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of " + cluster + "-" + nonce},
		// Fixed, so that two renderings are one authority; the second date is the last that X.509 knows.
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.certificate, err = sign(template, template, private.Public(), private)
	return a, err
}

// derive makes a key of the curve P-256, which Java has always known (Ed25519 since 15 only), out of the service's key.
// A number that is no key of the curve, one in 2³², is passed over.
func derive(key []byte, cluster, nonce string) (*ecdsa.PrivateKey, error) {
	for attempt := range byte(16) {
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "flink-mesos cluster authority\n%s\n%s\n%d", cluster, nonce, attempt)
		if private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), mac.Sum(nil)); err == nil {
			return private, nil
		}
	}
	return nil, errors.New("authority: no key of the curve was found")
}

func sign(template, parent *x509.Certificate, public any, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// issue makes a new key with a certificate that is good for both sides of a connection: Flink's processes are each
// other's clients.
func (a *Authority) issue(now time.Time) (*ecdsa.PrivateKey, *x509.Certificate, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, nil, fmt.Errorf("make a serial number: %w", err)
	}
	c, err := sign(&x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: a.name}, DNSNames: []string{a.name},
		NotBefore: now.Add(-skew), NotAfter: now.Add(Lifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, private.Public(), a.key)
	return private, c, err
}

// Stores makes the stores of one process, each time with another key and another password.
func (a *Authority) Stores(now time.Time) (Stores, error) {
	private, certificate, err := a.issue(now)
	if err != nil {
		return Stores{}, err
	}
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return Stores{}, fmt.Errorf("make a password: %w", err)
	}
	s := Stores{Password: hex.EncodeToString(secret)}
	// The form that every Java reads, from 8 on. What protects the stores is who may read the sandbox: the password
	// lies beside them in Flink's configuration.
	if s.Key, err = pkcs12.LegacyDES.Encode(private, certificate, []*x509.Certificate{a.certificate}, s.Password); err != nil {
		return Stores{}, fmt.Errorf("write the key store: %w", err)
	}
	if s.Trust, err = pkcs12.LegacyDES.EncodeTrustStore([]*x509.Certificate{a.certificate}, s.Password); err != nil {
		return Stores{}, fmt.Errorf("write the trust store: %w", err)
	}
	return s, nil
}

// Client is the service's side of a connection to a process of the cluster: it trusts this authority only, and shows
// a certificate of it, for security.ssl.rest.authentication-enabled. Certificates carry the cluster's name and not that
// of an agent: a task may be started anywhere.
func (a *Authority) Client(now time.Time) (*tls.Config, error) {
	private, certificate, err := a.issue(now)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: a.name,
		Certificates: []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: private, Leaf: certificate}},
	}, nil
}

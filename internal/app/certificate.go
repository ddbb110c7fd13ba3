package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/config"
)

// listenerCertificate reads the certificate of the listener and its key. Where the key is missing, which is a warning of the
// configuration, the certificate is one that the service signs itself: Marathon's and Mesos' health checks accept it, and
// nothing is sent in plain text by a service that was asked for TLS.
func listenerCertificate(c config.HTTP) (tls.Certificate, error) {
	if c.KeyFile != "" {
		return tls.LoadX509KeyPair(c.CertificateFile, c.KeyFile)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "flink-service without LISTEN_KEY_FILE"},
		DNSNames: []string{c.AdvertiseHost}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

package spec

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
)

// Security protects the conversations of a cluster.
type Security struct {
	// TLS has the processes of the cluster speak TLS with each other and with the service, with certificates that the
	// service makes for the cluster; each side asks the other for its certificate.
	TLS bool `json:"tls,omitempty"`
	// REST says how the service trusts the REST API of a cluster whose flinkConfiguration turns on
	// security.ssl.rest.enabled with stores of its own.
	REST RESTSecurity `json:"rest,omitzero"`
}

// RESTSecurity is the service's side of a cluster's own certificates.
type RESTSecurity struct {
	// Authorities are certificates in PEM form, one of which signed that of the REST API; empty means the
	// authorities of the service's machine.
	Authorities string `json:"authorities,omitempty"`
	// ServerName is the name in the certificate; empty means the host name of the JobManager's agent.
	ServerName string `json:"serverName,omitempty"`
	// ClientCertificate names a file of SECRETS_DIR with the certificate and the key, in PEM form, that the service shows;
	// security.ssl.rest.authentication-enabled asks for one.
	ClientCertificate string `json:"clientCertificate,omitempty"`
	// Insecure accepts any certificate.
	Insecure bool `json:"insecure,omitempty"`
}

// Flink's options that say whether there is TLS.
const (
	optionSSL               = "security.ssl.enabled" // Flink 1.x: the default of the next two.
	optionRESTSSL           = "security.ssl.rest.enabled"
	optionRESTAuthenticated = "security.ssl.rest.authentication-enabled"
	optionSSLAlgorithms     = "security.ssl.algorithms"
)

// option reads an option of Flink that is true or false, as Flink does.
func (s Spec) option(key string) (value, set bool) {
	text, set := s.FlinkConfiguration[key]
	return strings.EqualFold(strings.TrimSpace(text), "true"), set
}

// SecureREST says whether the JobManager's REST API and its driver speak TLS.
func (s Spec) SecureREST() bool {
	if s.Security.TLS {
		return true
	}
	if on, set := s.option(optionRESTSSL); set {
		return on
	}
	on, _ := s.option(optionSSL)
	return on && !strings.HasPrefix(s.FlinkVersion, "2")
}

// RESTAuthenticated says whether the REST API asks its clients for a certificate.
func (s Spec) RESTAuthenticated() bool {
	on, set := s.option(optionRESTAuthenticated)
	return on || !set && s.Security.TLS
}

// madeByService are the options that security.tls sets, beside the stores.
var madeByService = []string{optionSSL, optionRESTSSL, "security.ssl.internal.enabled", "security.ssl.internal.cert.fingerprint", "security.ssl.rest.cert.fingerprint"}

// setByTLS says whether security.tls sets an option and no user may.
func setByTLS(key string) bool {
	rest, ours := strings.CutPrefix(key, "security.ssl.")
	last := rest[strings.LastIndexByte(rest, '.')+1:]
	return slices.Contains(madeByService, key) || ours && (strings.HasPrefix(last, "key") || strings.HasPrefix(last, "truststore"))
}

// checkSecurity holds the checks of TLS.
func (s Spec) checkSecurity() []problem {
	const field = "security.rest"
	r := s.Security.REST
	var checks []problem
	if s.Security.TLS {
		for _, key := range sortedKeys(s.FlinkConfiguration) {
			checks = append(checks, problem{
				setByTLS(key), "flinkConfiguration." + shorten(key), "is set by the service because security.tls is true: remove one of them",
			})
		}
		suites, set := s.FlinkConfiguration[optionSSLAlgorithms]
		checks = append(checks, problem{
			set && !strings.Contains(suites, "_ECDSA_") && !strings.Contains(suites, "TLS_AES_") && !strings.Contains(suites, "TLS_CHACHA20_"), "flinkConfiguration." + optionSSLAlgorithms,
			"has no suite for the keys that security.tls makes: add TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, or remove it",
		})
	}
	_, err := Certificates(r.Authorities)
	return append(
		checks,
		problem{r != RESTSecurity{} && s.Security.TLS, field, "is for certificates of your own, and security.tls has the service make them: remove one of them"},
		problem{r != RESTSecurity{} && !s.SecureREST(), field, "has no use: flinkConfiguration does not set " + optionRESTSSL + " to true"},
		problem{r.Insecure && (r.Authorities != "" || r.ServerName != ""), field + ".insecure", "accepts any certificate, and authorities or serverName say which ones are good: remove one of them"},
		problem{r.Authorities != "" && err != nil, field + ".authorities", "must be certificates in PEM form"},
		problem{len(r.Authorities) > maxText, field + ".authorities", "is longer than 64 KiB"},
		problem{r.ServerName != "" && !hostPattern.MatchString(r.ServerName), field + ".serverName", quote(r.ServerName) + " is not a host name"},
		problem{r.ClientCertificate != "" && !IsSecretFile(r.ClientCertificate), field + ".clientCertificate", quote(r.ClientCertificate) + " is not the name of a file in SECRETS_DIR"},
	)
}

// IsSecretFile says whether a text can name a file of SECRETS_DIR: 1 to 255 letters, digits and ._-, not beginning with a dot.
func IsSecretFile(name string) bool {
	return name != "" && len(name) <= 255 && name[0] != '.' && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	})
}

// Certificates reads one or more certificates in PEM form.
func Certificates(text string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("there is something else than certificates")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if len(all) == 0 || strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("there is no certificate in PEM form, or something behind the last")
	}
	return all, nil
}

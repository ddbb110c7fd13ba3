package launch

import (
	"fmt"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/ca"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// The stores in the sandbox. Flink opens them relative to the directory in which it is started.
const (
	keyStore   = "conf/tls/key.p12"
	trustStore = "conf/tls/trust.p12"
)

// suites are the ciphers for keys of elliptic curves; those that Flink names by default are for RSA. Both have forward
// secrecy and run on the processor's own instructions.
const suites = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"

// tlsConfiguration has Flink speak TLS on every port, and ask whoever calls its REST API for a certificate: only the service has
// one, so that users come through its proxy, which asks for their tokens.
func tlsConfiguration() map[string]string {
	config := map[string]string{"security.ssl.algorithms": suites, "security.ssl.rest.authentication-enabled": "true"}
	for _, side := range []string{"internal", "rest"} {
		prefix := "security.ssl." + side + "."
		config[prefix+"enabled"] = "true"
		config[prefix+"keystore"], config[prefix+"truststore"] = keyStore, trustStore
		config[prefix+"keystore-type"], config[prefix+"truststore-type"] = "PKCS12", "PKCS12"
	}
	return config
}

// secure adds the stores of one task, and their password to its configuration.
func (p *Planner) secure(o *flink.Overlay, s spec.Spec, nonce string) error {
	if !s.Security.TLS {
		return nil
	}
	a, err := p.Authority(s.Name, nonce)
	if err != nil {
		return err
	}
	stores, err := a.Stores(time.Now())
	if err != nil {
		return fmt.Errorf("certificates of cluster %s: %w", s.Name, err)
	}
	for _, side := range []string{"internal", "rest"} {
		for _, name := range []string{"keystore-password", "key-password", "truststore-password"} {
			o.Configuration["security.ssl."+side+"."+name] = stores.Password
		}
	}
	o.Files = append(o.Files, flink.File{Name: keyStore, Content: stores.Key}, flink.File{Name: trustStore, Content: stores.Trust})
	return nil
}

// Authority is what signs the certificates of a cluster.
func (p *Planner) Authority(name, nonce string) (*ca.Authority, error) {
	return ca.New(p.o.Key, name, nonce)
}

package launch_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// overlay unpacks what the tasks of a cluster fetch.
func overlay(t *testing.T, s spec.Spec) map[string][]byte {
	t.Helper()
	content, err := planner(t).Overlay(s, "aaaa")
	if err != nil {
		t.Fatal(err)
	}
	zr, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if files[h.Name], err = io.ReadAll(tr); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(h.Name, "conf/tls/") && h.Mode != 0o600 {
			t.Errorf("%s has mode %o", h.Name, h.Mode)
		}
	}
}

// TestTLSOverlay looks at the stores that a task gets, and at what Flink is told of them.
func TestTLSOverlay(t *testing.T) {
	t.Parallel()
	s := taskManager(t, "security: {tls: true}\nflinkConfiguration: {security.ssl.rest.authentication-enabled: 'false'}").Spec
	files := overlay(t, s)
	var config map[string]string
	if err := yaml.Unmarshal(files["conf/config.yaml"], &config); err != nil {
		t.Fatalf("%v\n%s", err, files["conf/config.yaml"])
	}
	password := config["security.ssl.internal.key-password"]
	if _, _, chain, err := pkcs12.DecodeChain(files[config["security.ssl.internal.keystore"]], password); err != nil || len(chain) != 1 {
		t.Errorf("key store: %d, %v", len(chain), err)
	}
	if trusted, err := pkcs12.DecodeTrustStore(files[config["security.ssl.rest.truststore"]], config["security.ssl.rest.truststore-password"]); err != nil || len(trusted) != 1 {
		t.Errorf("trust store: %d, %v", len(trusted), err)
	}
	for key, want := range map[string]string{
		"security.ssl.internal.enabled": "true", "security.ssl.rest.enabled": "true", "security.ssl.internal.truststore-type": "PKCS12",
		"security.ssl.rest.keystore": "conf/tls/key.p12", "security.ssl.rest.keystore-type": "PKCS12", "security.ssl.rest.authentication-enabled": "false",
		"security.ssl.rest.keystore-password": password, "security.ssl.internal.truststore-password": password,
	} {
		if config[key] != want {
			t.Errorf("%s is %q, not %q", key, config[key], want)
		}
	}
	if !strings.Contains(config["security.ssl.algorithms"], "_ECDSA_") {
		t.Errorf("the suites are %s", config["security.ssl.algorithms"])
	}
	plain := overlay(t, taskManager(t, "{}").Spec)
	if plain["conf/tls/key.p12"] != nil || strings.Contains(string(plain["conf/config.yaml"]), "security.ssl") {
		t.Error("a cluster without TLS has stores")
	}
}

// TestTLSIsNotInThePlan looks for the password where everybody who sees the task sees it.
func TestTLSIsNotInThePlan(t *testing.T) {
	t.Parallel()
	p := plan(t, "security: {tls: true}")
	if all := p.Command + strings.Join(values(p.Environment), " ") + strings.Join(values(p.Labels), " "); strings.Contains(all, "security.ssl") {
		t.Errorf("the plan speaks of TLS: %s", all)
	}
}

func values(m map[string]string) []string {
	var all []string
	for k, v := range m {
		all = append(all, k+"="+v)
	}
	return all
}

package serviceaccount

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"
)

// fallbackEndpoint is where a credential logs in that does not say where.
const fallbackEndpoint = "https://master.mesos/acs/api/v1/auth/login"

// maxCredential is the longest credential, in bytes.
const maxCredential = 64 << 10

// credential proves who a service account is. No way of printing shows the key.
type credential struct {
	uid, endpoint string
	key           *rsa.PrivateKey
}

// String names the account.
func (c credential) String() string { return "service account " + c.uid }

// GoString names the account.
func (c credential) GoString() string { return c.String() }

// LogValue names the account.
func (c credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// readCredential reads the JSON of a credential, or the file that has it. No error repeats what was read: it may be
// a damaged secret.
func readCredential(text string) (credential, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return credential{}, errors.New("the credential of the service account is empty")
	}
	if !strings.HasPrefix(text, "{") {
		data, err := readFile(text)
		if err != nil {
			return credential{}, err
		}
		text = string(data)
	}
	return parseCredential([]byte(text))
}

func readFile(name string) ([]byte, error) {
	path, isFile := strings.CutPrefix(name, "file:")
	path = strings.TrimPrefix(path, "//") // file:///path has an empty host.
	shown := path
	if !isFile && !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, ".") {
		shown = "that it would name"
	}
	f, err := os.Open(path)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return nil, fmt.Errorf("the credential of the service account is not JSON, and the file %s cannot be read: %w", shown, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxCredential+1))
	if err != nil {
		return nil, fmt.Errorf("read the credential of the service account in %s: %w", shown, err)
	}
	if len(data) > maxCredential {
		return nil, fmt.Errorf("the file %s has more than %d bytes: it cannot be the credential of a service account", shown, maxCredential)
	}
	return data, nil
}

func parseCredential(data []byte) (credential, error) {
	var c struct {
		Scheme     string `json:"scheme"`
		UID        string `json:"uid"`
		PrivateKey string `json:"private_key"`
		Endpoint   string `json:"login_endpoint"`
	}
	if err := json.Unmarshal(bytes.TrimSpace(data), &c); err != nil {
		return credential{}, errors.New("the credential of the service account is not JSON: give what `dcos security secrets create-sa-secret` stores")
	}
	if c.Endpoint == "" {
		c.Endpoint = fallbackEndpoint
	}
	u, err := url.Parse(c.Endpoint)
	switch {
	case c.Scheme != "RS256":
		return credential{}, fmt.Errorf("the credential of the service account has the scheme %.20q: only RS256 is known, a key pair", c.Scheme)
	case c.UID == "":
		return credential{}, errors.New("the credential of the service account has no uid")
	case c.PrivateKey == "":
		return credential{}, errors.New("the credential of the service account has no private_key")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil:
		return credential{}, errors.New("the credential of the service account has a login_endpoint that is not an http or https URL")
	}
	key, err := parseKey(c.PrivateKey)
	if err != nil {
		return credential{}, fmt.Errorf("the private_key of service account %s: %w", c.UID, err)
	}
	return credential{uid: c.UID, endpoint: c.Endpoint, key: key}, nil
}

// parseKey reads an RSA key in PKCS #8 or PKCS #1.
func parseKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("is not in PEM form")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("is neither PKCS #8 nor PKCS #1")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("is not an RSA key")
	}
	return key, nil
}

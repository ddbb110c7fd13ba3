// Package iam stands in for the identity and access management of DC/OS in tests: it takes logins of service accounts,
// checks their signatures and times, gives out tokens, and guards handlers with them.
package iam

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// LoginPath is where a service account logs in.
const LoginPath = "/acs/api/v1/auth/login"

// Options configure a Server.
type Options struct {
	// Lifetime is how long a token is good; 5 days when 0, as on DC/OS.
	Lifetime time.Duration
	// Now is the server's clock; nil means time.Now.
	Now func() time.Time
}

// Server is an http.Handler that takes logins.
type Server struct {
	o      Options
	secret []byte

	mu       sync.Mutex
	accounts map[string]*rsa.PublicKey
	// epoch is part of every token: raising it ends all of them.
	epoch  int
	logins int
	broken string
}

// New returns a Server without accounts.
func New(o Options) *Server {
	if o.Lifetime == 0 {
		o.Lifetime = 5 * 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{o: o, secret: []byte(rand.Text()), accounts: map[string]*rsa.PublicKey{}}
}

// Create makes an account with a new key pair, and returns its credential as `dcos security secrets create-sa-secret`
// stores it. The login endpoint is at the server's address, such as https://127.0.0.1:8443.
func (s *Server) Create(uid, address string) (credential string, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.accounts[uid] = &key.PublicKey
	s.mu.Unlock()
	data, err := json.Marshal(map[string]string{
		"scheme": "RS256", "uid": uid, "login_endpoint": address + LoginPath,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	return string(data), err
}

// Revoke ends every token that was given out.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
}

// Break makes every login fail with 503 and a reason; an empty one mends it.
func (s *Server) Break(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = reason
}

// Logins counts the logins that succeeded.
func (s *Server) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// ServeHTTP takes logins.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Date", s.o.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path != LoginPath || r.Method != http.MethodPost:
		refuse(w, http.StatusNotFound, "ERR_NOT_FOUND", "there is nothing here")
		return
	case s.broken != "":
		refuse(w, http.StatusServiceUnavailable, "ERR_UNAVAILABLE", s.broken)
		return
	}
	var login struct{ UID, Token string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&login); err != nil {
		refuse(w, http.StatusBadRequest, "ERR_INVALID_DATA", err.Error())
		return
	}
	if err := s.verify(login.UID, login.Token); err != nil {
		refuse(w, http.StatusUnauthorized, "ERR_INVALID_CREDENTIALS", err.Error())
		return
	}
	s.logins++
	_ = json.NewEncoder(w).Encode(map[string]string{"token": s.issue(login.UID)}) // The client may be gone.
}

func refuse(w http.ResponseWriter, status int, code, description string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{ // The client may be gone.
		"title": http.StatusText(status), "description": description, "code": code,
	})
}

// claims are what a token says.
type claims struct {
	UID   string `json:"uid"`
	Exp   int64  `json:"exp"`
	Epoch int    `json:"epoch,omitempty"`
}

// verify checks the proof of an account.
func (s *Server) verify(uid, proof string) error {
	key, ok := s.accounts[uid]
	if !ok {
		return fmt.Errorf("there is no account %s", uid)
	}
	signed, signature, c, err := split(proof, "RS256")
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(signed))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature); err != nil {
		return errors.New("the signature is wrong")
	}
	now := s.o.Now()
	switch exp := time.Unix(c.Exp, 0); {
	case c.UID != uid:
		return errors.New("the token is another account's")
	case !now.Before(exp):
		return errors.New("the token has expired")
	case exp.Sub(now) > time.Hour:
		return errors.New("the token lives too long")
	}
	return nil
}

// split takes a JWT apart, and refuses every algorithm but one.
func split(text, algorithm string) (signed string, signature []byte, c claims, err error) {
	dot := strings.LastIndex(text, ".")
	if dot < 0 || strings.Count(text, ".") != 2 {
		return "", nil, c, errors.New("this is not a token")
	}
	signed = text[:dot]
	head, body, _ := strings.Cut(signed, ".")
	var header struct{ Alg, Typ string }
	for part, into := range map[string]any{head: &header, body: &c} {
		data, err := base64.RawURLEncoding.DecodeString(part)
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			return "", nil, c, fmt.Errorf("this is not a token: %w", err)
		}
	}
	if header.Alg != algorithm || header.Typ != "JWT" {
		return "", nil, c, fmt.Errorf("the algorithm %s is not known here", header.Alg)
	}
	signature, err = base64.RawURLEncoding.DecodeString(text[dot+1:])
	return signed, signature, c, err
}

// issue makes a token of an account.
func (s *Server) issue(uid string) string {
	body, err := json.Marshal(claims{UID: uid, Exp: s.o.Now().Add(s.o.Lifetime).Unix(), Epoch: s.epoch})
	if err != nil {
		panic(err) // Two numbers and a string can be encoded.
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	return signed + "." + base64.RawURLEncoding.EncodeToString(s.sign(signed))
}

func (s *Server) sign(text string) []byte {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// Check returns the account that a request is of, or why it is of none.
func (s *Server) Check(r *http.Request) (uid string, err error) {
	value, ok := strings.CutPrefix(r.Header.Get("Authorization"), "token=")
	if !ok {
		return "", errors.New("there is no token")
	}
	signed, signature, c, err := split(value, "HS256")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		return "", err
	case !hmac.Equal(signature, s.sign(signed)):
		return "", errors.New("the signature is wrong")
	case !s.o.Now().Before(time.Unix(c.Exp, 0)):
		return "", errors.New("the token has expired")
	case c.Epoch != s.epoch:
		return "", errors.New("the token was revoked")
	}
	return c.UID, nil
}

// Guard lets requests with a good token through, and refuses the others.
func (s *Server) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.Check(r); err != nil {
			w.Header().Set("WWW-Authenticate", "acsjwt")
			refuse(w, http.StatusUnauthorized, "ERR_UNAUTHORIZED", err.Error())
			return
		}
		next.ServeHTTP(w, r)
	})
}

package artifact

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// The words of our paths. A prefix of 22 characters can be neither.
const (
	signedWord = "signed"
	storedKind = "sha256"
)

// maxPath bounds what the parser looks at, in bytes.
const maxPath = 2048

// Key signs paths. It hides itself from logs and from formatted text.
type Key []byte

// NewKey draws a key of 32 random bytes.
func NewKey() Key {
	k := make(Key, 32)
	rand.Read(k) // It never fails: the runtime ends the process when the system has no randomness.
	return k
}

// NewPrefix draws a prefix of 26 characters for stable paths: 130 random bits.
func NewPrefix() string { return rand.Text() }

// String hides the key.
func (Key) String() string { return "[hidden]" }

// GoString hides the key.
func (Key) GoString() string { return "[hidden]" }

// LogValue hides the key.
func (Key) LogValue() slog.Value { return slog.StringValue("[hidden]") }

// sign returns the signature of a path's expiry and rest, in URL-safe base64.
func (k Key) sign(expires, rest string) string {
	mac := hmac.New(sha256.New, k)
	// The first words keep a signature from meaning anything elsewhere if the key is ever shared.
	_, _ = io.WriteString(mac, "flink-mesos artifact path\n"+expires+"\n"+rest) // A hash never returns an error.
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Path returns the stable URL path of a public artifact. Any valid name serves the content. The error
// is Invalid when sha or name cannot be in a path; whether the artifact exists is not looked at.
func (s *Store) Path(sha, name string) (string, error) {
	if err := checkTarget(storedKind, sha, name); err != nil {
		return "", err
	}
	return s.options.Mount + s.options.Prefix + "/" + sha + "/" + name, nil
}

// SignedPath returns a URL path of a stored artifact that answers until expires (whole seconds,
// rounded down). Errors as in Path.
func (s *Store) SignedPath(sha, name string, expires time.Time) (string, error) {
	if err := checkTarget(storedKind, sha, name); err != nil {
		return "", err
	}
	return s.signed(storedKind, sha, name, expires), nil
}

// RenderedPath returns a URL path of content that the renderer of kind makes on request, good until
// expires. The error is Invalid when kind has no renderer, or id or name cannot be in a path.
func (s *Store) RenderedPath(kind, id, name string, expires time.Time) (string, error) {
	if s.renderer(kind) == nil {
		return "", fault.New(fault.Invalid, "no renderer for artifacts of kind %q", shorten(kind))
	}
	if err := checkTarget(kind, id, name); err != nil {
		return "", err
	}
	return s.signed(kind, id, name, expires), nil
}

func (s *Store) signed(kind, id, name string, expires time.Time) string {
	rest := kind + "/" + id + "/" + name
	at := strconv.FormatInt(expires.Unix(), 10)
	return s.options.Mount + signedWord + "/" + at + "/" + s.options.Key.sign(at, rest) + "/" + rest
}

func checkTarget(kind, id, name string) error {
	var l fault.List
	switch {
	case kind == storedKind && !validSHA(id):
		l.Add("sha256", "%q is not a SHA-256: give 64 lower-case hexadecimal digits", shorten(id))
	case !validID(id):
		l.Add("id", "%q cannot be in a path: use 1 to %d letters, digits and . _ - + ~", shorten(id), MaxName)
	}
	if !validName(name) {
		l.Add("name", "%q cannot be in a path: use 1 to %d letters, digits and . _ - + ~", shorten(name), MaxName)
	}
	return l.Err("artifact path")
}

// target is what a request's path leads to.
type target struct {
	how  string // a value of the metrics' label "path"
	kind string
	id   string
	name string
}

// verdict is what a path deserves.
type verdict int

const (
	unknown verdict = iota // Not ours, misspelt or forged: all look the same from outside.
	expired                // Signed by us, and too old.
	valid
)

// resolve reads a path without touching the disk. escaped is the path as the client spelt it: our paths
// need no escaping, so any percent sign is an attempt at something, and one content has one spelling.
func (s *Store) resolve(escaped string, now time.Time) (target, verdict) {
	rest, ok := strings.CutPrefix(escaped, s.options.Mount)
	if !ok || len(rest) > maxPath {
		return target{how: pathUnknown}, unknown
	}
	parts := strings.Split(rest, "/")
	for _, p := range parts {
		if p == "" || strings.HasPrefix(p, ".") {
			return target{how: pathUnknown}, unknown
		}
	}
	switch {
	case len(parts) == 3:
		return s.resolveStable(parts)
	case len(parts) == 6 && parts[0] == signedWord:
		return s.resolveSigned(parts, now)
	default:
		return target{how: pathUnknown}, unknown
	}
}

func (s *Store) resolveStable(parts []string) (target, verdict) {
	t := target{how: pathStable, kind: storedKind, id: parts[1], name: parts[2]}
	if subtle.ConstantTimeCompare([]byte(parts[0]), []byte(s.options.Prefix)) != 1 {
		return target{how: pathUnknown}, unknown
	}
	if checkTarget(t.kind, t.id, t.name) != nil {
		return t, unknown
	}
	return t, valid
}

// resolveSigned looks at the signature before the expiry: only who was given the path learns that it is old.
func (s *Store) resolveSigned(parts []string, now time.Time) (target, verdict) {
	at, signature := parts[1], parts[2]
	t := target{how: pathSigned, kind: parts[3], id: parts[4], name: parts[5]}
	want := s.options.Key.sign(at, t.kind+"/"+t.id+"/"+t.name)
	if subtle.ConstantTimeCompare([]byte(signature), []byte(want)) != 1 {
		return target{how: pathUnknown}, unknown
	}
	if t.kind != storedKind {
		t.how = pathRendered
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || checkTarget(t.kind, t.id, t.name) != nil {
		return t, unknown
	}
	if !now.Before(time.Unix(seconds, 0)) {
		return t, expired
	}
	return t, valid
}

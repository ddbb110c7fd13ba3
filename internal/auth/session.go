package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Session stands for a token until a moment, for browsers to keep in its place. It tells nothing about the token, needs no
// memory of ours, is good at every instance with the same tokens, and ends when its token is removed. It is empty
// for a token that is not known.
func (t Tokens) Session(token string, until time.Time) string {
	sum := sha256.Sum256([]byte(token))
	if t.Scope(token) == None {
		return ""
	}
	end := strconv.FormatInt(until.Unix(), 10)
	return end + "." + base64.RawURLEncoding.EncodeToString(sessionMAC(sum, end))
}

// SessionScope returns what the token of a session lets its bearer do; None when it has ended or is not ours.
func (t Tokens) SessionScope(session string, now time.Time) Scope {
	scope, _ := t.session(session, now)
	return scope
}

// SessionName returns the name of the token of a session, as Name tells it; empty when it has ended or is not ours.
func (t Tokens) SessionName(session string, now time.Time) string {
	_, name := t.session(session, now)
	return name
}

func (t Tokens) session(session string, now time.Time) (Scope, string) {
	end, text, _ := strings.Cut(session, ".")
	given, err := base64.RawURLEncoding.DecodeString(text)
	seconds, wrong := strconv.ParseInt(end, 10, 64)
	if err != nil || wrong != nil || now.Unix() >= seconds {
		return None, ""
	}
	return t.find(func(e entry) int { return subtle.ConstantTimeCompare(given, sessionMAC(e.sum, end)) })
}

// sessionMAC signs the end of a session with the hash of its token.
func sessionMAC(key [sha256.Size]byte, end string) []byte {
	m := hmac.New(sha256.New, key[:])
	m.Write([]byte("session until " + end))
	return m.Sum(nil)
}

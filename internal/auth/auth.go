// Package auth owns who may do what: tokens, their scopes, and the comparison that tells nothing about them. It
// does not know which request needs which scope, nor how a token travels; package api does.
package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Scope says how much a token lets its bearer do. A higher one includes those below it.
type Scope int

// The scopes.
const (
	// None is for what anybody may do; no token has it.
	None Scope = iota
	// Read looks at clusters, tasks, files of sandboxes, jobs and metrics.
	Read
	// Operate runs what there is: submits, cancels and stops jobs, takes savepoints, uploads files, restarts
	// clusters and tasks.
	Operate
	// Admin decides what there is: creates, changes and deletes clusters, whose specs name the commands, users
	// and images that run on the agents.
	Admin
)

// scopes are the names of those that a token can have.
func scopes() map[string]Scope {
	return map[string]Scope{"read": Read, "operate": Operate, "admin": Admin}
}

// String names a scope as API_TOKENS writes it.
func (s Scope) String() string {
	for name, scope := range scopes() {
		if s == scope {
			return name
		}
	}
	return "none"
}

// shortest is the least number of characters of a token: what is shorter can be found by trying.
const shortest = 16

// namePattern is the form of the name of a token, and numberedPattern that of those without a name.
var (
	namePattern     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	numberedPattern = regexp.MustCompile(`^(read|operate|admin)-[0-9]+$`)
)

// tokenPattern is the form of a bearer token (RFC 6750 §2.1).
var tokenPattern = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// entry is one token: its hash, so that no dump shows it and every comparison takes the same time.
type entry struct {
	sum   [sha256.Size]byte
	scope Scope
	// name is what an operator calls it; empty for none.
	name string
}

// Tokens are those that a service accepts. The zero value has none.
type Tokens struct{ entries []entry }

// Parse reads tokens: each is scope:token or scope@name:token, with scope one of read, operate and admin, and the token of 16
// or more letters, digits and ._~+/-= characters. The name tells people whose it is. They are separated by commas, blanks or line breaks; what follows a # at the
// beginning of a line is left out. No error quotes a token.
func Parse(text string) (Tokens, error) {
	var t Tokens
	n := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, field := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }) {
			n++
			e, err := parse(field)
			if err == nil && slices.ContainsFunc(t.entries, func(o entry) bool { return o.sum == e.sum }) {
				err = fmt.Errorf("is there twice")
			}
			if err == nil && e.name != "" && slices.ContainsFunc(t.entries, func(o entry) bool { return o.name == e.name }) {
				err = fmt.Errorf("has the name of another one: give it a name of its own")
			}
			if err != nil {
				return Tokens{}, fmt.Errorf("token %d %w", n, err)
			}
			t.entries = append(t.entries, e)
		}
	}
	if text != "" && n == 0 {
		return Tokens{}, fmt.Errorf("there is no token: write scope:token, or leave the variable out to let everybody in")
	}
	return t, nil
}

// parse reads one token.
func parse(field string) (entry, error) {
	before, token, found := strings.Cut(field, ":")
	word, name, named := strings.Cut(before, "@")
	scope, known := scopes()[word]
	switch {
	case !found || !known:
		return entry{}, fmt.Errorf("does not begin with a scope: write read:, operate: or admin: before it")
	case named && (!namePattern.MatchString(name) || numberedPattern.MatchString(name)):
		return entry{}, fmt.Errorf("has no good name between @ and the colon: use 1 to 64 letters, digits and ._- characters, other than those of a token without a name such as admin-1")
	case len(token) < shortest:
		return entry{}, fmt.Errorf("is shorter than %d characters: make one with openssl rand -hex 32", shortest)
	case !tokenPattern.MatchString(token):
		return entry{}, fmt.Errorf("has a character that no bearer token can have: use letters, digits and ._~+/-=")
	}
	return entry{sha256.Sum256([]byte(token)), scope, name}, nil
}

// Open says that there are no tokens: everybody may do everything.
func (t Tokens) Open() bool { return len(t.entries) == 0 }

// Scope returns what a token lets its bearer do, None when it is not known. It looks at every token whatever it
// finds, and takes the same time for each.
func (t Tokens) Scope(token string) Scope {
	scope, _ := t.byToken(token)
	return scope
}

// Name tells tokens apart without telling anything about them: the name that the operator gave it, or else the scope and the
// place among those of that scope, such as admin-1. It is empty for a token that is not known.
func (t Tokens) Name(token string) string {
	_, name := t.byToken(token)
	return name
}

func (t Tokens) byToken(token string) (Scope, string) {
	sum := sha256.Sum256([]byte(token))
	return t.find(func(e entry) int { return subtle.ConstantTimeCompare(sum[:], e.sum[:]) })
}

// find looks at every token, also after it has found the one for which equal returns 1.
func (t Tokens) find(equal func(entry) int) (found Scope, name string) {
	count := map[Scope]int{}
	for _, e := range t.entries {
		count[e.scope]++
		if equal(e) == 1 {
			found, name = e.scope, e.name
			if name == "" {
				name = fmt.Sprintf("%s-%d", e.scope, count[e.scope])
			}
		}
	}
	return found, name
}

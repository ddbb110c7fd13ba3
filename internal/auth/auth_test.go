package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/auth"
)

const (
	reader   = "reader-0123456789abcdef"
	operator = "operator.0123456789~+/="
	admin    = "admin-0123456789abcdef"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tokens, err := auth.Parse("# of the team: read:" + strings.Repeat("x", 20) + "\n read:" + reader + ", operate:" + operator + "\r\nadmin:" + admin + "\n")
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]auth.Scope{
		reader: auth.Read, operator: auth.Operate, admin: auth.Admin,
		"": auth.None, reader[1:]: auth.None, strings.Repeat("x", 20): auth.None, "read:" + reader: auth.None,
	} {
		if got := tokens.Scope(token); got != want {
			t.Errorf("scope of %q: want %s, got %s", token, want, got)
		}
	}
	if shown := fmt.Sprintf("%v %+v %#v", tokens, tokens, tokens); strings.Contains(shown, reader) {
		t.Errorf("a token is shown: %s", shown)
	}
	if tokens.Open() || !(auth.Tokens{}).Open() {
		t.Error("Open() is wrong")
	}
	if tokens, err := auth.Parse(""); err != nil || !tokens.Open() || tokens.Scope("") != auth.None {
		t.Errorf("nothing: %v", err)
	}
}

// TestName gives some tokens names.
func TestName(t *testing.T) {
	t.Parallel()
	tokens, err := auth.Parse("admin:" + admin + " read@prometheus:" + reader + " admin@alice.b-1:" + operator)
	if err != nil {
		t.Fatal(err)
	}
	session := tokens.Session(operator, time.Now().Add(time.Hour))
	for got, want := range map[string]string{
		tokens.Name(admin): "admin-1", tokens.Name(reader): "prometheus", tokens.Name(operator): "alice.b-1", tokens.Name("unknown-0123456789"): "",
		tokens.SessionName(session, time.Now()) + " by cookie": "alice.b-1 by cookie",
	} {
		if got != want {
			t.Errorf("Name() = %q, want %q", got, want)
		}
	}
	if s := tokens.Scope(operator); s != auth.Admin {
		t.Errorf("the scope of a token with a name is %s", s)
	}
	if name := tokens.SessionName(session, time.Now().Add(2*time.Hour)); name != "" {
		t.Errorf("a session that has ended is of %q", name)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, part string }{
		{"canary-0123456789abcdef", "token 1 does not begin with a scope"},
		{"write:canary-0123456789abcdef", "does not begin with a scope"},
		{"read:canary", "shorter than 16"},
		{"read:canary-0123456789\"abcd", "character"},
		{"read:" + reader + ",admin:" + reader, "token 2 is there twice"},
		{"read@:" + reader, "token 1 has no good name"},
		{"read@a b:" + reader, "does not begin with a scope"},
		{"read@admin-1:" + reader, "has no good name"},
		{"read@a/b:" + reader, "has no good name"},
		{"read@a:" + reader + ",admin@a:" + admin, "token 2 has the name of another one"},
		{" \n ", "there is no token"},
		{"# read:canary-0123456789abcdef", "there is no token"},
		{"read:" + reader + " admin:canäry-0123456789abcdefgh", "token 2 has a character"},
	} {
		_, err := auth.Parse(c.text)
		if err == nil || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%q: want %q, got %v", c.text, c.part, err)
		} else if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), reader) {
			t.Errorf("a token is in %v", err)
		}
	}
}

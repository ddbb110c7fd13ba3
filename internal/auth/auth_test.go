package auth_test

import (
	"fmt"
	"strings"
	"testing"

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

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, part string }{
		{"canary-0123456789abcdef", "token 1 does not begin with a scope"},
		{"write:canary-0123456789abcdef", "does not begin with a scope"},
		{"read:canary", "shorter than 16"},
		{"read:canary-0123456789\"abcd", "character"},
		{"read:" + reader + ",admin:" + reader, "token 2 is there twice"},
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

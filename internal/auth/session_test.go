package auth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/auth"
)

func TestSession(t *testing.T) {
	t.Parallel()
	const reader, admin = "canary-read-0123456789", "canary-admin-0123456789"
	tokens, err := auth.Parse("read:" + reader + ",admin:" + admin)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	session := tokens.Session(admin, now.Add(time.Hour))
	if strings.Contains(session, "canary") || session == tokens.Session(reader, now.Add(time.Hour)) {
		t.Errorf("Session() = %q", session)
	}
	if s := tokens.Session("canary-other-0123456789", now.Add(time.Hour)); s != "" {
		t.Errorf("a token that is not known has the session %q", s)
	}
	other, err := auth.Parse("read:" + reader)
	if err != nil {
		t.Fatal(err)
	}
	later, mac, _ := strings.Cut(session, ".")
	for _, tt := range []struct {
		name    string
		tokens  auth.Tokens
		session string
		at      time.Time
		want    auth.Scope
	}{
		{"good", tokens, session, now, auth.Admin},
		{"reader", tokens, tokens.Session(reader, now.Add(time.Hour)), now, auth.Read},
		{"over", tokens, session, now.Add(time.Hour), auth.None},
		{"prolonged", tokens, "1" + later + "." + mac, now, auth.None},
		{"token removed", other, session, now, auth.None},
		{"no tokens", auth.Tokens{}, session, now, auth.None},
		{"empty", tokens, "", now, auth.None},
		{"no signature", tokens, later + ".", now, auth.None},
		{"the token itself", tokens, admin, now, auth.None},
	} {
		if got := tt.tokens.SessionScope(tt.session, tt.at); got != tt.want {
			t.Errorf("%s: SessionScope() = %v, want %v", tt.name, got, tt.want)
		}
	}
}

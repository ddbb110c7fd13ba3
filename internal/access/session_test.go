package access_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/access"
)

func TestSession(t *testing.T) {
	t.Parallel()
	const reader, admin = "canary-read-0123456789", "canary-admin-0123456789"
	tokens, err := access.Parse("read:" + reader + ",admin:" + admin)
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
	other, err := access.Parse("read:" + reader)
	if err != nil {
		t.Fatal(err)
	}
	later, mac, _ := strings.Cut(session, ".")
	for _, tt := range []struct {
		name    string
		tokens  access.Tokens
		session string
		at      time.Time
		want    access.Scope
	}{
		{"good", tokens, session, now, access.Admin},
		{"reader", tokens, tokens.Session(reader, now.Add(time.Hour)), now, access.Read},
		{"over", tokens, session, now.Add(time.Hour), access.None},
		{"prolonged", tokens, "1" + later + "." + mac, now, access.None},
		{"token removed", other, session, now, access.None},
		{"no tokens", access.Tokens{}, session, now, access.None},
		{"empty", tokens, "", now, access.None},
		{"no signature", tokens, later + ".", now, access.None},
		{"the token itself", tokens, admin, now, access.None},
	} {
		if got := tt.tokens.SessionScope(tt.session, tt.at); got != tt.want {
			t.Errorf("%s: SessionScope() = %v, want %v", tt.name, got, tt.want)
		}
	}
}

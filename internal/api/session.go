package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/api/access"
	"github.com/flink-on-mesos/flink-service/internal/auth"
)

// The page sends its token as a header, which a link cannot. So that links to Flink's own page and to the files of sandboxes
// work, the page asks for a session: a cookie that scripts cannot read and that other sites cannot send. It lets its
// bearer read, and use Flink's REST API; what our own API changes always takes the token.

// sessionLifetime is how long a session is good for. The page asks for a new one long before.
const sessionLifetime = 12 * time.Hour

// sessionCookie is the name of the cookie. Browsers share cookies among the ports of a host, so services side by side
// need a name each.
func (a *API) sessionCookie() string {
	sum := sha256.Sum256([]byte(a.o.FrameworkName))
	return "flink-session-" + hex.EncodeToString(sum[:4])
}

// beginSession answers the cookie for the token of the request. It has no path of its own, so that the browser takes
// that of the request, whatever prefix it knows us under.
func (a *API) beginSession(w http.ResponseWriter, r *http.Request) error {
	if !a.o.Tokens.Open() {
		http.SetCookie(w, a.cookie(r, a.o.Tokens.Session(access.Token(r), time.Now().Add(sessionLifetime))))
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// endSession has the browser forget the cookie.
func (a *API) endSession(w http.ResponseWriter, r *http.Request) error {
	c := a.cookie(r, "")
	c.MaxAge = -1
	http.SetCookie(w, c)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) cookie(r *http.Request, value string) *http.Cookie {
	return &http.Cookie{
		Name: a.sessionCookie(), Value: value, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	}
}

// sessionScope is what the session of a request lets it do. What changes something must come from a page of our own
// origin.
func (a *API) sessionScope(r *http.Request, need auth.Scope) auth.Scope {
	c, err := r.Cookie(a.sessionCookie())
	if err != nil {
		return auth.None
	}
	_, proxied := access.ProxyPath(r.URL.EscapedPath())
	if need > auth.Read && !(proxied && access.SameOrigin(r)) {
		return auth.None
	}
	return a.o.Tokens.SessionScope(c.Value, time.Now())
}

package asked

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// By says who makes a request, as far as it tells; name is that of the token, empty for none.
func By(r *http.Request, name string) wire.Actor {
	who := wire.Actor{Name: name, User: userOf(r), Address: r.RemoteAddr}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		who.Address = host
	}
	if first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ","); strings.TrimSpace(first) != "" {
		who.Address = query.Shorten(strings.TrimSpace(first)) + " by way of " + who.Address
	}
	return who
}

// userOf is the user that a DC/OS token names, which Admin Router has verified and passes on: the uid of its payload.
// Who reaches the service past Admin Router can write what they like there.
func userOf(r *http.Request) string {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "token=")
	parts := strings.Split(token, ".")
	if !ok || len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return ""
	}
	var claims struct {
		UID string `json:"uid"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return ""
	}
	return query.Shorten(claims.UID)
}

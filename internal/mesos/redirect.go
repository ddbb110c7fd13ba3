package mesos

import (
	"net/http"
	"sync"
)

// maxRedirects is how many redirects a SUBSCRIBE follows.
const maxRedirects = 3

// leading sends the requests of one subscription to the master that leads: SUBSCRIBE follows the redirects of masters that
// do not, and every later call goes to where it ended. The library follows with SUBSCRIBE alone: the other calls would go
// to the first master, whose redirect ends the subscription. A redirect of a later call is such an end.
type leading struct {
	next http.RoundTripper

	mu sync.Mutex
	// host is where the last redirect led; empty for none.
	host string
	// found says that a master has answered without a redirect.
	found bool
}

// RoundTrip implements http.RoundTripper.
func (l *leading) RoundTrip(r *http.Request) (*http.Response, error) {
	for hops := 0; ; hops++ {
		host, found := l.known()
		if host != "" {
			r = r.Clone(r.Context())
			r.URL.Host, r.Host = host, ""
		}
		resp, err := l.next.RoundTrip(r)
		if err != nil || found {
			return resp, err
		}
		if resp.StatusCode != http.StatusTemporaryRedirect {
			l.set(host, resp.StatusCode == http.StatusOK)
			return resp, nil
		}
		to, err := r.URL.Parse(resp.Header.Get("Location"))
		if err != nil || to.Host == "" || r.GetBody == nil || hops == maxRedirects {
			return resp, nil //nolint:nilerr // The library says what is wrong with a redirect.
		}
		body, err := r.GetBody()
		if err != nil {
			return resp, nil //nolint:nilerr // It is the redirect that cannot be followed.
		}
		_ = resp.Body.Close() // It has no content.
		r = r.Clone(r.Context())
		r.Body = body
		l.set(to.Host, false)
	}
}

func (l *leading) known() (host string, found bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.host, l.found
}

func (l *leading) set(host string, found bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.host, l.found = host, found
}

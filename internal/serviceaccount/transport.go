package serviceaccount

import (
	"fmt"
	"io"
	"net/http"
)

// Authenticate puts a good token on a request. Whoever follows a redirect to another host must take it off again.
func (i *Identity) Authenticate(r *http.Request) error {
	_, err := i.authenticate(r)
	return err
}

func (i *Identity) authenticate(r *http.Request) (value string, err error) {
	value, err = i.Token(r.Context())
	if err != nil {
		return "", fmt.Errorf("authenticate with %s: %w", r.URL.Host, err)
	}
	r.Header.Set("Authorization", "token="+value)
	return value, nil
}

// RoundTripper returns one that puts a token on every request before it passes it to next. When a server does not
// take the token (401) and the request can be repeated, it is repeated once with a new one.
func (i *Identity) RoundTripper(next http.RoundTripper) http.RoundTripper {
	return roundTripper{i, next}
}

type roundTripper struct {
	identity *Identity
	next     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	first := r.Clone(r.Context())
	value, err := t.identity.authenticate(first)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // A RoundTripper closes it, also on errors.
		}
		return nil, err
	}
	resp, err := t.next.RoundTrip(first)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !t.identity.refused(value) {
		return resp, err
	}
	again := r.Clone(r.Context())
	if r.Body != nil && r.Body != http.NoBody {
		if r.GetBody == nil {
			return resp, nil // The next request gets a new token.
		}
		if again.Body, err = r.GetBody(); err != nil {
			return resp, nil //nolint:nilerr // The answer that there is says more.
		}
	}
	if _, err := t.identity.authenticate(again); err != nil {
		if again.Body != nil {
			_ = again.Body.Close() // It was made here, and is not sent.
		}
		return resp, nil //nolint:nilerr // The log has the failed login; the caller gets the server's answer.
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // So that the connection can be used again.
	_ = resp.Body.Close()
	return t.next.RoundTrip(again)
}

// Package serviceaccount owns the identity of the service on a cluster whose masters ask for one: it reads the credential of a
// service account, logs in with it, and puts the token that it got on requests.
//
// It refuses to send a credential anywhere but to the login endpoint, and a token anywhere but where the caller's
// transport goes. It knows nothing of what the requests are about.
package serviceaccount

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Options configure an Identity. Credential and Log are required.
type Options struct {
	// Credential is the credential of a service account: its JSON, or the path of a file that holds it, with or
	// without file: before it.
	Credential string
	// Transport reaches the login endpoint; nil means a direct one with the authorities of the system.
	Transport http.RoundTripper
	// Timeout bounds one login; 15 seconds when 0.
	Timeout time.Duration
	Log     *slog.Logger
}

// Times of a login and of the token that it brings.
const (
	// loginLifetime is how long the login endpoint may take the proof that is sent to it.
	loginLifetime = 5 * time.Minute
	// ahead is how long before its end a token is replaced, if it lives long enough.
	ahead = 30 * time.Minute
	// young is the age below which a token that is refused is not replaced: a new one would be refused too.
	young = 10 * time.Second
	// backoffFirst and backoffMost bound the time between logins that failed.
	backoffFirst, backoffMost = time.Second, 30 * time.Second
)

// Identity is a service account that is logged in when somebody needs it. It is safe for use by several goroutines.
type Identity struct {
	credential credential
	client     *http.Client
	timeout    time.Duration
	log        *slog.Logger

	mu      sync.Mutex
	current token
	// flight is the login under way; nil for none.
	flight *flight
	// failures in a row, the last one, and when the next login may begin.
	failures int
	failure  error
	retry    time.Time
	// skew is how far the clock of the login endpoint is ahead of ours.
	skew time.Duration
}

// token is what a login brought. The zero value is none. The times are of our clock; zero ones never come.
type token struct {
	value                     string
	issued, replace, unusable time.Time
}

// good says that the token may be used.
func (t token) good(now time.Time) bool {
	return t.value != "" && (t.unusable.IsZero() || now.Before(t.unusable))
}

// due says that the token is to be replaced.
func (t token) due(now time.Time) bool {
	return !t.replace.IsZero() && !now.Before(t.replace)
}

// flight is a login that several callers may wait for.
type flight struct {
	done  chan struct{}
	value string
	err   error
}

// New reads the credential. It logs in when the first token is asked for.
func New(o Options) (*Identity, error) {
	if o.Log == nil {
		return nil, errors.New("dcos: Log is required")
	}
	c, err := readCredential(o.Credential)
	if err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = 15 * time.Second
	}
	return &Identity{
		credential: c, timeout: o.Timeout, log: o.Log,
		client: &http.Client{Transport: o.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// UID is the name of the service account: the principal of the framework.
func (i *Identity) UID() string { return i.credential.uid }

// LoginEndpoint is where the service account logs in.
func (i *Identity) LoginEndpoint() string { return i.credential.endpoint }

// Token returns a token that is good now. It logs in when there is none, and waits for that as long as ctx lasts; one
// that will end soon is replaced meanwhile. Callers that come together share one login, and after a failed one the
// next waits for a second, doubled up to half a minute.
func (i *Identity) Token(ctx context.Context) (string, error) {
	i.mu.Lock()
	now := time.Now()
	if i.current.good(now) {
		value := i.current.value
		if i.current.due(now) && i.flight == nil && !now.Before(i.retry) {
			i.start()
		}
		i.mu.Unlock()
		return value, nil
	}
	if i.flight == nil {
		if now.Before(i.retry) {
			err := i.failure
			i.mu.Unlock()
			return "", err
		}
		i.start()
	}
	f := i.flight
	i.mu.Unlock()
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// start begins a login. The caller holds mu.
func (i *Identity) start() {
	f := &flight{done: make(chan struct{})}
	i.flight = f
	skew := i.skew
	go func() {
		// The login serves everybody who asks meanwhile, so it is not the first caller's to cancel.
		ctx, cancel := context.WithTimeout(context.Background(), i.timeout)
		defer cancel()
		t, skew, err := i.logIn(ctx, skew)
		i.landed(f, t, skew, err)
	}()
}

// landed takes the result of a login.
func (i *Identity) landed(f *flight, t token, skew time.Duration, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.flight, i.skew = nil, skew
	f.value, f.err = t.value, err
	close(f.done)
	if err != nil {
		wait := min(backoffMost, backoffFirst<<min(i.failures, 10))
		i.failures++
		i.failure, i.retry = err, time.Now().Add(wait)
		i.log.Warn("the service account is not logged in", "error", err, "retry", wait)
		return
	}
	i.current, i.failures, i.failure, i.retry = t, 0, nil, time.Time{}
	i.log.Info("the service account is logged in", "uid", i.credential.uid, "until", t.unusable)
}

// refused forgets a token that a server did not take, and says whether another one may be better.
func (i *Identity) refused(value string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.current.value != value {
		return true // Somebody else has replaced it already.
	}
	if time.Since(i.current.issued) < young {
		return false
	}
	i.current = token{}
	return true
}

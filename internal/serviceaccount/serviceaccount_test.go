package serviceaccount_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/serviceaccount"
	"github.com/flink-on-mesos/flink-service/internal/testkit/iam"
)

// direct is a transport into a handler, without a network, so that time can be virtual.
type direct struct {
	http.Handler
	calls atomic.Int32
}

func (d *direct) RoundTrip(r *http.Request) (*http.Response, error) {
	d.calls.Add(1)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// world is a login endpoint, a service account that is logged in there, and a server that wants tokens.
type world struct {
	t        *testing.T
	iam      *iam.Server
	login    *direct
	server   *direct
	identity *serviceaccount.Identity
	client   *http.Client
}

func newWorld(t *testing.T, o iam.Options) *world {
	t.Helper()
	w := &world{t: t, iam: iam.New(o)}
	credential, err := w.iam.Create("flink", "https://iam.example")
	if err != nil {
		t.Fatal(err)
	}
	w.login = &direct{Handler: w.iam}
	w.server = &direct{Handler: w.iam.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))}
	w.identity, err = serviceaccount.New(serviceaccount.Options{Credential: credential, Transport: w.login, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w.client = &http.Client{Transport: w.identity.RoundTripper(w.server)}
	return w
}

// post sends a body and wants it back with a status.
func (w *world) post(status int) {
	w.t.Helper()
	resp, err := w.client.Post("http://server.example/", "text/plain", strings.NewReader("hello"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || status == http.StatusOK && string(body) != "hello" {
		w.t.Fatalf("want %d, got %s %q %v", status, resp.Status, body, err)
	}
}

// logins wants so many logins so far.
func (w *world) logins(want int) {
	w.t.Helper()
	synctest.Wait()
	if got := w.iam.Logins(); got != want {
		w.t.Fatalf("want %d logins, got %d", want, got)
	}
}

func TestTokenIsReplacedBeforeItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, iam.Options{Lifetime: 5 * time.Hour})
		w.post(http.StatusOK)
		w.logins(1)
		time.Sleep(4*time.Hour + 29*time.Minute)
		w.post(http.StatusOK)
		w.logins(1)
		time.Sleep(2 * time.Minute)
		w.post(http.StatusOK) // With the old token, while the new one is fetched.
		w.logins(2)
		time.Sleep(4 * time.Hour)
		w.post(http.StatusOK)
		w.logins(2)
		time.Sleep(100 * time.Hour)
		w.post(http.StatusOK)
		w.logins(3)
	})
}

func TestShortTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, iam.Options{Lifetime: 100 * time.Second})
		w.post(http.StatusOK)
		time.Sleep(70 * time.Second)
		w.post(http.StatusOK)
		w.logins(1)
		time.Sleep(11 * time.Second)
		w.post(http.StatusOK)
		w.logins(2)
	})
}

func TestRevokedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, iam.Options{})
		w.post(http.StatusOK)
		time.Sleep(time.Minute)
		w.iam.Revoke()
		w.post(http.StatusOK)
		w.logins(2)
		if got := w.server.calls.Load(); got != 3 {
			t.Fatalf("want 3 calls, got %d", got)
		}
		// A server that takes no token at all is not a reason to log in again and again.
		w.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
		for range 20 {
			w.post(http.StatusUnauthorized)
		}
		w.logins(2)
	})
}

// TestBodyThatCannotBeSentAgain has the server's answer passed on, and the next request get a new token.
func TestBodyThatCannotBeSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, iam.Options{})
		w.post(http.StatusOK)
		time.Sleep(time.Minute)
		w.iam.Revoke()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://server.example/", io.MultiReader(strings.NewReader("once")))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.client.Do(r)
		if err != nil || resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("got %v %v", resp, err)
		}
		_ = resp.Body.Close()
		if r.Header.Get("Authorization") != "" {
			t.Error("the caller's request was changed")
		}
		w.post(http.StatusOK)
		w.logins(2)
	})
}

func TestCallersShareALogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, iam.Options{})
		inner := w.login.Handler
		w.login.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * time.Second)
			inner.ServeHTTP(rw, r)
		})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { w.post(http.StatusOK) })
		}
		wg.Wait()
		w.logins(1)
	})
}

func TestFailedLogins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, iam.Options{Lifetime: 5 * time.Hour})
		w.iam.Break("the database is away")
		for range 10 {
			_, err := w.identity.Token(t.Context())
			if err == nil || !strings.Contains(err.Error(), "the database is away") || !strings.Contains(err.Error(), "service account flink") {
				t.Fatalf("got %v", err)
			}
		}
		if got := w.login.calls.Load(); got != 1 {
			t.Fatalf("want 1 attempt within a second, got %d", got)
		}
		w.iam.Break("")
		time.Sleep(time.Second)
		w.post(http.StatusOK)
		// While the login fails, the token that is good yet stays in use.
		w.iam.Break("away again")
		time.Sleep(4*time.Hour + 40*time.Minute)
		for range 15 {
			w.post(http.StatusOK)
			time.Sleep(time.Minute)
		}
		w.iam.Break("")
		w.post(http.StatusOK)
		w.logins(2)
	})
}

// TestOtherClock logs in at an endpoint whose clock differs by more than a proof lives.
func TestOtherClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{20 * time.Minute, -3 * time.Hour, time.Second} {
		t.Run(ahead.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, iam.Options{Lifetime: 2 * time.Hour, Now: func() time.Time { return time.Now().Add(ahead) }})
				w.post(http.StatusOK)
				w.logins(1)
				for hour := range 10 {
					time.Sleep(time.Hour)
					w.post(http.StatusOK)
					synctest.Wait()
					if hour > 1 && w.iam.Logins() < 2 {
						t.Fatal("the token is not replaced")
					}
				}
				if calls := int(w.login.calls.Load()); calls > w.iam.Logins()+1 {
					t.Errorf("%d attempts for %d logins: the difference of the clocks is not remembered", calls, w.iam.Logins())
				}
			})
		})
	}
}

func TestUnknownAccount(t *testing.T) {
	t.Parallel()
	there := iam.New(iam.Options{})
	credential, err := iam.New(iam.Options{}).Create("flink", "https://iam.example")
	if err != nil {
		t.Fatal(err)
	}
	i, err := serviceaccount.New(serviceaccount.Options{Credential: credential, Transport: &direct{Handler: there}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = i.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no account flink") {
		t.Errorf("got %v", err)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	good, err := iam.New(iam.Options{}).Create("flink", "https://iam.example")
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]string
	if err := json.Unmarshal([]byte(good), &fields); err != nil {
		t.Fatal(err)
	}
	key := fields["private_key"]
	with := func(name, value string) string {
		changed := map[string]string{}
		maps.Copy(changed, fields)
		changed[name] = value
		data, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	file := filepath.Join(t.TempDir(), "service-account.json")
	if err := os.WriteFile(file, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, credential, problem, endpoint string }{
		{name: "value", credential: good, endpoint: "https://iam.example/acs/api/v1/auth/login"},
		{name: "path", credential: file, endpoint: "https://iam.example/acs/api/v1/auth/login"},
		{name: "file", credential: "file:" + file, endpoint: "https://iam.example/acs/api/v1/auth/login"},
		{name: "file URL", credential: "file://" + file + "\n", endpoint: "https://iam.example/acs/api/v1/auth/login"},
		{name: "PKCS 1", credential: with("private_key", pkcs1(t, key)), endpoint: "https://iam.example/acs/api/v1/auth/login"},
		{name: "no endpoint", credential: with("login_endpoint", ""), endpoint: "https://master.mesos/acs/api/v1/auth/login"},
		{name: "empty", problem: "is empty"},
		{name: "no file", credential: "file:/nonexistent/sa", problem: "/nonexistent/sa cannot be read"},
		{name: "half", credential: good[:200], problem: "not JSON"},
		{name: "scheme", credential: with("scheme", "HS256"), problem: "RS256"},
		{name: "uid", credential: with("uid", ""), problem: "no uid"},
		{name: "key", credential: with("private_key", ""), problem: "no private_key"},
		{name: "damaged key", credential: with("private_key", strings.Replace(key, "A", "", 1)), problem: "private_key of service account flink"},
		{name: "endpoint", credential: with("login_endpoint", "ftp://x"), problem: "login_endpoint"},
		{name: "a bare key", credential: key[30:80], problem: "not JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i, err := serviceaccount.New(serviceaccount.Options{Credential: c.credential, Log: slog.New(slog.DiscardHandler)})
			if c.problem != "" {
				if err == nil || !strings.Contains(err.Error(), c.problem) {
					t.Fatalf("want %q, got %v", c.problem, err)
				}
				if strings.Contains(err.Error(), key[40:60]) {
					t.Fatalf("the error shows the key: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if i.UID() != "flink" || i.LoginEndpoint() != c.endpoint {
				t.Errorf("got %s at %s", i.UID(), i.LoginEndpoint())
			}
			if shown := fmt.Sprintf("%v %+v", i, i); strings.Contains(shown, "BEGIN") {
				t.Error("the key is printed")
			}
		})
	}
}

func pkcs1(t *testing.T, text string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		t.Fatalf("the key is a %T", key)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}))
}

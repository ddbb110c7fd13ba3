package serviceaccount

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"
)

const (
	// maxAnswer is the longest answer of a login that is read, in bytes.
	maxAnswer = 256 << 10
	// wrongClock is the least difference of two clocks that a second attempt makes sense for; the header Date has seconds.
	wrongClock = 10 * time.Second
)

// refusal is an answer of the login endpoint other than a token.
type refusal struct {
	status int
	text   string
}

// Error implements error.
func (r *refusal) Error() string { return r.text }

// logIn asks for a token. When it is refused and the endpoint's clock turns out to be another, it tries once more
// with that clock's time: the proof of who we are is good for minutes only.
func (i *Identity) logIn(ctx context.Context, skew time.Duration) (token, time.Duration, error) {
	t, measured, err := i.attempt(ctx, skew)
	if r, ok := err.(*refusal); ok && (r.status == http.StatusUnauthorized || r.status == http.StatusForbidden) && (measured-skew).Abs() > wrongClock { //nolint:errorlint // attempt returns it unwrapped.
		i.log.Warn("the clock of the login endpoint is not ours", "ahead", measured.Round(time.Second))
		t, measured, err = i.attempt(ctx, measured)
	}
	if err != nil {
		err = fmt.Errorf("log in as service account %s at %s: %w", i.credential.uid, i.credential.endpoint, err)
	}
	return t, measured, err
}

// attempt is one request. It returns how far the endpoint's clock is ahead as far as that can be told.
func (i *Identity) attempt(ctx context.Context, skew time.Duration) (token, time.Duration, error) {
	began := time.Now()
	proof, err := i.credential.proof(began.Add(skew + loginLifetime))
	if err != nil {
		return token{}, skew, err
	}
	body, err := json.Marshal(map[string]string{"uid": i.credential.uid, "token": proof})
	if err != nil {
		return token{}, skew, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, i.credential.endpoint, bytes.NewReader(body))
	if err != nil {
		return token{}, skew, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	resp, err := i.client.Do(r)
	if err != nil {
		return token{}, skew, err
	}
	defer resp.Body.Close()
	now := time.Now()
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		// Within a second nothing can be told; then the clocks are taken for equal.
		if skew = date.Sub(now); skew.Abs() <= 2*time.Second {
			skew = 0
		}
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return token{}, skew, err
	}
	if resp.StatusCode != http.StatusOK {
		return token{}, skew, refused(resp, data)
	}
	var answer struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(data, &answer); err != nil || answer.Token == "" || strings.ContainsAny(answer.Token, " \r\n\t") {
		return token{}, skew, fmt.Errorf("the answer (%s) has no token", resp.Status)
	}
	return newToken(answer.Token, now, skew), skew, nil
}

// refused puts the words of a refusal in one sentence.
func refused(resp *http.Response, data []byte) *refusal {
	var e struct {
		Title       string `json:"title"`
		Description string `json:"description"`
	}
	r := &refusal{status: resp.StatusCode, text: resp.Status}
	if json.Unmarshal(data, &e) == nil {
		for _, words := range []string{e.Title, e.Description} {
			if words != "" && !strings.Contains(r.text, words) {
				r.text += fmt.Sprintf(": %.200s", words)
			}
		}
	}
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		r.text += "; is the account there, with the public key of this private key?"
	}
	return r
}

// proof is a signed statement of who we are, good until exp.
func (c credential) proof(exp time.Time) (string, error) {
	claims, err := json.Marshal(struct {
		UID string `json:"uid"`
		Exp int64  `json:"exp"`
	}{c.uid, exp.Unix()})
	if err != nil {
		return "", err
	}
	text := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return text + "." + encode(signature), nil
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// newToken reads when a token ends. One that does not say it is used until it is refused.
func newToken(value string, now time.Time, skew time.Duration) token {
	t := token{value: value, issued: now}
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		return t
	}
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return t
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if json.Unmarshal(data, &claims) != nil || claims.Exp <= 0 || claims.Exp > math.MaxInt32*1000 {
		return t
	}
	t.unusable = time.Unix(int64(claims.Exp), 0).Add(-skew)
	// A token of a few minutes is replaced after four fifths of them.
	t.replace = t.unusable.Add(-min(ahead, max(0, t.unusable.Sub(now)/5)))
	return t
}

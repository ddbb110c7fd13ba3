package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// authorization is the header of a request that is signed by AWS Signature Version 4.
var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/,]+)/(\d{8})/([^/,]+)/([^/,]+)/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$`)

// verify says whether a request is signed with the server's key. It follows "Signature Calculations for the Authorization
// Header" of the S3 API reference. The hash of the content is taken from the header that is signed too.
func (s *Server) verify(r *http.Request) error {
	parts := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil {
		return errors.New("the request is not signed")
	}
	key, date, region, service, headers, signature := parts[1], parts[2], parts[3], parts[4], parts[5], parts[6]
	if key != s.AccessKey {
		return fmt.Errorf("there is no key %s", key)
	}
	hash := sha256.Sum256([]byte(canonical(r, strings.Split(headers, ";"))))
	scope := strings.Join([]string{date, region, service, "aws4_request"}, "/")
	text := strings.Join([]string{"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), scope, hex.EncodeToString(hash[:])}, "\n")
	mac := []byte("AWS4" + s.SecretKey)
	for _, part := range []string{date, region, service, "aws4_request", text} {
		h := hmac.New(sha256.New, mac)
		h.Write([]byte(part))
		mac = h.Sum(nil)
	}
	if hex.EncodeToString(mac) != signature {
		return errors.New("the signature does not match")
	}
	return nil
}

// canonical is the form of a request that is signed.
func canonical(r *http.Request, headers []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%s\n", r.Method, escape(r.URL.Path, true), canonicalQuery(r.URL.Query()))
	for _, name := range headers {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length": // The server of net/http takes it out of the headers.
			value = fmt.Sprint(r.ContentLength)
		}
		fmt.Fprintf(&b, "%s:%s\n", name, strings.Join(strings.Fields(value), " "))
	}
	fmt.Fprintf(&b, "\n%s\n%s", strings.Join(headers, ";"), r.Header.Get("X-Amz-Content-Sha256"))
	return b.String()
}

func canonicalQuery(query url.Values) string {
	var all []string
	for name, values := range query {
		for _, value := range values {
			all = append(all, escape(name, false)+"="+escape(value, false))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "&")
}

// escape writes all but the unreserved characters of RFC 3986 as %XX; slashes stay where the text is a path.
func escape(text string, path bool) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 || path && c == '/' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

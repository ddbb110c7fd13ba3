package ha

import (
	"crypto/md5" //nolint:gosec // DIGEST-MD5 is what ZooKeeper speaks.
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// digest is one DIGEST-MD5 authentication (RFC 2831) with the quality of protection auth.
type digest struct {
	a1            string
	nonce, cnonce string
}

// digestURI is for which service and server; ZooKeeper has this name for every server (zookeeper.sasl.clientconfig).
const digestURI = "zookeeper/zk-sasl-md5"

// answerDigest makes the response to a challenge. Cnonce is the client's part of it, which nobody used before.
func answerDigest(challenge []byte, login SASL, cnonce string) (*digest, []byte, error) {
	fields, err := directives(string(challenge))
	if err != nil {
		return nil, nil, err
	}
	nonce := fields["nonce"]
	switch {
	case nonce == "":
		return nil, nil, errors.New("its challenge has no nonce")
	case fields["algorithm"] != "md5-sess":
		return nil, nil, fmt.Errorf("its algorithm is %q, not md5-sess", fields["algorithm"])
	case fields["qop"] != "" && !containsToken(fields["qop"], "auth"):
		return nil, nil, fmt.Errorf("its quality of protection is %q, which has no auth", fields["qop"])
	}
	user, realm, password := latin1(login.User), latin1(fields["realm"]), latin1(login.Password)
	secret := md5.Sum([]byte(user + ":" + realm + ":" + password)) //nolint:gosec // As above.
	d := &digest{a1: string(secret[:]) + ":" + nonce + ":" + cnonce, nonce: nonce, cnonce: cnonce}
	b := new(strings.Builder)
	if fields["charset"] == "utf-8" {
		b.WriteString("charset=utf-8,")
	}
	fmt.Fprintf(b, "username=%s,realm=%s,nonce=%s,nc=00000001,cnonce=%s,digest-uri=%s,maxbuf=65536,response=%s,qop=auth",
		quoted(login.User), quoted(fields["realm"]), quoted(nonce), quoted(cnonce), quoted(digestURI), d.response("AUTHENTICATE:"))
	return d, []byte(b.String()), nil
}

// response is the proof of who knows the password: the client's, or without its method the server's.
func (d *digest) response(method string) string {
	return md5Hex(md5Hex(d.a1) + ":" + d.nonce + ":00000001:" + d.cnonce + ":auth:" + md5Hex(method+digestURI))
}

// checkServer says whether the server knows the password too.
func (d *digest) checkServer(proof []byte) error {
	fields, err := directives(string(proof))
	if err != nil {
		return err
	}
	if want := d.response(":"); subtle.ConstantTimeCompare([]byte(fields["rspauth"]), []byte(want)) != 1 {
		return errors.New("it does not prove that it knows the password")
	}
	return nil
}

func md5Hex(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // As above.
	return hex.EncodeToString(sum[:])
}

// newNonce draws 128 bits.
func newNonce() string {
	b := make([]byte, 16)
	rand.Read(b) // It never fails.
	return hex.EncodeToString(b)
}

// directives reads key=value,key="quoted value".
func directives(text string) (map[string]string, error) {
	fields := make(map[string]string)
	for text != "" {
		key, rest, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("its message cannot be read at %q", text)
		}
		value := ""
		if strings.HasPrefix(rest, `"`) {
			if value, rest, ok = unquoteDirective(rest[1:]); !ok {
				return nil, errors.New("its message ends in a quotation")
			}
			_, rest, _ = strings.Cut(rest, ",")
		} else {
			value, rest, _ = strings.Cut(rest, ",")
		}
		fields[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
		text = rest
	}
	return fields, nil
}

// unquoteDirective reads up to the closing quotation mark and returns what follows it.
func unquoteDirective(text string) (value, rest string, ok bool) {
	b := new(strings.Builder)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:], true
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func containsToken(list, token string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(t) == token {
			return true
		}
	}
	return false
}

// latin1 is a text in ISO 8859-1 when it can be written so, as RFC 2831 wants it in the digest of the password.
func latin1(text string) string {
	b := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			return text
		}
		b = append(b, byte(r))
	}
	return string(b)
}

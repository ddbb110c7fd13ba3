package ha

import (
	"strings"
	"testing"
)

// The example of RFC 2831, section 4, with the service of ZooKeeper in place of the mail server's: its own proof is
// made with the same secret.
func TestDigest(t *testing.T) {
	challenge := []byte(`realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8`)
	d, response, err := answerDigest(challenge, SASL{User: "chris", Password: "secret"}, "OA6MHXh6VqTrRk")
	if err != nil {
		t.Fatal(err)
	}
	// HEX(H(A1)) is independent of the service: with imap/elwood.innosoft.com it gives what the RFC prints.
	imap := func(method string) string {
		return md5Hex(md5Hex(d.a1) + ":OA6MG9tEQGm2hh:00000001:OA6MHXh6VqTrRk:auth:" + md5Hex(method+"imap/elwood.innosoft.com"))
	}
	if got := imap("AUTHENTICATE:"); got != "d388dad90d4bbd760a152321f2143af7" {
		t.Errorf("the response of the example is %s", got)
	}
	if got := imap(":"); got != "ea40f60335c427b5527b84dbabcdfffd" {
		t.Errorf("the server's proof of the example is %s", got)
	}
	for _, want := range []string{`charset=utf-8,`, `username="chris"`, `realm="elwood.innosoft.com"`, `nc=00000001`, `digest-uri="zookeeper/zk-sasl-md5"`, `qop=auth`} {
		if !strings.Contains(string(response), want) {
			t.Errorf("the response %s has no %s", response, want)
		}
	}
	if err := d.checkServer([]byte("rspauth=" + d.response(":"))); err != nil {
		t.Errorf("checkServer() error: %v", err)
	}
	for _, proof := range []string{"", "rspauth=0", "nonsense"} {
		if d.checkServer([]byte(proof)) == nil {
			t.Errorf("checkServer(%q) found nothing wrong", proof)
		}
	}
}

func TestDigestRefusesChallenges(t *testing.T) {
	for _, challenge := range []string{
		"", "nonsense", `nonce="unfinished`, `nonce="x",algorithm=md5`, `nonce="x",algorithm=md5-sess,qop="auth-conf"`, `realm="r",algorithm=md5-sess`,
	} {
		if _, _, err := answerDigest([]byte(challenge), SASL{User: "u", Password: "hunter2"}, "c"); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("answerDigest(%q) error: %v", challenge, err)
		}
	}
}

func TestDirectives(t *testing.T) {
	got, err := directives(`A="b\"c,d=e", x=y ,empty="" ,last=`)
	if err != nil || got["a"] != `b"c,d=e` || got["x"] != "y" || got["empty"] != "" || got["last"] != "" || len(got) != 4 {
		t.Errorf("directives() = %q, %v", got, err)
	}
	if quoted(`a"b\`) != `"a\"b\\"` {
		t.Errorf("quoted() = %s", quoted(`a"b\`))
	}
	if latin1("ä") != "\xe4" || latin1("€") != "€" {
		t.Error("latin1() is wrong")
	}
}

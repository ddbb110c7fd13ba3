package redact_test

import (
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/redact"
)

func TestURI(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"":                                      "",
		"artifact:00/app.jar":                   "artifact:00/app.jar",
		"https://host/a.jar":                    "https://host/a.jar",
		"https://me:pw@host/a.jar":              "https://me:******@host/a.jar",
		"https://me:p@w:x@host/a.jar":           "https://me:******@host/a.jar",
		"https://:pw@host/a":                    "https://:******@host/a",
		"https://me:@host/a":                    "https://me:@host/a",
		"https://token@host/a":                  "https://******@host/a",
		"abfs://container@account/path":         "abfs://container@account/path",
		"s3a://key:secret@bucket/path":          "s3a://******:******@bucket/path",
		"S3://AKIA:se/cr/et@bucket":             "S3://******:******@bucket",
		"s3://bucket/key:with@signs":            "s3://bucket/key:with@signs",
		"s3://bucket/k?a:b@c":                   "s3://bucket/k?******",
		"https://h/a?token=x&v=1&&bare&empty=":  "https://h/a?token=******&v=******&&******&empty=",
		"https://h/a?#t=x":                      "https://h/a?#t=x",
		"https://h?x=https://u:p@h2/#frag?y=1":  "https://h?x=******#frag?y=1",
		"https://h/user:pw@x":                   "https://h/user:pw@x",
		"https://u:******@h/a?token=******":     "https://u:******@h/a?token=******",
		"https://h/a;jsessionid=1?sig=a%3D%3D&": "https://h/a;jsessionid=1?sig=******&",
	} {
		got := redact.URI(uri)
		if got != want {
			t.Errorf("%s: want %s, got %s", uri, want, got)
		}
		if again := redact.URI(got); again != got {
			t.Errorf("%s is masked again, to %s", got, again)
		}
	}
	text := `Failed to fetch 'https://me:canary@h/x?sig=canary': curl "ftp://canary@h/y" <s3://b/k?canary>, and http://h/z is there`
	want := `Failed to fetch 'https://me:******@h/x?sig=******': curl "ftp://******@h/y" <s3://b/k?******>, and http://h/z is there`
	if got := redact.Text(text); got != want {
		t.Errorf("want %s\ngot  %s", want, got)
	}
}

// FuzzURI checks that masking twice is masking once, and that no secret of a simple form is left.
func FuzzURI(f *testing.F) {
	f.Add("https", "user", "host/path", "name")
	f.Add("s3", "", "b", "")
	f.Fuzz(func(t *testing.T, scheme, user, host, name string) {
		const secret = "c4n4ry"
		for _, s := range []string{scheme, user, host, name} {
			if strings.ContainsAny(s, ":/?#@&=") || strings.Contains(s, secret) {
				t.Skip()
			}
		}
		got := redact.URI(scheme + "://" + user + ":" + secret + "@" + host + "/x?" + name + "=" + secret + "&" + secret)
		if strings.Contains(got, secret) || redact.URI(got) != got {
			t.Errorf("masked is %s", got)
		}
	})
}

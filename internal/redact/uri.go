package redact

import (
	"regexp"
	"strings"
)

// uriPattern finds URIs in a text for people.
var uriPattern = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s'"<>` + "`" + `]+`)

// URI hides what lets its bearer in: a password, a user name that stands alone before a web or FTP server (a token), and the
// values in the query (signatures, tokens). Names stay. Everything else stays as it is, byte by byte, so that a URI that was
// shown can be compared with the one that is stored.
func URI(uri string) string {
	scheme, rest, found := strings.Cut(uri, "://")
	if !found {
		return uri
	}
	if masked, ok := maskKeys(scheme, rest); ok {
		return scheme + "://" + masked
	}
	end := len(rest)
	if cut := strings.IndexAny(rest, "/?#"); cut >= 0 {
		end = cut
	}
	authority, tail := rest[:end], rest[end:]
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, _, password := strings.Cut(authority[:at], ":")
		switch {
		case password && len(user)+1 < at:
			authority = user + ":" + Mask + authority[at:]
		case !password && at > 0 && webScheme(scheme):
			authority = Mask + authority[at:]
		}
	}
	return scheme + "://" + authority + maskQuery(tail)
}

// maskKeys hides both keys of an object store in front of a bucket (s3a://access:secret@bucket/…). The secret one may hold
// slashes, so that what looks like the end of the authority is none.
func maskKeys(scheme, rest string) (string, bool) {
	switch strings.ToLower(scheme) {
	case "s3", "s3a", "s3n", "s3p":
	default:
		return "", false
	}
	first, _, _ := strings.Cut(rest, "/")
	_, _, keys := strings.Cut(first, ":")
	at := strings.IndexByte(rest, '@')
	if !keys || at < 0 || strings.ContainsAny(rest[:at], "?#") {
		return "", false
	}
	end := len(rest)
	if cut := strings.IndexAny(rest[at:], "/?#"); cut >= 0 {
		end = at + cut
	}
	return Mask + ":" + Mask + rest[at:end] + maskQuery(rest[end:]), true
}

// webScheme says whether what stands before the @ is a user. In abfs://container@account it is none.
func webScheme(scheme string) bool {
	switch strings.ToLower(scheme) {
	case "http", "https", "ftp", "ftps":
		return true
	}
	return false
}

// maskQuery hides the values in the query of what follows an authority.
func maskQuery(tail string) string {
	tail, fragment, hasFragment := strings.Cut(tail, "#")
	before, query, hasQuery := strings.Cut(tail, "?")
	if hasFragment {
		fragment = "#" + fragment
	}
	if !hasQuery || query == "" {
		return tail + fragment
	}
	parts := strings.Split(query, "&")
	for i, p := range parts {
		name, value, pair := strings.Cut(p, "=")
		switch {
		case pair && value != "":
			parts[i] = name + "=" + Mask
		case !pair && p != "":
			parts[i] = Mask // A bare word may be the token itself.
		}
	}
	return before + "?" + strings.Join(parts, "&") + fragment
}

// Text hides the same in every URI of a text, such as a message of Mesos' fetcher.
func Text(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return uriPattern.ReplaceAllStringFunc(text, URI)
}

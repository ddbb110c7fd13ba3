package spec

import (
	"fmt"
	"strconv"
	"strings"
)

// ArtifactScheme is what the URI of an uploaded file begins with.
const ArtifactScheme = "artifact:"

// MaxFileName is the longest file name of an artifact, in bytes.
const MaxFileName = 200

// ArtifactURI names an uploaded file: by the SHA-256 of its content, and by the name that tasks find it under. Its text
// form is "artifact:<sha256>/<name>".
type ArtifactURI struct {
	// SHA256 is 64 lower-case hexadecimal digits.
	SHA256 string
	// Name is a file name; see IsFileName.
	Name string
}

// String returns the text form.
func (u ArtifactURI) String() string { return ArtifactScheme + u.SHA256 + "/" + u.Name }

// IsArtifactURI says whether a URI is meant to name an uploaded file; ParseArtifactURI says whether it does.
func IsArtifactURI(uri string) bool { return strings.HasPrefix(uri, ArtifactScheme) }

// ParseArtifactURI reads the text form.
func ParseArtifactURI(uri string) (ArtifactURI, error) {
	rest, ok := strings.CutPrefix(uri, ArtifactScheme)
	sha, name, found := strings.Cut(rest, "/")
	if !ok || !found || !IsSHA256(sha) || !IsFileName(name) {
		return ArtifactURI{}, fmt.Errorf("%s is not an artifact URI: write artifact:<sha256>/<name>, as the upload answered it", quote(uri))
	}
	return ArtifactURI{SHA256: sha, Name: name}, nil
}

// IsSHA256 says whether a text is a hash: 64 lower-case hexadecimal digits.
func IsSHA256(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// IsFileName says whether a text can be the name of an artifact: 1 to MaxFileName letters, digits and ". _ - + ~", not
// beginning with any of ". - + ~". Such a name needs no escaping in a URL, a shell or Mesos' fetcher.
func IsFileName(s string) bool {
	if s == "" || len(s) > MaxFileName || strings.IndexByte(".-+~", s[0]) >= 0 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("._-+~", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// Location is a field of a spec that holds a URI.
type Location struct {
	// Field is the JSON path of the field.
	Field string
	// URI points into the spec; what it points to may be empty.
	URI *string
}

// Locations lists the fields that hold a URI: those of the program, of the overlays, and each element of uris. A change
// through a Location changes what the spec points to, which a copy of the spec shares; see Clone.
func (s *Spec) Locations() []Location {
	var all []Location
	if j := s.Job; j != nil {
		all = append(all, Location{"job.jarURI", &j.JarURI}, Location{"job.jobGraphURI", &j.JobGraphURI},
			Location{"job.python", &j.Python}, Location{"job.initialSavepointPath", &j.InitialSavepointPath})
	}
	if h := s.Hadoop; h != nil {
		all = append(all, Location{"hadoop.configURL", &h.ConfigURL})
	}
	if k := s.Kerberos; k != nil {
		all = append(all, Location{"kerberos.keytabURI", &k.KeytabURI})
	}
	for i := range s.URIs {
		all = append(all, Location{"uris[" + strconv.Itoa(i) + "].value", &s.URIs[i].Value})
	}
	return all
}

// Artifacts lists the uploaded files that the spec names, in the order of Locations. What is not an artifact URI is left out.
func (s Spec) Artifacts() []ArtifactURI {
	var all []ArtifactURI
	for _, l := range s.Locations() {
		if u, err := ParseArtifactURI(*l.URI); err == nil {
			all = append(all, u)
		}
	}
	return all
}

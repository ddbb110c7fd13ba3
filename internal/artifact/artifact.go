package artifact

import (
	"path"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// MaxName is the longest file name of an artifact, in bytes, and the longest id of rendered content.
const MaxName = spec.MaxFileName

// Artifact describes one stored file.
type Artifact struct {
	// SHA256 is the hash of the content: 64 lower-case hexadecimal digits. It is the artifact's identity.
	SHA256 string `json:"sha256"`
	// Name is the file name given with the last Put or Add of this content. It is only advice
	// for whoever fetches: Mesos' fetcher and Flink look at the extension.
	Name string `json:"name"`
	// Size is the length of the content in bytes.
	Size int64 `json:"size"`
	// Created is when the content was last put. A repeated Put renews it, so that Collect spares it.
	Created time.Time `json:"created"`
	// MediaType is the Content-Type that Name's extension stands for.
	MediaType string `json:"mediaType"`
	// Public says that the stable path serves this artifact too. Once public, it stays so.
	Public bool `json:"public"`
}

// URI returns the name by which a cluster's spec refers to the artifact.
func (a Artifact) URI() string { return spec.ArtifactURI{SHA256: a.SHA256, Name: a.Name}.String() }

// CheckName says whether name can be an artifact's file name: 1 to MaxName letters, digits and
// ". _ - + ~", not beginning with a dot or a hyphen. These need no escaping in a URL, a shell or
// Mesos' fetcher, so a path has exactly one spelling. The error is Invalid and names the field.
func CheckName(name string) error {
	if validName(name) {
		return nil
	}
	var l fault.List
	l.Add("name", "%q cannot be a file name here: use 1 to %d letters, digits and . _ - + ~, and begin with none of . - + ~", shorten(name), MaxName)
	return l.Err("bad artifact name")
}

// shorten keeps a hostile input from filling the answer.
func shorten(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

func validSHA(s string) bool { return spec.IsSHA256(s) }

func validName(s string) bool { return spec.IsFileName(s) }

// validID says whether a text can stand between two slashes of our paths, as names can.
func validID(s string) bool { return spec.IsFileName(s) }

// mediaType is a closed table rather than mime.TypeByExtension: that one reads files of the machine,
// and it would let an upload be served as HTML on the origin of the service's own pages.
func mediaType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".jar":
		return "application/java-archive"
	case ".gz", ".tgz":
		return "application/gzip"
	case ".zip":
		return "application/zip"
	case ".tar":
		return "application/x-tar"
	case ".zst":
		return "application/zstd"
	case ".json":
		return "application/json"
	case ".txt", ".conf", ".cfg", ".properties", ".yaml", ".yml", ".sh", ".log":
		return "text/plain; charset=utf-8"
	default:
		return "application/octet-stream"
	}
}

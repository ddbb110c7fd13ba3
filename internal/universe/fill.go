package universe

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// placeholder is what Fill replaces: @base@, @sha256:FILE@ or @flink:VERSION@.
var placeholder = regexp.MustCompile(`@([a-z0-9-]+)(?::([^@]*))?@`)

// Fill replaces the placeholders in the texts of a resource.json: @base@ by the address of the release,
// @sha256:FILE@ by the hash of one of its files, @flink:VERSION@ by the name, without its ending, of the newest
// Flink archive whose version is or begins with VERSION, @flink-opt:VERSION@ by that of the jars of its opt (a field with it
// is left out for a Flink that has none), @java@ by the name of the Java archive, and
// @jobmanager-classes:VERSION@ and @taskmanager-classes:VERSION@ by those of the classes that were prepared for both. A
// placeholder that cannot be filled is an error, and so is an address of a file that the release does not have.
func Fill(resource map[string]any, base string, files map[string]string, flinks []dist.Manifest, java Java) (map[string]any, error) {
	f := filler{base: base, files: files, flinks: flinks, java: java}
	filled, _ := f.fill(resource).(map[string]any)
	return filled, f.err
}

// Java are the file names of the Java of a release.
type Java struct {
	// Archive is the Java itself.
	Archive string
	// Classes are the prepared classes, by the SHA-256 of the Flink archive and the kind of process.
	Classes map[string]map[spec.TaskKind]string
}

type filler struct {
	java   Java
	base   string
	files  map[string]string
	flinks []dist.Manifest
	err    error
}

func (f *filler) fill(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			if !f.without(inner) {
				out[name] = f.fill(inner)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = f.fill(v[i])
		}
		return out
	case string:
		text := placeholder.ReplaceAllStringFunc(v, f.replace)
		if name, ok := strings.CutPrefix(text, f.base+"/"); ok && f.files[name] == "" {
			f.fail("%s is not a file of the release", name)
		}
		return text
	default:
		return v
	}
}

// without says that a text asks for the jars of opt of a Flink that has none.
func (f *filler) without(v any) bool {
	text, _ := v.(string)
	parts := placeholder.FindAllStringSubmatch(text, -1)
	return slices.ContainsFunc(parts, func(p []string) bool {
		if p[1] != "flink-opt" {
			return false
		}
		m, err := dist.Pick(f.flinks, p[2])
		return err == nil && m.Optional == nil
	})
}

func (f *filler) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

func (f *filler) replace(found string) string {
	parts := placeholder.FindStringSubmatch(found)
	switch parts[1] {
	case "base":
		return f.base
	case "sha256":
		hash := f.files[parts[2]]
		if hash == "" {
			f.fail("%s: the release has no such file", found)
		}
		return hash
	case "flink":
		m, err := dist.Pick(f.flinks, parts[2])
		if err != nil {
			f.fail("%s: %w (make flink assembles it)", found, err)
		}
		return strings.TrimSuffix(m.File, ".tgz")
	case "flink-opt":
		m, err := dist.Pick(f.flinks, parts[2])
		if err != nil {
			f.fail("%s: %w (make flink assembles it)", found, err)
			return found
		}
		return m.Optional.File
	case "java":
		return f.java.Archive
	case "jobmanager-classes", "taskmanager-classes":
		m, err := dist.Pick(f.flinks, parts[2])
		kind := spec.TaskKind(strings.TrimSuffix(parts[1], "-classes"))
		if name := f.java.Classes[m.SHA256][kind]; err == nil && name != "" {
			return name
		}
		f.fail("%s: there are none for this Java: run make java", found)
		return found
	default:
		f.fail("%s is no placeholder", found)
		return found
	}
}

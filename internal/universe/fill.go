package universe

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
)

// placeholder is what Fill replaces: @base@, @sha256:FILE@ or @flink:VERSION@.
var placeholder = regexp.MustCompile(`@([a-z0-9]+)(?::([^@]*))?@`)

// Fill replaces the placeholders in the texts of a resource.json: @base@ by the address of the release,
// @sha256:FILE@ by the hash of one of its files, and @flink:VERSION@ by the name, without its ending, of the newest
// Flink archive whose version is or begins with VERSION. A placeholder that cannot be filled is an error, and so is
// an address of a file that the release does not have.
func Fill(resource map[string]any, base string, files map[string]string, flinks []dist.Manifest) (map[string]any, error) {
	f := filler{base: base, files: files, flinks: flinks}
	filled, _ := f.fill(resource).(map[string]any)
	return filled, f.err
}

type filler struct {
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
			out[name] = f.fill(inner)
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
	default:
		f.fail("%s is no placeholder", found)
		return found
	}
}

package dist

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// newest maps a release line to its newest version that we test with.
var newest = []string{"2.3.0", "2.2.1", "2.1.3", "2.0.2", "1.20.5"}

// DefaultVersion is the Flink that `make flink` assembles when nothing else is asked for.
const DefaultVersion = "2.3.0"

// recipe changes when the same coordinates are packed in another way, so that archives
// of an older recipe are not taken for new ones.
const recipe = "3"

// copyPlugin is pinned: another version may name or choose files differently.
const copyPlugin = "2.8"

var exactVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+(\.[0-9]+)(-[0-9A-Za-z.]+)?$`)

// Resolve turns what a user asks for ("", "2.3", "1.20", "1.20.5") into a full version.
// A full version is taken as it is, a release line must be one that we know.
func Resolve(wanted string) (string, error) {
	wanted = strings.TrimPrefix(strings.TrimSpace(wanted), "v")
	switch {
	case wanted == "":
		return DefaultVersion, nil
	case exactVersion.MatchString(wanted):
		if CompareVersions(wanted, "1.20.0") < 0 {
			return "", fmt.Errorf("flink %s is too old: 1.20 and 2.x are supported", wanted)
		}
		return wanted, nil
	}
	for _, v := range newest {
		if Matches(v, wanted) {
			return v, nil
		}
	}
	return "", fmt.Errorf("FLINK_VERSION=%s is not a Flink version we know: use a release line (2.3, 2.2, 2.1, 2.0, 1.20) or a full version such as %s", wanted, DefaultVersion)
}

// log4jFor returns the log4j that a Flink version was released with.
func log4jFor(version string) string {
	if CompareVersions(version, "2.3") >= 0 {
		return "2.25.3"
	}
	return "2.24.3"
}

// coordinate is a Maven artifact.
type coordinate struct{ group, artifact, version string }

func (c coordinate) String() string { return c.group + ":" + c.artifact + ":" + c.version }

// directory is where an artifact goes that a user adds to be copied alone: a plugin, or the Python jar, which Flink looks
// for in opt.
func (c coordinate) directory() string {
	if c.artifact == pythonArtifact {
		return "opt"
	}
	return "plugins/" + strings.TrimPrefix(c.artifact, "flink-")
}

const pythonArtifact = "flink-python"

// parseModule reads "flink-json", "group:artifact:version", or "group:artifact" with
// Flink's own version.
func parseModule(module, version string) (coordinate, error) {
	parts := strings.Split(module, ":")
	for _, p := range parts {
		if p == "" || strings.ContainsAny(p, " <>&/\\") {
			return coordinate{}, fmt.Errorf("%q is not a Maven artifact: write flink-json or group:artifact:version", module)
		}
	}
	switch len(parts) {
	case 1:
		return coordinate{"org.apache.flink", parts[0], version}, nil
	case 2:
		return coordinate{parts[0], parts[1], version}, nil
	case 3:
		return coordinate{parts[0], parts[1], parts[2]}, nil
	}
	return coordinate{}, fmt.Errorf("%q is not a Maven artifact: write flink-json or group:artifact:version", module)
}

// placed is an artifact that is copied alone.
type placed struct {
	coordinate
	// place is the directory below Flink's home.
	place string
}

// jar is the path of the jar below Flink's home.
func (p placed) jar() string { return p.place + "/" + p.artifact + "-" + p.version + ".jar" }

// shopping is what Maven is to bring for a distribution.
type shopping struct {
	// libs go into lib with all that they need; merged are those of them that the distribution can do without.
	libs, merged []coordinate
	// required and optional are copied alone; only the optional ones may be missing.
	required, optional []placed
}

// shop lists what a distribution is made of: the client (which brings the runtime), the web UI with the /jars endpoints,
// the logging back end, what Apache's release has unless a slim one was asked for, and what the user adds.
func shop(version string, o Options) (shopping, error) {
	flink := func(artifact string) coordinate { return coordinate{"org.apache.flink", artifact, version} }
	log4j := func(artifact string) coordinate {
		return coordinate{"org.apache.logging.log4j", artifact, log4jFor(version)}
	}
	s := shopping{libs: []coordinate{flink("flink-clients"), flink("flink-runtime-web"), log4j("log4j-slf4j-impl"), log4j("log4j-core")}}
	if !o.Slim {
		s.libs = append(s.libs, log4j("log4j-1.2-api"), log4j("log4j-layout-template-json"))
		for _, p := range of(version, merged()) {
			s.merged = append(s.merged, flink(p.artifact))
		}
		for _, p := range of(version, released()) {
			s.optional = append(s.optional, placed{flink(p.artifact), p.place})
		}
	}
	for _, m := range slices.Sorted(slices.Values(o.Modules)) {
		c, err := parseModule(m, version)
		if err != nil {
			return s, err
		}
		if c.artifact == pythonArtifact {
			s.required = append(s.required, placed{c, c.directory()})
		} else {
			s.libs = append(s.libs, c)
		}
	}
	for _, p := range slices.Sorted(slices.Values(o.Plugins)) {
		c, err := parseModule(p, version)
		if err != nil {
			return s, err
		}
		s.required = append(s.required, placed{c, c.directory()})
	}
	// What the user adds has to be there, and is there once.
	s.merged = slices.DeleteFunc(s.merged, func(c coordinate) bool { return slices.Contains(s.libs, c) })
	s.optional = slices.DeleteFunc(s.optional, func(p placed) bool {
		return slices.Contains(s.libs, p.coordinate) || slices.ContainsFunc(s.required, func(r placed) bool { return r.coordinate == p.coordinate })
	})
	return s, nil
}

// addTo makes the list part of what shapes an archive.
func (s shopping) addTo(k *inputs) {
	k.add("maven", copyPlugin)
	for _, c := range slices.Concat(s.libs, s.merged) {
		k.add("lib", c.String())
	}
	for _, p := range slices.Concat(s.required, s.optional) {
		k.add("alone "+p.place, p.coordinate.String())
	}
}

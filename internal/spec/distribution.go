package spec

import (
	"regexp"
	"strings"
)

// Flink says more about the Flink of a cluster than its version.
type Flink struct {
	// FlinkDistribution is the archive that the cluster runs: its name, "@", and its SHA-256. The service fills it in when the
	// cluster is created or its flinkVersion changes, and keeps it when another archive of that version
	// comes. A hash of 8 digits or more asks for an archive that the service has, and CurrentDistribution for the one that a
	// new cluster would get.
	FlinkDistribution string `json:"flinkDistribution,omitempty"`
	// StrictOptions refuses a configuration with options that the Flink of the cluster does not know, where
	// otherwise a note tells of those that look misspelt.
	StrictOptions bool `json:"strictOptions,omitempty"`
}

// CurrentDistribution asks for the archive that the service gives to new clusters.
const CurrentDistribution = "current"

var distributionPattern = regexp.MustCompile(`^(current|([0-9A-Za-z.\-]+@)?[0-9a-f]{8,64})$`)

// SplitDistribution returns the name and the hash in Flink.FlinkDistribution, or as much of them as it has.
func SplitDistribution(s string) (name, sha256 string) {
	name, sha256, ok := strings.Cut(s, "@")
	switch {
	case ok:
		return name, sha256
	case s == CurrentDistribution:
		return "", ""
	}
	return "", s
}

// JoinDistribution is the opposite of SplitDistribution.
func JoinDistribution(name, sha256 string) string { return name + "@" + sha256 }

// checkDistribution holds the checks of Flink.
func (f Flink) checkDistribution() []problem {
	return []problem{{
		f.FlinkDistribution != "" && !distributionPattern.MatchString(f.FlinkDistribution), "flinkDistribution",
		quote(f.FlinkDistribution) + " is no archive: write current, or the SHA-256 of an archive, of which 8 digits or more are enough",
	}}
}

package requirement

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
)

// UnknownOption is a key of a configuration that a Flink does not know.
type UnknownOption struct {
	Key string
	// Near is the option that was probably meant; empty when none is like it.
	Near string
	// Flink is the name of the distribution.
	Flink string
}

// String says what is wrong with the key.
func (u UnknownOption) String() string {
	text := fmt.Sprintf("Flink %s has no option %s", u.Flink, u.Key)
	if u.Near != "" {
		text += "; did you mean " + u.Near + "?"
	}
	return text
}

// free are beginnings of keys behind which names follow that Flink does not define: of reporters, of resources, of
// variables, and the options of file systems and Hadoop, which are handed on.
var free = []string{
	"metrics.reporter.", "traces.reporter.", "events.reporter.", "metrics.scope.", "external-resource.", "security.delegation.token.provider.", "security.delegation.tokens.",
	"containerized.", "env.", "fs.", "s3.", "s3a.", "presto.", "gs.", "hadoop.", "flink.hadoop.", "dfs.", "pipeline.global-job-parameters", "pipeline.serialization-config",
	"catalog-store.", "table.catalog-store.", "sql-gateway.endpoint.", "kubernetes.", "yarn.", "mesos.", "zookeeper.", "internal.", "$internal.", "user.", "akka.", "pekko.", "job.autoscaler.",
}

// UnknownOptions lists the keys of a configuration that a Flink does not know, sorted. It lists none when
// nobody looked which options the Flink has.
func UnknownOptions(m dist.Manifest, config map[string]string) []UnknownOption {
	if len(m.Options) == 0 {
		return nil
	}
	var unknown []UnknownOption
	for _, key := range slices.Sorted(maps.Keys(config)) {
		if _, known := slices.BinarySearch(m.Options, key); known || isFree(m.Options, key) {
			continue
		}
		unknown = append(unknown, UnknownOption{key, nearest(m.Options, key), m.Name()})
	}
	return unknown
}

// isFree says whether a key has a part that its user names: one of free, or an element of an option that is a map.
func isFree(options []string, key string) bool {
	if slices.ContainsFunc(free, func(beginning string) bool { return strings.HasPrefix(key, beginning) }) {
		return true
	}
	for i := range key {
		if key[i] != '.' {
			continue
		}
		// Only few options go on behind one that is complete; what looks like one of these is a slip.
		if _, isMap := slices.BinarySearch(options, key[:i]); isMap && nearest(options, key) == "" {
			return true
		}
	}
	return false
}

// nearest finds the option that a key was probably meant to be: the one that needs the fewest changes of single
// characters, and no more than one in six of its own.
func nearest(options []string, key string) string {
	best, fewest := "", min(3, len(key)/6)+1
	for _, option := range options {
		if d := len(option) - len(key); d >= fewest || -d >= fewest {
			continue
		}
		if n := distance(option, key, fewest); n < fewest {
			best, fewest = option, n
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements of single bytes and the exchanges of two neighbours that
// turn a into b; it gives up at bound.
func distance(a, b string, bound int) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least >= bound {
			return bound
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

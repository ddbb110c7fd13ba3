// Package requirement owns what a cluster's spec needs of a Flink distribution: state backends, file systems, plugins,
// metric reporters, Python. It looks at the manifest and the spec alone, so that what is missing is
// said when a cluster is created, and not by a job that ends with a ClassNotFoundException.
package requirement

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Problem is something that a distribution lacks.
type Problem struct {
	// Field is the field of the spec that asks for it.
	Field string
	// Message says what is missing, and what to do.
	Message string
}

// Check lists what a complete spec asks for and the distribution does not have. config is the Flink configuration of
// the cluster, with what the service adds to it.
func Check(m dist.Manifest, s spec.Spec, config map[string]string) []Problem {
	c := checker{m: m, s: s, config: config}
	c.allocation()
	c.plugins()
	c.stateBackends()
	c.fileSystems()
	c.reporters()
	c.python()
	return c.problems
}

// Elsewhere lists the names of the distributions that have what a problem says is missing, in their order.
func Elsewhere(all []dist.Manifest, p Problem, s spec.Spec, config map[string]string) []string {
	var names []string
	for _, m := range all {
		if !slices.ContainsFunc(Check(m, s, config), func(other Problem) bool { return other.Field == p.Field }) {
			names = append(names, m.Name())
		}
	}
	return names
}

type checker struct {
	m        dist.Manifest
	s        spec.Spec
	config   map[string]string
	problems []Problem
}

// lack adds a problem: the field asks for what, which the distribution does not have.
func (c *checker) lack(field, what, cure string) {
	text := fmt.Sprintf("Flink %s of this service has no %s", c.m.Name(), what)
	c.problems = append(c.problems, Problem{field, text + ": " + cure})
}

// lackArtifact adds the problem of an artifact of Apache's release.
func (c *checker) lackArtifact(field, what, artifact, cure string) {
	switch {
	case c.missing(artifact):
		what += " (" + artifact + "; the Maven repository that it was assembled from does not have it)"
		cure = "use another flinkVersion, name a complete Flink in FLINK_DISTRIBUTIONS, or " + cure
	case c.m.Variant == dist.Slim:
		cure = "use the complete one (flinkVersion: " + c.m.Version + "), or " + cure
		what += " (" + artifact + ")"
	default:
		what += " (" + artifact + ")"
		cure = "name a Flink that has it in FLINK_DISTRIBUTIONS, or " + cure
	}
	c.lack(field, what, cure)
}

func (c *checker) allocation() {
	if c.m.Driven() {
		return
	}
	const cure = "use another Flink of this service (flinkVersion), or a build of the service that carries the driver"
	if c.s.Allocation == spec.Dynamic {
		c.lack("allocation", "resource manager driver in lib, which allocation: dynamic needs", "write allocation: static, or "+cure)
	} else if c.s.Kind == spec.Application || c.s.Kind == spec.Job {
		c.lack("kind", "resource manager driver in lib, which runs the program of a cluster", "use a session, or "+cure)
	}
}

func (c *checker) fetches(directory string, words ...string) bool {
	return Fetches(c.s, directory, words...)
}

// Fetches says whether the tasks of a cluster fetch a file of their own to a directory, whose path there has one of the words.
func Fetches(s spec.Spec, directory string, words ...string) bool {
	return slices.ContainsFunc(s.URIs, func(u spec.URI) bool {
		rest, ok := strings.CutPrefix(u.OutputFile, directory+"/")
		return ok && slices.ContainsFunc(words, func(word string) bool { return strings.Contains(rest, word) })
	})
}

func (c *checker) plugins() {
	for i, name := range c.s.Plugins {
		if c.m.HasPlugin(name) || c.fetches("plugins", name+"/") {
			continue
		}
		names := c.m.Plugins()
		has := "it has none"
		if len(names) > 0 {
			has = "it has " + strings.Join(names, ", ")
		}
		c.lackArtifact(fmt.Sprintf("plugins[%d]", i), fmt.Sprintf("plugin %s (%s)", name, has), "flink-"+name,
			fmt.Sprintf("assemble it with FLINK_PLUGINS=flink-%s, or fetch its jar to plugins/%[1]s (uris)", name))
	}
}

// option returns the first of some Flink options that is set, and its value.
func (c *checker) option(names ...string) (field, value string) {
	for _, name := range names {
		if v := strings.TrimSpace(c.config[name]); v != "" {
			return "flinkConfiguration." + name, v
		}
	}
	return "", ""
}

// library says whether an artifact is on the class path, by itself or in flink-dist.
func (c *checker) library(artifact string, words ...string) bool {
	return c.m.HasLibrary(artifact) || c.m.HasLibrary("flink-dist") || c.fetches("lib", words...)
}

func (c *checker) stateBackends() {
	field, backend := c.option("state.backend.type", "state.backend")
	for _, b := range []struct{ name, what string }{{"rocksdb", "RocksDB state backend"}, {"forst", "ForSt state backend"}} {
		// A value may be the name of the factory's class, too.
		if artifact := "flink-statebackend-" + b.name; strings.Contains(strings.ToLower(backend), b.name) && !c.library(artifact, b.name) {
			c.lackArtifact(field, b.what, artifact, "fetch its jars to lib/ (uris)")
		}
	}
	field, on := c.option("state.changelog.enabled", "state.backend.changelog.enabled")
	if !strings.EqualFold(on, "true") {
		return
	}
	if !c.library("flink-statebackend-changelog", "changelog") {
		c.lackArtifact(field, "changelog state backend", "flink-statebackend-changelog", "fetch its jar to lib/ (uris)")
	}
	field, storage := c.option("state.changelog.storage", "state.backend.changelog.storage")
	if strings.EqualFold(storage, "filesystem") && !c.library("flink-dstl-dfs", "dstl") {
		c.lackArtifact(field, "changelog storage in a file system", "flink-dstl-dfs", "fetch its jar to lib/ (uris)")
	}
}

// schemes are the plugins that Flink has for each scheme of a path.
var schemes = map[string][]string{
	"s3": {"s3-fs-presto", "s3-fs-hadoop"}, "s3p": {"s3-fs-presto"}, "s3a": {"s3-fs-hadoop"}, "gs": {"gs-fs-hadoop"}, "oss": {"oss-fs-hadoop"},
	"abfs": {"azure-fs-hadoop"}, "abfss": {"azure-fs-hadoop"}, "wasb": {"azure-fs-hadoop"}, "wasbs": {"azure-fs-hadoop"},
	"hdfs": nil, "viewfs": nil, "webhdfs": nil,
}

var schemeOf = regexp.MustCompile(`(?:^|[\s,;])([a-z][a-z0-9+.\-]*)://`)

// fileSystems looks at every path in the configuration, and at the savepoint to start from.
func (c *checker) fileSystems() {
	for _, key := range slices.Sorted(maps.Keys(c.config)) {
		// What programs and shells read is theirs.
		if !strings.HasPrefix(key, "pipeline.") && !strings.HasPrefix(key, "env.") && !strings.HasPrefix(key, "containerized.") {
			c.paths("flinkConfiguration."+key, c.config[key])
		}
	}
	if c.s.Job != nil {
		c.paths("job.initialSavepointPath", c.s.Job.InitialSavepointPath)
	}
}

func (c *checker) paths(field, value string) {
	seen := map[string]bool{}
	for _, found := range schemeOf.FindAllStringSubmatch(value, -1) {
		scheme := found[1]
		plugins, known := schemes[scheme]
		if !known || seen[scheme] {
			continue
		}
		seen[scheme] = true
		switch {
		case len(plugins) == 0:
			if !c.hadoop() {
				c.lack(field, "Hadoop on its class path, which "+scheme+":// needs",
					"fetch hadoop-client-api and hadoop-client-runtime to lib/ (uris), set hadoop.classpath to where the agents have it, or assemble it with FLINK_MODULES=org.apache.hadoop:hadoop-client-runtime:VERSION")
			}
		case !c.fileSystem(scheme, plugins):
			c.withoutFileSystem(field, scheme, plugins)
		}
	}
}

// fileSystem says whether one of the plugins for a scheme is loaded.
func (c *checker) fileSystem(scheme string, plugins []string) bool {
	for _, name := range plugins {
		if slices.Contains(c.s.Plugins, name) || c.m.Loads(name) || c.m.HasLibrary("flink-"+name) {
			return true
		}
	}
	// A plugin of the user's own may serve any scheme, and Hadoop those that it is allowed to.
	own := slices.ContainsFunc(c.s.URIs, func(u spec.URI) bool {
		rest, ok := strings.CutPrefix(u.OutputFile, "plugins/")
		return ok && !strings.HasPrefix(rest, "metrics-") && !strings.HasPrefix(rest, "external-resource-")
	})
	_, allowed := c.option("fs.allowed-fallback-filesystems")
	fields := strings.FieldsFunc(allowed, func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
	return own || slices.Contains(fields, scheme) && c.hadoop()
}

func (c *checker) withoutFileSystem(field, scheme string, plugins []string) {
	for _, name := range plugins {
		if c.m.HasPlugin(name) {
			c.problems = append(c.problems, Problem{field, fmt.Sprintf("%s:// needs the plugin %s, which the cluster does not name: write plugins: [%[2]s]", scheme, name)})
			return
		}
	}
	c.lackArtifact(field, "file system for "+scheme+"://", "flink-"+plugins[0],
		fmt.Sprintf("assemble it with FLINK_PLUGINS=flink-%s, or fetch its jar to plugins/%[1]s (uris)", plugins[0]))
}

// hadoop says whether Hadoop's classes are there, as far as can be seen from here.
func (c *checker) hadoop() bool {
	if h := c.s.Hadoop; h != nil && h.Classpath != "" {
		return true
	}
	return c.s.Environment["HADOOP_CLASSPATH"] != "" || c.m.HasLibrary("hadoop-client") || c.m.HasLibrary("hadoop-common") || c.m.HasLibrary("flink-shaded-hadoop") || c.fetches("lib", "hadoop")
}

// reporter matches the factory of a metric reporter of Flink's own.
var reporter = regexp.MustCompile(`^org\.apache\.flink\.metrics\.(datadog|graphite|influxdb|jmx|otel|prometheus|slf4j|statsd)\.`)

func (c *checker) reporters() {
	for _, key := range slices.Sorted(maps.Keys(c.config)) {
		found := reporter.FindStringSubmatch(c.config[key])
		if found == nil || !strings.HasPrefix(key, "metrics.reporter.") || !strings.HasSuffix(key, ".factory.class") {
			continue
		}
		name := "metrics-" + strings.TrimSuffix(found[1], "db")
		if !c.m.Loads(name) && !c.m.HasLibrary("flink-metrics-"+found[1]) && !c.fetches("plugins", name+"/", "metrics-"+found[1]) && !c.fetches("lib", "metrics-"+found[1]) {
			field := "flinkConfiguration." + key
			if c.s.Metrics.Prometheus && strings.HasPrefix(key, spec.PrometheusReporter) {
				field = "metrics.prometheus"
			}
			c.lackArtifact(field, "plugin "+name, "flink-metrics-"+found[1],
				fmt.Sprintf("assemble it with FLINK_PLUGINS=flink-metrics-%s, or fetch its jar to plugins/%s (uris)", found[1], name))
		}
	}
}

func (c *checker) python() {
	if c.s.Job == nil || c.s.Job.Python == "" {
		return
	}
	var lacks, absent []string
	note := func(artifact string, has bool) {
		if has {
			return
		}
		lacks = append(lacks, artifact)
		if c.missing(artifact) {
			absent = append(absent, artifact)
		}
	}
	note("flink-python", c.m.HasOptional("flink-python") || c.fetches("opt", "flink-python"))
	for _, artifact := range []string{"flink-table-api-java-uber", "flink-table-runtime", "flink-table-planner"} {
		note(artifact, c.m.HasLibrary(artifact) || c.fetches("lib", artifact))
	}
	switch {
	case len(absent) > 0:
		c.lack("job.python", strings.Join(lacks, ", ")+", which Python programs need; the Maven repository that it was assembled from does not have "+strings.Join(absent, ", "),
			"use another flinkVersion, or name a complete Flink in FLINK_DISTRIBUTIONS")
	case len(lacks) > 0:
		c.lack("job.python", strings.Join(lacks, ", ")+", which Python programs need", "use a complete Flink (flinkVersion: "+c.m.Version+" instead of "+c.m.Name()+"), or name one in FLINK_DISTRIBUTIONS")
	}
}

// missing says whether an artifact is known to be missing in the distribution.
func (c *checker) missing(artifact string) bool {
	return slices.ContainsFunc(c.m.Missing, func(p string) bool { return strings.HasPrefix(path.Base(p), artifact+"-") })
}

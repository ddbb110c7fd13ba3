package dist

import (
	"slices"
	"strings"
)

// part is an artifact that Apache's release of Flink has beside flink-dist.jar. It is copied alone, as the release has it:
// these jars bring what they need inside.
type part struct {
	artifact string
	// place is the directory below Flink's home.
	place string
	// since and before bound the versions that have it; empty for no bound.
	since, before string
}

// merged are the artifacts that make flink-dist.jar, which is not published: here each is a jar of its own, with the
// jars that it needs. Left out are the clients of Kubernetes and YARN, which a task on Mesos has no use for.
func merged() []part {
	return []part{
		{artifact: "flink-statebackend-rocksdb"},
		{artifact: "flink-statebackend-forst", since: "2.0"},
		{artifact: "flink-statebackend-changelog"},
		{artifact: "flink-dstl-dfs"},
		{artifact: "flink-hadoop-fs"},
	}
}

// released are the other jars of the release: what lib, opt and plugins hold beside flink-dist.jar and log4j.
func released() []part {
	parts := []part{
		{artifact: "flink-cep", place: "lib"},
		{artifact: "flink-connector-files", place: "lib"},
		{artifact: "flink-container", place: "lib"}, // In flink-dist.jar, where nothing that it needs is missing.
		{artifact: "flink-csv", place: "lib"},
		{artifact: "flink-json", place: "lib"},
		{artifact: "flink-scala_2.12", place: "lib"},
		{artifact: "flink-table-api-java-uber", place: "lib"},
		{artifact: "flink-table-planner-loader", place: "lib"},
		{artifact: "flink-table-runtime", place: "lib"},
		{artifact: "flink-azure-fs-hadoop", place: "opt"},
		{artifact: "flink-cep-scala_2.12", place: "opt", before: "2.0"},
		{artifact: "flink-gs-fs-hadoop", place: "opt"},
		{artifact: "flink-oss-fs-hadoop", place: "opt"},
		{artifact: "flink-python", place: "opt"},
		{artifact: "flink-queryable-state-runtime", place: "opt"},
		{artifact: "flink-s3-fs-hadoop", place: "opt"},
		{artifact: "flink-s3-fs-presto", place: "opt"},
		{artifact: "flink-sql-client", place: "opt"},
		{artifact: "flink-sql-gateway", place: "opt"},
		{artifact: "flink-state-processor-api", place: "opt"},
		{artifact: "flink-table-planner_2.12", place: "opt"},
		{artifact: "flink-external-resource-gpu", place: "plugins/external-resource-gpu"},
		{artifact: "flink-metrics-influxdb", place: "plugins/metrics-influx"},
		{artifact: "flink-metrics-otel", place: "plugins/metrics-otel", since: "2.0"},
	}
	for _, name := range []string{"datadog", "graphite", "jmx", "prometheus", "slf4j", "statsd"} {
		parts = append(parts, part{artifact: "flink-metrics-" + name, place: "plugins/metrics-" + name})
	}
	return parts
}

// of leaves the parts that a version has.
func of(version string, parts []part) []part {
	return slices.DeleteFunc(parts, func(p part) bool {
		return p.since != "" && CompareVersions(version, p.since) < 0 || p.before != "" && CompareVersions(version, p.before) >= 0
	})
}

// variantOf names what was asked for beside a version: "" for the release, "slim" for the least, and otherwise what
// was added to it.
func (o Options) variantOf() string {
	if o.Variant != "" {
		return o.Variant
	}
	var words []string
	if o.Slim {
		words = append(words, Slim)
	}
	for _, added := range slices.Concat(slices.Sorted(slices.Values(o.Modules)), slices.Sorted(slices.Values(o.Plugins))) {
		fields := strings.Split(added, ":")
		words = append(words, strings.TrimPrefix(fields[min(1, len(fields)-1)], "flink-"))
	}
	name := strings.ToLower(strings.NewReplacer(".", "-", "_", "-").Replace(strings.Join(words, "-")))
	if len(name) > maxVariant {
		k := newInputs()
		k.add("variant", name)
		name = name[:maxVariant-9] + "-" + k.sum()[:8]
	}
	return name
}

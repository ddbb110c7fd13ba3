// Package dist owns Flink distributions: it assembles a runnable one from Maven
// coordinates, or from a tarball or directory that exists already, and lists those at
// hand. A distribution is one archive with one top directory "flink", named by the
// SHA-256 of its bytes, beside a small JSON manifest.
//
// The same inputs give the same bytes: entries are sorted, times and owners are fixed,
// and the gzip layer stores without compressing. Jars are compressed already, so that
// costs 7 % in size, and saves every agent the time to inflate 80 MB for nothing.
//
// It refuses to run anything of what it packs, and never writes outside the directory
// that it was given.
package dist

// Package jre owns the Java runtime that the DC/OS package brings, so that agents need none: an image of the modules that
// Flink and its driver use, linked from a JDK, in an archive for the Mesos fetcher.
//
// The image is of Java 17, which both lines of Flink are tested with. It differs from its JDK in the base archive of
// classes, so its release file says a version of its own: prepared classes (package appcds) are made for exactly
// this image, and no other Java is shown them.
package jre

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Release is the release of Java that images are made of.
const Release = 17

// Home is the only directory at the top of an archive. The start script looks for a Java in java* last, so that one
// that a cluster fetches itself (jre*, jdk*) wins.
const Home = "java-17"

// Modules lists what an image holds, beside what these need: what jdeps finds in Flink's jars and in the driver
// (jdk.httpserver); what Flink's own options open or export (java.rmi, java.security.jgss, jdk.compiler); and the providers
// that nothing names: character sets, locales, elliptic curves, DNS, zip files, Kerberos logins and SASL, JMX, and the
// commands that look into a running JVM. Of what jdeps finds, debuggers, SCTP and attaching are left out: Flink's
// libraries offer them, and Flink does not use them.
func Modules() []string {
	return []string{
		"java.base", "java.compiler", "java.desktop", "java.instrument", "java.logging", "java.management", "java.management.rmi",
		"java.naming", "java.net.http", "java.rmi", "java.scripting", "java.security.jgss", "java.security.sasl", "java.sql", "java.xml",
		"jdk.charsets", "jdk.compiler", "jdk.crypto.ec", "jdk.httpserver", "jdk.jcmd", "jdk.jfr", "jdk.localedata", "jdk.management",
		"jdk.management.agent", "jdk.naming.dns", "jdk.net", "jdk.security.auth", "jdk.security.jgss", "jdk.unsupported", "jdk.zipfs",
	}
}

// Manifest describes an archive; it lies beside it, in a file with the same name that ends in .json.
type Manifest struct {
	// Version is JAVA_RUNTIME_VERSION of the image, Source that of the JDK that it was linked from.
	Version string `json:"version"`
	Source  string `json:"source"`
	// Modules are those that were asked for.
	Modules []string `json:"modules"`
	// File is the name of the archive, SHA256 its hash in hexadecimal.
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

var fileName = regexp.MustCompile(`^java-[0-9][0-9.]*-linux-[a-z0-9]+-[0-9a-f]{64}\.tgz$`)

// Scan lists the archives in dir, the newest first. A directory that does not exist holds none.
func Scan(dir string) ([]Manifest, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list Java archives: %w", err)
	}
	type dated struct {
		Manifest
		at int64
	}
	var all []dated
	for _, e := range entries {
		if !fileName.MatchString(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("list Java archives: %w", err)
		}
		data, err := os.ReadFile(filepath.Join(dir, manifestOf(e.Name())))
		if errors.Is(err, fs.ErrNotExist) {
			continue // Its making was interrupted.
		}
		if err != nil {
			return nil, fmt.Errorf("list Java archives: %w", err)
		}
		m := dated{at: info.ModTime().UnixNano()}
		if err := json.Unmarshal(data, &m.Manifest); err != nil || m.File != e.Name() {
			return nil, fmt.Errorf("%s does not describe the archive beside it: remove both", manifestOf(e.Name()))
		}
		all = append(all, m)
	}
	slices.SortStableFunc(all, func(a, b dated) int { return int(min(max(b.at-a.at, -1), 1)) })
	list := make([]Manifest, len(all))
	for i := range all {
		list[i] = all[i].Manifest
	}
	return list, nil
}

func manifestOf(archive string) string { return strings.TrimSuffix(archive, ".tgz") + ".json" }

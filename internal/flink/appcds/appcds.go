// Package appcds owns archives of loaded classes (AppCDS): a JVM that maps one starts in little more than half the
// time, because it neither reads, parses nor verifies the thousands of classes of a Flink process. There is one for
// each distribution, role and build of Java. It lies beside the distribution, in a file named by the hash of the
// distribution's archive and Java's own version, and never changes under its name.
//
// An archive only ever helps: Java checks that it was made by the very same JVM from the very same jars (their
// order, sizes and times), and does without it otherwise. The start script looks at the version too, so that no Java is
// even shown the archive of another. The class path is relative to the sandbox, or else no two tasks would have the same.
//
// Archives are made where distributions are assembled, never by the service: that takes a JobManager and a
// TaskManager, for which the service's own container has no memory. They are never taken from a task: what one user's
// task wrote would be code in another's.
package appcds

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Archive is one file.
type Archive struct {
	// Distribution is the SHA-256 of the distribution's archive.
	Distribution string
	Role         spec.TaskKind
	// Java is JAVA_RUNTIME_VERSION of the Java that wrote the archive, such as "17.0.15+6-Debian-1deb12u1".
	Java string
	// File is the name in the directory; Size its length in bytes.
	File     string
	Size     int64
	modified int64
}

var fileName = regexp.MustCompile(`^classes-([0-9a-f]{64})-(jobmanager|taskmanager)-([0-9][0-9A-Za-z.+_\-]*)\.jsa$`)

func name(distribution string, role spec.TaskKind, java string) string {
	return fmt.Sprintf("classes-%s-%s-%s.jsa", distribution, role, java)
}

// SandboxFile is the file in a task's sandbox where the start script looks for the archive of a Java. The size is in the
// name because Java does not compare it, and breaks down in the middle of a file that was cut short.
func SandboxFile(a Archive) string { return fmt.Sprintf("classes-%s-%d.jsa", a.Java, a.Size) }

// Scan lists the archives in dir for a distribution, the newest first, by role and Java. A directory that does not
// exist holds none.
func Scan(dir, distribution string) ([]Archive, error) {
	all, err := scan(dir)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(a Archive) bool { return a.Distribution != distribution }), nil
}

func scan(dir string) ([]Archive, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list class archives: %w", err)
	}
	var all []Archive
	for _, e := range entries {
		m := fileName.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("list class archives: %w", err)
		}
		all = append(all, Archive{m[1], spec.TaskKind(m[2]), m[3], e.Name(), info.Size(), info.ModTime().UnixNano()})
	}
	slices.SortStableFunc(all, func(a, b Archive) int { return int(min(max(b.modified-a.modified, -1), 1)) })
	return all, nil
}

// kept is how many builds of Java have an archive of each role: the one in use and the one before. Every task fetches
// the archives of all of them, for nobody knows which Java its agent has.
const kept = 2

// prune removes what no task will ask for: archives of distributions that are gone, and those of too many Javas.
func prune(dir string) error {
	all, err := scan(dir)
	if err != nil {
		return err
	}
	seen := map[string]int{}
	for _, a := range all {
		key := a.Distribution + string(a.Role)
		seen[key]++
		there, err := filepath.Glob(filepath.Join(dir, "*"+a.Distribution+".tgz"))
		if err != nil {
			return fmt.Errorf("remove old class archives: %w", err)
		}
		if len(there) > 0 && seen[key] <= kept {
			continue
		}
		if err := os.Remove(filepath.Join(dir, a.File)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove old class archives: %w", err)
		}
	}
	return nil
}

// oldest is the first Java that writes an archive at its exit.
const oldest = 13

// Java is one that was found on this machine.
type Java struct {
	// Home is its directory; Version its JAVA_RUNTIME_VERSION.
	Home, Version string
}

var runtimeVersion = regexp.MustCompile(`(?m)^JAVA_RUNTIME_VERSION="([0-9][0-9A-Za-z.+_\-]*)"`)

// FindJava reads which Java is in home. The error says why that one cannot write archives, if it cannot.
func FindJava(home string) (Java, error) {
	data, err := os.ReadFile(filepath.Join(home, "release"))
	if err != nil {
		return Java{}, fmt.Errorf("which Java is in %s: %w", home, err)
	}
	m := runtimeVersion.FindSubmatch(data)
	if m == nil {
		return Java{}, fmt.Errorf("%s does not say its exact version (JAVA_RUNTIME_VERSION)", filepath.Join(home, "release"))
	}
	j := Java{Home: home, Version: string(m[1])}
	major, _, _ := strings.Cut(strings.ReplaceAll(strings.ReplaceAll(j.Version, "+", "."), "-", "."), ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldest {
		return Java{}, fmt.Errorf("Java %s in %s writes no class archives: Java %d and newer do", j.Version, home, oldest)
	}
	return j, nil
}

// Package jars fetches the jars of a server, or of a library that a test hands out, with Maven: once, into build/NAME/VERSION
// below the module's root. Several processes may ask for the same jars at once. It is used by tests and benchmarks only.
package jars

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/testkit/once"
)

// Set is what is fetched together.
type Set struct {
	// Name and Version name the directory below build.
	Name, Version string
	// Artifacts are group:artifact:version; the jars that they need come along, unless Alone is set.
	Artifacts []string
	// Alone leaves out what the artifacts need.
	Alone bool
	// Files are texts to put beside the jars, by their names: settings that are read from the class path.
	Files map[string]string
}

// Fetch returns the directory that holds the jars. It fails when there is no Maven, or when Maven does not get them.
func (s Set) Fetch(ctx context.Context) (string, error) {
	return once.Make(filepath.Join(s.Name, s.Version), func(part string) error { return s.fetch(ctx, part) })
}

func (s Set) fetch(ctx context.Context, part string) error {
	if _, err := exec.LookPath("mvn"); err != nil {
		return fmt.Errorf("%s is fetched with Maven, which is not installed: %w", s.Name, err)
	}
	var p strings.Builder
	fmt.Fprintf(&p, `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>flink-service</groupId><artifactId>%s-for-tests</artifactId><version>1</version><packaging>pom</packaging><dependencies>
`, s.Name)
	for _, a := range s.Artifacts {
		parts := strings.Split(a, ":")
		if len(parts) != 3 {
			return fmt.Errorf("artifact %q is not group:artifact:version", a)
		}
		fmt.Fprintf(&p, "<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>\n", parts[0], parts[1], parts[2])
	}
	p.WriteString("</dependencies></project>\n")
	// Maven writes below the directory of the project file.
	project, err := os.MkdirTemp("", s.Name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(project)
	pom := filepath.Join(project, "pom.xml")
	if err := os.WriteFile(pom, []byte(p.String()), 0o644); err != nil {
		return err
	}
	args := []string{"--batch-mode", "--quiet", "--file", pom, "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=" + part}
	if s.Alone {
		args = append(args, "-DexcludeTransitive=true")
	}
	if output, err := exec.CommandContext(ctx, "mvn", args...).CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(output)), "\n")
		return errors.Join(fmt.Errorf("fetch %s %s with Maven: %w", s.Name, s.Version, err), errors.New(strings.Join(lines[max(0, len(lines)-5):], "\n")))
	}
	for name, text := range s.Files {
		if err := os.WriteFile(filepath.Join(part, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// ClassPath holds every jar in a directory, and the directory itself for settings.
func ClassPath(dir string) string {
	return dir + string(os.PathListSeparator) + filepath.Join(dir, "*")
}

package dist

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// bring has Maven copy everything on the list below dir/home. It returns the paths, below Flink's home, of what
// the repository does not have.
//
// Each artifact that is copied alone is a Maven project of its own, and Maven goes on after one that fails. So one
// run brings all that there is, however much is missing.
func (s shopping) bring(ctx context.Context, maven, dir string, progress io.Writer) (missing []string, err error) {
	for {
		if err := s.writeProjects(dir); err != nil {
			return nil, err
		}
		complaints, err := runMaven(ctx, maven, dir, progress)
		if err == nil {
			return missing, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		absent := notFound(complaints)
		lost := func(c coordinate) bool { return absent[c.group+":"+c.artifact] }
		if i := slices.IndexFunc(slices.Concat(s.libs, coordinatesOf(s.required)), lost); i >= 0 || len(absent) == 0 {
			return nil, fmt.Errorf("%w: %s", err, first(complaints))
		}
		for _, c := range s.merged {
			if lost(c) {
				missing = append(missing, "lib/"+c.artifact+"-"+c.version+".jar")
			}
		}
		again := slices.ContainsFunc(s.merged, lost)
		s.merged = slices.DeleteFunc(slices.Clone(s.merged), lost)
		// What was copied is not copied again, and what failed for another reason than that it is not there is an error.
		s.optional = slices.DeleteFunc(slices.Clone(s.optional), func(p placed) bool {
			_, statErr := os.Stat(filepath.Join(dir, "home", filepath.FromSlash(p.jar())))
			if statErr != nil && lost(p.coordinate) {
				missing = append(missing, p.jar())
			}
			return statErr == nil || lost(p.coordinate)
		})
		switch {
		case again:
		case len(s.optional) > 0:
			return nil, fmt.Errorf("%w: %s", err, first(complaints))
		default:
			return missing, nil
		}
	}
}

func coordinatesOf(list []placed) []coordinate {
	all := make([]coordinate, 0, len(list))
	for _, p := range list {
		all = append(all, p.coordinate)
	}
	return all
}

func first(complaints []string) string {
	if len(complaints) == 0 {
		return "Maven does not say why"
	}
	return complaints[0]
}

// absence matches how Maven names an artifact that its repositories do not have: the first time, and when it remembers it.
var absence = regexp.MustCompile(`(?:Could not find artifact|Failure to find) ([\w.\-]+:[\w.\-]+):|([\w.\-]+:[\w.\-]+):[\w.\-:]+ was not found in`)

// notFound lists the artifacts ("group:artifact") that the repositories do not have.
func notFound(complaints []string) map[string]bool {
	absent := map[string]bool{}
	for _, line := range complaints {
		for _, m := range absence.FindAllStringSubmatch(line, -1) {
			absent[m[1]+m[2]] = true
		}
	}
	return absent
}

// writeProjects writes the Maven projects: "core" copies the libs with all they need, and each other project one
// artifact alone, as in the releases of Flink.
func (s shopping) writeProjects(dir string) error {
	var core bytes.Buffer
	for _, c := range slices.Concat(s.libs, s.merged) {
		fmt.Fprintf(&core, "<dependency>%s</dependency>\n", c.xml())
	}
	modules := []string{"core"}
	write := func(name, dependencies, goal, configuration string) error {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return fmt.Errorf("write Maven project: %w", err)
		}
		return writePOM(filepath.Join(dir, name, "pom.xml"), name, fmt.Sprintf(`<dependencies>
%s</dependencies>
<build><plugins><plugin>
  <groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>%s</version>
  <executions><execution>
    <phase>package</phase><goals><goal>%s</goal></goals>
    <configuration>
%s
    </configuration>
  </execution></executions>
</plugin></plugins></build>
`, dependencies, copyPlugin, goal, configuration))
	}
	err := write("core", core.String(), "copy-dependencies",
		"<includeScope>runtime</includeScope><outputDirectory>${project.basedir}/../home/lib</outputDirectory>")
	for i, p := range slices.Concat(s.required, s.optional) {
		if err != nil {
			return err
		}
		name := fmt.Sprintf("alone-%d", i)
		modules = append(modules, name)
		err = write(name, "", "copy", fmt.Sprintf("<artifactItems><artifactItem>%s</artifactItem></artifactItems>\n<outputDirectory>${project.basedir}/../home/%s</outputDirectory>",
			p.xml(), escaped(p.place)))
	}
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, m := range modules {
		fmt.Fprintf(&list, "<module>%s</module>\n", m)
	}
	return writePOM(filepath.Join(dir, "pom.xml"), "flink-home", "<modules>\n"+list.String()+"</modules>\n")
}

func writePOM(path, artifact, content string) error {
	text := `<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>flink-on-mesos</groupId><artifactId>` + artifact + `</artifactId><version>1</version>
<packaging>pom</packaging>
` + content + "</project>\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write Maven project: %w", err)
	}
	return nil
}

func (c coordinate) xml() string {
	return fmt.Sprintf("<groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>", escaped(c.group), escaped(c.artifact), escaped(c.version))
}

func escaped(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // Writing to a buffer cannot go wrong.
	return b.String()
}

// downloaded matches Maven's line about a finished download, "[INFO] Downloaded from
// central: <URL> (8 MB at 2 MB/s)", and captures the file and the rest.
var downloaded = regexp.MustCompile(`^(?:\[INFO\] )?Downloaded from \S+ \S*/([^/\s]+\.jar .*)$`)

// runMaven builds the projects in dir. It says which files are being downloaded, and returns what Maven complained about.
func runMaven(ctx context.Context, maven, dir string, progress io.Writer) (complaints []string, err error) {
	cmd := exec.CommandContext(ctx, maven, "-B", "-fae", "-Dstyle.color=never", "-f", filepath.Join(dir, "pom.xml"), "package")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	// One pipe for both streams: the progress writer then has one user.
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("run Maven: %w: install Maven and a JDK, or set FLINK_DIST to a Flink tarball", err)
		}
		return nil, fmt.Errorf("run Maven: %w", err)
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		in.Close()
		ended <- err
	}()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if jar := downloaded.FindStringSubmatch(line); jar != nil {
			fmt.Fprintf(progress, "  %s\n", jar[1])
		}
		if rest, ok := strings.CutPrefix(line, "[ERROR] "); ok && strings.TrimSpace(rest) != "" {
			complaints = append(complaints, rest)
		}
	}
	// After a line beyond all reason nobody listens any more; Maven still has to end.
	out.CloseWithError(lines.Err())
	if err := <-ended; err != nil {
		return complaints, fmt.Errorf("run Maven: %w", err)
	}
	return nil, nil
}

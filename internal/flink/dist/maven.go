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

// newest maps a release line to its newest version that we test with.
var newest = []string{"2.3.0", "2.2.1", "2.1.3", "2.0.2", "1.20.5"}

// DefaultVersion is the Flink that `make flink` assembles when nothing else is asked for.
const DefaultVersion = "2.3.0"

// recipe changes when the same coordinates are packed in another way, so that archives
// of an older recipe are not taken for new ones.
const recipe = "1"

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

// optional says that Flink looks for an artifact in opt: its Python jar, which it adds to Python programs from there.
func (c coordinate) optional() bool { return c.artifact == "flink-python" }

// directory is where an artifact goes that is copied alone.
func (c coordinate) directory() string {
	if c.optional() {
		return "opt"
	}
	return "plugins/" + strings.TrimPrefix(c.artifact, "flink-")
}

func (c coordinate) String() string { return c.group + ":" + c.artifact + ":" + c.version }

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

// coordinates lists what goes into lib: the client (which brings the runtime), the web
// UI with the /jars endpoints, the logging back end, and what the user adds.
func coordinates(version string, modules []string) ([]coordinate, error) {
	log4j := log4jFor(version)
	list := []coordinate{
		{"org.apache.flink", "flink-clients", version},
		{"org.apache.flink", "flink-runtime-web", version},
		{"org.apache.logging.log4j", "log4j-slf4j-impl", log4j},
		{"org.apache.logging.log4j", "log4j-core", log4j},
	}
	sorted := slices.Sorted(slices.Values(modules))
	for _, m := range sorted {
		c, err := parseModule(m, version)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// writePOM writes a project that copies the coordinates with all they need into lib and
// each plugin, alone, into its directory, as in the releases of Flink.
func writePOM(path string, libs, plugins []coordinate) error {
	var b bytes.Buffer
	text := func(s string) string {
		var e bytes.Buffer
		// Writing to a buffer cannot go wrong.
		_ = xml.EscapeText(&e, []byte(s))
		return e.String()
	}
	b.WriteString(`<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>flink-on-mesos</groupId>
  <artifactId>flink-home</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
`)
	for _, c := range libs {
		fmt.Fprintf(&b, "    <dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>\n",
			text(c.group), text(c.artifact), text(c.version))
	}
	b.WriteString(`  </dependencies>
  <build>
    <plugins>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-dependency-plugin</artifactId>
        <version>` + copyPlugin + `</version>
        <executions>
          <execution>
            <id>lib</id>
            <phase>package</phase>
            <goals><goal>copy-dependencies</goal></goals>
            <configuration>
              <includeScope>runtime</includeScope>
              <outputDirectory>${project.basedir}/home/lib</outputDirectory>
            </configuration>
          </execution>
`)
	for _, c := range plugins {
		fmt.Fprintf(&b, `          <execution>
            <id>%[2]s</id>
            <phase>package</phase>
            <goals><goal>copy</goal></goals>
            <configuration>
              <artifactItems>
                <artifactItem><groupId>%[1]s</groupId><artifactId>%[2]s</artifactId><version>%[3]s</version></artifactItem>
              </artifactItems>
              <outputDirectory>${project.basedir}/home/%[4]s</outputDirectory>
            </configuration>
          </execution>
`, text(c.group), text(c.artifact), text(c.version), text(c.directory()))
	}
	b.WriteString(`        </executions>
      </plugin>
    </plugins>
  </build>
</project>
`)
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write Maven project: %w", err)
	}
	return nil
}

// downloaded matches Maven's line about a finished download, "[INFO] Downloaded from
// central: <URL> (8 MB at 2 MB/s)", and captures the file and the rest.
var downloaded = regexp.MustCompile(`^(?:\[INFO\] )?Downloaded from \S+ \S*/([^/\s]+\.jar .*)$`)

// runMaven resolves and copies everything below dir/home. It says which files are being
// downloaded; when Maven goes wrong, the error carries Maven's own first complaint.
func runMaven(ctx context.Context, maven, dir string, progress io.Writer) error {
	cmd := exec.CommandContext(ctx, maven, "-B", "-Dstyle.color=never", "-f", filepath.Join(dir, "pom.xml"), "package")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	// One pipe for both streams: the progress writer then has one user.
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("run Maven: %w: install Maven and a JDK, or set FLINK_DIST to a Flink tarball", err)
		}
		return fmt.Errorf("run Maven: %w", err)
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		in.Close()
		ended <- err
	}()
	var complaints []string
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
		if len(complaints) > 0 {
			return fmt.Errorf("run Maven: %w: %s", err, complaints[0])
		}
		return fmt.Errorf("run Maven: %w", err)
	}
	return nil
}

package flink

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/resources"
)

// StartScriptName is the start script in the sandbox.
const StartScriptName = "start-flink.sh"

// Log is how a process logs. The zero value logs INFO to standard output only.
type Log struct {
	// Level is that of the root logger: TRACE, DEBUG, INFO, WARN, ERROR or OFF. Empty
	// means env.log.level of the configuration, or INFO.
	Level string
	// File adds a log file in the sandbox (log/<role>.log) beside standard output.
	File bool
	// FileSize bounds each log file; 0 means 10 MiB. Files is their number besides the
	// current one; 0 means 5.
	FileSize spec.Memory
	Files    int
	// Properties replaces our log4j configuration as a whole; ${sys:log.file} is the file to
	// write to, if any.
	Properties string
}

func (l Log) environment(env, config map[string]string) {
	level := strings.ToUpper(l.Level)
	if level == "" {
		level = strings.ToUpper(strings.TrimSpace(config["env.log.level"]))
	}
	if slices.Contains([]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF"}, level) {
		env["FLINK_LOG_LEVEL"] = level
	}
	if !l.File {
		return
	}
	size, files := l.FileSize, l.Files
	if size <= 0 {
		size = 10 * spec.MiB
	}
	if files <= 0 {
		files = 5
	}
	env["FLINK_LOG_SIZE"] = strconv.FormatInt(int64((size+spec.KiB-1)/spec.KiB), 10) + "KB"
	env["FLINK_LOG_FILES"] = strconv.Itoa(files)
}

// File is one file of an overlay.
type File struct {
	// Name is the path in the sandbox, relative and with slashes.
	Name    string
	Content []byte
	// Mode has the permission bits; 0 means 0600, since overlays carry secrets.
	Mode fs.FileMode
}

// Overlay is what the sandbox of every task of one cluster gets beside the distribution:
// the configuration, the logging, the start script and files of the cluster's own. It may
// hold secrets, so it must be fetched from an expiring path and never be cached.
type Overlay struct {
	// Configuration is for conf/config.yaml; see the function Configuration.
	Configuration map[string]string
	Log           Log
	// Files are further files: a driver token, a keytab, Hadoop's configuration.
	Files []File
}

// Archive packs the overlay as a tar.gz that is extracted into the sandbox. Equal
// overlays give equal bytes. The error is of type Problems.
func (o Overlay) Archive() ([]byte, error) {
	log4j := o.Log.Properties
	if log4j == "" {
		log4j = resources.Log4j()
		if o.Log.File {
			log4j += resources.Log4jFile()
		}
	}
	files := []File{
		{Name: "conf/config.yaml", Content: ConfigYAML(o.Configuration)},
		{Name: "conf/log4j.properties", Content: []byte(log4j)},
		{Name: StartScriptName, Content: []byte(resources.StartScript()), Mode: 0o755},
	}
	var problems Problems
	for _, f := range o.Files {
		clean := path.Clean(f.Name)
		switch {
		case f.Name == "" || clean != f.Name || !fs.ValidPath(f.Name) || f.Name == "." || !utf8.ValidString(f.Name):
			problems = append(problems, Problem{f.Name, "is not a path inside the sandbox"})
		case strings.HasPrefix(f.Name, dist.Home+"/"):
			problems = append(problems, Problem{f.Name, "is in the directory of the Flink distribution, which other tasks share"})
		case slices.ContainsFunc(files, func(g File) bool {
			return g.Name == f.Name || strings.HasPrefix(g.Name, f.Name+"/") || strings.HasPrefix(f.Name, g.Name+"/")
		}):
			problems = append(problems, Problem{f.Name, "is there already"})
		default:
			files = append(files, f)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return archive(files)
}

func archive(files []File) ([]byte, error) {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	when := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	made := map[string]bool{".": true}
	for _, f := range files {
		var parents []string
		for d := path.Dir(f.Name); !made[d]; d = path.Dir(d) {
			made[d] = true
			parents = append(parents, d)
		}
		slices.Reverse(parents)
		for _, d := range parents {
			if err := tw.WriteHeader(&tar.Header{Name: d + "/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: when, Format: tar.FormatPAX}); err != nil {
				return nil, fmt.Errorf("pack overlay: %w", err)
			}
		}
		mode := f.Mode.Perm()
		if mode == 0 {
			mode = 0o600
		}
		h := &tar.Header{Name: f.Name, Typeflag: tar.TypeReg, Mode: int64(mode), Size: int64(len(f.Content)), ModTime: when, Format: tar.FormatPAX}
		if err := tw.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("pack overlay: %w", err)
		}
		if _, err := tw.Write(f.Content); err != nil {
			return nil, fmt.Errorf("pack overlay: %w", err)
		}
	}
	if err := tw.Close(); err != nil {
		return nil, fmt.Errorf("pack overlay: %w", err)
	}
	if err := zw.Close(); err != nil {
		return nil, fmt.Errorf("pack overlay: %w", err)
	}
	return b.Bytes(), nil
}

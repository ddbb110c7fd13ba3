// Package manifests has the commands that take files of specs and of objects of the Flink Kubernetes operator: `dcos flink
// apply`, `diff` and `export`.
package manifests

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/document"
	"github.com/flink-on-mesos/flink-service/internal/kubernetes"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// maxFile bounds a file, in bytes: a list of every cluster fits.
const maxFile = 8 << 20

// Files are the flags that name documents and say how they are translated.
type Files struct {
	// Names are files or directories; - is the input.
	Names []string
	// Jars are pairs LOCAL=URI.
	Jars        []string
	Ignore      []string
	KeepImages  bool
	SessionJobs bool
}

// Register adds the flags to a command.
func (s *Files) Register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVarP(&s.Names, "file", "f", nil, "file or directory of specs and objects; - reads stdin (repeatable)")
	fl.StringArrayVar(&s.Jars, "jar", nil, "what is fetched in place of a file in an image: local:///path=URI (repeatable)")
	fl.StringArrayVar(&s.Ignore, "ignore", nil, "field of an object that is left out instead of refused, with all below it (repeatable)")
	fl.BoolVar(&s.KeepImages, "keep-images", false, "start the tasks in the official Flink images that objects name, too")
	fl.BoolVar(&s.SessionJobs, "session-jobs-as-applications", false, "make each FlinkSessionJob an application, shaped as its session")
}

// options are the flags as the translation takes them.
func (s *Files) options() (kubernetes.Options, error) {
	o := kubernetes.Options{Jars: map[string]string{}, Ignore: s.Ignore, KeepImages: s.KeepImages, SessionJobs: s.SessionJobs}
	for _, pair := range s.Jars {
		from, to, ok := strings.Cut(pair, "=")
		if !ok || from == "" || to == "" {
			return o, command.Flagf("--jar %q: write it as local:///path=URI", pair)
		}
		o.Jars[from] = to
	}
	return o, nil
}

// item is one document: a spec of ours, or an object of the operator.
type item struct {
	// source is its file and line, for errors.
	source string
	kubernetes.Object
}

// read reads all documents. Sessions that jobs belong to, and that no file has, are looked up in the service.
func (s *Files) read(ctx context.Context, f *command.Factory, c *client.Client) ([]item, error) {
	if len(s.Names) == 0 {
		return nil, command.Flagf("--file is missing: name a file or a directory, or - for stdin")
	}
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	var all []item
	for _, name := range s.Names {
		files, err := list(f, name)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := readFile(f, file)
			if err != nil {
				return nil, err
			}
			items, err := parse(file, text, o)
			if err != nil {
				return nil, err
			}
			all = append(all, items...)
		}
	}
	if len(all) == 0 {
		return nil, command.Usagef("there is no document in --file %s", strings.Join(s.Names, ", "))
	}
	if err := unique(all); err != nil {
		return nil, err
	}
	return link(ctx, c, all)
}

// list finds the files of a name: itself, or what a directory has of YAML and JSON, in the order of the names.
func list(f *command.Factory, name string) ([]string, error) {
	if name == "-" {
		return []string{name}, nil
	}
	dir, err := f.Open(name)
	if err != nil {
		return nil, command.Usagef("read the documents: %w", err)
	}
	defer dir.Close()
	info, err := dir.Stat()
	if err != nil {
		return nil, command.Usagef("read the documents: %w", err)
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, command.Usagef("read the documents: %w", err)
	}
	var files []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); e.Type().IsRegular() && slices.Contains([]string{".yaml", ".yml", ".json"}, ext) {
			files = append(files, filepath.Join(name, e.Name()))
		}
	}
	slices.Sort(files)
	return files, nil
}

func readFile(f *command.Factory, name string) ([]byte, error) {
	in := f.Streams.In
	if name != "-" {
		file, err := f.Open(name)
		if err != nil {
			return nil, command.Usagef("read the documents: %w", err)
		}
		defer func(file *os.File) { file.Close() }(file)
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, command.Usagef("read %s: %w", name, err)
	}
	if len(data) > maxFile {
		return nil, command.Usagef("%s is larger than %d MiB: name documents, not a jar", name, maxFile>>20)
	}
	return data, nil
}

// parse reads the documents of one file.
func parse(name string, data []byte, o kubernetes.Options) ([]item, error) {
	if name == "-" {
		name = "stdin"
	}
	var all []item
	for _, part := range document.Split(data) {
		if kubernetes.IsObject(part.Text) {
			objects, err := kubernetes.Read(part.Text, o)
			if err != nil {
				return nil, command.Usagef("%s: the document on line %d cannot be read: %w", name, part.Line, err)
			}
			for _, object := range objects {
				all = append(all, item{fmt.Sprintf("%s, line %d", name, object.Row), object})
			}
			continue
		}
		var sp spec.Spec
		source := fmt.Sprintf("%s, line %d", name, part.Line)
		if err := document.Unmarshal(part.Text, document.FormatOf(part.Text), "the spec in "+source, &sp); err != nil {
			return nil, &command.Error{Code: command.ExitUsage, Err: err}
		}
		if sp.Name == "" {
			return nil, command.Usagef("the spec in %s has no name: give the cluster one", source)
		}
		all = append(all, item{source, kubernetes.Object{Kind: "spec", Name: sp.Name, Row: part.Line, Spec: &sp}})
	}
	return all, nil
}

// unique refuses two specs of one name: one of them would be lost.
func unique(all []item) error {
	first := map[string]string{}
	for _, i := range all {
		if i.Spec == nil {
			continue
		}
		if before, twice := first[i.Name]; twice {
			return command.Usagef("cluster %s is in %s and in %s: a name is unique in the service, whatever the namespace", i.Name, before, i.source)
		}
		first[i.Name] = i.source
	}
	return nil
}

// link completes objects by others, and by sessions that run.
func link(ctx context.Context, c *client.Client, all []item) ([]item, error) {
	running := map[string]spec.Spec{}
	objects := make([]kubernetes.Object, 0, len(all))
	for _, i := range all {
		objects = append(objects, i.Object)
		if i.Session == "" || slices.ContainsFunc(all, func(other item) bool { return other.Spec != nil && other.Name == i.Session }) {
			continue
		}
		d, err := c.Cluster(ctx, i.Session)
		if client.NotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		running[i.Session] = d.Spec
	}
	kubernetes.Link(objects, running)
	for i := range all {
		all[i].Object = objects[i]
	}
	return all, nil
}

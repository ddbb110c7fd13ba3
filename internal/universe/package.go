package universe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Package is a DC/OS package: what Cosmos knows of it.
type Package struct {
	// Info is package.json.
	Info map[string]any
	// Config is config.json.
	Config map[string]any
	// Resource is resource.json; in the project it is a template, in a release it is filled.
	Resource map[string]any
	// Template is marathon.json.mustache.
	Template string
}

// The files of a package, relative to the project's root.
const (
	InfoFile     = "universe/package.json"
	ResourceFile = "universe/resource.json"
	ConfigFile   = "config.json"
	TemplateFile = "marathon.json.mustache"
)

// Load reads the package of a project. Numbers are kept as they are written (json.Number).
func Load(root string) (Package, error) {
	var p Package
	for _, f := range []struct {
		name string
		to   *map[string]any
	}{{InfoFile, &p.Info}, {ConfigFile, &p.Config}, {ResourceFile, &p.Resource}} {
		text, err := readASCII(filepath.Join(root, f.name))
		if err != nil {
			return Package{}, err
		}
		if *f.to, err = decodeObject(text); err != nil {
			return Package{}, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	text, err := readASCII(filepath.Join(root, TemplateFile))
	p.Template = string(text)
	return p, err
}

// Name and Version are those of package.json; empty when it has none.
func (p Package) Name() string { return text(p.Info["name"]) }

// Version is the version of the package.
func (p Package) Version() string { return text(p.Info["version"]) }

func text(v any) string {
	s, _ := v.(string)
	return s
}

// readASCII reads a file of the package. Universe's validator opens them as ASCII, so nothing else may be in them.
func readASCII(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the package: %w", err)
	}
	line := 1
	for _, b := range data {
		if b == '\n' {
			line++
		}
		if b >= 0x80 || b < ' ' && b != '\n' {
			return nil, fmt.Errorf("%s: line %d has a byte %#x: only printable ASCII and line feeds may be in the package", path, line, b)
		}
	}
	return data, nil
}

// decodeObject reads one JSON object and nothing behind it.
func decodeObject(data []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, explainSyntax(data, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind the JSON object")
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("is not a JSON object but a %T", v)
	}
	return object, nil
}

// explainSyntax shows where a text stops being JSON.
func explainSyntax(data []byte, err error) error {
	e, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return err
	}
	at := min(int(e.Offset), len(data))
	return fmt.Errorf("%w at %q", err, data[max(0, at-60):at])
}

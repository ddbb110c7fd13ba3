// Package venv makes Python environments with packages from PyPI: each once, into build/venv/NAME below the module's root. It is
// used by tests only.
package venv

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/testkit/once"
)

// Options say what an environment has.
type Options struct {
	// Name names the environment below build/venv; another set of requirements needs another name.
	Name string
	// Python is the interpreter that the environment is made with; "python3" when empty.
	Python string
	// Steps are the arguments of successive runs of pip install, such as requirements with exact versions.
	Steps [][]string
}

// Make returns the directory of the environment. It must not be moved. It fails when there is no Python with its module venv
// (Debian's package python3-venv), or when pip does not get what is asked for.
func Make(ctx context.Context, o Options) (string, error) {
	python := o.Python
	if python == "" {
		python = "python3"
	}
	// The programs of an environment name its path, so the environment is beside the mark that it is complete.
	mark, err := once.Make(filepath.Join("venv", o.Name), func(part string) error {
		dir := environment(strings.TrimSuffix(part, ".part"))
		if err := run(ctx, python, "-m", "venv", "--clear", dir); err != nil {
			return fmt.Errorf("make a Python environment: install Debian's package python3-venv: %w", err)
		}
		for _, step := range o.Steps {
			install := append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check"}, step...)
			if err := run(ctx, filepath.Join(dir, "bin", "python"), install...); err != nil {
				return fmt.Errorf("install %v: %w", step, err)
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return environment(mark), nil
}

func environment(mark string) string { return mark + ".d" }

func run(ctx context.Context, program string, args ...string) error {
	output, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(output)), "\n")
		return errors.Join(err, errors.New(strings.Join(lines[max(0, len(lines)-5):], "\n")))
	}
	return nil
}

package dist

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Extract unpacks a Flink tarball below dir, which it makes, and returns the Flink home:
// dir itself, without the archive's top directory. What is there already is kept and
// returned, so a directory named by the archive's hash serves as a cache. It is for
// tests and for tools that run Flink's own commands; agents unpack archives themselves.
func Extract(ctx context.Context, archive, dir string) (string, error) {
	if isHome(dir) {
		return dir, nil
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("unpack Flink: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, ".unpack-")
	if err != nil {
		return "", fmt.Errorf("unpack Flink: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", fmt.Errorf("unpack Flink: %w", err)
	}
	if err := unpack(ctx, archive, tmp); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, dir); err != nil && !isHome(dir) {
		return "", fmt.Errorf("unpack Flink: %w", err)
	}
	return dir, nil
}

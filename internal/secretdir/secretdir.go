// Package secretdir owns SECRETS_DIR: the secrets that the operator of the service lets specs name.
package secretdir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// maxSecret bounds a secret, as the secret stores of Mesos clusters do.
const maxSecret = 1 << 20

// Dir is the path of the directory; empty for none. Specs name files in it, not any file that the service can read.
type Dir string

// Read returns the content of a file. It is read each time, so that a secret that was changed is used from the next start on.
func (s Dir) Read(name string) ([]byte, error) {
	if s == "" {
		return nil, fmt.Errorf("%s is to be read from SECRETS_DIR, which is not set", name)
	}
	if !spec.IsSecretFile(name) {
		return nil, fmt.Errorf("%q is not the name of a file in SECRETS_DIR", name)
	}
	f, err := os.Open(string(s) + "/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s in SECRETS_DIR", name)
	}
	if err != nil {
		return nil, fmt.Errorf("SECRETS_DIR: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, fmt.Errorf("SECRETS_DIR: %w", err)
	}
	if len(content) == 0 || len(content) > maxSecret {
		return nil, fmt.Errorf("%s in SECRETS_DIR is empty, or larger than 1 MiB", name)
	}
	return content, nil
}

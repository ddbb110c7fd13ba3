package cli

import (
	"fmt"
	"io"
	"os"
)

// Version is set when a release is linked.
var Version string

// maxCertificates bounds a file of certificates, in bytes.
const maxCertificates = 8 << 20

// readAll reads a small file.
func readAll(file *os.File) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(file, maxCertificates+1))
	if err == nil && len(data) > maxCertificates {
		return nil, fmt.Errorf("%s is larger than %d MiB", file.Name(), maxCertificates>>20)
	}
	return data, err
}

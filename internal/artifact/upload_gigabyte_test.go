//go:build gigabyte

package artifact_test

import "testing"

// TestUploadOfAGigabyte takes some ten seconds: go test -tags gigabyte -run Gigabyte ./internal/artifact.
func TestUploadOfAGigabyte(t *testing.T) { uploadFlat(t, 1<<30) }

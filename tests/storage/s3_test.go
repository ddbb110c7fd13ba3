package storage_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/testkit/s3"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestS3 keeps checkpoints and savepoints in an object store whose credentials are secrets, with each of Flink's two plugins
// for it.
func TestS3(t *testing.T) {
	each(t, "2.", func(t *testing.T, d disttest.Distribution) {
		store := s3.Start(t)
		for _, plugin := range []string{"s3-fs-presto", "s3-fs-hadoop"} {
			if testing.Short() && plugin != "s3-fs-presto" {
				continue
			}
			t.Run(plugin, func(t *testing.T) {
				if !d.HasPlugin(plugin) {
					t.Skipf("Flink %s has no plugin %s; it lacks %v", d.Name(), plugin, d.Missing)
				}
				// Each has a bucket of its own.
				bucket := strings.TrimPrefix(plugin, "s3-fs-")
				store.Bucket(bucket)
				w := world.Start(t, world.Options{Service: func(dir string) []string {
					secrets := filepath.Join(dir, "secrets")
					secret(t, secrets, "s3-access-key", store.AccessKey)
					secret(t, secrets, "s3-secret-key", store.SecretKey)
					return []string{"SECRETS_DIR=" + secrets}
				}})
				c := newDrill(t, w, documented(t, d, "storage.md", "s3",
					"http://s3.example.com:9000", store.URL, "s3://flink/", "s3://"+bucket+"/", "[s3-fs-presto]", "["+plugin+"]"), "s3://"+bucket+"/")
				c.run()
				for _, dir := range []string{"checkpoints/", "savepoints/"} {
					w.Eventually("the store has something below "+dir, func() error {
						if len(store.Keys(bucket, dir)) == 0 {
							return errors.New("it has nothing")
						}
						return nil
					})
				}
			})
		}
	})
}

// secret writes a file of SECRETS_DIR.
func secret(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

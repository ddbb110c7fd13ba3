package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/config"
)

func TestJavaArchive(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "jre.tgz")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, named := range []string{file, "https://example.com/jre.tar.gz", "hdfs:///java/jre.zip"} {
		if c := load(t, "MESOS_MASTER=local", "JAVA_ARCHIVE="+named); c.Flink.JavaArchive != named {
			t.Errorf("JAVA_ARCHIVE is %q, want %q", c.Flink.JavaArchive, named)
		}
	}
	for _, tt := range []struct{ env, want string }{
		{"JAVA_ARCHIVE=" + filepath.Dir(file), "is not an archive"},
		{"JAVA_ARCHIVE=https://example.com/jre", "is not an archive"},
		{"JAVA_ARCHIVE=" + file + ".tgz", "cannot be read"},
	} {
		_, err := config.Load([]string{"MESOS_MASTER=local", tt.env})
		if d := details(t, err); len(d) != 1 || d[0].Field != "JAVA_ARCHIVE" || !strings.Contains(d[0].Message, tt.want) {
			t.Errorf("%s: Load() = %v, want one problem of JAVA_ARCHIVE with %q", tt.env, err, tt.want)
		}
	}
	if err := config.CheckElsewhere([]string{"MESOS_MASTER=local", "JAVA_ARCHIVE=elsewhere.tgz", "ADVERTISE_HOST=a"}); err != nil {
		t.Errorf("CheckElsewhere() looks for the file here: %v", err)
	}
}

package sim_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/admin"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
)

// asService has this program be the service instead of its tests.
const asService = "SIM_AS_SERVICE"

// distribution is the directory of a Flink that is none: nothing is ever started from it.
var distribution string

// TestMain is the service's main when a test starts this program as one: so its processes need no other build.
func TestMain(m *testing.M) {
	if os.Getenv(asService) != "" {
		os.Exit(admin.Main("test", "test", os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
	}
	flag.Parse()
	// The tests with processes spend most of their time waiting: more of them than processors go side by side, unless
	// -parallel says otherwise.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("8"); err != nil {
			panic(err)
		}
	}
	debug.SetGCPercent(400) // Worlds in virtual time do little else than to make and drop messages.
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sim")
	if err == nil {
		defer os.RemoveAll(dir)
		distribution = filepath.Join(dir, "flink")
		err = assemble(filepath.Join(dir, "flink-2.3.0"), distribution)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// assemble makes a Flink without Flink.
func assemble(home, out string) error {
	err := errors.Join(
		os.MkdirAll(filepath.Join(home, "lib"), 0o700),
		os.WriteFile(filepath.Join(home, "lib", "flink-dist-2.3.0.jar"), []byte("nothing"), 0o600),
	)
	if err != nil {
		return err
	}
	_, err = dist.Assemble(context.Background(), dist.Options{Source: home, Dir: out, Driver: []byte("nothing")})
	return err
}

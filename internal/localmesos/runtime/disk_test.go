package runtime_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/runtime"
)

// distribution is an archive as that of Flink: a large jar, and files that tasks may change.
func distribution(t *testing.T) map[string]string {
	t.Helper()
	jar := strings.Repeat("not a jar, but as large ", 1<<14)
	return map[string]string{
		"/flink.tgz": string(tarball(t, "tgz",
			dir("flink", 0o755), dir("flink/lib", 0o750), file("flink/lib/dist.jar", jar, 0o644), file("flink/lib/small.jar", "small", 0o644),
			file("flink/conf/config.yaml", "a: 1\n", 0o640), file("flink/bin/flink", strings.Repeat("#", 1<<17), 0o755), symlink("flink/current", "lib/dist.jar"))),
		"/classes.jsa": jar,
	}
}

// TestSandboxesShareLargeFiles has tasks of one agent that fetch the same archive not take its size each, and have no
// part in what the others change.
func TestSandboxesShareLargeFiles(t *testing.T) {
	t.Parallel()
	base, requests := site(t, distribution(t))
	r := newRuntime(t)
	uris := []mesos.CommandInfo_URI{uri(base+"/flink.tgz", cache), uri(base+"/classes.jsa", cache)}
	const check = `test "$(cat flink/conf/config.yaml)" = "a: 1" && stat -c "%a %Y" flink/lib flink/lib/dist.jar flink/conf/config.yaml flink/bin/flink && readlink flink/current && sleep 0.1`
	const change = ` && echo mine >>flink/conf/config.yaml && echo mine >>flink/bin/flink && rm flink/lib/dist.jar && echo mine >flink/lib/dist.jar && rm classes.jsa`
	first := launch(t, r, shell("first", check, uris...))
	first.await(mesos.TASK_FINISHED)
	launch(t, r, shell("second", check+change, uris...)).await(mesos.TASK_FINISHED)
	third := launch(t, r, shell("third", check, uris...))
	third.await(mesos.TASK_FINISHED)
	want := fmt.Sprintf("750 %d\n644 %[1]d\n640 %[1]d\n755 %[1]d\nlib/dist.jar\n", written.Unix())
	for _, x := range []*run{first, third} {
		if got := x.file("stdout"); got != want {
			t.Errorf("%s has %q, want %q", x.id, got, want)
		}
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests for two cached files", n)
	}
	// The one file is counted by its links: in two sandboxes and in the cache. With clones there are none.
	if cloned(t, r) {
		return
	}
	for _, name := range []string{"flink/lib/dist.jar", "classes.jsa"} {
		if n := links(t, filepath.Join(first.sandbox(), name)); n != 3 {
			t.Errorf("%s is in %d places, want 3", name, n)
		}
	}
	for _, name := range []string{"flink/lib/small.jar", "flink/conf/config.yaml", "flink/bin/flink"} {
		if n := links(t, filepath.Join(first.sandbox(), name)); n != 1 {
			t.Errorf("%s is in %d places, want 1: a task may change it", name, n)
		}
	}
}

func links(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return uint64(info.Sys().(*syscall.Stat_t).Nlink) //nolint:unconvert // Its type differs between machines.
}

// cloned says whether the file system of the work directory clones files, so that there are no links.
func cloned(t *testing.T, r *runtime.Runtime) bool {
	t.Helper()
	for _, task := range []string{"first"} {
		dir, ok := r.Sandbox(task)
		if ok && links(t, filepath.Join(dir, "flink/lib/dist.jar")) == 1 {
			return true
		}
	}
	return false
}

// TestChangedSharedFile changes a shared file in place: later tasks have what was fetched all the same.
func TestChangedSharedFile(t *testing.T) {
	t.Parallel()
	files := distribution(t)
	base, _ := site(t, files)
	r := newRuntime(t)
	uris := []mesos.CommandInfo_URI{uri(base+"/flink.tgz", cache), uri(base+"/classes.jsa", cache)}
	launch(t, r, shell("vandal", "echo mine >>flink/lib/dist.jar; echo mine >>classes.jsa", uris...)).await(mesos.TASK_FINISHED)
	x := launch(t, r, shell("after", "true", uris...))
	x.await(mesos.TASK_FINISHED)
	for _, name := range []string{"flink/lib/dist.jar", "classes.jsa"} {
		got, err := os.ReadFile(filepath.Join(x.sandbox(), name))
		if err != nil || !bytes.Equal(got, []byte(files["/classes.jsa"])) {
			t.Errorf("%s has %d bytes, %v; want %d", name, len(got), err, len(files["/classes.jsa"]))
		}
	}
}

// TestCacheIsBounded fetches more than fits: what was not used for the longest time is fetched again.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	const size = 1 << 16
	base, requests := site(t, map[string]string{"/a": strings.Repeat("a", size), "/b": strings.Repeat("b", size), "/c": strings.Repeat("c", size)})
	work := t.TempDir()
	r := newRuntime(t, func(o *runtime.Options) { o.WorkDir, o.CacheSize = work, 2*size })
	for i, step := range []struct {
		file     string
		requests int64
	}{{"a", 1}, {"b", 2}, {"a", 2}, {"c", 3}, {"a", 3}, {"b", 4}} {
		x := launch(t, r, shell(fmt.Sprintf("t%d", i), "test $(wc -c <"+step.file+") = 65536", uri(base+"/"+step.file, cache)))
		x.await(mesos.TASK_FINISHED)
		if n := requests.Load(); n != step.requests {
			t.Fatalf("after step %d there were %d requests, want %d", i, n, step.requests)
		}
	}
	eventually(t, "cache within its bounds", func() bool {
		var total int64
		files, err := filepath.Glob(filepath.Join(work, "fetch", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if info, err := os.Stat(f); err == nil {
				total += info.Size()
			}
		}
		return total <= 2*size
	})
}

// TestOldSandboxesGo starts agent after agent in one directory, as a service does that is started again and again: the
// newest sandboxes stay, and nothing else of the earlier ones but volumes.
func TestOldSandboxesGo(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	var last *run
	for start := range 4 {
		r := newRuntime(t, func(o *runtime.Options) { o.WorkDir, o.Keep, o.AgentID = work, 2, fmt.Sprintf("m-S%d", start) })
		for i := range 2 {
			x := launch(t, r, shell(fmt.Sprintf("t%d", i), "echo output"))
			x.await(mesos.TASK_FINISHED)
			// Files have times of a few milliseconds at best, so say which are older.
			old := time.Now().Add(time.Duration(10*start+i-100) * time.Hour)
			for _, f := range []string{"stdout", "stderr", "."} {
				if err := os.Chtimes(filepath.Join(x.sandbox(), f), old, old); err != nil {
					t.Fatal(err)
				}
			}
			last = x
		}
		for _, f := range []string{"volumes/m-S0/roles/dev/v/file", "fetch/m-S0/c1"} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(work, f)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(work, f), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		// Beside one that runs nothing is removed.
		beside := newRuntime(t, func(o *runtime.Options) { o.WorkDir, o.Keep, o.AgentID = work, 1, "m-beside" })
		if got := sandboxes(t, work); len(got) != min(2*start+2, 4) {
			t.Errorf("start %d: sandboxes %v", start, got)
		}
		for _, r := range []*runtime.Runtime{beside, r} {
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	newRuntime(t, func(o *runtime.Options) { o.WorkDir, o.Keep = work, 2 })
	got := sandboxes(t, work)
	if len(got) != 2 || !strings.Contains(strings.Join(got, " "), last.sandbox()) {
		t.Errorf("sandboxes %v stay, want the newest two with %s", got, last.sandbox())
	}
	if agents, err := filepath.Glob(filepath.Join(work, "slaves", "*")); err != nil || len(agents) != 1 {
		t.Errorf("directories of agents are %v, %v; want one", agents, err)
	}
	if _, err := os.Stat(filepath.Join(work, "fetch")); err == nil {
		t.Error("the caches of earlier agents are there")
	}
	if _, err := os.Stat(filepath.Join(work, "volumes/m-S0/roles/dev/v/file")); err != nil {
		t.Errorf("a persistent volume is gone: %v", err)
	}
}

// sandboxes are those in a work directory.
func sandboxes(t *testing.T, work string) []string {
	t.Helper()
	runs, err := filepath.Glob(filepath.Join(work, "slaves", "*", "frameworks", "*", "executors", "*", "runs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, run := range runs {
		if filepath.Base(run) != "latest" {
			all = append(all, run)
		}
	}
	return all
}

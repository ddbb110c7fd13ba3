package file_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/file"
)

// killedDir names, to the child process of TestKilled, the directory of its store.
const killedDir = "FILE_TEST_KILLED_DIR"

// TestKilled kills a process with -9 while it writes, again and again: what it said was written is there, whole.
func TestKilled(t *testing.T) {
	if dir := os.Getenv(killedDir); dir != "" {
		writeUntilKilled(t, dir)
		return
	}
	t.Parallel()
	dir := t.TempDir()
	said := 0
	for round := range 8 {
		child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		child.Env = append(os.Environ(), killedDir+"="+dir)
		child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if _, err := fmt.Sscanf(lines.Text(), "wrote %d", &said); err != nil {
				t.Fatalf("round %d: the writer says %q", round, lines.Text())
			}
			if n == 20+7*round {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait()
		s, err := file.New(file.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		records, err := s.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := number(t, records)
		// The write after the last word may have been made.
		if n != said && n != said+1 {
			t.Fatalf("round %d: %d is there, %d was written", round, n, said)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// number returns the one number that is in every record.
func number(t *testing.T, records []store.Record) int {
	t.Helper()
	n := 0
	for i, r := range records {
		var m int
		if _, err := fmt.Sscan(string(r.Value), &m); err != nil {
			t.Fatal(err)
		}
		if i > 0 && m != n {
			t.Fatalf("half a batch: %d and %d", n, m)
		}
		n = m
	}
	return n
}

func writeUntilKilled(t *testing.T, dir string) {
	s, err := file.New(file.Options{Dir: dir, CompactAfter: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	records, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n := number(t, records) + 1; ; n++ {
		var batch []store.Record
		for i := range 3 {
			batch = append(batch, set(fmt.Sprint("k", i), fmt.Sprint(n, strings.Repeat(" x", 1000*i))))
		}
		if err := s.Apply(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		fmt.Println("wrote", n)
	}
}

package dist_test

import (
	"archive/zip"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
)

// class is a class file in the making: its constant pool and its code.
type class struct {
	pool  []byte
	count uint16
	code  []byte
}

func (c *class) add(constant ...byte) uint16 {
	c.pool = append(c.pool, constant...)
	c.count++
	return c.count
}

func two(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }

func (c *class) utf8(s string) uint16 {
	return c.add(slices.Concat([]byte{1}, two(uint16(len(s))), []byte(s))...)
}

func (c *class) text(s string) uint16 { return c.add(append([]byte{8}, two(c.utf8(s))...)...) }

func (c *class) method(of, name string) uint16 {
	class := c.add(append([]byte{7}, two(c.utf8(of))...)...)
	named := c.add(slices.Concat([]byte{12}, two(c.utf8(name)), two(c.utf8("(Ljava/lang/String;)X")))...)
	return c.add(slices.Concat([]byte{10}, two(class), two(named))...)
}

func (c *class) bytes() []byte {
	header := []byte{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52}
	return slices.Concat(header, two(c.count+1), c.pool, c.code)
}

// TestOptions reads the options of a Flink from the byte code of its jars.
func TestOptions(t *testing.T) {
	t.Parallel()
	c := &class{}
	key := c.method("org/apache/flink/configuration/ConfigOptions", "key")
	other := c.method("org/apache/flink/configuration/ConfigOptions", "description")
	c.add(5, 0, 0, 0, 0, 0, 0, 0, 1) // A long takes two places.
	c.count++
	call := func(s string, method uint16) {
		c.code = slices.Concat(c.code, []byte{0x13}, two(c.text(s)), []byte{0xb8}, two(method))
	}
	call("taskmanager.numberOfTaskSlots", key)
	call("restart-strategy", key)
	call("not.defined", other)
	call("Words are no key. They are not.", key)
	call("host", key) // A part of a key that others complete.
	short := c.text("jobmanager.rpc.port")
	if short > 255 {
		t.Fatal("the constant needs the wide load")
	}
	c.code = append(c.code, 0x12, byte(short), 0xb8)
	c.code = append(c.code, two(key)...)
	c.code = append(c.code, 0x12, byte(c.text("jobmanager.old-port")), 0x53) // An element of an array of deprecated keys.
	c.code = append(c.code, 0x12, byte(c.text("only.loaded")), 0xb0)

	plain := &class{}
	plain.code = append([]byte{0x13}, two(plain.text("no.options.here"))...)
	plain.code = append(plain.code, 0x53)

	src := home(t, "2.3.0")
	file, err := os.Create(filepath.Join(src, "lib", "flink-core-2.3.0.jar"))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(file)
	for name, content := range map[string][]byte{
		"org/apache/flink/configuration/TaskManagerOptions.class": c.bytes(),
		"org/apache/flink/configuration/PlainOptions.class":       plain.bytes(),
		"org/apache/flink/configuration/CutOptions.class":         c.bytes()[:60],
		"org/apache/flink/configuration/EmptyOptions.class":       nil,
		"org/example/OtherOptions.class":                          c.bytes(),
	} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	m := assemble(t, dist.Options{Source: src, Dir: t.TempDir()})
	want := []string{"jobmanager.old-port", "jobmanager.rpc.port", "restart-strategy", "taskmanager.numberOfTaskSlots"}
	if diff := cmp.Diff(want, m.Options); diff != "" {
		t.Errorf("options mismatch (-want +got):\n%s", diff)
	}
}

// TestRealOptions looks for some options, and old names of options, in the real Flinks.
func TestRealOptions(t *testing.T) {
	for _, d := range disttest.Real(t) {
		for _, key := range []string{
			"taskmanager.numberOfTaskSlots", "parallelism.default", "jobmanager.memory.process.size", "execution.checkpointing.interval", "state.backend.type",
			"state.backend", "high-availability.zookeeper.quorum", "rest.port", "restart-strategy.type", "restart-strategy", "metrics.reporters", "io.tmp.dirs", "env.java.opts.all",
		} {
			if !slices.Contains(d.Options, key) {
				t.Errorf("Flink %s has %d options and not %s", d.Name(), len(d.Options), key)
			}
		}
		if len(d.Options) < 500 || slices.Contains(d.Options, "taskmanager.numberOfTaskSlot") {
			t.Errorf("Flink %s has %d options", d.Name(), len(d.Options))
		}
	}
}

package document

import (
	"strings"
	"testing"
)

func TestYAMLAliasesDoNotExplode(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", 100_000)
	for _, head := range []string{"", "role: |\n  'x\n", "role: a\n  'x\n"} {
		text := head + "user: &a \"" + long + "\"\nuris: [" + strings.Repeat("*a,", 100_000) + "*a]\n"
		var err error
		bytes := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				_, err = parseYAML([]byte(text))
			}
		}).AllocedBytesPerOp()
		if err == nil || !strings.Contains(err.Error(), "aliases") {
			t.Errorf("error %v", err)
		}
		if bytes > 200<<20 {
			t.Errorf("%d MiB allocated for a document of %d KiB", bytes>>20, len(text)>>10)
		}
	}
}

func TestYAMLTextsAreRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"name: demo\nenvironment:\n  A: |\n    & start\n    &x y\n    - *b\n",
		"name: demo\nenvironment:\n  A: |\n    'quoted\n    more\nkind: session\n",
		"name: demo\nenvironment:\n  A: it's\n  B: \"a: &b\"\n",
		"name: demo\nenvironment:\n  A: >-\n    ---\n    x\n",
		"name: demo\nenvironment:\n  A: |-  # text\n    &b\n  B: >2\n      *c\n",
		"uris:\n- value: |\n    &b\n  extract: true\n- |\n  *b\n",
		"---\nname: demo\n...\n",
		"name: \"" + strings.Repeat(`\L`, 1000) + "\"\n",
	} {
		if _, err := parseYAML([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{
		"a: 1\n---\na: 2\n", "a: 1\na: 2\n", "[a]: a\n", "~: a\n", "a: &a [*a]\n", "a: *b\n",
		strings.Repeat("[", 500_000), strings.Repeat("- ", 400_000) + "a", strings.Repeat("? ", 300_000), "a: " + strings.Repeat("[", 70) + strings.Repeat("]", 70),
	} {
		if v, err := parseYAML([]byte(text)); err == nil {
			t.Errorf("%.40q was read as %v", text, v)
		}
	}
}

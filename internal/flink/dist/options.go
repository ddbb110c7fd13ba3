package dist

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
)

// knownOptions lists the options that the jars of a Flink define, sorted: the keys of its ConfigOption constants with
// their deprecated ones. They are read from the byte code, so that no Java is needed:
// Flink defines each by a call of ConfigOptions.key with a constant.
func knownOptions(entries []entry) ([]string, error) {
	keys := map[string]bool{}
	for _, e := range entries {
		if e.dir || !strings.HasSuffix(e.name, ".jar") || !strings.HasPrefix(path.Base(e.name), "flink-") {
			continue
		}
		if err := optionsOf(e, keys); err != nil {
			return nil, fmt.Errorf("read the options in %s: %w", e.name, err)
		}
	}
	var all []string
	for key := range keys {
		all = append(all, key)
	}
	slices.Sort(all)
	return all, nil
}

// definesOptions matches the classes in which Flink keeps its options.
var definesOptions = regexp.MustCompile(`^org/apache/flink/[A-Za-z0-9_/]*[A-Za-z0-9_$]*(Option|Configur|Constants|Factory|FileSystem|Reporter|Settings)[A-Za-z0-9_$]*\.class$`)

func optionsOf(e entry, keys map[string]bool) error {
	r, err := e.open()
	if err != nil {
		return err
	}
	defer r.Close()
	file, ok := r.(io.ReaderAt)
	if !ok {
		return nil // The driver, which has no options of Flink.
	}
	z, err := zip.NewReader(file, e.size)
	if errors.Is(err, zip.ErrFormat) {
		return nil // It is no jar that Java could read either.
	}
	if err != nil {
		return err
	}
	for _, f := range z.File {
		if f.UncompressedSize64 > 1<<20 || strings.Contains(f.Name, "/shaded/") || !definesOptions.MatchString(f.Name) {
			continue
		}
		class, err := readAll(f)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		classOptions(class, keys)
	}
	return nil
}

func readAll(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	return content, errors.Join(err, r.Close())
}

// optionKey matches what a key of an option looks like, in full.
var optionKey = regexp.MustCompile(`^[a-z][A-Za-z0-9]*([.\-][A-Za-z0-9_\-]+)+$`)

// Parts of the format of class files (The Java Virtual Machine Specification, chapter 4).
const (
	classMagic = 0xcafebabe

	tagUTF8, tagLong, tagDouble, tagClass, tagString   = 1, 5, 6, 7, 8
	tagMethod, tagInterfaceMethod                      = 10, 11
	tagHandle, tagMethodType                           = 15, 16
	tagModule, tagPackage                              = 19, 20
	opLoad, opLoadWide, opStoreInArray, opInvokeStatic = 0x12, 0x13, 0x53, 0xb8
	optionsClass, optionsMethod                        = "org/apache/flink/configuration/ConfigOptions", "key"
)

// pool is the part of a constant pool that is of use here: by index, the texts, and two numbers of each other constant.
type pool struct {
	tags  []byte
	texts []string
	refs  [][2]uint16
}

// parsePool reads the constant pool of a class file, and returns what is behind it.
func parsePool(class []byte) (p pool, rest []byte, ok bool) {
	if len(class) < 10 || binary.BigEndian.Uint32(class) != classMagic {
		return p, nil, false
	}
	n := int(binary.BigEndian.Uint16(class[8:]))
	p = pool{make([]byte, n), make([]string, n), make([][2]uint16, n)}
	at := class[10:]
	for i := 1; i < n; i++ {
		if len(at) < 5 {
			return p, nil, false
		}
		p.tags[i] = at[0]
		size := 5
		switch at[0] {
		case tagUTF8:
			size = 3 + int(binary.BigEndian.Uint16(at[1:]))
			if len(at) < size {
				return p, nil, false
			}
			p.texts[i] = string(at[3:size])
		case tagClass, tagString, tagMethodType, tagModule, tagPackage:
			size = 3
			p.refs[i][0] = binary.BigEndian.Uint16(at[1:])
		case tagHandle:
			size = 4
		case tagLong, tagDouble:
			size = 9
			i++ // They take two places.
		default:
			p.refs[i] = [2]uint16{binary.BigEndian.Uint16(at[1:]), binary.BigEndian.Uint16(at[3:])}
		}
		if len(at) < size {
			return p, nil, false
		}
		at = at[size:]
	}
	return p, at, true
}

func (p pool) text(i uint16) string {
	if int(i) >= len(p.texts) {
		return ""
	}
	return p.texts[i]
}

// constant returns the String constant at an index.
func (p pool) constant(i int) string {
	if i >= len(p.tags) || p.tags[i] != tagString {
		return ""
	}
	return p.text(p.refs[i][0])
}

// isKey says whether a constant is the method ConfigOptions.key.
func (p pool) isKey(i int) bool {
	if i >= len(p.tags) || p.tags[i] != tagMethod && p.tags[i] != tagInterfaceMethod {
		return false
	}
	class, method := int(p.refs[i][0]), int(p.refs[i][1])
	return class < len(p.refs) && method < len(p.refs) && p.text(p.refs[class][0]) == optionsClass && p.text(p.refs[method][0]) == optionsMethod
}

// classOptions adds the keys that a class defines. The code is not decoded: a load of a String constant right before
// the call of ConfigOptions.key, or before it is put into an array (which is how deprecated keys are given), is
// nothing else by chance, for the index has to be that of a text that looks like a key.
func classOptions(class []byte, keys map[string]bool) {
	p, code, ok := parsePool(class)
	if !ok || !slices.ContainsFunc(indexes(len(p.tags)), p.isKey) {
		return
	}
	for i := 0; i+2 < len(code); i++ {
		constant, next := 0, 0
		switch code[i] {
		case opLoad:
			constant, next = int(code[i+1]), i+2
		case opLoadWide:
			constant, next = int(binary.BigEndian.Uint16(code[i+1:])), i+3
		default:
			continue
		}
		key := p.constant(constant)
		if next >= len(code) || !optionKey.MatchString(key) {
			continue
		}
		called := code[next] == opInvokeStatic && next+2 < len(code) && p.isKey(int(binary.BigEndian.Uint16(code[next+1:])))
		if called || code[next] == opStoreInArray {
			keys[key] = true
		}
	}
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

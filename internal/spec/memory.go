package spec

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Memory is an amount of memory or disk in bytes. Its text form is the one Flink
// reads and writes ("1728m", "2g", "512 kb", plain bytes); see Flink's MemorySize.
type Memory int64

// Units of Memory.
const (
	Byte Memory = 1
	KiB         = 1024 * Byte
	MiB         = 1024 * KiB
	GiB         = 1024 * MiB
	TiB         = 1024 * GiB
)

// ParseMemory reads Flink's notation: a whole number and an optional unit of
// b, k, m, g or t (also kb, kibibytes and so on), in any case, blanks allowed between them.
func ParseMemory(text string) (Memory, error) {
	s := strings.ToLower(strings.TrimSpace(text))
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	if end == 0 {
		return 0, fmt.Errorf("%q is not a memory size: write a whole number and a unit, such as 1728m or 2g", text)
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("memory size %q is too large", text)
	}
	var unit Memory
	switch strings.TrimSpace(s[end:]) {
	case "", "b", "bytes":
		unit = Byte
	case "k", "kb", "kib", "kibibytes":
		unit = KiB
	case "m", "mb", "mib", "mebibytes":
		unit = MiB
	case "g", "gb", "gib", "gibibytes":
		unit = GiB
	case "t", "tb", "tib", "tebibytes":
		unit = TiB
	default:
		return 0, fmt.Errorf("memory size %q has no unit that Flink knows: use b, k, m, g or t", text)
	}
	if n > int64(1<<62)/int64(unit) {
		return 0, fmt.Errorf("memory size %q is too large", text)
	}
	return Memory(n) * unit, nil
}

// MiBCeil returns the size in MiB, rounded up: Mesos counts mem and disk in MiB.
func (m Memory) MiBCeil() int64 {
	return int64((m + MiB - 1) / MiB)
}

// String returns the shortest exact form, such as "2g" or "1728m".
func (m Memory) String() string {
	switch {
	case m == 0:
		return "0b"
	case m%TiB == 0:
		return strconv.FormatInt(int64(m/TiB), 10) + "t"
	case m%GiB == 0:
		return strconv.FormatInt(int64(m/GiB), 10) + "g"
	case m%MiB == 0:
		return strconv.FormatInt(int64(m/MiB), 10) + "m"
	case m%KiB == 0:
		return strconv.FormatInt(int64(m/KiB), 10) + "k"
	default:
		return strconv.FormatInt(int64(m), 10) + "b"
	}
}

// MarshalJSON writes the text form.
func (m Memory) MarshalJSON() ([]byte, error) {
	return json.Marshal(m.String())
}

// UnmarshalJSON reads the text form, or a number of bytes.
func (m *Memory) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		text = string(data)
	}
	v, err := ParseMemory(text)
	if err != nil {
		return err
	}
	*m = v
	return nil
}

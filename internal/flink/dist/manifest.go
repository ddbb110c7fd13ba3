package dist

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/resources"
)

// Home is the top directory inside every archive.
const Home = "flink"

// DriverName is the file name of the resource manager driver's jar in lib.
const DriverName = resources.DriverName

// Manifest describes one archive. It lies beside it as <archive without .tgz>.json.
type Manifest struct {
	// Version is Flink's full version, such as "2.3.0".
	Version string `json:"version"`
	// Variant tells the archives of one version apart: "" is the release of Flink, "slim" the least that runs. With the version
	// it makes the name by which a cluster asks for it; see Name.
	Variant string `json:"variant,omitempty"`
	// SHA256 is the hash of the archive, in lower-case hexadecimal.
	SHA256 string `json:"sha256"`
	// Size is the length of the archive in bytes.
	Size int64 `json:"size"`
	// File is the archive's name in the directory of the manifest.
	File string `json:"file"`
	// Home is the top directory inside the archive.
	Home string `json:"home"`
	// Java is the oldest Java that runs this version: 8 for 1.x, 11 for 2.x.
	Java int `json:"java"`
	// Inputs is a hash over everything that went in; equal inputs are not packed twice.
	Inputs string `json:"inputs"`
	// Directories are the directories right below Home.
	Directories []string `json:"directories"`
	// Libraries are the jars in the archive, sorted by path.
	Libraries []Library `json:"libraries"`
	// Optional are the jars of opt, in a file of their own; nil when there are none.
	Optional *Optional `json:"optional,omitempty"`
	// Missing are the jars of Apache's release that the Maven repository did not have, as paths below Home.
	Missing []string `json:"missing,omitempty"`
	// Options are the keys of the configuration options that the jars define, sorted; none when they were not looked for.
	Options []string `json:"options,omitempty"`
}

// Optional is a tar beside the archive with the jars of opt. No process of Flink has them on its class path, so a task
// fetches those that its cluster names, one by one.
type Optional struct {
	// File, Size and SHA256 are those of the tar.
	File   string `json:"file"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// Libraries are the jars in it, sorted by path.
	Libraries []Library `json:"libraries"`
}

const (
	// Slim is the variant that has only what runs a job.
	Slim       = "slim"
	maxVariant = 40
)

var variantPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// Name is the version, and behind a dash the variant if there is one: "2.3.0", "2.3.0-slim".
func (m Manifest) Name() string {
	if m.Variant == "" {
		return m.Version
	}
	return m.Version + "-" + m.Variant
}

// Library is one jar of a distribution.
type Library struct {
	// Path is relative to Home.
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Driven says whether the resource manager driver is in lib, so that Flink can ask for its own TaskManagers.
func (m Manifest) Driven() bool {
	return slices.ContainsFunc(m.Libraries, func(l Library) bool { return strings.HasPrefix(l.Path, "lib/flink-mesos-driver") })
}

var archiveName = regexp.MustCompile(`^flink-([0-9][0-9A-Za-z.\-]*)-([0-9a-f]{64})\.tgz$`)

// ScanAll lists the archives in dir that have a manifest and the size it names, newest version first, and of one name the
// one that was made or asked for last. A directory that does not exist holds none.
func ScanAll(dir string) ([]Manifest, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list Flink distributions: %w", err)
	}
	modified := map[string]int64{}
	var list []Manifest
	for _, e := range entries {
		if !archiveName.MatchString(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("list Flink distributions: %w", err)
		}
		m, err := readManifest(filepath.Join(dir, manifestName(e.Name())))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m.File != e.Name() || m.Size != info.Size() {
			continue
		}
		modified[m.File] = info.ModTime().UnixNano()
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Manifest) int {
		return cmp.Or(CompareVersions(b.Version, a.Version), cmp.Compare(a.Variant, b.Variant),
			cmp.Compare(modified[b.File], modified[a.File]), cmp.Compare(b.SHA256, a.SHA256))
	})
	return list, nil
}

// Scan lists the archives as ScanAll does, but of each name only the first.
func Scan(dir string) ([]Manifest, error) {
	list, err := ScanAll(dir)
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(m Manifest) bool {
		again := seen[m.Name()]
		seen[m.Name()] = true
		return again
	}), err
}

// Pick returns the newest of list that wanted names: by its version or the beginning of one ("1.20" picks 1.20.5), or by that
// and a variant ("2.3-slim", "2.3.0-slim"). Without a variant the release itself goes before its variants, and of these the first
// in the list. An empty wanted picks the newest of all. The error names what there is.
func Pick(list []Manifest, wanted string) (Manifest, error) {
	if len(list) == 0 {
		return Manifest{}, errors.New("there is no Flink distribution: add the archive of a Flink release")
	}
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b Manifest) int {
		return cmp.Or(CompareVersions(b.Version, a.Version), min(len(a.Variant), 1)-min(len(b.Variant), 1))
	})
	for _, m := range sorted {
		if m.Matches(wanted) {
			return m, nil
		}
	}
	var names []string
	for _, m := range sorted {
		if !slices.Contains(names, m.Name()) {
			names = append(names, m.Name())
		}
	}
	return Manifest{}, fmt.Errorf("there is no Flink %s here, only %s: use one of these, or add an archive of that release",
		wanted, strings.Join(names, ", "))
}

// Matches says whether wanted names this distribution: see Pick.
func (m Manifest) Matches(wanted string) bool {
	if Matches(m.Version, wanted) {
		return true
	}
	version, ok := strings.CutSuffix(wanted, "-"+m.Variant)
	return ok && m.Variant != "" && Matches(m.Version, version)
}

// Matches says whether version is wanted or begins with wanted followed by a dot.
// An empty wanted matches every version.
func Matches(version, wanted string) bool {
	return wanted == "" || version == wanted || strings.HasPrefix(version, wanted+".")
}

// CompareVersions orders two versions by their numbers, part by part. A version with a
// suffix ("2.4-SNAPSHOT") comes before the same one without.
func CompareVersions(a, b string) int {
	numA, sufA, _ := strings.Cut(a, "-")
	numB, sufB, _ := strings.Cut(b, "-")
	pa, pb := strings.Split(numA, "."), strings.Split(numB, ".")
	for i := range max(len(pa), len(pb)) {
		var x, y int
		if i < len(pa) {
			x, _ = strconv.Atoi(pa[i])
		}
		if i < len(pb) {
			y, _ = strconv.Atoi(pb[i])
		}
		if x != y {
			if x < y {
				return -1
			}
			return 1
		}
	}
	switch {
	case sufA == sufB:
		return 0
	case sufA == "":
		return 1
	case sufB == "":
		return -1
	}
	return strings.Compare(sufA, sufB)
}

// JavaFor returns the oldest Java that runs a Flink version: bytecode of 2.x is for
// Java 11, that of 1.x for Java 8.
func JavaFor(version string) int {
	if CompareVersions(version, "2.0") >= 0 || strings.HasPrefix(version, "2.") {
		return 11
	}
	return 8
}

func manifestName(archive string) string {
	return strings.TrimSuffix(archive, ".tgz") + ".json"
}

func readManifest(path string) (Manifest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("read manifest %s: %w: delete it and run `make flink` again", path, err)
	}
	return m, nil
}

package dist

import (
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
)

// Home is the top directory inside every archive.
const Home = "flink"

// Manifest describes one archive. It lies beside it as <archive without .tgz>.json.
type Manifest struct {
	// Version is Flink's full version, such as "2.3.0".
	Version string `json:"version"`
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
	// Libraries are the jars below lib, opt and plugins, sorted by path.
	Libraries []Library `json:"libraries"`
}

// Library is one jar of a distribution.
type Library struct {
	// Path is relative to Home.
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

var archiveName = regexp.MustCompile(`^flink-([0-9][0-9A-Za-z.\-]*)-([0-9a-f]{64})\.tgz$`)

// Scan lists the archives in dir that have a manifest and the size it names, newest
// version first, at most one for each version: when there are several, the one written
// last. A directory that does not exist holds none.
func Scan(dir string) ([]Manifest, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list Flink distributions: %w", err)
	}
	type found struct {
		Manifest
		modified int64
	}
	best := map[string]found{}
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
		f := found{m, info.ModTime().UnixNano()}
		if old, ok := best[m.Version]; !ok || f.modified > old.modified || f.modified == old.modified && f.SHA256 > old.SHA256 {
			best[m.Version] = f
		}
	}
	list := make([]Manifest, 0, len(best))
	for _, f := range best {
		list = append(list, f.Manifest)
	}
	slices.SortFunc(list, func(a, b Manifest) int { return CompareVersions(b.Version, a.Version) })
	return list, nil
}

// Pick returns the newest of list whose version is wanted or begins with it ("1.20"
// picks 1.20.5); an empty wanted picks the newest of all. The error names what there is.
func Pick(list []Manifest, wanted string) (Manifest, error) {
	if len(list) == 0 {
		return Manifest{}, errors.New("there is no Flink distribution: add the archive of a Flink release")
	}
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b Manifest) int { return CompareVersions(b.Version, a.Version) })
	for _, m := range sorted {
		if Matches(m.Version, wanted) {
			return m, nil
		}
	}
	versions := make([]string, 0, len(sorted))
	for _, m := range sorted {
		versions = append(versions, m.Version)
	}
	return Manifest{}, fmt.Errorf("there is no Flink %s here, only %s: use one of these, or add an archive of that release",
		wanted, strings.Join(versions, ", "))
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

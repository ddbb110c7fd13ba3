// Package audit owns the record of who asked for what, from where, and whether it was done: JSON, one entry a line, each with
// the hash of the one before, so that an entry that was changed, removed or put between shows. It holds no secrets: neither
// tokens nor bodies nor the parameters of requests.
//
// The hashes are no signature: who can write the files can write all of them anew. Keep the hash of the newest entry
// elsewhere (Verify returns it), or send the lines elsewhere as they come.
package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of what is kept.
const (
	// fileSize is about how large a file becomes, in bytes, and files how many there are: the oldest is removed.
	fileSize = 8 << 20
	files    = 16
	// Recent is how many of the newest entries can be read without the files.
	Recent = 2000
	// maxLine bounds the line of an entry, in bytes.
	maxLine = 64 << 10
)

// The outcomes of a request.
const (
	// Done: it was answered without an error.
	Done = "done"
	// Refused: the caller is not known, or may not do it (HTTP 401 and 403).
	Refused = "refused"
	// Failed: any other error.
	Failed = "failed"
)

// Entry is a request.
type Entry struct {
	// Number counts the entries of an instance from 1 on.
	Number int64     `json:"number"`
	Time   time.Time `json:"time"`
	// Request is the id of the request, which the answer has as X-Request-Id.
	Request string `json:"request"`
	// Token is the name of the token, User the user that a token of DC/OS names, which is not verified; empty for none.
	Token string `json:"token,omitempty"`
	User  string `json:"user,omitempty"`
	// Address is where the request came from.
	Address string `json:"address"`
	Method  string `json:"method"`
	// Path is the path as it was sent, without parameters; Cluster the cluster in it.
	Path    string `json:"path"`
	Cluster string `json:"cluster,omitempty"`
	// Scope is what the request takes: none, read, operate or admin.
	Scope   string `json:"scope"`
	Status  int    `json:"status"`
	Outcome string `json:"outcome"`
	// Suppressed counts the refused requests before this one that have no entry, because they were too many.
	Suppressed int `json:"suppressed,omitempty"`
	// Previous is the hash of the entry before, empty for the first; Hash that of this one: SHA-256 of its line without it.
	Previous string `json:"previous"`
	Hash     string `json:"hash,omitempty"`
}

// line is the entry as it is stored; its hash is filled in.
func (e *Entry) line() ([]byte, error) {
	e.Hash = ""
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	e.Hash = hex.EncodeToString(sum[:])
	return json.Marshal(e)
}

// Options configure a Log. Dir is required.
type Options struct {
	// Dir is the directory of the files. It is made when it is not there.
	Dir string
	// Also takes each line, too; nil for nobody.
	Also io.Writer
	// FileSize is about how large a file becomes, in bytes; 8 MiB when 0. There are 16 of them at most.
	FileSize int64
}

// Log is the record of an instance. It is safe for use by several goroutines.
type Log struct {
	o Options

	mu     sync.Mutex
	file   *os.File
	size   int64
	last   Entry
	recent []Entry
}

// Open goes on with the record in a directory. An entry at the end that was not written whole is removed: the process ended
// while it wrote.
func Open(o Options) (*Log, error) {
	if o.FileSize == 0 {
		o.FileSize = fileSize
	}
	dir := o.Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	l := &Log{o: o}
	names, err := list(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names[max(0, len(names)-2):] {
		if err := l.load(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		return l, l.begin()
	}
	l.file, err = os.OpenFile(filepath.Join(dir, names[len(names)-1]), os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	info, err := l.file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("audit: %w", err), l.file.Close())
	}
	l.size = info.Size()
	return l, nil
}

// load reads the entries of a file, and cuts off what is not a whole line.
func (l *Log) load(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	if whole < len(text) {
		if err := os.Truncate(path, int64(whole)); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	for line := range bytes.Lines(text[:whole]) {
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			continue // Verify tells of it; the record goes on behind it.
		}
		l.last = e
		l.remember(e)
	}
	return nil
}

func (l *Log) remember(e Entry) {
	if l.recent = append(l.recent, e); len(l.recent) > 2*Recent {
		l.recent = slices.Clone(l.recent[len(l.recent)-Recent:])
	}
}

// begin starts the next file, and removes the oldest beyond those that are kept.
func (l *Log) begin() error {
	f, err := os.OpenFile(filepath.Join(l.o.Dir, fmt.Sprintf("audit-%019d.jsonl", l.last.Number+1)), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if l.file != nil {
		err = l.file.Close()
	}
	l.file, l.size = f, 0
	names, listed := list(l.o.Dir)
	for _, name := range names[:max(0, len(names)-files)] {
		err = errors.Join(err, os.Remove(filepath.Join(l.o.Dir, name)))
	}
	return errors.Join(err, listed)
}

// Add writes an entry, of which it sets Number, Previous and Hash.
func (l *Log) Add(e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size >= l.o.FileSize {
		if err := l.begin(); err != nil {
			return err
		}
	}
	e.Number, e.Previous, e.Time = l.last.Number+1, l.last.Hash, e.Time.UTC().Round(0)
	line, err := e.line()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	line = append(line, '\n')
	n, err := l.file.Write(line)
	if err != nil {
		_ = l.file.Truncate(l.size) // A part of a line would break the chain for those after it.
		return fmt.Errorf("audit: %w", err)
	}
	l.size += int64(n)
	l.last = e
	l.remember(e)
	if l.o.Also != nil {
		_, err = l.o.Also.Write(line)
	}
	return err
}

// Query says which entries to read.
type Query struct {
	// Cluster, Token and Outcome select; empty for all.
	Cluster, Token, Outcome string
	// After is the number of an entry: only later ones are read, the oldest first. -1 reads the newest first.
	After int64
	// Limit is the most to read.
	Limit int
}

// Read returns entries out of the newest ones, Recent at least where there are so many.
func (l *Log) Read(q Query) []Entry {
	l.mu.Lock()
	all := slices.Clone(l.recent)
	l.mu.Unlock()
	if q.After < 0 {
		slices.Reverse(all)
	}
	found := []Entry{}
	for _, e := range all {
		if len(found) < q.Limit && e.Number > q.After && (q.Cluster == "" || q.Cluster == e.Cluster) &&
			(q.Token == "" || q.Token == e.Token) && (q.Outcome == "" || q.Outcome == e.Outcome) {
			found = append(found, e)
		}
	}
	return found
}

// Close ends the record.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// list returns the names of the files, the oldest first.
func list(dir string) ([]string, error) {
	found, err := fs.Glob(os.DirFS(dir), "audit-*.jsonl")
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	slices.Sort(found)
	return found, nil
}

// Verified is what Verify found.
type Verified struct {
	// Entries counts them; First and Last are the oldest and the newest. First has a number above 1 when older files are gone.
	Entries     int
	First, Last Entry
}

// Verify reads all entries in a directory and checks that none was changed, removed or put between. known is the hash of an
// entry that must be among them; empty for none. The error names the file and the line.
func Verify(dir, known string) (Verified, error) {
	var v Verified
	names, err := list(dir)
	if err != nil {
		return v, err
	}
	if len(names) == 0 {
		return v, fmt.Errorf("audit: there is no record in %s", dir)
	}
	found := known == ""
	for _, name := range names {
		if err := verifyFile(filepath.Join(dir, name), &v, func(e Entry) { found = found || e.Hash == known }); err != nil {
			return v, err
		}
	}
	if !found {
		return v, fmt.Errorf("audit: no entry has the hash %s: the record was replaced, or the file with it is gone", known)
	}
	return v, nil
}

func verifyFile(path string, v *Verified, see func(Entry)) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		at := fmt.Sprintf("audit: %s line %d", filepath.Base(path), n)
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("%s is not an entry: %w", at, err)
		}
		hash := e.Hash
		want, err := e.line()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", at, err)
		case e.Hash != hash || !bytes.Equal(want, lines.Bytes()):
			return fmt.Errorf("%s was changed: its hash is not %s", at, strings.TrimSpace(hash))
		case v.Entries > 0 && (e.Previous != v.Last.Hash || e.Number != v.Last.Number+1):
			return fmt.Errorf("%s does not follow entry %d: entries were removed, or put between", at, v.Last.Number)
		case v.Entries == 0 && e.Number == 1 && e.Previous != "":
			return fmt.Errorf("%s is the first one and names one before it", at)
		}
		if v.Entries == 0 {
			v.First = e
		}
		v.Entries++
		v.Last = e
		see(e)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("audit: %s: %w", filepath.Base(path), err)
	}
	return nil
}

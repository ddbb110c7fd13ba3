// Package artifact owns the files that Mesos tasks fetch: it stores them under
// their SHA-256, serves them over HTTP and removes them when nobody wants them.
//
// It refuses to choose names from outside (a file is called by its hash), to
// follow symbolic links, to list directories, to serve what is half written or
// has changed since it was hashed, and to write secrets: content that belongs to
// one cluster is rendered on request by whoever knows it and is never stored.
//
// Two kinds of path lead to content. The stable one,
// <mount><prefix>/<sha256>/<name>, never changes, because the Mesos fetcher
// caches by URI; it serves only artifacts marked public. The signed one,
// <mount>signed/<expires>/<signature>/<kind>/<id>/<name>, carries its expiry and
// an HMAC. Both end in the file name and have no query, because the fetcher takes
// all that follows the last slash for the name of the file and unpacks by its extension.
package artifact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// The directories below the root. content holds the files, about one JSON record for each,
// incoming what is being written.
const (
	contentDir  = "content"
	aboutDir    = "about"
	incomingDir = "incoming"
	sourcesFile = "sources.json"
)

// aboutVersion is the version of the record in about; a record of another version is refused.
const aboutVersion = 1

// orphanAge is how old a record without content must be before New removes it: a second
// process on the same directory may be between its two renames.
const orphanAge = time.Minute

// DefaultMaxUpload is the bound of one upload in bytes when Options gives none: 1 GiB less one
// byte, so that a gigabyte jar by mistake is refused and any real job passes.
const DefaultMaxUpload = 1<<30 - 1

// Options configure a Store.
type Options struct {
	// Dir is the directory that the store owns. It is created when missing.
	Dir string
	// Mount is the URL path below which ServeHTTP answers. Default "/artifacts/".
	Mount string
	// Prefix is the unguessable segment of stable paths, from NewPrefix; at least 22 characters.
	// Keep it with the state: a new prefix makes every fetcher cache miss.
	Prefix string
	// Key signs the expiring paths, from NewKey; at least 32 bytes. Keep it with the state.
	Key Key
	// MaxUpload bounds one Put in bytes. Default DefaultMaxUpload.
	MaxUpload int64
	// InUse names the clusters that use an artifact; ServeDelete refuses while there are any.
	// Nil means that nothing is ever in use.
	InUse func(sha string) []string
	// Registerer takes the metrics. Nil means that nobody looks at them.
	Registerer prometheus.Registerer
	// Log is required.
	Log *slog.Logger
	// Now is the clock of expiry and creation times. Default time.Now.
	Now func() time.Time
}

func (o *Options) validate() error {
	if o.Mount == "" {
		o.Mount = "/artifacts/"
	}
	if o.MaxUpload == 0 {
		o.MaxUpload = DefaultMaxUpload
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	var l fault.List
	if o.Dir == "" {
		l.Add("Dir", "is empty: name the directory of the artifacts")
	}
	if !strings.HasPrefix(o.Mount, "/") || !strings.HasSuffix(o.Mount, "/") || strings.Contains(o.Mount, "//") {
		l.Add("Mount", "%q must begin and end with one slash", o.Mount)
	}
	if len(o.Prefix) < 22 || !validID(o.Prefix) {
		l.Add("Prefix", "must have 22 to %d letters, digits, _ or -: take one from NewPrefix", MaxName)
	}
	if len(o.Key) < 32 {
		l.Add("Key", "has %d bytes and needs at least 32: take one from NewKey", len(o.Key))
	}
	if o.MaxUpload < 0 {
		l.Add("MaxUpload", "%d is negative: give a number of bytes, or 0 for the default", o.MaxUpload)
	}
	if o.Log == nil {
		l.Add("Log", "is nil")
	}
	return l.Err("artifact options")
}

// Store is a directory of files named by their hash, and the HTTP handler that serves them.
// The directory is the truth: nothing about the files is kept in memory, and two processes
// may use one directory. All methods may be called from any goroutine.
type Store struct {
	options Options
	root    *os.Root
	log     *slog.Logger
	metrics *metrics

	commits sync.Mutex // Held while a file appears or goes, so that content and record agree.

	kinds     sync.RWMutex
	renderers map[string]Renderer
}

// New opens the directory, removes what earlier processes left half written, and drops files
// whose length differs from their record. Errors are Invalid options or what the disk said.
func New(o Options) (*Store, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create artifact directory: %w", err)
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open artifact directory: %w", err)
	}
	s := &Store{options: o, root: root, log: o.Log, renderers: map[string]Renderer{}}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if s.metrics, err = newMetrics(o.Registerer); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if err := s.recount(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close releases the directory and the metrics. Downloads that run keep their file.
func (s *Store) Close() error {
	s.metrics.unregister()
	return s.root.Close()
}

// prepare makes the three directories and clears away what cannot be served.
func (s *Store) prepare() error {
	for _, dir := range []string{contentDir, aboutDir, incomingDir} {
		if err := s.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("create artifact directory: %w", err)
		}
		// A link here would be resolved by every later open, so it is refused once and for all.
		if info, err := s.root.Lstat(dir); err != nil || !info.IsDir() {
			return fmt.Errorf("artifact directory %s: %s is not a directory: move it away", s.options.Dir, dir)
		}
	}
	incoming, err := s.names(incomingDir)
	if err != nil {
		return err
	}
	for _, name := range incoming {
		s.removeAbandoned(filepath.Join(incomingDir, name))
	}
	contents, err := s.names(contentDir)
	if err != nil {
		return err
	}
	for _, sha := range contents {
		if !validSHA(sha) {
			s.log.Warn("file in the artifact directory is not ours and is left alone", "file", sha)
			continue
		}
		f, _, err := s.Open(sha)
		if err == nil {
			err = f.Close()
		}
		if err == nil {
			continue
		}
		s.log.Warn("artifact is damaged and is removed", "sha256", sha, "reason", err)
		if err := s.remove(sha); err != nil {
			return err
		}
	}
	return s.removeOrphans()
}

// removeAbandoned deletes a half-written file unless a living process holds its lock.
func (s *Store) removeAbandoned(name string) {
	if f, err := s.root.Open(name); err == nil {
		defer f.Close()
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			return
		}
	}
	if err := s.root.RemoveAll(name); err != nil {
		s.log.Warn("half-written artifact stays", "file", name, "reason", err)
		return
	}
	s.log.Info("half-written artifact removed", "file", name)
}

// removeOrphans deletes old records whose content never came.
func (s *Store) removeOrphans() error {
	records, err := s.names(aboutDir)
	if err != nil {
		return err
	}
	for _, name := range records {
		if _, err := s.root.Lstat(filepath.Join(contentDir, name)); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		info, err := s.root.Lstat(filepath.Join(aboutDir, name))
		if err != nil || time.Since(info.ModTime()) < orphanAge {
			continue
		}
		if err := s.root.RemoveAll(filepath.Join(aboutDir, name)); err != nil {
			return fmt.Errorf("remove artifact record: %w", err)
		}
	}
	return nil
}

// names lists one of our directories.
func (s *Store) names(dir string) ([]string, error) {
	entries, err := fs.ReadDir(s.root.FS(), dir)
	if err != nil {
		return nil, fmt.Errorf("list artifacts: %w", err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// about is the record that stands beside each file.
type about struct {
	Version int       `json:"version"`
	Name    string    `json:"name"`
	Size    int64     `json:"size"`
	Created time.Time `json:"created"`
	Public  bool      `json:"public,omitempty"`
	// Modified is the content's modification time in nanoseconds when it was hashed. Added files may
	// share their inode with a file that others can write to; a change shows here.
	Modified int64 `json:"modified"`
}

func (a about) artifact(sha string) Artifact {
	return Artifact{
		SHA256: sha, Name: a.Name, Size: a.Size, Created: a.Created,
		MediaType: mediaType(a.Name), Public: a.Public,
	}
}

// Open returns the content and its description; the caller closes the file. The error is NotFound
// when there is no such artifact, or when its file is no longer the one that was hashed.
func (s *Store) Open(sha string) (*os.File, Artifact, error) {
	if !validSHA(sha) {
		return nil, Artifact{}, notFound(sha)
	}
	record, err := s.record(sha)
	if err != nil {
		return nil, Artifact{}, err
	}
	f, err := s.openRegular(filepath.Join(contentDir, sha))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Artifact{}, notFound(sha)
	}
	if err != nil {
		return nil, Artifact{}, fmt.Errorf("open artifact %s: %w", sha, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, Artifact{}, errors.Join(fmt.Errorf("open artifact %s: %w", sha, err), f.Close())
	}
	if info.Size() != record.Size || info.ModTime().UnixNano() != record.Modified {
		changed := fault.New(fault.NotFound, "artifact %s has changed on disk since it was stored: store it again", sha)
		return nil, Artifact{}, errors.Join(changed, f.Close())
	}
	return f, record.artifact(sha), nil
}

// openRegular opens a regular file and nothing else. Root keeps us inside the directory, but it
// would follow a link that stays inside.
func (s *Store) openRegular(name string) (*os.File, error) {
	before, err := s.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	if after, err := f.Stat(); err != nil || !os.SameFile(before, after) {
		return nil, errors.Join(fs.ErrNotExist, f.Close())
	}
	return f, nil
}

// record reads what is known about sha, which must be valid.
func (s *Store) record(sha string) (about, error) {
	f, err := s.openRegular(filepath.Join(aboutDir, sha))
	if errors.Is(err, fs.ErrNotExist) {
		return about{}, notFound(sha)
	}
	if err != nil {
		return about{}, fmt.Errorf("read artifact record %s: %w", sha, err)
	}
	defer f.Close()
	var a about
	if err := json.NewDecoder(f).Decode(&a); err != nil {
		return about{}, fmt.Errorf("read artifact record %s: %w", sha, err)
	}
	if a.Version != aboutVersion {
		return about{}, fmt.Errorf("read artifact record %s: version %d, and this release knows %d", sha, a.Version, aboutVersion)
	}
	return a, nil
}

func notFound(sha string) error {
	return fault.New(fault.NotFound, "no artifact %s: upload it again", shorten(sha))
}

// Stat describes one artifact. The error is NotFound when there is none.
func (s *Store) Stat(sha string) (Artifact, error) {
	f, a, err := s.Open(sha)
	if err != nil {
		return Artifact{}, err
	}
	return a, f.Close()
}

// List describes every artifact, oldest first. Damaged ones are left out; New removes them.
func (s *Store) List() ([]Artifact, error) {
	names, err := s.names(contentDir)
	if err != nil {
		return nil, err
	}
	list := make([]Artifact, 0, len(names))
	for _, sha := range names {
		a, err := s.Stat(sha)
		if err != nil {
			s.log.Debug("artifact is not listed", "sha256", sha, "reason", err)
			continue
		}
		list = append(list, a)
	}
	slices.SortStableFunc(list, func(a, b Artifact) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.SHA256, b.SHA256)
	})
	return list, nil
}

// Delete removes an artifact. Downloads that run end well. The error is NotFound when there is none.
func (s *Store) Delete(sha string) error {
	s.commits.Lock()
	defer s.commits.Unlock()
	a, err := s.Stat(sha)
	if err != nil {
		return err
	}
	if err := s.remove(sha); err != nil {
		return err
	}
	s.metrics.stored(-1, -a.Size)
	s.log.Info("artifact removed", "sha256", sha, "name", a.Name, "bytes", a.Size)
	return nil
}

// remove deletes the content first: a record without content serves nothing.
func (s *Store) remove(sha string) error {
	for _, dir := range []string{contentDir, aboutDir} {
		if err := s.root.RemoveAll(filepath.Join(dir, sha)); err != nil {
			return fmt.Errorf("remove artifact %s: %w", sha, err)
		}
	}
	return s.syncDir(contentDir)
}

// Collect removes the artifacts that keep does not want and that were last put more than olderThan
// ago; the age leaves time between an upload and the spec that refers to it. It returns what it removed.
func (s *Store) Collect(ctx context.Context, keep func(sha string) bool, olderThan time.Duration) ([]Artifact, error) {
	list, err := s.List()
	if err != nil {
		return nil, err
	}
	var removed []Artifact
	for _, a := range list {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		ok, err := s.collectOne(a.SHA256, keep, olderThan)
		if err != nil {
			return removed, err
		}
		if ok {
			removed = append(removed, a)
		}
	}
	return removed, s.recount()
}

// collectOne looks again under the lock: the same content may just have been put once more.
func (s *Store) collectOne(sha string, keep func(string) bool, olderThan time.Duration) (bool, error) {
	s.commits.Lock()
	defer s.commits.Unlock()
	a, err := s.Stat(sha)
	if fault.CodeOf(err) == fault.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if s.options.Now().Sub(a.Created) <= olderThan || keep(sha) {
		return false, nil
	}
	if err := s.remove(sha); err != nil {
		return false, err
	}
	s.log.Info("artifact collected", "sha256", sha, "name", a.Name, "bytes", a.Size)
	return true, nil
}

// recount sets the gauges from the directory.
func (s *Store) recount() error {
	s.commits.Lock()
	defer s.commits.Unlock()
	list, err := s.List()
	if err != nil {
		return err
	}
	var bytes int64
	for _, a := range list {
		bytes += a.Size
	}
	s.metrics.setStored(len(list), bytes)
	return nil
}

// syncDir makes renames in one of our directories outlive a power cut.
func (s *Store) syncDir(dir string) error {
	d, err := s.root.Open(dir)
	if err != nil {
		return fmt.Errorf("sync artifact directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync artifact directory: %w", err)
	}
	return nil
}

package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// fetcher brings the files of tasks into their sandboxes. Files that are marked for it are kept in a cache and
// fetched once; whoever asks meanwhile waits for the one download.
type fetcher struct {
	dir  string
	http *http.Client

	mu      sync.Mutex
	entries map[string]*entry
}

// entry is a cached file, ready when done is closed.
type entry struct {
	done chan struct{}
	path string
	err  error
}

func newFetcher(dir string) *fetcher {
	return &fetcher{dir: dir, http: &http.Client{}, entries: make(map[string]*entry)}
}

// all fetches the files of one task at once and returns the first error.
func (f *fetcher) all(ctx context.Context, uris []mesos.CommandInfo_URI, sandbox string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	problems := make(chan error, len(uris))
	for _, u := range uris {
		go func() {
			err := f.one(ctx, u, sandbox)
			if err != nil {
				cancel() // The others need not go on.
			}
			problems <- err
		}()
	}
	var first error
	for range uris {
		if err := <-problems; err != nil && (first == nil || errors.Is(first, context.Canceled)) {
			first = err
		}
	}
	return first
}

func (f *fetcher) one(ctx context.Context, u mesos.CommandInfo_URI, sandbox string) error {
	name, err := fileName(u)
	if err != nil {
		return err
	}
	// OutputFile may name a file in a folder of the sandbox.
	target := filepath.Join(sandbox, name)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return fmt.Errorf("fetch %s: %w", bare(u.Value), err)
	}
	extract := (u.Extract == nil || *u.Extract) && archive(name) != ""
	source := ""
	switch {
	case u.GetCache():
		source, err = f.cached(ctx, u.Value)
	case extract:
		source = target
		err = f.download(ctx, u.Value, target)
	default:
		err = f.download(ctx, u.Value, target)
	}
	if err != nil {
		return fmt.Errorf("fetch %s: %w", bare(u.Value), err)
	}
	switch {
	case extract:
		err = unpack(ctx, source, archive(name), sandbox)
	case u.GetCache():
		err = copyFile(source, target)
	}
	if err == nil && u.GetExecutable() {
		err = os.Chmod(target, 0o755)
	}
	if err != nil {
		return fmt.Errorf("fetch %s: %w", bare(u.Value), err)
	}
	return nil
}

// bare is a URI without its query and user, which may hold secrets.
func bare(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "(a URI that cannot be read)"
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}

// fileName is the name in the sandbox: output_file, or the last part of the URI's path.
func fileName(u mesos.CommandInfo_URI) (string, error) {
	name := u.GetOutputFile()
	if name == "" {
		p := u.Value
		if parsed, err := url.Parse(u.Value); err == nil {
			p = parsed.Path
		}
		name = path.Base(p)
	}
	if !filepath.IsLocal(name) || name == "." {
		return "", fmt.Errorf("%q cannot be a file in the sandbox", name)
	}
	return name, nil
}

// cached fetches a file into the cache, or waits for who does.
func (f *fetcher) cached(ctx context.Context, uri string) (string, error) {
	f.mu.Lock()
	e := f.entries[uri]
	mine := e == nil
	if mine {
		e = &entry{done: make(chan struct{})}
		f.entries[uri] = e
	}
	f.mu.Unlock()
	if mine {
		sum := sha256.Sum256([]byte(uri))
		e.path = filepath.Join(f.dir, hex.EncodeToString(sum[:8]))
		if e.err = os.MkdirAll(f.dir, 0o755); e.err == nil {
			// Another task may wait for this file even if ours is killed.
			e.err = f.download(context.WithoutCancel(ctx), uri, e.path)
		}
		if e.err != nil {
			f.mu.Lock()
			delete(f.entries, uri)
			f.mu.Unlock()
		}
		close(e.done)
	}
	select {
	case <-e.done:
		return e.path, e.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// download writes what a URI names to a file.
func (f *fetcher) download(ctx context.Context, uri, to string) error {
	u, err := url.Parse(uri)
	if err != nil {
		return errors.New("it is not a URI")
	}
	switch u.Scheme {
	case "http", "https":
	case "file", "":
		if !filepath.IsAbs(u.Path) {
			return errors.New("it is not an absolute path")
		}
		return copyFile(u.Path, to)
	default:
		return fmt.Errorf("a local agent fetches http, https and file, not %s", u.Scheme)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return errors.New("it is not a URI")
	}
	response, err := f.http.Do(request)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // Without the URI, which may hold a signature.
		}
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", response.Status)
	}
	return write(to, response.Body, 0o644)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("%s is a directory", from)
	}
	return write(to, in, info.Mode().Perm())
}

func write(to string, from io.Reader, mode os.FileMode) error {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, from); err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Close()
}

// archive says which kind of archive a name stands for; empty for none.
func archive(name string) string {
	switch {
	case strings.HasSuffix(name, ".tar.gz"), strings.HasSuffix(name, ".tgz"):
		return "tgz"
	case strings.HasSuffix(name, ".tar"):
		return "tar"
	case strings.HasSuffix(name, ".zip"):
		return "zip"
	}
	return ""
}

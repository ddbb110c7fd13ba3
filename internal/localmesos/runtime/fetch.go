package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// fetcher brings the files of tasks into their sandboxes by the rules of Mesos' fetcher.
type fetcher struct {
	*cache
	stall time.Duration
	http  *http.Client
}

// logger writes a line where the user of the task looks for it.
type logger func(format string, args ...any)

func newFetcher(dir string, stall time.Duration, limit int64) *fetcher {
	f := &fetcher{
		stall: stall,
		// What is compressed must arrive so, whatever the server calls it.
		http: &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true}},
	}
	f.cache = newCache(dir, limit, f.download)
	return f
}

// close waits for downloads that nobody wants any more and removes the cache.
func (f *fetcher) close() error {
	err := f.cache.close()
	f.http.CloseIdleConnections()
	return err
}

// all fetches the files of one task at once and returns the first error. With link, large files of cached archives may
// be the same in several sandboxes.
func (f *fetcher) all(ctx context.Context, uris []mesos.CommandInfo_URI, sandbox string, link bool, log logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	root, err := os.OpenRoot(sandbox)
	if err != nil {
		return err
	}
	defer root.Close()
	problems := make(chan error, len(uris))
	for _, u := range uris {
		go func() {
			err := f.one(ctx, u, root, link, log)
			if err != nil {
				err = fmt.Errorf("fetch %s: %w", bare(u.Value), err)
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
	// A process that is being forked right now holds copies of our files until it has become its program, and as
	// long nobody can execute what we wrote (ETXTBSY). It holds this lock as well.
	syscall.ForkLock.RLock()
	syscall.ForkLock.RUnlock() //nolint:staticcheck // To have waited is all.
	return first
}

// one fetches one file: executables are never extracted, and an archive from the cache is not copied.
func (f *fetcher) one(ctx context.Context, u mesos.CommandInfo_URI, root *os.Root, link bool, log logger) error {
	uri := strings.TrimLeft(u.Value, " \t\r\n")
	name, err := fileName(uri, u.GetOutputFile())
	if err != nil {
		return err
	}
	log("Fetching URI '%s'", bare(uri))
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	kind := ""
	if u.GetExtract() && !u.GetExecutable() {
		if kind = archive(name); kind == "" && u.Extract != nil {
			log("Copying instead of extracting '%s', because it does not seem to be an archive", bare(uri))
		}
	}
	target := func() (*os.File, error) { return root.OpenFile(name, writing, 0o644) }
	source := filepath.Join(root.Name(), name)
	var e *entry
	if u.GetCache() {
		var release func()
		if e, release, err = f.use(ctx, uri, log); err != nil {
			return err
		}
		defer release()
		source = e.path
		switch {
		case kind != "":
		case link && !u.GetExecutable():
			err = f.share(ctx, e, name, root)
		default:
			err = copyFile(ctx, source, target)
		}
	} else {
		log("Fetching '%s' directly into the sandbox directory", bare(uri))
		err = f.download(ctx, uri, target)
	}
	if err != nil {
		return err
	}
	if u.GetExecutable() {
		return root.Chmod(name, 0o755)
	}
	if kind != "" {
		if e != nil && link && kind != "gz" { // That is one file, whose name is the task's.
			err = f.place(ctx, e, kind, root)
		} else {
			err = unpack(ctx, source, kind, name, root)
		}
		if err != nil {
			return err
		}
		log("Extracted '%s' into '%s'", bare(uri), root.Name())
	}
	return nil
}

// bare is a URI without its query and user, which may hold secrets.
func bare(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "(a URI that cannot be read)"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// fileName is the name in the sandbox: output_file, or what follows the last slash of the URI, with its query
// (Fetcher::basename).
func fileName(uri, outputFile string) (string, error) {
	name := outputFile
	if name == "" {
		if strings.ContainsAny(uri, "\\'\x00") {
			return "", errors.New(`the URI may hold no \, no ' and no NUL`)
		}
		rest := uri
		if _, after, ok := strings.Cut(uri, "://"); ok {
			host, file, _ := strings.Cut(after, "/")
			if rest = file; file == "" {
				return "", fmt.Errorf("the URI names no file of %q", host)
			}
		}
		name = path.Base(rest)
		if strings.HasSuffix(rest, "/") {
			name = ""
		}
	}
	if !filepath.IsLocal(name) || filepath.Clean(name) == "." || strings.HasSuffix(name, "/") {
		return "", fmt.Errorf("%q cannot be a file in the sandbox: set output_file to a path below it", name)
	}
	return filepath.Clean(name), nil
}

// writing is how files are opened that are written anew.
const writing = os.O_CREATE | os.O_TRUNC | os.O_WRONLY

// download writes what a URI names to a file.
func (f *fetcher) download(ctx context.Context, uri string, target func() (*os.File, error)) error {
	if local, ok := localPath(uri); ok {
		if !filepath.IsAbs(local) {
			return fmt.Errorf("%q is not an absolute path", local)
		}
		return copyFile(ctx, local, target)
	}
	if scheme, _, _ := strings.Cut(uri, "://"); scheme != "http" && scheme != "https" {
		return fmt.Errorf("a local agent fetches http, https and file, not %s", scheme)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(f.stall, func() { cancel(fmt.Errorf("the download stalled for %s", f.stall)) })
	defer watch.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return errors.New("it is not a URI")
	}
	response, err := f.http.Do(request)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // Without the URI, which may hold a signature.
		}
		return stalled(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("Error downloading resource, received HTTP return code %d", response.StatusCode) //nolint:staticcheck,revive // The fetcher's words.
	}
	return stalled(ctx, write(target, &watched{from: response.Body, watch: watch, stall: f.stall}, 0))
}

// stalled replaces the error of a download that was given up by the reason for that.
func stalled(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// watched sets a timer back whenever bytes arrive.
type watched struct {
	from  io.Reader
	watch *time.Timer
	stall time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.from.Read(p)
	if n > 0 {
		w.watch.Reset(w.stall)
	}
	return n, err
}

// localPath is the path of a URI that names a local file; nothing in it is decoded (Fetcher::uriToLocalPath).
func localPath(uri string) (string, bool) {
	if rest, ok := strings.CutPrefix(uri, "file://"); ok {
		return strings.TrimPrefix(rest, "localhost"), true
	}
	return uri, !strings.Contains(uri, "://")
}

func copyFile(ctx context.Context, from string, target func() (*os.File, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() { // To open a pipe would wait for somebody who writes.
		return fmt.Errorf("%s is not a regular file", from)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return write(target, in, info.Mode().Perm())
}

// write writes a file. Its mode is set when it is not 0.
func write(target func() (*os.File, error), from io.Reader, mode os.FileMode) error {
	out, err := target()
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	if err == nil && mode != 0 {
		err = out.Chmod(mode)
	}
	if err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Close()
}

package runtime

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// cache keeps files that are marked for it. Each is downloaded once; whoever asks meanwhile waits for the one
// download. As on a real agent a cached file is never looked at again for changes.
//
// Beyond a real agent, an archive is extracted once, and its files are put into sandboxes from there (see tree). When
// files and trees are more than the limit, those that were not used for the longest time go.
type cache struct {
	dir   string
	limit int64 // bytes
	get   func(ctx context.Context, uri string, target func() (*os.File, error)) error
	wg    sync.WaitGroup

	mu      sync.Mutex
	entries map[string]*entry
	made    int
	clock   int // counts uses
}

// entry is a cached file, ready when done is closed.
type entry struct {
	path   string
	cancel context.CancelFunc
	users  int           // how many wait for it or use it; the last to go away ends a download
	used   int           // when it was used last, on the cache's clock
	done   chan struct{} // closed after err and state were set
	err    error
	state  fileState
	linked bool // sandboxes have links to it; guarded by cache.mu

	unpacking chan struct{} // holds one token, for who may look at tree and change it
	tree      *tree
	treeSize  int64 // guarded by cache.mu
}

func newCache(dir string, limit int64, get func(context.Context, string, func() (*os.File, error)) error) *cache {
	return &cache{dir: dir, limit: limit, get: get, entries: make(map[string]*entry)}
}

// close waits for downloads that nobody wants any more and removes everything.
func (c *cache) close() error {
	c.wg.Wait()
	return os.RemoveAll(c.dir)
}

// use brings a file into the cache, or waits for who does. It stays there until it is released.
func (c *cache) use(ctx context.Context, uri string, log logger) (*entry, func(), error) {
	c.mu.Lock()
	e := c.entries[uri]
	if e == nil || !e.intact() {
		log("Downloading '%s' into cache", bare(uri))
		e = c.begin(uri)
	} else {
		log("Fetching '%s' from cache", bare(uri))
	}
	e.users++
	c.clock++
	e.used = c.clock
	c.mu.Unlock()
	release := func() { c.release(uri, e) }
	select {
	case <-e.done:
		if e.err != nil {
			release()
			return nil, nil, e.err
		}
		return e, release, nil
	case <-ctx.Done():
		release()
		return nil, nil, ctx.Err()
	}
}

func (c *cache) release(uri string, e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.users--; e.users > 0 {
		return
	}
	select {
	case <-e.done:
		c.evict()
	default:
		e.cancel()
		c.drop(uri, e)
	}
}

// begin starts a download into the cache. It outlives the task that asked for it, as others may wait too.
func (c *cache) begin(uri string) *entry {
	ctx, cancel := context.WithCancel(context.Background())
	c.made++
	e := &entry{path: filepath.Join(c.dir, "c"+strconv.Itoa(c.made)), cancel: cancel, done: make(chan struct{}), unpacking: make(chan struct{}, 1)}
	e.unpacking <- struct{}{}
	c.entries[uri] = e
	c.wg.Go(func() {
		defer cancel()
		state, err := c.download(ctx, uri, e.path)
		c.mu.Lock()
		defer c.mu.Unlock()
		if e.state, e.err = state, err; err != nil {
			c.drop(uri, e)
			err = os.Remove(e.path)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				e.err = errors.Join(e.err, err)
			}
		}
		close(e.done)
	})
	return e
}

func (c *cache) download(ctx context.Context, uri, path string) (fileState, error) {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return fileState{}, err
	}
	if err := c.get(ctx, uri, func() (*os.File, error) { return os.OpenFile(path, writing, 0o644) }); err != nil {
		return fileState{}, err
	}
	return stateOf(path)
}

// intact says whether nobody has changed the file through a link in a sandbox. The caller holds the lock.
func (e *entry) intact() bool {
	if !e.linked {
		return true
	}
	now, err := stateOf(e.path)
	return err == nil && now == e.state
}

// share puts the file itself into a sandbox.
func (c *cache) share(ctx context.Context, e *entry, name string, root *os.Root) error {
	x := &extraction{root: root}
	m := fileEntry{name: name, mode: 0o644, time: e.state.time}
	if done, err := x.clone(e.path, m); done || err != nil {
		return err
	}
	if linkable(name, e.state.size) && x.linkFrom(e.path, m) == nil {
		c.mu.Lock()
		e.linked = true
		c.mu.Unlock()
		return nil
	}
	return copyFile(ctx, e.path, func() (*os.File, error) { return root.OpenFile(name, writing, 0o644) })
}

// drop forgets an entry, so that the next who asks downloads again. The caller holds the lock.
func (c *cache) drop(uri string, e *entry) {
	if c.entries[uri] == e {
		delete(c.entries, uri)
	}
}

// evict removes what was not used for the longest time until the rest is within the limit. The caller holds the lock.
func (c *cache) evict() {
	for {
		total, oldest := int64(0), ""
		for uri, e := range c.entries {
			total += e.state.size + e.treeSize
			if e.users == 0 && (oldest == "" || e.used < c.entries[oldest].used) {
				oldest = uri
			}
		}
		if total <= c.limit || oldest == "" {
			return
		}
		e := c.entries[oldest]
		delete(c.entries, oldest)
		// Nobody uses it, and nobody finds it any more.
		c.wg.Go(func() {
			_ = os.Remove(e.path) // What is left goes with the directory.
			if e.tree != nil {
				_ = os.RemoveAll(e.tree.dir)
			}
		})
	}
}

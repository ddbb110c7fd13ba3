package zk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/store"
)

// layout is the version of the arrangement of nodes.
const layout = 1

// Store is the store in ZooKeeper. New opens it; it reads at once and writes while it holds the lock.
type Store struct {
	o       Options
	s       *session
	acl     []zk.ACL
	paths   paths
	request chan *request
	quit    chan struct{}
	done    chan struct{}
	closing sync.Once
	// turn is held by whoever writes or needs that nobody does.
	turn chan struct{}

	mu     sync.Mutex // guards what is below
	lease  *Lease     // ours, while we lead
	fenced error      // set once
}

// paths are the nodes below Options.Path.
type paths struct{ root, head, journal, records, chunks, lock string }

// head is the content of the node through which every write goes.
type head struct {
	Layout int `json:"layout"`
	// Epoch counts the leaders.
	Epoch int64 `json:"epoch"`
	// Write names the last transaction, so that whoever sent it can tell whether it was made.
	Write string `json:"write"`
}

// New connects and makes the nodes that are missing.
func New(ctx context.Context, o Options) (*Store, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("ZooKeeper store: %w", err)
	}
	z := &Store{
		o: o, acl: zk.WorldACL(zk.PermAll),
		paths: paths{
			root: o.Path, head: o.Path + "/head", journal: o.Path + "/journal",
			records: o.Path + "/records", chunks: o.Path + "/chunks", lock: o.Path + "/lock",
		},
		request: make(chan *request, 1024),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
		turn:    make(chan struct{}, 1),
	}
	if o.User != "" {
		z.acl = zk.DigestACL(zk.PermAll, o.User, string(o.Password))
	}
	s, err := connect(ctx, o, func() { z.lose("the ZooKeeper session expired") })
	if err != nil {
		return nil, fmt.Errorf("ZooKeeper store: %w", err)
	}
	z.s = s
	if err := z.prepare(ctx); err != nil {
		s.conn.Close()
		return nil, fmt.Errorf("ZooKeeper store %s: %w", o.Path, explain(err))
	}
	go z.run()
	return z, nil
}

// prepare makes the nodes that are missing and refuses a layout that is not ours.
func (z *Store) prepare(ctx context.Context) error {
	current, err := z.s.get(ctx, z.paths.head)
	if errors.Is(err, zk.ErrNoNode) {
		for i, c := range z.paths.root {
			if c != '/' || i == 0 {
				continue
			}
			// What is above our path may be everybody's, and may be there and closed to us.
			parent := z.paths.root[:i]
			err := z.s.create(ctx, parent, nil, zk.WorldACL(zk.PermAll))
			if err != nil && !errors.Is(err, zk.ErrNoAuth) {
				return fmt.Errorf("make %s: %w", parent, err)
			}
		}
		first, err := json.Marshal(head{Layout: layout})
		if err != nil {
			return err
		}
		for _, n := range []struct {
			path string
			data []byte
		}{{z.paths.root, nil}, {z.paths.records, nil}, {z.paths.chunks, nil}, {z.paths.lock, nil}, {z.paths.journal, nil}, {z.paths.head, first}} {
			if err := z.s.create(ctx, n.path, n.data, z.acl); err != nil {
				return fmt.Errorf("make %s: %w", n.path, err)
			}
		}
		current, err = z.s.latest(ctx, z.paths.head)
		if err != nil {
			return fmt.Errorf("read %s: %w", z.paths.head, err)
		}
	} else if err != nil {
		return fmt.Errorf("read %s: %w", z.paths.head, err)
	}
	_, err = z.decodeHead(current)
	return err
}

func (z *Store) decodeHead(n node) (head, error) {
	var h head
	if err := json.Unmarshal(n.data, &h); err != nil {
		return h, fmt.Errorf("%w: node %s: %w; restore the state from an export to another path", store.ErrCorrupt, z.paths.head, err)
	}
	if h.Layout != layout {
		return h, fmt.Errorf("%w: node %s has layout %d, this release knows %d; start the release that wrote it", store.ErrSchema, z.paths.head, h.Layout, layout)
	}
	return h, nil
}

// explain says what an operator can do about errors of ZooKeeper.
func explain(err error) error {
	if errors.Is(err, zk.ErrNoAuth) {
		return fmt.Errorf("%w; the nodes belong to other credentials: check user and password in the address of the state", err)
	}
	return err
}

// name turns a key into the name of a node.
func name(key string) string { return url.PathEscape(key) }

// key is the way back.
func key(name string) (string, error) {
	k, err := url.PathUnescape(name)
	if err != nil || url.PathEscape(k) != name || store.CheckKey(k) != nil {
		return "", errors.New("the name is not that of a record")
	}
	return k, nil
}

// Load returns every record. While this store holds the lock they are exactly what was written last. On a standby they are
// what was written at some moment since Load was called, except that while the leader writes all the time a
// batch of that time may show in part.
func (z *Store) Load(ctx context.Context) ([]store.Record, error) {
	if err := z.open(); err != nil {
		return nil, err
	}
	if err := z.take(ctx); err != nil {
		return nil, err
	}
	defer z.give()
	z.mu.Lock()
	l := z.lease
	z.mu.Unlock()
	records, err := z.load(ctx, l)
	if err != nil {
		if z.open() != nil {
			return nil, store.ErrClosed
		}
		return nil, fmt.Errorf("load the state from %s: %w", z.paths.root, explain(err))
	}
	return records, nil
}

// open returns ErrClosed after Close.
func (z *Store) open() error {
	select {
	case <-z.quit:
		return store.ErrClosed
	default:
		return nil
	}
}

func (z *Store) take(ctx context.Context) error {
	select {
	case z.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (z *Store) give() { <-z.turn }

// load reads until nothing was written meanwhile. l is nil on a standby.
func (z *Store) load(ctx context.Context, l *Lease) ([]store.Record, error) {
	const passes = 5
	for pass := 1; ; pass++ {
		before, err := z.s.latest(ctx, z.paths.head)
		if err != nil {
			return nil, err
		}
		if _, err := z.decodeHead(before); err != nil {
			return nil, err
		}
		found, err := z.pass(ctx)
		if errors.Is(err, errMoved) && pass < 4*passes {
			continue
		}
		if err != nil {
			return nil, err
		}
		after, err := z.s.latest(ctx, z.paths.head)
		if err != nil {
			return nil, err
		}
		if before.stat.Mzxid != after.stat.Mzxid && pass < passes {
			continue
		}
		if l != nil && before.stat.Mzxid == after.stat.Mzxid {
			if err := z.collect(ctx, l, found); err != nil {
				return nil, err
			}
		}
		records := make([]store.Record, 0, len(found))
		for n, v := range found {
			k, err := key(n)
			if err != nil {
				return nil, &store.RecordError{
					Key: n, Cause: store.ErrCorrupt, Detail: err.Error(),
					Advice: "something else made the node below " + z.paths.records + ": delete it",
				}
			}
			records = append(records, store.Record{Key: k, Value: v.value})
		}
		store.Sort(records)
		return records, nil
	}
}

// errMoved says that something was replaced while it was read.
var errMoved = errors.New("the state changed while it was read")

// found is one record as it was read.
type found struct {
	value []byte
	ref   *ref // where a large one is
}

// pass reads every record once, by name.
func (z *Store) pass(ctx context.Context) (map[string]found, error) {
	names, err := z.s.children(ctx, z.paths.records)
	if err != nil {
		return nil, err
	}
	records := make([]found, len(names))
	err = parallel(ctx, len(names), func(ctx context.Context, i int) error {
		n, err := z.s.get(ctx, z.paths.records+"/"+names[i])
		if errors.Is(err, zk.ErrNoNode) {
			return errMoved
		}
		if err != nil {
			return err
		}
		records[i].value, records[i].ref, err = z.unpack(ctx, names[i], n.data)
		return err
	})
	if err != nil {
		return nil, err
	}
	result := make(map[string]found, len(names))
	for i, n := range names {
		result[n] = records[i]
	}
	// What a journal holds is written, though not all of it may be in its place yet.
	entries, _, err := z.readJournal(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if len(e.Data) == 0 {
			delete(result, e.Name)
			continue
		}
		var f found
		if f.value, f.ref, err = z.unpack(ctx, e.Name, e.Data); err != nil {
			return nil, err
		}
		result[e.Name] = f
	}
	return result, nil
}

// collect notes where the large records are and removes chunks that no record refers to: those of writes that
// were never finished.
func (z *Store) collect(ctx context.Context, l *Lease, records map[string]found) error {
	used := map[string]bool{}
	l.nodes = make(map[string]*ref, len(records))
	for n, f := range records {
		l.nodes[n] = f.ref
		for _, c := range f.ref.nodes() {
			used[c] = true
		}
	}
	names, err := z.s.children(ctx, z.paths.chunks)
	if err != nil {
		return err
	}
	garbage := slices.DeleteFunc(names, func(n string) bool {
		epoch, ok := epochOf(n)
		return used[n] || !ok || epoch > l.epoch
	})
	if len(garbage) > 0 {
		z.o.Log.Info("chunks of unfinished writes removed", "path", z.paths.chunks, "chunks", len(garbage))
	}
	return parallel(ctx, len(garbage), func(ctx context.Context, i int) error {
		return z.s.remove(ctx, z.paths.chunks+"/"+garbage[i])
	})
}

// parallel calls f for 0 to n-1, some at a time, and returns the first error.
func parallel(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var group sync.WaitGroup
	for range min(n, 64) {
		group.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
feed:
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	group.Wait()
	return context.Cause(ctx)
}

// Close finishes the write under way, gives up the lock and ends the session.
func (z *Store) Close() error {
	z.closing.Do(func() {
		close(z.quit)
		<-z.done
		z.mu.Lock()
		l := z.lease
		z.mu.Unlock()
		if l != nil {
			l.end("the store was closed", store.ErrClosed)
		}
		// The session's end removes our lock node.
		z.s.conn.Close()
	})
	return nil
}

// id of the store in messages.
func (z *Store) String() string {
	return "zk://" + strings.Join(z.o.Servers, ",") + z.o.Path
}

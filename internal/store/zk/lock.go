package zk

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/store"
)

// Lease is the right to lead, from Lock until it is released or lost.
type Lease struct {
	z       *Store
	path    string // of our lock node
	epoch   int64
	timeout time.Duration // of the session, as the ensemble granted it

	// Owned by whoever has the store's turn.
	version int32           // of head, as we left it
	nodes   map[string]*ref // the records that there are, and the chunks of large ones as far as known

	taken bool // guarded by the store's mu: Lock has returned this lease, or is about to

	ctx    context.Context // ends with the lease
	cancel context.CancelCauseFunc
	lost   chan struct{}
	once   sync.Once

	mu        sync.Mutex
	confirmed time.Time // when the last confirmation was asked for
}

// Epoch counts the leaders of this state: later ones have larger numbers.
func (l *Lease) Epoch() int64 { return l.epoch }

// Lost is closed as soon as we cannot be sure that no other instance leads: after two thirds of the session timeout without
// a word from the ensemble, which is before anybody else can lead. It is not closed by Release.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Valid says whether we lead for certain at this moment. A process that was paused may find Valid false before Lost is closed.
func (l *Lease) Valid() bool {
	if l.ctx.Err() != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.confirmed) < l.patience()
}

// patience is how long we lead without confirmation.
func (l *Lease) patience() time.Duration { return l.timeout * 2 / 3 }

// Release gives up the lock, so that the next instance leads at once. It waits for the write under way. Releasing twice is releasing once.
func (l *Lease) Release() error {
	l.z.turn <- struct{}{}
	defer l.z.give()
	if !l.end("the lock was released", store.ErrNotLeader) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.timeout)
	defer cancel()
	if err := l.z.s.remove(ctx, l.path); err != nil {
		return fmt.Errorf("release %s: %w; it goes with our session", l.path, err)
	}
	return nil
}

// end stops the lease without loss and says whether it was this call that did.
func (l *Lease) end(reason string, cause error) bool {
	ended := false
	l.once.Do(func() {
		ended = true
		l.z.mu.Lock()
		l.z.lease = nil
		l.z.mu.Unlock()
		l.z.o.Log.Info("lock of the state given up", "path", l.path, "reason", reason)
		l.cancel(cause)
	})
	return ended
}

// lose ends the lease for good: this store never writes again, unless nobody was told yet that it leads.
func (l *Lease) lose(reason string) {
	l.once.Do(func() {
		err := fmt.Errorf("%w: %s", store.ErrFenced, reason)
		l.z.mu.Lock()
		l.z.lease = nil
		if l.taken {
			l.z.fenced = err
		}
		l.z.mu.Unlock()
		l.z.o.Log.Error("lock of the state lost", "path", l.path, "reason", reason)
		l.cancel(err)
		close(l.lost)
	})
}

// lose is called when the session expired.
func (z *Store) lose(reason string) {
	z.mu.Lock()
	l := z.lease
	z.mu.Unlock()
	if l != nil {
		l.lose(reason)
	}
}

// cause returns why the lease ended.
func (l *Lease) cause() error { return context.Cause(l.ctx) }

// or returns why the lease ended, and err when it did not.
func (l *Lease) or(err error) error {
	if l.ctx.Err() != nil {
		return l.cause()
	}
	return explain(err)
}

// holder is the content of a lock node.
type holder struct {
	ID   string `json:"id"`
	Info []byte `json:"info"`
}

// Lock waits until this instance leads and returns its lease. The id names the instance to operators; info is what Leader and Follow give to the others, at most
// 64 KiB. Instances lead in the order in which they called Lock.
func (z *Store) Lock(ctx context.Context, id string, info []byte) (*Lease, error) {
	if id == "" {
		return nil, errors.New("lock the state: id is empty; give the name of this instance")
	}
	if len(info) > 64<<10 {
		return nil, fmt.Errorf("lock the state: info has %d bytes, the most is %d", len(info), 64<<10)
	}
	z.mu.Lock()
	held, fenced := z.lease != nil, z.fenced
	z.mu.Unlock()
	if fenced != nil {
		return nil, fenced
	}
	if held {
		return nil, errors.New("lock the state: this store holds the lock already")
	}
	data, err := json.Marshal(holder{ID: id, Info: info})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-z.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	l, err := z.lock(ctx, data)
	if err == nil {
		return l, nil
	}
	if z.open() != nil {
		return nil, store.ErrClosed
	}
	if errors.Is(err, zk.ErrNoNode) {
		return nil, fmt.Errorf("lock the state %s: %w", z.paths.lock, store.ErrRemoved)
	}
	return nil, fmt.Errorf("lock the state %s: %w", z.paths.lock, explain(err))
}

// lock stands in line, again after every session that expired meanwhile.
func (z *Store) lock(ctx context.Context, data []byte) (*Lease, error) {
	for {
		path, err := z.line(ctx, data)
		if err != nil {
			return nil, err
		}
		err = z.wait(ctx, path)
		var l *Lease
		if err == nil {
			l, err = z.lead(ctx, path)
		}
		if err == nil {
			return l, nil
		}
		// Nobody is to wait for us who no longer wait here.
		z.leave(path)
		if !errors.Is(err, zk.ErrNoNode) && !errors.Is(err, store.ErrFenced) {
			return nil, err
		}
		z.o.Log.Info("place in line for the lock lost", "path", path, "error", err)
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// leave takes our lock node out of the line, also when nobody waits for that.
func (z *Store) leave(path string) {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), z.o.SessionTimeout)
		defer cancel()
		if err := z.s.remove(ctx, path); err != nil {
			z.o.Log.Debug("lock node left behind", "path", path, "error", err)
		}
	}()
}

// line makes our lock node. The library finds the node again when the connection is lost while it makes it.
func (z *Store) line(ctx context.Context, data []byte) (string, error) {
	for {
		made := make(chan struct{})
		var path string
		var err error
		go func() {
			defer close(made)
			path, err = z.s.conn.CreateProtectedEphemeralSequential(z.paths.lock+"/lock-", data, z.acl)
		}()
		select {
		case <-made:
		case <-ctx.Done():
			go func() {
				if <-made; err == nil {
					z.leave(path)
				}
			}()
			return "", ctx.Err()
		}
		if err == nil || !transient(err) {
			return path, err
		}
		if err := pause(ctx); err != nil {
			return "", err
		}
	}
}

// sequence returns the number that ZooKeeper gave a lock node.
func sequence(nodeName string) (int64, bool) {
	at := strings.LastIndexByte(nodeName, '-')
	if at < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(nodeName[at+1:], 10, 64)
	return n, err == nil
}

// inLine returns the names of the lock nodes, the leader's first.
func inLine(names []string) []string {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		_, ok := sequence(n)
		return !ok
	})
	slices.SortFunc(names, func(a, b string) int {
		x, _ := sequence(a)
		y, _ := sequence(b)
		return cmp.Compare(x, y)
	})
	return names
}

// wait returns nil when nobody is before us, and ErrNoNode when we are no longer in line.
func (z *Store) wait(ctx context.Context, path string) error {
	mine := strings.TrimPrefix(path, z.paths.lock+"/")
	for {
		names, err := z.s.children(ctx, z.paths.lock)
		if err != nil {
			if ctx.Err() == nil && (transient(err) || errors.Is(err, context.DeadlineExceeded)) {
				continue
			}
			return err
		}
		names = inLine(names)
		at := slices.Index(names, mine)
		switch {
		case at < 0:
			return zk.ErrNoNode
		case at == 0:
			return nil
		}
		before := z.paths.lock + "/" + names[at-1]
		type watch struct {
			exists bool
			stat   *zk.Stat
			events <-chan zk.Event
		}
		w, err := call(ctx, func() (watch, error) {
			exists, stat, events, err := z.s.conn.ExistsW(before)
			return watch{exists, stat, events}, err
		})
		if err != nil && !transient(err) {
			return err
		}
		if err != nil {
			if err := pause(ctx); err != nil {
				return err
			}
			continue
		}
		if !w.exists {
			continue
		}
		if w.stat.EphemeralOwner == z.s.conn.SessionID() {
			// The library lost sight of a node that it made for us; we would wait for ourselves.
			if err := z.s.remove(ctx, before); err != nil {
				return err
			}
			continue
		}
		select {
		case <-w.events:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lead makes us the leader: it moves head on to a new epoch, which fences the leader before us, and finishes what that one
// began.
func (z *Store) lead(ctx context.Context, path string) (*Lease, error) {
	if err := z.take(ctx); err != nil {
		return nil, err
	}
	defer z.give()
	timeout := z.o.SessionTimeout
	if granted := time.Duration(z.s.granted.Load()) * time.Millisecond; granted > 0 {
		timeout = min(timeout, granted)
	}
	l := &Lease{z: z, path: path, timeout: timeout, lost: make(chan struct{}), nodes: map[string]*ref{}, confirmed: time.Now()}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	n, err := z.s.latest(ctx, z.paths.head)
	if err != nil {
		return nil, err
	}
	h, err := z.decodeHead(n)
	if err != nil {
		return nil, err
	}
	l.epoch, l.version = h.Epoch+1, n.stat.Version
	z.mu.Lock()
	z.lease = l
	z.mu.Unlock()
	go l.keep()
	err = z.begin(ctx, l)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		l.end("it could not be taken", err)
		return nil, err
	}
	z.mu.Lock()
	l.taken = true
	z.mu.Unlock()
	if l.ctx.Err() != nil {
		return nil, l.cause()
	}
	z.o.Log.Info("lock of the state taken", "path", path, "epoch", l.epoch, "records", len(l.nodes), "timeout", timeout)
	return l, nil
}

// begin does the first write of a leader and learns what there is.
func (z *Store) begin(ctx context.Context, l *Lease) error {
	stop := context.AfterFunc(ctx, func() { l.end("nobody waits for it any more", ctx.Err()) })
	defer stop()
	z.o.leading()
	if err := z.write(l, nil); err != nil {
		return err
	}
	if err := z.list(l); err != nil {
		return l.or(err)
	}
	return z.rollForward(l)
}

// keep has the ensemble confirm that our session and our lock node exist, and ends the lease when it does not.
func (l *Lease) keep() {
	type answer struct {
		asked time.Time
		err   error
	}
	answers := make(chan answer, 1)
	asking := false
	ask := time.NewTicker(l.timeout / 6)
	defer ask.Stop()
	end := time.NewTimer(l.patience())
	defer end.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-end.C:
			l.lose(fmt.Sprintf("ZooKeeper has not confirmed it for %s", l.patience()))
			return
		case <-ask.C:
			if asking {
				continue
			}
			asking = true
			go func() {
				asked := time.Now()
				// A read is answered by any server, also by one that lost the others. A transaction is not.
				_, err := l.z.s.conn.Multi(&zk.CheckVersionRequest{Path: l.path, Version: -1})
				answers <- answer{asked, err}
			}()
		case a := <-answers:
			asking = false
			switch {
			case errors.Is(a.err, zk.ErrNoNode):
				l.lose("our lock node is gone")
				return
			case a.err != nil:
				continue
			}
			l.mu.Lock()
			l.confirmed = a.asked
			l.mu.Unlock()
			end.Reset(time.Until(a.asked.Add(l.patience())))
		}
	}
}

// Leader returns the info of the instance that leads, or is about to; nil when there is none.
func (z *Store) Leader(ctx context.Context) ([]byte, error) {
	for {
		names, err := z.s.children(ctx, z.paths.lock)
		if err != nil {
			return nil, fmt.Errorf("look who leads: %w", explain(err))
		}
		info, err := z.leaderOf(ctx, names)
		if errors.Is(err, errMoved) {
			continue
		}
		return info, err
	}
}

// Line returns the infos of all instances that lead or wait to, the leader's first.
func (z *Store) Line(ctx context.Context) ([][]byte, error) {
	names, err := z.s.children(ctx, z.paths.lock)
	if err != nil {
		return nil, fmt.Errorf("look who is in line: %w", explain(err))
	}
	var infos [][]byte
	for _, name := range inLine(names) {
		n, err := z.s.get(ctx, z.paths.lock+"/"+name)
		if errors.Is(err, zk.ErrNoNode) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look who is in line: %w", explain(err))
		}
		var h holder
		if err := json.Unmarshal(n.data, &h); err != nil {
			return nil, fmt.Errorf("%w: node %s/%s: %w", store.ErrCorrupt, z.paths.lock, name, err)
		}
		infos = append(infos, h.Info)
	}
	return infos, nil
}

// leaderOf returns the info of the first in line.
func (z *Store) leaderOf(ctx context.Context, names []string) ([]byte, error) {
	names = inLine(names)
	if len(names) == 0 {
		return nil, nil
	}
	n, err := z.s.get(ctx, z.paths.lock+"/"+names[0])
	if errors.Is(err, zk.ErrNoNode) {
		return nil, errMoved
	}
	if err != nil {
		return nil, fmt.Errorf("look who leads: %w", explain(err))
	}
	var h holder
	if err := json.Unmarshal(n.data, &h); err != nil {
		return nil, fmt.Errorf("%w: node %s/%s: %w", store.ErrCorrupt, z.paths.lock, names[0], err)
	}
	return h.Info, nil
}

// Follow calls changed with what Leader returns, at once and whenever that changes, until ctx ends or the store is closed. While ZooKeeper
// cannot be reached, the last word stands.
func (z *Store) Follow(ctx context.Context, changed func(info []byte)) error {
	type watch struct {
		names  []string
		events <-chan zk.Event
	}
	var last []byte
	first := true
	for {
		if err := z.open(); err != nil {
			return err
		}
		w, err := call(ctx, func() (watch, error) {
			names, _, events, err := z.s.conn.ChildrenW(z.paths.lock)
			return watch{names, events}, err
		})
		var info []byte
		if err == nil {
			info, err = z.leaderOf(ctx, w.names)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errMoved):
			continue
		case transient(err), errors.Is(err, context.DeadlineExceeded):
			if err := pause(ctx); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("follow the leader: %w", explain(err))
		}
		if first || !bytes.Equal(last, info) || (last == nil) != (info == nil) {
			first, last = false, info
			changed(info)
		}
		select {
		case <-w.events:
		case <-ctx.Done():
			return ctx.Err()
		case <-z.quit:
			return store.ErrClosed
		}
	}
}

package zk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/store"
)

// maxBatch bounds what one Apply may take, in bytes.
const maxBatch = 256 << 20

// request is one call of Apply.
type request struct {
	changes []store.Record
	size    int
	answer  chan error
}

// Apply makes the changes durable in the ensemble. It waits for a lost connection to come back as long as we may
// still be the leader, and returns ErrFenced after that, for ever.
func (z *Store) Apply(ctx context.Context, changes []store.Record) error {
	batch, err := store.Normalize(changes)
	if err != nil {
		return err
	}
	r := &request{changes: batch, answer: make(chan error, 1)}
	for i, c := range batch {
		// The caller may use its memory again as soon as Apply returns, which may be before the write.
		batch[i].Value = bytes.Clone(c.Value)
		r.size += len(c.Value) + len(c.Key) + perOp
	}
	if r.size > maxBatch {
		return fmt.Errorf("the changes take %d bytes, the most for one Apply is %d", r.size, maxBatch)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := z.open(); err != nil {
		return err
	}
	if _, err := z.leading(); err != nil {
		return err
	}
	select {
	case <-z.quit:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	case z.request <- r:
	}
	select {
	case err := <-r.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-z.done:
		select {
		case err := <-r.answer:
			return err
		default:
			return store.ErrClosed
		}
	}
}

// leading returns our lease while it is held.
func (z *Store) leading() (*Lease, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.fenced != nil {
		return nil, z.fenced
	}
	if z.lease == nil {
		return nil, store.ErrNotLeader
	}
	return z.lease, nil
}

// run performs requests in the order they came, as many as are there in one transaction.
func (z *Store) run() {
	defer close(z.done)
	var held *request
	for {
		var group []*request
		size := 0
		if held != nil {
			group, size, held = append(group, held), held.size, nil
		} else {
			select {
			case r := <-z.request:
				group, size = append(group, r), r.size
			case <-z.quit:
				select {
				case r := <-z.request:
					group, size = append(group, r), r.size
				default:
					return
				}
			}
		}
	more:
		for size < maxMulti {
			select {
			case r := <-z.request:
				// One that does not fit is better off as the first of its own transaction.
				if size+r.size > maxMulti {
					held = r
					break more
				}
				group, size = append(group, r), size+r.size
			default:
				break more
			}
		}
		err := z.commit(group)
		for _, r := range group {
			r.answer <- err
		}
	}
}

// entry is a change in terms of nodes. An empty Data deletes the node.
type entry struct {
	Name string `json:"name"`
	Data []byte `json:"data,omitempty"`
	ref  *ref
}

// commit makes the changes of all requests in one step.
func (z *Store) commit(group []*request) error {
	l, err := z.leading()
	if err != nil {
		return err
	}
	var all []store.Record
	for _, r := range group {
		all = append(all, r.changes...)
	}
	changes, err := store.Normalize(all)
	if err != nil {
		return err
	}
	if err := z.take(l.ctx); err != nil {
		return l.cause()
	}
	defer z.give()
	entries := make([]entry, 0, len(changes))
	for _, c := range changes {
		e := entry{Name: name(c.Key)}
		if len(c.Value) > 0 {
			if e.Data, e.ref, err = z.pack(l, c.Value); err != nil {
				return l.or(err)
			}
		}
		entries = append(entries, e)
	}
	const tries = 3
	for try := 1; ; try++ {
		err := z.put(l, entries)
		if !errors.Is(err, errSurprise) || try == tries {
			return err
		}
		// Somebody made or deleted records by hand. We know what is to be there, so look and do it.
		if err := z.list(l); err != nil {
			return l.or(err)
		}
	}
}

// list learns which records there are, and forgets where large ones are; their chunks are collected by Load.
func (z *Store) list(l *Lease) error {
	names, err := z.s.children(l.ctx, z.paths.records)
	if err != nil {
		return err
	}
	l.nodes = make(map[string]*ref, len(names))
	for _, n := range names {
		l.nodes[n] = nil
	}
	return nil
}

// put writes entries in one transaction, or through the journal when they are too many for one.
func (z *Store) put(l *Lease, entries []entry) error {
	parts := z.split(l, entries)
	switch len(parts) {
	case 0:
		return nil
	case 1:
		return z.putPart(l, parts[0], nil)
	}
	text, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	data, r, err := z.writeChunks(l, text)
	if err != nil {
		return l.or(err)
	}
	// This is the step that makes the whole batch: what follows can be done again by anyone.
	if err := z.write(l, []any{&zk.SetDataRequest{Path: z.paths.journal, Data: data, Version: -1}}); err != nil {
		return err
	}
	z.o.journaled()
	if err := z.putJournal(l, parts, r); err != nil {
		// The batch is made and not in its place, and nothing may be written over it before it is. The next leader puts it there.
		l.lose(fmt.Sprintf("a large batch was saved and could not be put in its place: %v", err))
		return l.cause()
	}
	return nil
}

// putJournal puts what the journal holds in its place, and empties it.
func (z *Store) putJournal(l *Lease, parts [][]entry, r *ref) error {
	for _, part := range parts {
		if err := z.putPart(l, part, nil); err != nil {
			return err
		}
	}
	return z.putPart(l, nil, r)
}

// putPart writes entries that fit one transaction. With journal, it empties that.
func (z *Store) putPart(l *Lease, entries []entry, journal *ref) error {
	var ops []any
	for _, e := range entries {
		ops = append(ops, z.ops(l, e)...)
	}
	if journal != nil {
		ops = append(ops, &zk.SetDataRequest{Path: z.paths.journal, Version: -1})
		// The chunks go after the reference, and a crash in between leaves them to the next Load.
		defer func() {
			_ = parallel(l.ctx, journal.Chunks, func(ctx context.Context, i int) error {
				return z.s.remove(ctx, z.paths.chunks+"/"+journal.nodes()[i])
			})
		}()
	}
	if len(ops) == 0 {
		return nil
	}
	if err := z.write(l, ops); err != nil {
		return err
	}
	for _, e := range entries {
		if len(e.Data) == 0 {
			delete(l.nodes, e.Name)
			continue
		}
		l.nodes[e.Name] = e.ref
	}
	return nil
}

// ops returns the operations of one entry: the record's own, and those that delete the chunks it had.
func (z *Store) ops(l *Lease, e entry) []any {
	old, exists := l.nodes[e.Name]
	path := z.paths.records + "/" + e.Name
	var ops []any
	switch {
	case len(e.Data) == 0 && !exists:
		return nil
	case len(e.Data) == 0:
		ops = append(ops, &zk.DeleteRequest{Path: path, Version: -1})
	case exists:
		ops = append(ops, &zk.SetDataRequest{Path: path, Data: e.Data, Version: -1})
	default:
		ops = append(ops, &zk.CreateRequest{Path: path, Data: e.Data, Acl: z.acl})
	}
	for _, c := range old.nodes() {
		ops = append(ops, &zk.DeleteRequest{Path: z.paths.chunks + "/" + c, Version: -1})
	}
	return ops
}

// split divides entries into what fits one transaction each, leaving out those that change nothing.
func (z *Store) split(l *Lease, entries []entry) [][]entry {
	var parts [][]entry
	var part []entry
	size, count := 0, 0
	for _, e := range entries {
		takes, ops := 0, 0
		for _, op := range z.ops(l, e) {
			takes += sizeOf(op)
			ops++
		}
		if ops == 0 {
			continue
		}
		if len(part) > 0 && (size+takes > maxMulti || count+ops > maxOps) {
			parts, part, size, count = append(parts, part), nil, 0, 0
		}
		part, size, count = append(part, e), size+takes, count+ops
	}
	if len(part) > 0 {
		parts = append(parts, part)
	}
	return parts
}

// sizeOf returns what an operation takes in a request, at most.
func sizeOf(op any) int {
	switch op := op.(type) {
	case *zk.CreateRequest:
		return len(op.Path) + len(op.Data) + perOp
	case *zk.SetDataRequest:
		return len(op.Path) + len(op.Data) + perOp
	case *zk.DeleteRequest:
		return len(op.Path) + perOp
	}
	return perOp
}

// readJournal returns what the journal holds.
func (z *Store) readJournal(ctx context.Context) ([]entry, *ref, error) {
	n, err := z.s.get(ctx, z.paths.journal)
	if err != nil {
		return nil, nil, err
	}
	if len(n.data) == 0 {
		return nil, nil, nil
	}
	text, r, err := z.unpack(ctx, "journal", n.data)
	if err != nil {
		return nil, nil, err
	}
	var entries []entry
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, nil, fmt.Errorf("%w: node %s: %w", store.ErrCorrupt, z.paths.journal, err)
	}
	return entries, r, nil
}

// rollForward finishes a batch whose leader did not. Only whoever leads calls it.
func (z *Store) rollForward(l *Lease) error {
	entries, r, err := z.readJournal(l.ctx)
	if err != nil || r == nil {
		return err
	}
	for i, e := range entries {
		if len(e.Data) > 0 && e.Data[0] == markRef {
			entries[i].ref = new(ref)
			if err := json.Unmarshal(e.Data[1:], entries[i].ref); err != nil {
				return fmt.Errorf("%w: node %s: %w", store.ErrCorrupt, z.paths.journal, err)
			}
		}
	}
	z.o.Log.Info("unfinished batch of the last leader completed", "path", z.paths.journal, "records", len(entries))
	return z.putJournal(l, z.split(l, entries), r)
}

// errSurprise says that a record was there or not there against our knowledge.
var errSurprise = errors.New("records were changed by something other than this service")

// write makes one transaction: it checks that our lock node exists, moves head on from the version that we left
// it at, and does ops. All of it happens or nothing, and once.
func (z *Store) write(l *Lease, ops []any) error {
	id := newID()
	data, err := json.Marshal(head{Layout: layout, Epoch: l.epoch, Write: id})
	if err != nil {
		return err
	}
	for {
		all := append([]any{
			&zk.CheckVersionRequest{Path: l.path, Version: -1},
			&zk.SetDataRequest{Path: z.paths.head, Data: data, Version: l.version},
		}, ops...)
		responses, err := call(l.ctx, func() ([]zk.MultiResponse, error) { return z.s.conn.Multi(all...) })
		if l.ctx.Err() != nil {
			return l.cause()
		}
		if err == nil {
			l.version = responses[1].Stat.Version
			return nil
		}
		failed := 0
		for failed < len(responses) && responses[failed].Error == nil {
			failed++
		}
		if !transient(err) && failed >= 2 {
			// The first two were right, so nobody else leads.
			if errors.Is(err, zk.ErrNoNode) || errors.Is(err, zk.ErrNodeExists) {
				return fmt.Errorf("%w: %w", errSurprise, err)
			}
			return fmt.Errorf("write the state to %s: %w", z.paths.root, explain(err))
		}
		if !transient(err) && failed == 0 {
			l.lose("our lock node is gone")
			return l.cause()
		}
		// Either nothing answered, or head was not where we left it, which an earlier try of this very write may have done.
		made, err := z.resolve(l, id)
		if err != nil || made {
			return err
		}
	}
}

// resolve finds out whether the write with the given id was made.
func (z *Store) resolve(l *Lease, id string) (bool, error) {
	for {
		n, err := z.s.latest(l.ctx, z.paths.head)
		if l.ctx.Err() != nil {
			return false, l.cause()
		}
		if transient(err) || errors.Is(err, context.DeadlineExceeded) {
			// Only the lease bounds this wait.
			continue
		}
		if err != nil {
			return false, fmt.Errorf("read %s: %w", z.paths.head, explain(err))
		}
		h, err := z.decodeHead(n)
		if err != nil {
			return false, err
		}
		if h.Write == id {
			l.version = n.stat.Version
			return true, nil
		}
		if n.stat.Version != l.version {
			l.lose(fmt.Sprintf("another instance leads in epoch %d", h.Epoch))
			return false, l.cause()
		}
		return false, nil
	}
}

package zk

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/store"
)

// ZooKeeper refuses requests over 1 MiB less a byte (jute.maxbuffer). A request holds names, access lists and
// headers too, and a server adds to it when it logs the transaction, so we stay well below.
const (
	maxInline = 512 << 10 // of one node
	maxMulti  = 768 << 10 // of one transaction, as sizeOf counts
	maxOps    = 4000      // in one transaction
	// perOp is what an operation takes beside its path and data, at most: header, flags, and twice the access list.
	perOp = 200
)

// A node's data is the value, unless that begins with one of these two.
const (
	markPlain = 0 // the value follows
	markRef   = 1 // a ref follows as JSON
)

// ref says in which nodes below chunks a value is.
type ref struct {
	ID     string `json:"id"`
	Chunks int    `json:"chunks"`
	Size   int    `json:"size"`
	CRC32C uint32 `json:"crc32c"`
}

// nodes returns the names of the chunks; a nil ref has none.
func (r *ref) nodes() []string {
	if r == nil {
		return nil
	}
	names := make([]string, r.Chunks)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%05d", r.ID, i)
	}
	return names
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// pack returns the data of the node for a value, after it has written a large value to chunks.
func (z *Store) pack(l *Lease, value []byte) ([]byte, *ref, error) {
	if len(value) > maxInline {
		return z.writeChunks(l, value)
	}
	if len(value) > 0 && value[0] <= markRef {
		return append([]byte{markPlain}, value...), nil, nil
	}
	return value, nil, nil
}

// writeChunks puts a value into fresh nodes. They mean nothing until a transaction refers to them. Their names begin with
// the epoch, so that a leader which does not know yet that it was deposed never removes those of its successor.
func (z *Store) writeChunks(l *Lease, value []byte) ([]byte, *ref, error) {
	r := &ref{
		ID: fmt.Sprintf("%d-%s", l.epoch, newID()), Chunks: (len(value) + maxInline - 1) / maxInline,
		Size: len(value), CRC32C: crc32.Checksum(value, castagnoli),
	}
	names := r.nodes()
	err := parallel(l.ctx, len(names), func(ctx context.Context, i int) error {
		part := value[i*maxInline : min((i+1)*maxInline, len(value))]
		return z.s.create(ctx, z.paths.chunks+"/"+names[i], part, z.acl)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("write a large value: %w", err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, nil, err
	}
	return append([]byte{markRef}, text...), r, nil
}

// unpack is the way back from the data of a node to the value. It returns errMoved when the chunks were replaced meanwhile.
func (z *Store) unpack(ctx context.Context, nodeName string, data []byte) ([]byte, *ref, error) {
	if len(data) == 0 || data[0] > markRef {
		return data, nil, nil
	}
	if data[0] == markPlain {
		return data[1:], nil, nil
	}
	corrupt := func(detail string) error {
		shown, err := key(nodeName)
		if err != nil {
			shown = nodeName
		}
		return &store.RecordError{
			Key: shown, Cause: store.ErrCorrupt, Detail: detail,
			Advice: "nothing was changed: restore the state from an export, or delete this one record if you can do without it",
		}
	}
	r := new(ref)
	if err := json.Unmarshal(data[1:], r); err != nil {
		return nil, nil, corrupt(err.Error())
	}
	if r.Chunks < 1 || r.Chunks > 2*maxBatch/maxInline || r.Size > r.Chunks*maxInline {
		return nil, nil, corrupt("its reference to large values makes no sense")
	}
	parts := make([][]byte, r.Chunks)
	names := r.nodes()
	err := parallel(ctx, len(names), func(ctx context.Context, i int) error {
		n, err := z.s.get(ctx, z.paths.chunks+"/"+names[i])
		parts[i] = n.data
		return err
	})
	if errors.Is(err, zk.ErrNoNode) {
		// Either the record was replaced since we read it, or it is damaged.
		return nil, nil, fmt.Errorf("%w: %w", errMoved, corrupt("part of it is missing below "+z.paths.chunks))
	}
	if err != nil {
		return nil, nil, err
	}
	value := bytes.Join(parts, nil)
	if len(value) != r.Size || crc32.Checksum(value, castagnoli) != r.CRC32C {
		return nil, nil, corrupt("the parts below " + z.paths.chunks + " do not have the checksum that was written")
	}
	return value, r, nil
}

// epochOf returns the epoch in the name of a chunk.
func epochOf(chunk string) (int64, bool) {
	text, _, ok := strings.Cut(chunk, "-")
	epoch, err := strconv.ParseInt(text, 10, 64)
	return epoch, ok && err == nil
}

// newID returns a name that nobody has used.
func newID() string { return rand.Text() }

package memzk

import (
	"encoding/binary"
	"errors"
	"io"
)

// The wire format of ZooKeeper, jute: numbers are big-endian, buffers and strings begin with their length.

// reader takes values out of a packet. The first error stays.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) take(n int) []byte {
	if r.err == nil && (n < 0 || n > len(r.rest)) {
		r.err = io.ErrUnexpectedEOF
	}
	if r.err != nil {
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) int() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) long() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) bool() bool {
	b := r.take(1)
	return len(b) == 1 && b[0] != 0
}

// buffer reads a copy; the length -1 is that of nothing.
func (r *reader) buffer() []byte {
	n := r.int()
	if n <= 0 {
		return nil
	}
	return append([]byte(nil), r.take(int(n))...)
}

func (r *reader) string() string { return string(r.buffer()) }

func (r *reader) strings() (list []string) {
	for range max(r.int(), 0) {
		if r.err != nil {
			return nil
		}
		list = append(list, r.string())
	}
	return list
}

// writer puts values into a packet.
type writer struct{ b []byte }

func (w *writer) int(v int32)  { w.b = binary.BigEndian.AppendUint32(w.b, uint32(v)) }
func (w *writer) long(v int64) { w.b = binary.BigEndian.AppendUint64(w.b, uint64(v)) }

func (w *writer) bool(v bool) {
	if v {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

func (w *writer) buffer(v []byte) {
	w.int(int32(len(v)))
	w.b = append(w.b, v...)
}

func (w *writer) string(v string) { w.buffer([]byte(v)) }

func (w *writer) strings(list []string) {
	w.int(int32(len(list)))
	for _, s := range list {
		w.string(s)
	}
}

// stat writes what ZooKeeper says of a node.
func (w *writer) stat(n *node) {
	w.long(n.created)
	w.long(n.modified)
	w.long(n.createdAt)
	w.long(n.modifiedAt)
	w.int(n.version)
	w.int(n.childVersion)
	w.int(0) // Nobody changes access lists.
	w.long(n.owner)
	w.int(int32(len(n.data)))
	w.int(int32(len(n.children)))
	w.long(n.childrenChanged)
}

// largest is the largest packet: jute.maxbuffer. A larger one ends the connection.
const largest = 0xfffff

var errTooLarge = errors.New("the packet is larger than jute.maxbuffer")

// readPacket reads one packet.
func readPacket(from io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > largest {
		return nil, errTooLarge
	}
	packet := make([]byte, n)
	_, err := io.ReadFull(from, packet)
	return packet, err
}

func packet(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, len(body)+4), uint32(len(body))), body...)
}

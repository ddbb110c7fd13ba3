package runner

import (
	"fmt"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
)

const (
	// partLength is how many collections a part of the recorded metrics has.
	partLength = 8
	// maxParts and maxRecorded bound the parts of a job, in number and in bytes together.
	maxParts    = 64
	maxRecorded = 48 << 10
)

// recording are the last collections of a job, for replays. The newest ones are open; the others are
// packed into parts, oldest first.
type recording struct {
	open  []autoscale.Record
	parts []part
	last  int64
}

// part is a packed list of collections.
type part struct {
	number int64
	packed []byte
	dirty  bool
}

// key is where a part is stored; a new part takes the place of one that was dropped long ago.
func (p part) key(k key) string { return fmt.Sprintf("%s.%d", k.recordKey(), p.number%(2*maxParts)) }

// add records a collection.
func (r *recording) add(record autoscale.Record) {
	r.open = append(r.open, record)
	if len(r.open) < partLength {
		return
	}
	packed, err := pack(r.open)
	r.open = nil
	if err != nil || len(packed) > maxRecorded {
		return // A job this large is not recorded.
	}
	r.last++
	r.parts = append(slices.Clip(r.parts), part{number: r.last, packed: packed, dirty: true})
	size := 0
	for _, p := range r.parts {
		size += len(p.packed)
	}
	for len(r.parts) > maxParts || size > maxRecorded {
		size -= len(r.parts[0].packed)
		r.parts = r.parts[1:]
	}
}

// unsaved are the parts that are not stored yet.
func (r *recording) unsaved() []part {
	var list []part
	for _, p := range r.parts {
		if p.dirty {
			list = append(list, p)
		}
	}
	return list
}

// saved notes that parts are stored.
func (r *recording) saved(list []part) {
	r.parts = slices.Clone(r.parts)
	for i := range r.parts {
		if slices.ContainsFunc(list, func(p part) bool { return p.number == r.parts[i].number }) {
			r.parts[i].dirty = false
		}
	}
}

// restore takes a stored part.
func (r *recording) restore(number int64, packed []byte) {
	r.parts = append(r.parts, part{number: number, packed: packed})
}

// order puts restored parts in the order of time, and drops those that were dropped before.
func (r *recording) order() {
	slices.SortFunc(r.parts, func(a, b part) int { return int(a.number - b.number) })
	size := 0
	for i, p := range slices.Backward(r.parts) {
		r.last = max(r.last, p.number)
		if size += len(p.packed); size > maxRecorded || len(r.parts)-i > maxParts {
			r.parts = slices.Clone(r.parts[i+1:])
			break
		}
	}
}

// records unpacks all collections, oldest first.
func (r *recording) records() ([]autoscale.Record, error) {
	var all []autoscale.Record
	for _, p := range r.parts {
		var list []autoscale.Record
		if err := unpack(p.packed, &list); err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return append(all, r.open...), nil
}

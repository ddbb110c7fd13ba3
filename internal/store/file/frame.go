package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/flink-on-mesos/flink-service/internal/store"
)

// A log is its magic and then frames. A frame is a header (length of the payload, checksum of the payload,
// checksum of these two; four bytes each, big endian) and a payload: for every change the length of the key, the length
// of the value plus one or zero for a deletion (both uvarint), the key and the value.
const (
	magic      = "flinkst1"
	headerSize = 12
	// maxFrame bounds one payload.
	maxFrame = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// place says where in the log a value is.
type place struct {
	offset int64
	size   uint32
	sum    uint32 // checksum of the value
	frame  uint32 // what the record takes in its frame, in bytes
}

// recordSize is what a change takes in a payload, at most.
func recordSize(r store.Record) int { return 2*binary.MaxVarintLen32 + len(r.Key) + len(r.Value) }

// appendFrame appends a frame with the changes to buffer, which may be empty, and calls each with
// every change and the offset of its value relative to the frame's start.
func appendFrame(buffer []byte, changes []store.Record, each func(r store.Record, offset, size int)) []byte {
	start := len(buffer)
	buffer = append(buffer, make([]byte, headerSize)...)
	for _, c := range changes {
		before := len(buffer)
		buffer = binary.AppendUvarint(buffer, uint64(len(c.Key)))
		if len(c.Value) == 0 {
			buffer = binary.AppendUvarint(buffer, 0)
		} else {
			buffer = binary.AppendUvarint(buffer, uint64(len(c.Value))+1)
		}
		buffer = append(buffer, c.Key...)
		offset := len(buffer) - start
		buffer = append(buffer, c.Value...)
		each(c, offset, len(buffer)-before)
	}
	header, payload := buffer[start:start+headerSize], buffer[start+headerSize:]
	binary.BigEndian.PutUint32(header[0:], uint32(len(payload)))
	binary.BigEndian.PutUint32(header[4:], crc32.Checksum(payload, castagnoli))
	binary.BigEndian.PutUint32(header[8:], crc32.Checksum(header[:8], castagnoli))
	return buffer
}

var errFrame = errors.New("bad frame")

// frameSize returns the length of the payload that a header announces.
func frameSize(header []byte) (int, error) {
	if crc32.Checksum(header[:8], castagnoli) != binary.BigEndian.Uint32(header[8:]) {
		return 0, errFrame
	}
	size := binary.BigEndian.Uint32(header)
	if size > maxFrame {
		return 0, errFrame
	}
	return int(size), nil
}

// changesOf takes a payload apart. The offsets given to each are relative to the payload.
func changesOf(payload []byte, each func(key string, value []byte, offset, size int)) error {
	for at := 0; at < len(payload); {
		start := at
		keySize, n := binary.Uvarint(payload[at:])
		if n <= 0 {
			return errFrame
		}
		at += n
		valueSize, n := binary.Uvarint(payload[at:])
		if n <= 0 {
			return errFrame
		}
		at += n
		rest := uint64(len(payload) - at)
		if keySize > rest || (valueSize > 0 && valueSize-1 > rest-keySize) {
			return errFrame
		}
		key := string(payload[at : at+int(keySize)])
		at += int(keySize)
		var value []byte
		if valueSize > 0 {
			value = payload[at : at+int(valueSize)-1]
		}
		each(key, value, at, at+len(value)-start)
		at += len(value)
	}
	return nil
}

// scan reads a log of the given size and calls each for every change in order, with the offset of its value in the log. It returns
// where the last whole frame ends.
func scan(log io.ReaderAt, size int64, each func(key string, value []byte, offset int64, size int)) (int64, error) {
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(io.NewSectionReader(log, 0, size), head); err != nil {
		return 0, fmt.Errorf("read its first bytes: %w", err)
	}
	if string(head) != magic {
		return 0, fmt.Errorf("its first bytes are %q, not %q: it is not a log of this release", head, magic)
	}
	at := int64(len(magic))
	header := make([]byte, headerSize)
	var payload []byte
	for size-at >= headerSize {
		if _, err := log.ReadAt(header, at); err != nil {
			return at, err
		}
		n, err := frameSize(header)
		if err != nil || at+headerSize+int64(n) > size {
			return at, errFrame
		}
		if cap(payload) < n {
			payload = make([]byte, n)
		}
		payload = payload[:n]
		if _, err := log.ReadAt(payload, at+headerSize); err != nil {
			return at, err
		}
		if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(header[4:]) {
			return at, errFrame
		}
		base := at + headerSize
		err = changesOf(payload, func(key string, value []byte, offset, size int) {
			each(key, value, base+int64(offset), size)
		})
		if err != nil {
			return at, fmt.Errorf("the frame at byte %d has sound checksums and no sound content", at)
		}
		at = base + int64(n)
	}
	if at < size {
		return at, errFrame
	}
	return at, nil
}

// frameAfter says whether a whole frame begins anywhere after the given place. Every write is one frame and is waited for, so an unfinished
// write has none after it; damage to older frames has.
func frameAfter(log io.ReaderAt, at, size int64) (bool, error) {
	tail := make([]byte, size-at)
	if _, err := log.ReadAt(tail, at); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	zero := make([]byte, headerSize)
	for i := 1; i+headerSize <= len(tail); i++ {
		header := tail[i : i+headerSize]
		if bytes.Equal(header, zero) {
			continue
		}
		n, err := frameSize(header)
		if err != nil || n == 0 || i+headerSize+n > len(tail) {
			continue
		}
		if crc32.Checksum(tail[i+headerSize:i+headerSize+n], castagnoli) == binary.BigEndian.Uint32(header[4:]) {
			return true, nil
		}
	}
	return false, nil
}

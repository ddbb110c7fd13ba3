package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrNotEmpty is returned by Import when the store holds records and force was not given.
var ErrNotEmpty = errors.New("the store is not empty")

const (
	exportFormat  = "flink-service state"
	exportVersion = 1
)

// exported is the file that carries a state.
type exported struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// SHA256 is that of the records, see digest.
	SHA256  string           `json:"sha256"`
	Records []exportedRecord `json:"records"`
}

// exportedRecord holds its value as readable JSON when that loses nothing, and as bytes otherwise.
type exportedRecord struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value,omitempty"`
	Bytes []byte          `json:"bytes,omitempty"`
}

// Export writes every record of the store to w as one JSON file. The file holds the secrets that are in the state.
func Export(ctx context.Context, s Store, w io.Writer) error {
	records, err := s.Load(ctx)
	if err != nil {
		return fmt.Errorf("export the state: %w", err)
	}
	file := exported{
		Format: exportFormat, Version: exportVersion, SHA256: digest(records),
		Records: make([]exportedRecord, 0, len(records)),
	}
	for _, r := range records {
		e := exportedRecord{Key: r.Key, Bytes: r.Value}
		if compact, err := compacted(r.Value); err == nil && bytes.Equal(compact, r.Value) {
			e = exportedRecord{Key: r.Key, Value: r.Value}
		}
		file.Records = append(file.Records, e)
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(file); err != nil {
		return fmt.Errorf("export the state: %w", err)
	}
	return nil
}

// Import makes the store hold exactly what Export wrote to r, in one step. A store that holds
// anything is left as it is, with ErrNotEmpty, unless force says that its records are to be replaced.
func Import(ctx context.Context, s Store, r io.Reader, force bool) error {
	records, err := readExport(r)
	if err != nil {
		return fmt.Errorf("import a state: %w", err)
	}
	present, err := s.Load(ctx)
	if err != nil {
		return fmt.Errorf("import a state: %w", err)
	}
	if len(present) > 0 && !force {
		return fmt.Errorf("import a state: %w: it holds %d records; export them first, then force the import", ErrNotEmpty, len(present))
	}
	changes := make([]Record, 0, len(present)+len(records))
	for _, p := range present {
		changes = append(changes, Record{Key: p.Key})
	}
	changes = append(changes, records...)
	if len(changes) == 0 {
		return nil
	}
	if err := s.Apply(ctx, changes); err != nil {
		return fmt.Errorf("import a state: %w", err)
	}
	return nil
}

// readExport reads and checks a whole file.
func readExport(r io.Reader) ([]Record, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var header struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(text, &header); err != nil {
		return nil, fmt.Errorf("the file is not a complete export: %w", err)
	}
	if header.Format != exportFormat {
		return nil, fmt.Errorf("the file's format is %q, not %q", header.Format, exportFormat)
	}
	if header.Version != exportVersion {
		return nil, fmt.Errorf("the file has version %d, this release reads %d; use the release that wrote it", header.Version, exportVersion)
	}
	var file exported
	if err := strict(text, &file); err != nil {
		return nil, fmt.Errorf("the file is not a complete export: %w", err)
	}
	records := make([]Record, 0, len(file.Records))
	for i, e := range file.Records {
		value := e.Bytes
		if e.Value != nil {
			if value, err = compacted(e.Value); err != nil {
				return nil, fmt.Errorf("record %s: %w", e.Key, err)
			}
		}
		if len(value) == 0 {
			return nil, fmt.Errorf("record %s has no value", e.Key)
		}
		if i > 0 && e.Key <= records[i-1].Key {
			return nil, fmt.Errorf("record %s is out of order or there twice", e.Key)
		}
		records = append(records, Record{Key: e.Key, Value: value})
	}
	if got := digest(records); got != file.SHA256 {
		return nil, fmt.Errorf("the records have the checksum %s, the file says %s: it was changed or damaged", got, file.SHA256)
	}
	return records, nil
}

// compacted returns JSON text without the white space that means nothing.
func compacted(text []byte) ([]byte, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// digest hashes keys and values with their lengths, so that no two lists of records share one by construction.
func digest(records []Record) string {
	h := sha256.New()
	var size [8]byte
	for _, r := range records {
		for _, part := range [][]byte{[]byte(r.Key), r.Value} {
			binary.BigEndian.PutUint64(size[:], uint64(len(part)))
			h.Write(size[:])
			h.Write(part)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// chunk is how much of a file is read at once, in bytes.
const chunk = 256 << 10

// Logs says which file of a sandbox is printed and how.
type Logs struct {
	// File is a path below the sandbox.
	File string
	// Follow goes on until interrupted.
	Follow bool
	// Lines is how many lines from the end are printed; 0 prints all.
	Lines int
}

// Register adds the flags.
func (l *Logs) Register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.File, "file", "stdout", "file of the sandbox: stdout, stderr or a path")
	cmd.Flags().BoolVarP(&l.Follow, "follow", "f", false, "follow until interrupted")
	cmd.Flags().IntVarP(&l.Lines, "lines", "n", 0, "print only the last N lines; 0 prints all")
}

// Print copies the file to the output. Memory is bounded by one chunk and the lines kept.
func (l *Logs) Print(ctx context.Context, f *Factory, read func(ctx context.Context, offset, length int64) ([]byte, error)) error {
	if l.Lines < 0 {
		return Flagf("--lines %d: use a number of at least 0", l.Lines)
	}
	if l.File == "" {
		return Flagf("--file is empty: use stdout, stderr or a path inside the sandbox")
	}
	out := f.Streams.Out
	keep := &lastLines{most: l.Lines}
	if l.Lines > 0 {
		out = keep
	}
	offset, err := copyFrom(ctx, out, 0, read)
	if err != nil {
		return err
	}
	if l.Lines > 0 {
		if _, err := f.Streams.Out.Write(keep.bytes()); err != nil {
			return fmt.Errorf("write the output: %w", err)
		}
	}
	if !l.Follow {
		return nil
	}
	err = f.Follow(ctx, 2*time.Minute, nil, func(ctx context.Context) (bool, error) {
		var err error
		offset, err = copyFrom(ctx, f.Streams.Out, offset, read)
		return false, err
	})
	if errors.Is(err, context.Canceled) {
		return nil // Ctrl-C is how following ends.
	}
	return err
}

// copyFrom copies from offset to the present end and returns where that is.
func copyFrom(ctx context.Context, out io.Writer, offset int64, read func(context.Context, int64, int64) ([]byte, error)) (int64, error) {
	for {
		data, err := read(ctx, offset, chunk)
		if err != nil {
			return offset, err
		}
		if len(data) == 0 {
			return offset, nil
		}
		if _, err := out.Write(data); err != nil {
			return offset, fmt.Errorf("write the output: %w", err)
		}
		offset += int64(len(data))
	}
}

// lastLines keeps the last lines written to it.
type lastLines struct {
	most  int
	lines [][]byte
	part  []byte
}

// Write implements io.Writer.
func (k *lastLines) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, found := bytes.Cut(p, []byte("\n"))
		k.part = append(k.part, line...)
		if !found {
			return n, nil
		}
		k.lines = append(k.lines, append(k.part, '\n'))
		if len(k.lines) > k.most {
			k.lines = k.lines[1:]
		}
		k.part, p = nil, rest
	}
}

// bytes returns what was kept; an unfinished last line counts as one.
func (k *lastLines) bytes() []byte {
	lines := k.lines
	if len(k.part) > 0 {
		lines = append(lines[max(0, len(lines)+1-k.most):], k.part)
	}
	return bytes.Join(lines, nil)
}

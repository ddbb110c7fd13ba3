// Package terminal owns what people see: the three streams, tables, key-value lists,
// a line that is rewritten while something goes on, and the bar of an upload. Off a
// terminal nothing is rewritten or coloured, cells are separated by tabs and times
// are written in full.
//
// It knows nothing of clusters or jobs, and never writes progress to the output.
package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// defaultWidth is used when a terminal does not tell its width.
const defaultWidth = 80

// Streams are a command's input, output and error output, and what they are.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// InTerminal, OutTerminal and ErrTerminal say whether a person is at the other end.
	InTerminal, OutTerminal, ErrTerminal bool
	// Width is the width of the terminal in columns; 0 means 80.
	Width int
	// Program is how the user called the program, such as "dcos-flink"; empty means DefaultProgram.
	Program string
}

// DefaultProgram is what texts call the program.
const DefaultProgram = "dcos flink"

// Named replaces the name of the program in a text for people by the one that it was called by.
func (s *Streams) Named(text string) string {
	if s.Program == "" || s.Program == DefaultProgram {
		return text
	}
	return strings.ReplaceAll(text, DefaultProgram, s.Program)
}

// namedWriter passes on what is written with the program's name replaced.
type namedWriter struct {
	s  *Streams
	to io.Writer
}

// Write implements io.Writer.
func (w namedWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, w.s.Named(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// NamedOut and NamedErr are the output and the error output for whole texts for people, such as help.
func (s *Streams) NamedOut() io.Writer { return namedWriter{s, s.Out} }

// NamedErr is NamedOut for the error output.
func (s *Streams) NamedErr() io.Writer { return namedWriter{s, s.Err} }

// Outf writes to the output.
func (s *Streams) Outf(format string, args ...any) {
	_, _ = io.WriteString(s.Out, s.Named(fmt.Sprintf(format, args...))) // Nobody is left to be told.
}

// Errf writes to the error output.
func (s *Streams) Errf(format string, args ...any) {
	_, _ = io.WriteString(s.Err, s.Named(fmt.Sprintf(format, args...))) // Nobody is left to be told.
}

// JSON writes v (or JSON text as it came) to the output, indented by two spaces.
func (s *Streams) JSON(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode the output: %w", err)
	}
	if _, err := s.Out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// Table is rows below upper-case headings. On a terminal two spaces stand between the
// columns, and a table that is wider than the terminal leaves out its spare columns and folds its longest texts;
// otherwise one tab stands between them, and everything is there.
type Table struct {
	s     *Streams
	rows  [][]string
	spare []string
}

// Table returns a table with the given headings.
func (s *Streams) Table(headings ...string) *Table {
	return &Table{s: s, rows: [][]string{headings}}
}

// Spare names the columns that a terminal which is too narrow goes without, the first of them first.
func (t *Table) Spare(headings ...string) *Table {
	t.spare = headings
	return t
}

// Row adds a row; an empty cell is shown as "-".
func (t *Table) Row(cells ...string) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = Clean(t.s.Named(c))
		if row[i] == "" {
			row[i] = "-"
		}
	}
	t.rows = append(t.rows, row)
}

// Print writes the table to the output.
func (t *Table) Print() error {
	return t.s.columns(t.rows, t.spare)
}

// Fields is a list of names and values, one a line.
type Fields struct {
	s    *Streams
	rows [][]string
}

// Fields returns an empty list.
func (s *Streams) Fields() *Fields {
	return &Fields{s: s}
}

// Add adds a line unless the value is empty.
func (f *Fields) Add(name, value string) {
	if value = Clean(f.s.Named(value)); value != "" {
		f.rows = append(f.rows, []string{name, value})
	}
}

// Print writes the list to the output.
func (f *Fields) Print() error {
	rows := f.rows
	if f.s.OutTerminal {
		rows = make([][]string, len(f.rows))
		for i, r := range f.rows {
			rows[i] = []string{r[0] + ":", r[1]}
		}
	}
	return f.s.columns(rows, nil)
}

// columns writes rows, aligned on a terminal and within its width.
func (s *Streams) columns(rows [][]string, spare []string) error {
	if s.OutTerminal {
		rows = fit(rows, spare, s.width())
	}
	var b strings.Builder
	width := widths(rows)
	for _, row := range rows {
		for i, c := range row {
			b.WriteString(c)
			switch {
			case i == len(row)-1:
			case s.OutTerminal:
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(c)+2))
			default:
				b.WriteByte('\t')
			}
		}
		b.WriteByte('\n')
	}
	if _, err := io.WriteString(s.Out, b.String()); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// width is that of the terminal.
func (s *Streams) width() int {
	if s.Width > 0 {
		return s.Width
	}
	return defaultWidth
}

// Clean makes text from elsewhere safe to print on one line: whatever would move the
// cursor, start an escape sequence or break a cell becomes a space.
func Clean(text string) string {
	text = strings.ToValidUTF8(text, "�")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

// Time returns a point in time as the output wants it: its age on a terminal, RFC 3339 otherwise,
// nothing for the zero time.
func (s *Streams) Time(t, now time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case s.OutTerminal:
		return Duration(now.Sub(t))
	default:
		return t.UTC().Format(time.RFC3339)
	}
}

// Duration returns a length of time in its two largest units, such as "2h5m" or "48s".
func Duration(d time.Duration) string {
	d = max(d, 0)
	unit := func(n time.Duration, name string, m time.Duration, small string) string {
		if m == 0 {
			return fmt.Sprintf("%d%s", n, name)
		}
		return fmt.Sprintf("%d%s%d%s", n, name, m, small)
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return unit(d/time.Minute, "m", d%time.Minute/time.Second, "s")
	case d < day:
		return unit(d/time.Hour, "h", d%time.Hour/time.Minute, "m")
	default:
		return unit(d/day, "d", d%day/time.Hour, "h")
	}
}

// Size returns a number of bytes: short on a terminal ("1.5 GiB"), exact otherwise.
func (s *Streams) Size(n int64) string {
	if !s.OutTerminal {
		return strconv.FormatInt(n, 10)
	}
	return Size(n)
}

// Size returns a number of bytes in the largest unit that leaves at least 1.
func Size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, name := float64(n), ""
	for _, name = range []string{"KiB", "MiB", "GiB", "TiB"} {
		value /= unit
		if value < unit {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", value, name)
}

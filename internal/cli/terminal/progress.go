package terminal

import (
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
)

// Progress tells on the error output what goes on. On a terminal the present state is
// one line that is rewritten; otherwise only what is said for good is written.
type Progress struct {
	s     *Streams
	quiet bool
	shown bool
}

// Progress returns a progress; a quiet one says nothing at all.
func (s *Streams) Progress(quiet bool) *Progress {
	return &Progress{s: s, quiet: quiet}
}

// Show replaces the line that tells the present state. Off a terminal it does nothing.
func (p *Progress) Show(format string, args ...any) {
	if p.quiet || !p.s.ErrTerminal {
		return
	}
	width := p.s.width()
	text := Clean(p.s.Named(fmt.Sprintf(format, args...)))
	if utf8.RuneCountInString(text) >= width {
		text = string([]rune(text)[:max(width-2, 0)]) + "…"
	}
	p.s.Errf("\r\x1b[K%s", text)
	p.shown = true
}

// Say writes a line that stays.
func (p *Progress) Say(format string, args ...any) {
	if p.quiet {
		return
	}
	p.Clear()
	p.s.Errf("%s\n", Clean(fmt.Sprintf(format, args...)))
}

// Clear removes the line that tells the present state.
func (p *Progress) Clear() {
	if p.shown {
		p.s.Errf("\r\x1b[K")
		p.shown = false
	}
}

// Live says whether Show is seen.
func (p *Progress) Live() bool {
	return !p.quiet && p.s.ErrTerminal
}

// Bar shows how much of a file has been sent. Off a terminal it writes one line at the
// start.
type Bar struct {
	bar *progressbar.ProgressBar
}

// Bar returns a bar for size bytes; a quiet one shows nothing.
func (s *Streams) Bar(label string, size int64, quiet bool) *Bar {
	var out io.Writer = s.Err
	switch {
	case quiet:
		out = io.Discard
	case !s.ErrTerminal:
		s.Errf("%s (%s)\n", Clean(label), Size(size))
		out = io.Discard
	}
	width := s.width()
	return &Bar{bar: progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(out),
		progressbar.OptionSetDescription(Clean(label)),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowCount(),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(max(10, min(30, width-60))),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetTheme(progressbar.ThemeASCII),
	)}
}

// Add counts n more bytes as sent.
func (b *Bar) Add(n int) {
	_ = b.bar.Add(n) // A bar that cannot be drawn must not stop the upload.
}

// Done removes the bar.
func (b *Bar) Done() {
	_ = b.bar.Clear() // As in Add.
	_ = b.bar.Exit()
}

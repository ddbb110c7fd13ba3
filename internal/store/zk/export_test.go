package zk

import "time"

// SetJournaled has f called when a batch is in the journal and not in its place yet.
func (o *Options) SetJournaled(f func()) { o.journaled = f }

// SetLeading has f called before a leader's first write.
func (o *Options) SetLeading(f func()) { o.leading = f }

// SetShortest allows sessions that are too short for real use.
func (o *Options) SetShortest(d time.Duration) { o.shortest = d }

// The sizes at which a value is divided and a batch goes through the journal.
const (
	MaxInline = maxInline
	MaxMulti  = maxMulti
)

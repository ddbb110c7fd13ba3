package file

// LogFile is what a test can break.
type LogFile = logFile

// SetWrap has every log file go through wrap.
func (o *Options) SetWrap(wrap func(LogFile) LogFile) { o.wrap = wrap }

// Queued is the number of callers of Apply whose changes are not being written yet.
func (s *Store) Queued() int { return len(s.requests) }

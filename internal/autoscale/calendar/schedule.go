package calendar

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Schedule says when something that recurs is due: after an interval, or at the times of a cron expression.
type Schedule struct {
	every time.Duration
	cron  cron
	zone  *time.Location
}

// horizon is how many days ahead the next time of a cron expression is looked for: 29 February comes within eight years.
const horizon = 9 * 366

// ParseSchedule reads a duration such as 6h or 30m, of at least a second, or a Quartz cron expression of 6 or 7 fields
// whose hours are those of zone.
func ParseSchedule(text string, zone *time.Location) (Schedule, error) {
	if every, err := time.ParseDuration(strings.ReplaceAll(text, " ", "")); err == nil {
		if every < time.Second {
			return Schedule{}, errors.New("the interval is shorter than a second")
		}
		return Schedule{every: every}, nil
	}
	c, err := parseCron(text)
	if err != nil {
		return Schedule{}, fmt.Errorf("%q is neither a duration such as 6h nor a cron expression such as 0 0 3 * * ?: %w", text, err)
	}
	return Schedule{cron: c, zone: zone}, nil
}

// Next is the first time after another at which it is due; zero for never. A time of day that the clocks skip is due at
// the moment of the change, and one that comes twice is due the first time only.
func (s Schedule) Next(after time.Time) time.Time {
	if s.every > 0 {
		return after.Add(s.every)
	}
	local := after.In(s.zone)
	for day := range horizon {
		date := time.Date(local.Year(), local.Month(), local.Day()+day, 12, 0, 0, 0, s.zone)
		c := s.cron
		if !c.month.has(int(date.Month())) || !c.year.has(date.Year()) || !c.dayOfMonth.holds(date) || !c.dayOfWeek.holds(date) {
			continue
		}
		if t := s.nextOf(date, after); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// nextOf is the first time on a day after another; zero for none.
func (s Schedule) nextOf(date, after time.Time) time.Time {
	first := 0
	if local := after.In(s.zone); sameDay(local, date) {
		first = max(0, local.Hour()-2) // The clocks may go back an hour or two.
	}
	for hour := first; hour < 24; hour++ {
		if !s.cron.hour.has(hour) {
			continue
		}
		for minute := range 60 {
			if !s.cron.minute.has(minute) {
				continue
			}
			for second := range 60 {
				if !s.cron.second.has(second) {
					continue
				}
				if t := wall(date, hour, minute, second); t.After(after) {
					return t
				}
			}
		}
	}
	return time.Time{}
}

// wall is the moment at which clocks first show a time of a day, or at which they skip it.
func wall(date time.Time, hour, minute, second int) time.Time {
	y, m, d := date.Date()
	t := time.Date(y, m, d, hour, minute, second, 0, date.Location())
	start, end := t.ZoneBounds()
	if h, min, sec := t.Clock(); h != hour || min != minute || sec != second {
		// It is skipped: t lies on either side of the change, at most a few hours away.
		if !start.IsZero() && t.Sub(start) < 12*time.Hour {
			return start
		}
		return end
	}
	if !start.IsZero() {
		// The clocks may have shown it before they went back.
		_, now := t.Zone()
		_, before := start.Add(-time.Second).Zone()
		if earlier := t.Add(-time.Duration(before-now) * time.Second); before > now && earlier.Before(start) {
			return earlier
		}
	}
	return t
}

func sameDay(a, b time.Time) bool {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	return ay == by && am == bm && ad == bd
}

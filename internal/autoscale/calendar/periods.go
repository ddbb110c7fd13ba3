// Package calendar says whether a time is within given periods: daily ranges, Quartz cron
// expressions, or both together. It is pure: the time is a parameter.
package calendar

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Periods are times at which nothing is done.
type Periods struct {
	periods []period
	zone    *time.Location
}

// period is a cron expression, a daily range, or both joined: then both must hold.
type period struct {
	text  string
	cron  *cron
	daily *daily
}

// daily is a range of the day, both ends included. A range whose end is before its start goes
// over midnight.
type daily struct{ from, to time.Duration }

// Parse reads excluded periods. Each is a Quartz cron expression of 6 or 7 fields, a daily
// range such as 9:30-10:50:20 or 22:00-6:00, or both joined by &&. Hours are those of zone.
func Parse(list []string, zone *time.Location) (Periods, error) {
	p := Periods{zone: zone}
	var wrong []error
	for _, text := range list {
		one, err := parsePeriod(text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%q: %w", text, err))
			continue
		}
		p.periods = append(p.periods, one)
	}
	return p, errors.Join(wrong...)
}

// At returns the text of the period that holds at a time.
func (p Periods) At(t time.Time) (text string, ok bool) {
	zone := p.zone
	if zone == nil {
		zone = time.UTC
	}
	for _, one := range p.periods {
		if one.holds(t.In(zone)) {
			return one.text, true
		}
	}
	return "", false
}

// String lists the periods as they were written.
func (p Periods) String() string {
	texts := make([]string, 0, len(p.periods))
	for _, one := range p.periods {
		texts = append(texts, one.text)
	}
	return strings.Join(texts, ";")
}

func parsePeriod(text string) (period, error) {
	p := period{text: strings.TrimSpace(text)}
	parts := strings.Split(text, "&&")
	if len(parts) > 2 {
		return p, errors.New("at most one cron expression and one daily range can be joined by &&")
	}
	for _, part := range parts {
		part = strings.TrimSpace(part)
		d, isDaily, err := parseDaily(part)
		if err != nil {
			return p, err
		}
		if isDaily {
			if p.daily != nil {
				return p, errors.New("two daily ranges cannot be joined by &&: separate them by ;")
			}
			p.daily = &d
			continue
		}
		c, err := parseCron(part)
		if err != nil {
			return p, err
		}
		if p.cron != nil {
			return p, errors.New("two cron expressions cannot be joined by &&: separate them by ;")
		}
		p.cron = &c
	}
	return p, nil
}

func (p period) holds(t time.Time) bool {
	return (p.daily == nil || p.daily.holds(t)) && (p.cron == nil || p.cron.holds(t))
}

func (d daily) holds(t time.Time) bool {
	hour, minute, second := t.Clock()
	now := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute +
		time.Duration(second)*time.Second + time.Duration(t.Nanosecond()).Truncate(time.Millisecond)
	if d.to < d.from {
		return now >= d.from || now <= d.to
	}
	return now >= d.from && now <= d.to
}

// parseDaily reads HH:MM[:SS[:mmm]]-HH:MM[:SS[:mmm]]. ok is false for what is no such range at all.
func parseDaily(text string) (d daily, ok bool, err error) {
	from, to, found := strings.Cut(text, "-")
	if !found || strings.Contains(to, "-") || !strings.Contains(from, ":") || !strings.Contains(to, ":") {
		return d, false, nil
	}
	if d.from, err = parseClock(from); err == nil {
		d.to, err = parseClock(to)
	}
	if err == nil && d.from == d.to {
		err = errors.New("the daily range begins and ends at the same time")
	}
	return d, true, err
}

func parseClock(text string) (time.Duration, error) {
	parts := strings.Split(strings.TrimSpace(text), ":")
	units := []struct {
		unit time.Duration
		name string
		most int
	}{{time.Hour, "hour", 23}, {time.Minute, "minute", 59}, {time.Second, "second", 59}, {time.Millisecond, "millisecond", 999}}
	if len(parts) < 2 || len(parts) > len(units) {
		return 0, fmt.Errorf("%q is not a time of day: write HH:MM or HH:MM:SS", text)
	}
	var sum time.Duration
	for i, part := range parts {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 0 || n > units[i].most {
			return 0, fmt.Errorf("the %s of %q is not between 0 and %d", units[i].name, text, units[i].most)
		}
		sum += time.Duration(n) * units[i].unit
	}
	return sum, nil
}

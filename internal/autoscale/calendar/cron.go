package calendar

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cron is a cron expression in the format of Quartz: seconds, minutes, hours, day of month,
// month, day of week (1 is Sunday) and, if given, the year. It answers whether a second is matched.
type cron struct {
	second, minute, hour, month, year fieldSet
	// One of the two days is not specified (?).
	dayOfMonth monthDays
	dayOfWeek  weekDays
}

// fieldSet holds the numbers of a field; a nil set holds all.
type fieldSet map[int]bool

func (s fieldSet) has(n int) bool { return s == nil || s[n] }

// monthDays is the field for the day of the month.
type monthDays struct {
	specified bool
	days      fieldSet
	// last counts from the last day of the month, before days back (L, L-3).
	last   bool
	before int
	// nearest moves to the nearest weekday in the month (15W, LW).
	nearest bool
}

// weekDays is the field for the day of the week.
type weekDays struct {
	specified bool
	days      fieldSet
	last      bool // The last such day of the month (6L).
	nth       int  // The nth such day of the month, 1 to 5 (6#3).
}

// bounds of a field. Numbers that go beyond last in a range go round; years do not.
type bounds struct {
	name        string
	first, last int
	names       []string // Of first and what follows.
}

var (
	monthNames = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}

	secondField     = bounds{name: "second", first: 0, last: 59}
	minuteField     = bounds{name: "minute", first: 0, last: 59}
	hourField       = bounds{name: "hour", first: 0, last: 23}
	dayOfMonthField = bounds{name: "day of month", first: 1, last: 31}
	monthField      = bounds{name: "month", first: 1, last: 12, names: monthNames}
	dayOfWeekField  = bounds{name: "day of week", first: 1, last: 7, names: dayNames}
	yearField       = bounds{name: "year", first: 1970, last: 2199}
)

func parseCron(text string) (cron, error) {
	fields := strings.Fields(strings.ToUpper(text))
	if len(fields) < 6 || len(fields) > 7 {
		return cron{}, errors.New("neither a daily range such as 9:30-10:50 nor a cron expression of 6 or 7 fields")
	}
	var c cron
	var err error
	read := func(to *fieldSet, b bounds, field string) {
		if err == nil {
			*to, err = b.parse(field)
		}
	}
	read(&c.second, secondField, fields[0])
	read(&c.minute, minuteField, fields[1])
	read(&c.hour, hourField, fields[2])
	read(&c.month, monthField, fields[4])
	if len(fields) == 7 {
		read(&c.year, yearField, fields[6])
	}
	if err == nil {
		c.dayOfMonth, err = parseMonthDays(fields[3])
	}
	if err == nil {
		c.dayOfWeek, err = parseWeekDays(fields[5])
	}
	if err == nil && c.dayOfMonth.specified == c.dayOfWeek.specified {
		err = errors.New("write ? for either the day of month or the day of week")
	}
	return c, err
}

func (c cron) holds(t time.Time) bool {
	hour, minute, second := t.Clock()
	return c.second.has(second) && c.minute.has(minute) && c.hour.has(hour) &&
		c.month.has(int(t.Month())) && c.year.has(t.Year()) && c.dayOfMonth.holds(t) && c.dayOfWeek.holds(t)
}

// parse reads a list of numbers, names, ranges and steps.
func (b bounds) parse(field string) (fieldSet, error) {
	if field == "*" {
		return nil, nil
	}
	set := fieldSet{}
	for part := range strings.SplitSeq(field, ",") {
		from, to, step, err := b.parsePart(part)
		if err != nil {
			return nil, err
		}
		if to < from {
			if b.name == yearField.name {
				return nil, fmt.Errorf("the range of years %q ends before it starts", part)
			}
			to += b.last - b.first + 1
		}
		for n := from; n <= to; n += step {
			set[(n-b.first)%(b.last-b.first+1)+b.first] = true
		}
	}
	return set, nil
}

// parsePart reads *, n, n-m, each with or without /step.
func (b bounds) parsePart(part string) (from, to, step int, err error) {
	span, stepText, stepped := strings.Cut(part, "/")
	step = 1
	if stepped {
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > b.last {
			return 0, 0, 0, fmt.Errorf("the step of %s %q is not between 1 and %d", b.name, part, b.last)
		}
	}
	if span == "*" || span == "" && stepped {
		return b.first, b.last, step, nil
	}
	low, high, ranged := strings.Cut(span, "-")
	if from, err = b.number(low); err != nil {
		return 0, 0, 0, err
	}
	switch {
	case ranged:
		to, err = b.number(high)
	case stepped:
		to = b.last
	default:
		to = from
	}
	return from, to, step, err
}

func (b bounds) number(text string) (int, error) {
	if i := slices.Index(b.names, text); i >= 0 {
		return b.first + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < b.first || n > b.last {
		return 0, fmt.Errorf("%s %q is not between %d and %d", b.name, text, b.first, b.last)
	}
	return n, nil
}

var lastDay = regexp.MustCompile(`^L(?:-(\d+))?(W?)$`)

func parseMonthDays(field string) (d monthDays, err error) {
	if field == "?" {
		return d, nil
	}
	d.specified = true
	if m := lastDay.FindStringSubmatch(field); m != nil {
		d.last, d.nearest = true, m[2] == "W"
		if m[1] != "" {
			if d.before, err = strconv.Atoi(m[1]); err != nil || d.before > 30 {
				return d, fmt.Errorf("day of month %q is more than 30 days before the last", field)
			}
		}
		return d, nil
	}
	if day, ok := strings.CutSuffix(field, "W"); ok {
		n, err := dayOfMonthField.number(day)
		d.nearest, d.days = true, fieldSet{n: true}
		return d, err
	}
	d.days, err = dayOfMonthField.parse(field)
	return d, err
}

func (d monthDays) holds(t time.Time) bool {
	if !d.specified {
		return true
	}
	if !d.last && !d.nearest {
		return d.days.has(t.Day())
	}
	last := daysIn(t)
	day := last - d.before
	if !d.last {
		for n := range d.days {
			day = min(n, last)
		}
	}
	if d.nearest {
		day = nearestWeekday(t, day, last)
	}
	return t.Day() == day
}

// nearestWeekday moves a Saturday or Sunday to the nearest Friday or Monday of its month.
func nearestWeekday(t time.Time, day, last int) int {
	switch time.Date(t.Year(), t.Month(), day, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if day == 1 {
			return day + 2
		}
		return day - 1
	case time.Sunday:
		if day == last {
			return day - 2
		}
		return day + 1
	default:
		return day
	}
}

func daysIn(t time.Time) int {
	return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func parseWeekDays(field string) (d weekDays, err error) {
	if field == "?" {
		return d, nil
	}
	d.specified = true
	day, nth, counted := strings.Cut(field, "#")
	if counted {
		if d.nth, err = strconv.Atoi(nth); err != nil || d.nth < 1 || d.nth > 5 {
			return d, fmt.Errorf("day of week %q counts the weeks of a month: write 1 to 5 behind the #", field)
		}
	} else if day != "L" {
		day, d.last = strings.CutSuffix(day, "L")
	}
	if counted || d.last {
		n, err := dayOfWeekField.number(day)
		d.days = fieldSet{n: true}
		return d, err
	}
	if day == "L" {
		d.days = fieldSet{dayOfWeekField.last: true}
		return d, nil
	}
	d.days, err = dayOfWeekField.parse(day)
	return d, err
}

func (d weekDays) holds(t time.Time) bool {
	switch {
	case !d.specified:
		return true
	case !d.days.has(int(t.Weekday()) + 1):
		return false
	case d.last:
		return t.Day()+7 > daysIn(t)
	case d.nth > 0:
		return (t.Day()-1)/7+1 == d.nth
	}
	return true
}

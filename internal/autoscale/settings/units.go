package settings

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// durationUnits are the labels that Flink's TimeUtils knows.
var durationUnits = map[string]time.Duration{
	"":   time.Millisecond,
	"ns": time.Nanosecond, "nano": time.Nanosecond, "nanos": time.Nanosecond,
	"nanosecond": time.Nanosecond, "nanoseconds": time.Nanosecond,
	"us": time.Microsecond, "µs": time.Microsecond, "micro": time.Microsecond, "micros": time.Microsecond,
	"microsecond": time.Microsecond, "microseconds": time.Microsecond,
	"ms": time.Millisecond, "milli": time.Millisecond, "millis": time.Millisecond,
	"millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
}

// parseDuration reads a duration as Flink does: a whole number and a unit, such as 15 min;
// without a unit it is in milliseconds.
func parseDuration(text string) (time.Duration, error) {
	trimmed := strings.TrimSpace(text)
	digits := strings.TrimLeft(trimmed, "0123456789")
	digits = trimmed[:len(trimmed)-len(digits)]
	if digits == "" {
		return 0, fmt.Errorf("%q is not a duration: write a whole number and a unit, such as 15 min", text)
	}
	unit, ok := durationUnits[strings.ToLower(strings.TrimSpace(trimmed[len(digits):]))]
	if !ok {
		return 0, fmt.Errorf("%q has a unit that Flink does not know: use d, h, min, s or ms", text)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64/int64(unit) {
		return 0, fmt.Errorf("%q is longer than 292 years: write a shorter time", text)
	}
	return time.Duration(n) * unit, nil
}

func parseNumber(text string, low, high float64) (float64, error) {
	// Java's parser takes a type suffix.
	f, err := strconv.ParseFloat(strings.TrimRight(strings.TrimSpace(text), "fFdD"), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	if f < low || f > high {
		if high == math.MaxFloat64 {
			return 0, fmt.Errorf("%v is less than %v", f, low)
		}
		return 0, fmt.Errorf("%v is not between %v and %v", f, low, high)
	}
	return f, nil
}

// splitList splits a list as Flink does: at semicolons, or as [a, b] in YAML's way. Parts in
// quotes keep them out; a doubled quote stands for one.
func splitList(text string) ([]string, error) {
	trimmed, separator := strings.TrimSpace(text), ';'
	if inner, ok := strings.CutPrefix(trimmed, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); !ok {
			return nil, fmt.Errorf("%q begins a list with [ and does not end it", text)
		}
		trimmed, separator = inner, ','
	}
	var parts []string
	var part strings.Builder
	var quote rune
	add := func() {
		if s := strings.TrimSpace(part.String()); s != "" {
			parts = append(parts, s)
		}
		part.Reset()
	}
	runes := []rune(trimmed)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case quote != 0 && r == quote && i+1 < len(runes) && runes[i+1] == quote:
			part.WriteRune(r)
			i++
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"') && strings.TrimSpace(part.String()) == "":
			quote = r
		case quote == 0 && r == separator:
			add()
		default:
			part.WriteRune(r)
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	add()
	return parts, nil
}

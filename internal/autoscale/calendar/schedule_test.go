package calendar_test

import (
	"testing"
	"time"
	_ "time/tzdata" // Zones are the same everywhere.

	"github.com/flink-on-mesos/flink-service/internal/autoscale/calendar"
)

func TestSchedule(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, zone, after, want string }{
		{"interval", "90m", "UTC", "2026-03-01T10:00:00Z", "2026-03-01T11:30:00Z"},
		{"daily, later today", "0 0 3 * * ?", "UTC", "2026-03-01T02:59:59Z", "2026-03-01T03:00:00Z"},
		{"daily, tomorrow", "0 0 3 * * ?", "UTC", "2026-03-01T03:00:00Z", "2026-03-02T03:00:00Z"},
		{"hours of the zone", "0 0 3 * * ?", "Europe/Berlin", "2026-01-01T12:00:00Z", "2026-01-02T02:00:00Z"},
		{"every ten minutes", "0 0/10 * * * ?", "UTC", "2026-03-01T10:05:00Z", "2026-03-01T10:10:00Z"},
		{"Mondays", "0 30 6 ? * MON", "UTC", "2026-03-03T00:00:00Z", "2026-03-09T06:30:00Z"},
		{"last day of the month", "0 0 0 L * ?", "UTC", "2026-02-10T00:00:00Z", "2026-02-28T00:00:00Z"},
		{"29 February", "0 0 0 29 2 ?", "UTC", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"never again", "0 0 0 1 1 ? 2025", "UTC", "2026-03-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		// On 29 March 2026 Berlin's clocks go from 2:00 to 3:00, which is 1:00 UTC.
		{"skipped by the clocks", "0 30 2 * * ?", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		{"the day after", "0 30 2 * * ?", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		// On 25 October 2026 they go from 3:00 back to 2:00, which is 1:00 UTC.
		{"comes twice", "0 30 2 * * ?", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		{"is due once", "0 30 2 * * ?", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		{"after the clocks went back", "0 0 4 * * ?", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		s, err := calendar.ParseSchedule(c.text, zone)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Next(after).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s: Next(%s) = %s, want %s", c.name, c.after, got, c.want)
		}
	}
	for _, text := range []string{"", "10ms", "-5m", "0 0 3 * *", "0 61 3 * * ?"} {
		if _, err := calendar.ParseSchedule(text, time.UTC); err == nil {
			t.Errorf("ParseSchedule(%q) takes it", text)
		}
	}
}

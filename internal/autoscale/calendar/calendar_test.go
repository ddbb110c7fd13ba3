package calendar_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/calendar"
)

func TestAt(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	// 2024-02-29 is a Thursday; 2024-03-31 a Sunday, on which Berlin's clocks go forward.
	for _, c := range []struct {
		name    string
		period  string
		zone    *time.Location
		at      string
		matched bool
	}{
		{"start of a range", "9:30-10:50:20", nil, "2024-02-29T09:30:00Z", true},
		{"end of a range", "9:30-10:50:20", nil, "2024-02-29T10:50:20Z", true},
		{"after the end", "9:30-10:50:20", nil, "2024-02-29T10:50:20.001Z", false},
		{"milliseconds", "9:30-10:50:20:500", nil, "2024-02-29T10:50:20.5Z", true},
		{"before midnight", "22:00-6:00", nil, "2024-02-29T23:59:59.999Z", true},
		{"after midnight", "22:00-6:00", nil, "2024-02-29T00:00:00Z", true},
		{"end after midnight", "22:00-6:00", nil, "2024-02-29T06:00:01Z", false},
		{"noon is not over midnight", "22:00-6:00", nil, "2024-02-29T12:00:00Z", false},
		{"zone", "9:00-10:00", berlin, "2024-02-29T08:30:00Z", true},
		{"zone in summer", "9:00-10:00", berlin, "2024-03-31T07:30:00Z", true},
		{"hours", "* * 9-11,14-16 * * ?", nil, "2024-02-29T16:59:59Z", true},
		{"between hours", "* * 9-11,14-16 * * ?", nil, "2024-02-29T12:00:00Z", false},
		{"hours over midnight", "* * 22-2 * * ?", nil, "2024-02-29T01:00:00Z", true},
		{"weekday", "* * * ? * MON-FRI", nil, "2024-02-29T01:00:00Z", true},
		{"weekday by number", "* * * ? * 2-6", nil, "2024-03-02T01:00:00Z", false},
		{"weekdays over the weekend", "* * * ? * FRI-MON", nil, "2024-03-03T01:00:00Z", true},
		{"last day", "* * * L * ?", nil, "2024-02-29T01:00:00Z", true},
		{"three days before the last", "* * * L-3 * ?", nil, "2024-02-26T01:00:00Z", true},
		{"last weekday", "* * * LW * ?", nil, "2024-03-29T01:00:00Z", true},
		{"weekday nearest to a Saturday", "* * * 2W 3 ?", nil, "2024-03-01T01:00:00Z", true},
		{"first weekday after Saturday the 1st", "* * * 1W 6 ?", nil, "2024-06-03T01:00:00Z", true},
		{"last Friday", "* * * ? * 6L", nil, "2024-03-29T01:00:00Z", true},
		{"not the last Friday", "* * * ? * FRIL", nil, "2024-03-22T01:00:00Z", false},
		{"third Thursday", "* * * ? * THU#3", nil, "2024-02-15T01:00:00Z", true},
		{"steps", "0/20 * * * * ?", nil, "2024-02-15T01:00:40Z", true},
		{"between steps", "0/20 * * * * ?", nil, "2024-02-15T01:00:41Z", false},
		{"year", "* * * * * ? 2024-2025", nil, "2026-02-15T01:00:00Z", false},
		{"both hold", "9:30-10:00 && * * * ? * 2,5", nil, "2024-02-29T09:45:00Z", true},
		{"only the range holds", "9:30-10:00 && * * * ? * 2,5", nil, "2024-03-01T09:45:00Z", false},
		{"over midnight on a weekday", "* * * ? * THU && 23:00-1:00", nil, "2024-02-29T00:30:00Z", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := calendar.Parse([]string{"0 0 0 1 1 ? 1999", c.period}, c.zone)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339Nano, c.at)
			if err != nil {
				t.Fatal(err)
			}
			text, matched := p.At(at)
			if matched != c.matched || matched && text != c.period {
				t.Errorf("At(%s) of %q is %q, %v; want %v", c.at, c.period, text, matched, c.matched)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for period, want := range map[string]string{
		"":                            "neither a daily range",
		"9:30":                        "neither a daily range",
		"* * * * *":                   "neither a daily range",
		"9:30-9:30":                   "begins and ends at the same time",
		"24:00-25:00":                 "hour",
		"9:60-10:00":                  "minute",
		"9:30-10:00 && 11:00-12:00":   "two daily ranges",
		"* * * ? * 2 && * * * ? * 3":  "two cron expressions",
		"a && b && c":                 "at most one",
		"* * * * * *":                 "write ?",
		"* * * ? * ?":                 "write ?",
		"60 * * * * ?":                "second",
		"* * 25 * * ?":                "hour",
		"* * * 32 * ?":                "day of month",
		"* * * * FOO ?":               "month",
		"* * * ? * 8":                 "day of week",
		"* * * ? * 6#6":               "1 to 5",
		"* * * L-31 * ?":              "30 days",
		"*/0 * * * * ?":               "step",
		"* * * * * ? 2025-2024":       "ends before it starts",
		"* * * ? * SUN,MONL":          "day of week",
		"* * * 15W,20 * ?":            "day of month",
		"0 0 0 1 1 ? 2024 surplus":    "neither a daily range",
		"9:30-10:50:20:1000":          "millisecond",
		"9:30:00:00:00-10:00":         "not a time of day",
		"* * 9-10 * * ? && 1:00-1:00": "same time",
	} {
		_, err := calendar.Parse([]string{period}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) says %v, want something with %q", period, err, want)
		}
	}
}

func TestPeriodsString(t *testing.T) {
	t.Parallel()
	p, err := calendar.Parse([]string{"22:00-6:00", " * * * ? * 1 "}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.String(), "22:00-6:00;* * * ? * 1"; got != want {
		t.Errorf("String() is %q, want %q", got, want)
	}
	if _, ok := (calendar.Periods{}).At(time.Unix(0, 0)); ok {
		t.Error("no periods hold at no time")
	}
}

package autoscale_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/calendar"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

// cronExpression draws a valid cron expression.
func cronExpression(r *rand.Rand) string {
	field := func(low, high int) string {
		n := func() int { return low + r.IntN(high-low+1) }
		switch r.IntN(6) {
		case 0:
			return fmt.Sprintf("%d-%d", n(), n())
		case 1:
			return fmt.Sprintf("%d/%d", n(), 1+r.IntN(high-1))
		case 2:
			return fmt.Sprintf("%d,%d,%d-%d", n(), n(), n(), n())
		case 3:
			return fmt.Sprintf("*/%d", 1+r.IntN(high-1))
		default:
			return "*"
		}
	}
	month := pickOne(r, field(1, 12), "*", "*", "JAN-MAR,JUL", "NOV-FEB", "DEC")
	day, weekday := "?", "?"
	if r.IntN(2) == 0 {
		day = pickOne(r, field(1, 31), "*", "L", "LW", "L-2", "L-3W", "15W", "1W", "28W")
	} else {
		weekday = pickOne(r, field(1, 7), "*", "L", "6L", "FRIL", "2#1", "THU#5", "MON-FRI", "FRI-MON", "SUN,TUE")
	}
	expression := strings.Join([]string{pickOne(r, "*", "*", "0", field(0, 59)), pickOne(r, "*", "*", field(0, 59)), field(0, 23), day, month, weekday}, " ")
	if r.IntN(4) == 0 {
		expression += " " + pickOne(r, "2024", "2023-2025", "*", "2024/2")
	}
	if r.IntN(4) == 0 {
		from := r.IntN(20)
		expression = fmt.Sprintf("%d:%02d-%d:%02d:%02d && %s", from, r.IntN(60), from+1+r.IntN(3), r.IntN(60), r.IntN(60), expression)
	}
	return expression
}

// TestOracleCalendar asks the operator's autoscaler, and Quartz in it, about excluded periods.
func TestOracleCalendar(t *testing.T) {
	o := startOracle(t)
	r := rand.New(rand.NewPCG(1, 2))
	matched := 0
	for n := range 3000 {
		zone := pickOne(r, "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		expression := cronExpression(r)
		var at []int64
		for range 40 {
			// Clocks do not change in these weeks.
			at = append(at, time.Date(2024, time.Month(pickOne(r, 1, 2, 6, 7, 12)), 1+r.IntN(31), r.IntN(24), r.IntN(60), r.IntN(60), 0, time.UTC).UnixMilli())
		}
		var a struct {
			Error    string
			Excluded []bool
		}
		o.ask(t, map[string]any{"expression": expression, "zone": zone, "at": at}, &a)
		p, err := calendar.Parse([]string{expression}, location)
		if (err != nil) != (a.Error != "") {
			t.Fatalf("%d: %q is %q for the operator and %v for us", n, expression, a.Error, err)
		}
		for i, ms := range at {
			if err != nil {
				break
			}
			if _, ours := p.At(time.UnixMilli(ms)); ours != a.Excluded[i] {
				t.Errorf("%d: %q at %s holds for the operator: %v, for us: %v", n, expression, time.UnixMilli(ms).In(location), a.Excluded[i], ours)
			} else if ours {
				matched++
			}
		}
	}
	if matched < 1000 {
		t.Errorf("only %d times were in a period: the expressions say too little", matched)
	}
}

// TestOracleUnits asks Flink how it reads durations and memory sizes.
func TestOracleUnits(t *testing.T) {
	o := startOracle(t)
	var a struct {
		Value int64
		Error string
	}
	for _, text := range []string{
		"5 min", "5m", "90000", "1 h", "2hours", "3 d", "7 days", "10s", "10 SEC", "250ms", "3 micros", "4µs", "9 ns", " 1 min ",
		"", "min", "-1 s", "1.5 h", "1 parsec", "1 min 30 s", "99999999999999999999 s", "PT10M",
	} {
		a.Value, a.Error = 0, ""
		o.ask(t, map[string]any{"duration": text}, &a)
		got, err := settings.Parse(map[string]string{"job.autoscaler.restart.time": text}, nil)
		if (err != nil) != (a.Error != "") || err == nil && int64(got.Restart.Time) != a.Value {
			t.Errorf("the duration %q is %d (%s) for Flink and %d (%v) for us", text, a.Value, a.Error, got.Restart.Time, err)
		}
	}
	for _, text := range []string{
		"64g", "64 GB", "1024", "12 mebibytes", "7b", "8 bytes", "3t", "2 kb", "", "g", "1.5g", "-1g", "5 gallons", "99999999999999999999", "9999999999 t",
	} {
		a.Value, a.Error = 0, ""
		o.ask(t, map[string]any{"memory": text}, &a)
		got, err := settings.Parse(map[string]string{"job.autoscaler.quota.memory": text}, nil)
		if (err != nil) != (a.Error != "") || err == nil && int64(got.Quota.Memory) != a.Value {
			t.Errorf("the size %q is %d (%s) for Flink and %d (%v) for us", text, a.Value, a.Error, got.Quota.Memory, err)
		}
	}
}

package lifecycle_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/flink-on-mesos/flink-service/internal/core/lifecycle"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestOperator goes through the cases of the Flink Kubernetes operator's own tests, which testdata/operator.txt lists
// with their outcome there, ours, and the reason for each difference.
func TestOperator(t *testing.T) {
	t.Parallel()
	datadriven.RunTest(t, "testdata/operator.txt", func(t *testing.T, d *datadriven.TestData) string {
		if d.Cmd != "choose" {
			d.Fatalf(t, "unknown command %q", d.Cmd)
		}
		s, err := asked(d)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		c := lifecycle.Choose(s)
		from := "without state"
		if c.Restore.Path != "" {
			from = "from " + c.Restore.Path
		}
		return fmt.Sprintf("%s %s: %s\n", c.Method, from, c.Reason)
	})
}

// asked reads a situation: old and new are options of the specs, job is the state of the observed job and
// checkpoint, savepoint and pending the ages, in minutes, of what was observed of it.
func asked(d *datadriven.TestData) (lifecycle.Situation, error) {
	options := map[string]func(*spec.Spec){
		"ha": ha, "savepoints": savepointDir, "newer": newer, "no-fallback": noFallback, "max-age": maxAge, "named": named,
		"ignore-pending": func(s *spec.Spec) {
			s.FlinkConfiguration["kubernetes.operator.job.upgrade.ignore-pending-savepoint"] = "true"
		},
		"initial": func(s *spec.Spec) { s.Job.InitialSavepointPath = "file:///initial" },
	}
	old, next := app(), app()
	s := lifecycle.Situation{Live: true, Now: now}
	ages := map[string]int{"checkpoint": -1, "savepoint": -1, "pending": -1, "started": 60}
	state := ""
	for _, arg := range d.CmdArgs {
		for _, value := range arg.Vals {
			switch arg.Key {
			case "all", "old", "new":
				option, ok := options[value]
				if !ok {
					return s, fmt.Errorf("unknown option %q", value)
				}
				if arg.Key != "new" {
					option(&old)
				}
				if arg.Key != "old" {
					option(&next)
				}
			case "mode":
				s.Mode = spec.UpgradeMode(value)
			case "job":
				state = value
			case "last":
				s.Last = wire.Restore{Kind: wire.RestoreSavepoint, Path: value}
			case "ended":
				s.Over, s.Ended = true, value
			case "checkpoint", "savepoint", "pending", "started":
				age, err := strconv.Atoi(value)
				if err != nil {
					return s, err
				}
				ages[arg.Key] = age
			default:
				return s, fmt.Errorf("unknown argument %q", arg.Key)
			}
		}
		switch arg.Key {
		case "savepoint-under-way":
			s.Savepoint = true
		case "dead":
			s.Live = false
		case "suspended":
			s.Live, s.Over = false, true
			old.Suspended = true
		}
	}
	if state != "" {
		s.Job = job(state, ages["checkpoint"], ages["savepoint"], ages["pending"])
		s.Job.Started = now.Add(-time.Duration(ages["started"]) * time.Minute)
	}
	s.Old, s.New, s.HighAvailability = old, next, old.HighAvailability()
	return s, nil
}

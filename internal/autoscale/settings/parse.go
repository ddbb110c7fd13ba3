package settings

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/calendar"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Prefix is what all options begin with.
const Prefix = "job.autoscaler."

// oldPrefix is what the operator reads an option under when it is not set otherwise.
const oldPrefix = "kubernetes.operator." + Prefix

// Error says what is wrong with one option and what to do about it.
type Error struct {
	// Option is the key as it was given.
	Option string
	// Message is a sentence without the key.
	Message string
}

// Error returns the option and the message.
func (e *Error) Error() string { return e.Option + ": " + e.Message }

// Errors are the errors about single options in an error of Parse.
func Errors(err error) []*Error {
	var list []*Error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			list = append(list, Errors(one)...)
		}
		return list
	}
	if one, ok := errors.AsType[*Error](err); ok {
		list = append(list, one)
	}
	return list
}

// option is one key of the operator.
type option struct {
	// set parses a value into the options.
	set func(p *parser, value string) error
	// instead names the option that replaces a deprecated one.
	instead string
	// refused says why an option of the operator has no meaning here.
	refused string
}

// parser gathers what one option alone does not decide.
type parser struct {
	o                  Options
	boundary, min, max *float64
	zone               *time.Location
}

func duration(to func(*parser) *time.Duration) option {
	return option{set: func(p *parser, v string) (err error) {
		*to(p), err = parseDuration(v)
		return err
	}}
}

func boolean(to func(*parser) *bool) option {
	return option{set: func(p *parser, v string) error {
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true":
			*to(p) = true
		case "false":
			*to(p) = false
		default:
			return fmt.Errorf("%q is neither true nor false", v)
		}
		return nil
	}}
}

func number(low, high float64, to func(*parser) *float64) option {
	return option{set: func(p *parser, v string) (err error) {
		*to(p), err = parseNumber(v, low, high)
		return err
	}}
}

func optional(to func(*parser) **float64) option {
	return option{set: func(p *parser, v string) error {
		f, err := parseNumber(v, 0, math.MaxFloat64)
		*to(p) = &f
		return err
	}}
}

func whole(low int, to func(*parser) *int) option {
	return option{set: func(p *parser, v string) error {
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 32)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", v)
		}
		if int(n) < low {
			return fmt.Errorf("%d is less than %d", n, low)
		}
		*to(p) = int(n)
		return nil
	}}
}

func refuse(why string) option { return option{refused: why} }

const noPlugins = "the service loads no plugins of the operator: remove the option"

// options are all keys of the operator's autoscaler without Prefix.
var options = map[string]option{
	"enabled":                boolean(func(p *parser) *bool { return &p.o.Enabled }),
	"scaling.enabled":        boolean(func(p *parser) *bool { return &p.o.Act }),
	"scaling.event.interval": duration(func(p *parser) *time.Duration { return &p.o.Window.EventInterval }),

	"metrics.window":               duration(func(p *parser) *time.Duration { return &p.o.Window.Length }),
	"metrics.busy-time.aggregator": {set: setAggregator},
	"stabilization.interval":       duration(func(p *parser) *time.Duration { return &p.o.Window.Stabilization }),
	"flink.rest-client.timeout":    duration(func(p *parser) *time.Duration { return &p.o.Window.Timeout }),

	"utilization.target":          number(0, 1, func(p *parser) *float64 { return &p.o.Utilization.Target }),
	"utilization.min":             optional(func(p *parser) **float64 { return &p.min }),
	"utilization.max":             optional(func(p *parser) **float64 { return &p.max }),
	"target.utilization":          {instead: "utilization.target"},
	"target.utilization.boundary": optional(func(p *parser) **float64 { return &p.boundary }),

	"vertex.min-parallelism":                   whole(1, func(p *parser) *int { return &p.o.Parallelism.Min }),
	"vertex.max-parallelism":                   whole(1, func(p *parser) *int { return &p.o.Parallelism.Max }),
	"vertex.exclude.ids":                       {set: setExclude},
	"scaling.parallelism-alignment.mode":       {set: setAlignment},
	"scaling.key-group.partitions.adjust.mode": {set: setOldAlignment},

	"scale-down.interval":   duration(func(p *parser) *time.Duration { return &p.o.Limits.DownInterval }),
	"scale-up.grace-period": {instead: "scale-down.interval"},
	"scale-down.max-factor": number(0, math.MaxFloat64, func(p *parser) *float64 { return &p.o.Limits.DownFactor }),
	"scale-up.max-factor":   number(0, math.MaxFloat64, func(p *parser) *float64 { return &p.o.Limits.UpFactor }),

	"restart.time":                  duration(func(p *parser) *time.Duration { return &p.o.Restart.Time }),
	"restart.time-tracking.enabled": boolean(func(p *parser) *bool { return &p.o.Restart.Tracked }),
	"restart.time-tracking.limit":   duration(func(p *parser) *time.Duration { return &p.o.Restart.Limit }),

	"catch-up.duration":                duration(func(p *parser) *time.Duration { return &p.o.Backlog.CatchUp }),
	"backlog-processing.lag-threshold": duration(func(p *parser) *time.Duration { return &p.o.Backlog.Threshold }),

	"observed-true-processing-rate.lag-threshold":    duration(func(p *parser) *time.Duration { return &p.o.Observed.Lag }),
	"observed-true-processing-rate.switch-threshold": number(0, math.MaxFloat64, func(p *parser) *float64 { return &p.o.Observed.Switch }),
	"observed-true-processing-rate.min-observations": whole(0, func(p *parser) *int { return &p.o.Observed.Min }),

	"scaling.effectiveness.detection.enabled": boolean(func(p *parser) *bool { return &p.o.Effect.Block }),
	"scaling.effectiveness.threshold":         number(0, 1, func(p *parser) *float64 { return &p.o.Effect.Threshold }),

	"observed-scalability.enabled":          boolean(func(p *parser) *bool { return &p.o.Scalability.Enabled }),
	"observed-scalability.min-observations": whole(1, func(p *parser) *int { return &p.o.Scalability.Min }),
	"observed-scalability.coefficient-min":  number(0.01, 1, func(p *parser) *float64 { return &p.o.Scalability.Floor }),

	"memory.gc-pressure.threshold":                  number(0, 1, func(p *parser) *float64 { return &p.o.Memory.GC }),
	"memory.heap-usage.threshold":                   number(0, 1, func(p *parser) *float64 { return &p.o.Memory.Heap }),
	"memory.tuning.enabled":                         boolean(func(p *parser) *bool { return &p.o.Memory.Tune }),
	"memory.tuning.overhead":                        number(0, 1, func(p *parser) *float64 { return &p.o.Memory.Overhead }),
	"memory.tuning.maximize-managed-memory":         boolean(func(p *parser) *bool { return &p.o.Memory.MaximizeManaged }),
	"memory.tuning.scale-down-compensation.enabled": boolean(func(p *parser) *bool { return &p.o.Memory.Compensate }),

	"history.max.count": whole(1, func(p *parser) *int { return &p.o.History.Count }),
	"history.max.age":   duration(func(p *parser) *time.Duration { return &p.o.History.Age }),

	"quota.cpu":    number(0, math.MaxFloat64, func(p *parser) *float64 { return &p.o.Quota.CPUs }),
	"quota.memory": {set: setQuotaMemory},

	"excluded.periods": {set: setPeriods},

	"metrics.custom-evaluators": refuse(noPlugins),
	"scaling.custom-executors":  refuse(noPlugins),
}

// families are keys with a free part: the options of plugins.
var families = []string{"metrics.custom-evaluator.", "scaling.custom-executor.", "scaling.parallelism-alignment.mode."}

// Names lists every option that is honoured, with its prefix, sorted.
func Names() []string {
	var names []string
	for key, o := range options {
		if o.refused == "" {
			names = append(names, Prefix+key)
		}
	}
	slices.Sort(names)
	return names
}

// Parse reads the options of the autoscaler out of a Flink configuration and ignores all
// others. Names with the prefix kubernetes.operator. and the operator's deprecated names count
// where the plain name is not set. Times of day are in zone; nil is UTC.
//
// The error joins one *Error for each option that is unknown, refused or wrong.
func Parse(config map[string]string, zone *time.Location) (Options, error) {
	p := &parser{o: Default(), zone: zone}
	if p.zone == nil {
		p.zone = time.UTC
	}
	var wrong []error
	given := map[string]string{} // The plain key to the key as written.
	for _, name := range slices.Sorted(maps.Keys(config)) {
		key, ok := strings.CutPrefix(name, Prefix)
		if !ok {
			if key, ok = strings.CutPrefix(name, oldPrefix); !ok {
				continue
			}
		}
		o, err := lookUp(key)
		if err != nil {
			wrong = append(wrong, &Error{Option: name, Message: err.Error()})
			continue
		}
		if o.instead != "" {
			key = o.instead
		}
		if before, ok := given[key]; !ok || rank(name) < rank(before) {
			given[key] = name
		}
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if err := options[key].set(p, config[given[key]]); err != nil {
			wrong = append(wrong, &Error{Option: given[key], Message: err.Error()})
		}
	}
	if len(wrong) == 0 {
		wrong = p.settle(given)
	}
	return p.o, errors.Join(wrong...)
}

// rank orders the names of one option: the plain one first, a deprecated one next.
func rank(name string) int {
	key, plain := strings.CutPrefix(name, Prefix)
	key = strings.TrimPrefix(key, oldPrefix)
	n := 0
	if options[key].instead != "" {
		n++
	}
	if !plain {
		n += 2
	}
	return n
}

func lookUp(key string) (option, error) {
	for _, family := range families {
		if strings.HasPrefix(key, family) {
			return option{}, errors.New(noPlugins)
		}
	}
	o, ok := options[key]
	if !ok {
		return o, errors.New("the autoscaler has no such option: see docs/autoscaler.md for all of them")
	}
	if o.refused != "" {
		return o, errors.New(o.refused)
	}
	return o, nil
}

// settle derives what several options decide together.
func (p *parser) settle(given map[string]string) []error {
	u := &p.o.Utilization
	boundary := or(p.boundary, defaultBoundary)
	u.Min, u.Max = or(p.min, u.Target-boundary), or(p.max, u.Target+boundary)
	var wrong []error
	fail := func(key, format string, args ...any) {
		name, ok := given[key]
		if !ok {
			name = Prefix + key
		}
		wrong = append(wrong, &Error{Option: name, Message: fmt.Sprintf(format, args...)})
	}
	if p.max != nil && (u.Max < u.Target || u.Max > 1) {
		fail("utilization.max", "%v is not between utilization.target (%v) and 1", u.Max, u.Target)
	}
	if p.min != nil && u.Min > u.Target {
		fail("utilization.min", "%v is more than utilization.target (%v)", u.Min, u.Target)
	}
	if p.o.Parallelism.Min > p.o.Parallelism.Max {
		fail("vertex.min-parallelism", "%d is more than vertex.max-parallelism (%d)", p.o.Parallelism.Min, p.o.Parallelism.Max)
	}
	if p.o.Window.Length <= 0 {
		fail("metrics.window", "a window has a length: write for example 15 min")
	}
	return wrong
}

func or(f *float64, other float64) float64 {
	if f == nil {
		return other
	}
	return *f
}

func setAggregator(p *parser, v string) error {
	switch a := Aggregator(strings.ToUpper(strings.TrimSpace(v))); a {
	case AggregateMax, AggregateMin, AggregateAvg:
		p.o.Window.Busy = a
		return nil
	}
	return fmt.Errorf("%q is not one of MAX, MIN and AVG", v)
}

func setAlignment(p *parser, v string) error {
	switch a := Alignment(strings.ToUpper(strings.TrimSpace(v))); a {
	case AlignBalanced, AlignEvenlySpread, AlignOff:
		p.o.Parallelism.Align = a
		return nil
	}
	return fmt.Errorf("%q is not one of BALANCED, EVENLY_SPREAD and OFF; %s", v, noPlugins)
}

// setOldAlignment maps the deprecated modes to those that search the same values. The
// deprecated ones could also block a step; these do not.
func setOldAlignment(p *parser, v string) error {
	var mode Alignment
	switch strings.ToUpper(strings.TrimSpace(v)) {
	case "EVENLY_SPREAD":
		mode = AlignEvenlySpread
	case "MAXIMIZE_UTILISATION":
		mode = AlignBalanced
	default:
		return fmt.Errorf("%q is not one of EVENLY_SPREAD and MAXIMIZE_UTILISATION; better set scaling.parallelism-alignment.mode", v)
	}
	p.o.Parallelism.Align = mode
	return nil
}

func setExclude(p *parser, v string) error {
	ids, err := splitList(v)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if len(id) != 32 || strings.Trim(strings.ToLower(id), "0123456789abcdef") != "" {
			return fmt.Errorf("%q is not the id of a vertex: write its 32 hexadecimal digits", id)
		}
		p.o.Parallelism.Exclude = append(p.o.Parallelism.Exclude, strings.ToLower(id))
	}
	return nil
}

func setQuotaMemory(p *parser, v string) (err error) {
	p.o.Quota.Memory, err = spec.ParseMemory(v)
	return err
}

func setPeriods(p *parser, v string) error {
	list, err := splitList(v)
	if err != nil {
		return err
	}
	p.o.Excluded, err = calendar.Parse(list, p.zone)
	return err
}

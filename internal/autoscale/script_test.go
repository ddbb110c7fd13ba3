package autoscale_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
)

// A script is a job with its load, from which collections are made tick by tick. The same seed
// gives the same script. It obeys whoever decides on its parallelism.
type script struct {
	seed     uint64
	class    string
	config   map[string]string // Under the names of the operator's release 1.10.
	cpus     float64           // Of a TaskManager; 0 when not known.
	interval time.Duration
	ticks    int

	rand     *rand.Rand
	now      time.Time
	running  time.Time
	vertices []*simVertex
	pending  map[string]int // The parallelism that is on its way.
	wait     int            // Ticks until it is there.
	restart  int            // A tick at which the user restarts the job.
}

// simVertex is a vertex of the simulated job.
type simVertex struct {
	autoscale.Vertex
	capacity  float64 // Records per second and subtask.
	ratio     float64 // Records out for each in.
	skew      float64 // How much busier the busiest subtask is than the mean.
	lag       float64
	in, out   float64
	busy      float64
	load      func(tick int) float64 // Sources: records per second.
	noLag     bool
	noBusyAt  int
	noInAt    int
	finishAt  int
	gauge     bool
	silentFor bool // The task counts no records in: those of the operator are taken.
}

// classes of scripts.
var classes = []string{
	"steady", "ramp", "spike", "backlog", "skew", "two-inputs", "finished", "missing", "key-groups",
	"partitions", "excluded", "delay", "limits", "effect", "memory", "quota", "gauge", "restarts",
}

func newScript(seed uint64) *script {
	s := &script{seed: seed, class: classes[seed%uint64(len(classes))], config: map[string]string{}}
	s.rand = rand.New(rand.NewPCG(seed, 0x5ca1e))
	s.now = time.UnixMilli(1_700_000_000_000 + s.rand.Int64N(86_400_000)).UTC()
	s.interval = time.Duration(pickOne(s.rand, 15, 30, 60)) * time.Second
	s.ticks = 20 + s.rand.IntN(20)
	s.running = s.now.Add(-time.Duration(s.rand.IntN(200)) * time.Second)
	s.restart = -1
	s.options()
	s.graph()
	s.special()
	return s
}

func pickOne[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

func (s *script) set(key string, value any) { s.config["job.autoscaler."+key] = fmt.Sprint(value) }

func (s *script) maybe(chance float64, key string, values ...any) {
	if s.rand.Float64() < chance {
		s.set(key, pickOne(s.rand, values...))
	}
}

// options draws those that every class may have.
func (s *script) options() {
	s.set("enabled", true)
	s.set("metrics.window", pickOne(s.rand, "3 min", "5 min", "10m", "240 s"))
	s.set("stabilization.interval", pickOne(s.rand, "0 s", "1 min", "3 min", "90000"))
	s.maybe(0.5, "target.utilization", 0.5, 0.6, 0.7, 0.8, 0.95, 1)
	s.maybe(0.5, "target.utilization.boundary", 0, 0.1, 0.2, 0.3, 0.4)
	s.set("scale-down.interval", pickOne(s.rand, "0 s", "0 ms", "0", "2 min", "5 min"))
	s.maybe(0.3, "scale-down.max-factor", 0.2, 0.5, 0.9, 1)
	s.maybe(0.3, "scale-up.max-factor", 0.5, 1, 2.5)
	s.maybe(0.3, "vertex.min-parallelism", 1, 2, 5)
	s.maybe(0.3, "vertex.max-parallelism", 8, 20, 64, 500)
	s.maybe(0.4, "catch-up.duration", "0 s", "5 min", "10 min", "1 h")
	s.maybe(0.4, "restart.time", "1 min", "3 min", "10 s")
	s.maybe(0.2, "restart.time-tracking.enabled", true)
	s.maybe(0.2, "restart.time-tracking.limit", "1 min", "5 min")
	s.maybe(0.3, "backlog-processing.lag-threshold", "30 s", "2 min", "0 s")
	s.maybe(0.3, "observed-true-processing-rate.lag-threshold", "5 s", "10 s", "2 min")
	s.maybe(0.3, "observed-true-processing-rate.switch-threshold", 0, 0.1, 0.5)
	s.maybe(0.3, "observed-true-processing-rate.min-observations", 1, 3, 5)
	s.maybe(0.3, "metrics.busy-time.aggregator", "MAX", "AVG", "MIN", "avg")
	s.maybe(0.2, "history.max.count", 1, 2, 5)
	s.maybe(0.2, "history.max.age", "5 min", "1 h")
	s.maybe(0.1, "memory.gc-pressure.threshold", 0.3, 0.9)
	s.maybe(0.1, "memory.heap-usage.threshold", 0.5, 0.9)
	s.maybe(0.1, "scaling.effectiveness.detection.enabled", true)
	s.maybe(0.05, "scaling.enabled", false)
}

// graph draws the job graph.
func (s *script) graph() {
	shape := pickOne(s.rand, "source", "chain", "chain", "chain", "diamond", "fan-out", "join")
	if s.class == "two-inputs" {
		shape = "join"
	}
	edges := map[string][][]int{
		"source": {nil}, "chain": {nil, {0}, {1}}, "diamond": {nil, {0}, {0}, {1, 2}},
		"fan-out": {nil, {0}, {0}}, "join": {nil, nil, {0, 1}, {2}},
	}[shape]
	if shape == "chain" {
		edges = edges[:2+s.rand.IntN(2)]
	}
	group := fmt.Sprintf("%032x", 0xabc)
	for i, inputs := range edges {
		v := &simVertex{capacity: 20 + math.Exp(s.rand.Float64()*8), ratio: pickOne(s.rand, 0, 0.1, 0.5, 1, 1, 2.5), skew: 1 + s.rand.Float64()*0.2}
		v.noBusyAt, v.noInAt, v.finishAt = -1, -1, -1
		v.ID = fmt.Sprintf("%08x%024x", i+1, s.seed)
		v.Name = "vertex " + strconv.Itoa(i)
		v.SlotSharingGroup = group
		if s.rand.Float64() < 0.15 {
			v.SlotSharingGroup = fmt.Sprintf("%032x", 0xdef)
		}
		v.Parallelism = 1 + s.rand.IntN(12)
		v.MaxParallelism = pickOne(s.rand, 128, 128, 720, 64, 256)
		v.silentFor = s.rand.Float64() < 0.8
		for _, in := range inputs {
			ship := pickOne(s.rand, "REBALANCE", "FORWARD", "RESCALE", "REBALANCE", "BROADCAST", "custom")
			if s.rand.Float64() < 0.12 {
				ship = "HASH"
			}
			v.Inputs = append(v.Inputs, autoscale.Input{ID: s.vertices[in].ID, Ship: ship})
		}
		if len(inputs) == 0 {
			v.load = s.newLoad(v)
			if s.rand.Float64() < 0.1 {
				v.Partitions = 1 + s.rand.IntN(40)
			}
		}
		s.vertices = append(s.vertices, v)
	}
}

// newLoad draws the records per second of a source over time.
func (s *script) newLoad(v *simVertex) func(int) float64 {
	base := v.capacity * float64(v.Parallelism) * (0.1 + s.rand.Float64())
	at, to := s.rand.IntN(s.ticks), 0.1+s.rand.Float64()*4
	switch s.class {
	case "ramp":
		return func(t int) float64 { return base * (1 + (to-1)*float64(t)/float64(s.ticks)) }
	case "spike":
		return func(t int) float64 {
			if t >= at && t < at+6 {
				return base * (1 + to)
			}
			return base
		}
	case "backlog":
		v.lag = base * float64(s.rand.IntN(4000))
		return func(int) float64 { return base }
	case "delay", "restarts", "effect", "memory", "quota":
		return func(t int) float64 {
			if t >= at {
				return base * to
			}
			return base
		}
	case "steady":
		if s.rand.Float64() < 0.15 {
			base = 0
		}
		return func(int) float64 { return base }
	default:
		return func(t int) float64 { return base * (1 + 0.5*math.Sin(float64(t)/9)) }
	}
}

// special draws what makes the class.
func (s *script) special() {
	some := s.vertices[s.rand.IntN(len(s.vertices))]
	switch s.class {
	case "skew":
		some.skew = 1.5 + s.rand.Float64()*4
	case "finished":
		some.finishAt = s.rand.IntN(s.ticks)
	case "missing":
		switch s.rand.IntN(3) {
		case 0:
			s.vertices[0].noLag = true
		case 1:
			some.noBusyAt = s.rand.IntN(s.ticks)
		default:
			s.vertices[0].noInAt = s.rand.IntN(s.ticks)
		}
		s.maybe(0.5, "vertex.exclude.ids", some.ID)
	case "key-groups":
		for _, v := range s.vertices {
			v.MaxParallelism = pickOne(s.rand, 7, 12, 30, 64, 100, 128)
			v.Parallelism = min(v.Parallelism, v.MaxParallelism)
			if len(v.Inputs) > 0 && s.rand.Float64() < 0.5 {
				v.Inputs[0].Ship = "HASH"
			}
		}
	case "partitions":
		s.vertices[0].Partitions = pickOne(s.rand, 1, 6, 7, 12, 24, 60, 100)
	case "excluded":
		s.excluded()
	case "delay":
		s.set("scale-down.interval", pickOne(s.rand, "1 min", "3 min", "6 min"))
	case "limits":
		s.set("vertex.min-parallelism", 1+s.rand.IntN(6))
		s.set("vertex.max-parallelism", 6+s.rand.IntN(10))
	case "effect":
		s.set("scaling.effectiveness.detection.enabled", true)
		s.maybe(0.7, "scaling.effectiveness.threshold", 0.05, 0.3, 0.9)
		some.capacity *= 0.4
	case "memory":
		s.config["taskmanager.memory.process.size"] = pickOne(s.rand, "1728m", "4g", "8 gb")
		s.config["taskmanager.numberOfTaskSlots"] = pickOne(s.rand, "1", "2", "4")
		s.set("memory.tuning.enabled", true)
		s.maybe(0.3, "memory.tuning.maximize-managed-memory", true)
		s.maybe(0.3, "memory.tuning.scale-down-compensation.enabled", false)
		s.maybe(0.3, "memory.tuning.overhead", 0, 0.1, 0.5)
	case "quota":
		s.cpus = pickOne(s.rand, 0.5, 1, 2)
		s.config["taskmanager.memory.process.size"] = "2g"
		s.config["taskmanager.numberOfTaskSlots"] = pickOne(s.rand, "1", "2")
		s.maybe(0.6, "quota.cpu", 4, 10, 16.5)
		s.maybe(0.6, "quota.memory", "12g", "24 gb", "40g")
	case "gauge":
		for _, v := range s.vertices {
			v.gauge = len(v.Inputs) > 0
		}
	case "restarts":
		s.restart = 5 + s.rand.IntN(s.ticks-5)
		s.set("restart.time-tracking.enabled", true)
	}
}

// excluded draws excluded periods around the time of the script, some over midnight.
func (s *script) excluded() {
	clock := func(t time.Time) string { return t.Format("15:04:05") }
	from := s.now.Add(time.Duration(s.rand.IntN(40)) * time.Minute)
	to := from.Add(time.Duration(5+s.rand.IntN(30)) * time.Minute)
	var period string
	switch s.rand.IntN(4) {
	case 0:
		period = clock(from) + "-" + clock(to)
	case 1:
		period = fmt.Sprintf("* * %d * * ?", from.Hour())
	case 2:
		period = fmt.Sprintf("%s-%s && * * * ? * %d", clock(from), clock(to), 1+s.rand.IntN(7))
	default:
		// The script goes over midnight with the range.
		s.now = time.Date(s.now.Year(), s.now.Month(), s.now.Day(), 23, 40+s.rand.IntN(15), 0, 0, time.UTC)
		s.running = s.now.Add(-time.Minute)
		period = fmt.Sprintf("23:5%d:00-0:%02d", s.rand.IntN(9), 5+s.rand.IntN(20))
	}
	s.set("excluded.periods", period+pickOne(s.rand, "", "; * * * * JAN ?"))
}

// source and its siblings are found by id.
func (s *script) find(id string) *simVertex {
	return s.vertices[slices.IndexFunc(s.vertices, func(v *simVertex) bool { return v.ID == id })]
}

// tick moves the job on by one interval and collects. tick 0 is the first.
func (s *script) tick(n int) autoscale.Collection {
	s.now = s.now.Add(s.interval)
	if s.pending != nil {
		if s.wait--; s.wait < 0 {
			for id, p := range s.pending {
				s.find(id).Parallelism = p
			}
			s.pending = nil
			s.begin()
		}
	}
	if n == s.restart {
		s.begin()
	}
	busyShare := s.flow(n)
	c := autoscale.Collection{At: s.now, Running: s.running, TaskManagers: s.taskManagers()}
	for i, v := range s.vertices {
		c.Vertices = append(c.Vertices, s.show(n, v, busyShare[i]))
	}
	return c
}

// begin starts the job anew: all that it counts begins at 0.
func (s *script) begin() {
	s.running = s.now.Add(-time.Duration(s.rand.IntN(int(s.interval/time.Second))) * time.Second)
	for _, v := range s.vertices {
		v.in, v.out, v.busy = 0, 0, 0
	}
}

// flow moves records for one interval and returns how busy each vertex is.
func (s *script) flow(n int) []float64 {
	dt := s.interval.Seconds()
	wanted := map[string]float64{}
	demand := make([]float64, len(s.vertices))
	factor := 1.0
	for i, v := range s.vertices {
		if v.load != nil {
			demand[i] = v.load(n) + v.lag/dt
		}
		for _, in := range v.Inputs {
			demand[i] += wanted[in.ID]
		}
		wanted[v.ID] = demand[i] * v.ratio
		if most := v.capacity * float64(v.Parallelism) / v.skew; demand[i] > most {
			factor = min(factor, most/demand[i])
		}
	}
	busyShare := make([]float64, len(s.vertices))
	for i, v := range s.vertices {
		done := demand[i] * factor
		if v.load != nil {
			v.lag = max(0, v.lag+(v.load(n)-done)*dt)
		}
		noise := 0.97 + 0.06*s.rand.Float64()
		busyShare[i] = min(1, done/(v.capacity*float64(v.Parallelism))*noise)
		v.in += done * dt
		v.out += done * dt * v.ratio
		v.busy += busyShare[i] * 1000 * dt * float64(v.Parallelism)
		v.Metrics = autoscale.Metrics{BackPressured: autoscale.Of(math.Round(1000 * (1 - factor) * s.rand.Float64())), SourceInPerSecond: autoscale.Of(done)}
	}
	return busyShare
}

// show is how Flink shows a vertex.
func (s *script) show(n int, v *simVertex, busyShare float64) autoscale.Vertex {
	shown := v.Vertex
	shown.Finished = v.finishAt >= 0 && n >= v.finishAt
	read := int64(v.in)
	shown.Totals = autoscale.Totals{Read: read, Written: int64(v.out), Busy: autoscale.Of(math.Floor(v.busy))}
	m := autoscale.Metrics{Busy: autoscale.Aggregate{
		Min: autoscale.Of(math.Floor(1000 * busyShare / v.skew)),
		Max: autoscale.Of(math.Floor(min(1000, 1000*busyShare*v.skew))),
		Avg: autoscale.Of(1000 * busyShare),
	}}
	if v.noBusyAt >= 0 && n >= v.noBusyAt && n < v.noBusyAt+8 {
		m.Busy = autoscale.Aggregate{}
	}
	if len(v.Inputs) == 0 {
		m.BackPressured = v.Metrics.BackPressured
		m.SourceIn, m.SourceInPerSecond = autoscale.Of(float64(read)), v.Metrics.SourceInPerSecond
		m.SourceOut = autoscale.Of(float64(read))
		if v.silentFor {
			shown.Totals.Read = 0
		}
		if !v.noLag {
			m.Pending = autoscale.Of(math.Floor(v.lag))
		}
		if n == v.noInAt {
			m.SourceIn = autoscale.Value{}
		}
	} else if v.gauge {
		m.InPerSecond = autoscale.Of(v.Metrics.SourceInPerSecond.Float() * (0.8 + 0.4*s.rand.Float64()))
	}
	shown.Metrics = m
	if shown.Finished {
		shown.Metrics = autoscale.Metrics{}
	}
	return shown
}

func (s *script) taskManagers() autoscale.TaskManagers {
	heap := float64(500 << 20)
	groups := map[string]int{}
	for _, v := range s.vertices {
		groups[v.SlotSharingGroup] = max(groups[v.SlotSharingGroup], v.Parallelism)
	}
	slots := 0
	for _, n := range groups {
		slots += n
	}
	m := autoscale.TaskManagers{
		HeapMax: autoscale.Of(heap), HeapUsed: autoscale.Of(math.Floor(heap * (0.2 + 0.7*s.rand.Float64()))),
		ManagedUsed: autoscale.Of(float64(s.rand.IntN(3) * 100 << 20)), MetaspaceUsed: autoscale.Of(math.Floor(80e6 + 1e6*s.rand.Float64())),
		SlotsTotal: autoscale.Of(float64(slots + 3)), SlotsAvailable: autoscale.Of(3),
	}
	if s.seed%5 != 0 {
		m.GC = autoscale.Of(math.Floor(500 * s.rand.Float64()))
	}
	return m
}

// obey has a step carried out, mostly: after a while the job has the new parallelism.
func (s *script) obey(parallelism map[string]int) {
	s.wait = s.rand.IntN(3)
	if s.rand.Float64() < 0.9 {
		s.pending = maps.Clone(parallelism)
	}
}

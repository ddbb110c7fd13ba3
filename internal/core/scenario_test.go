package core_test

import (
	"fmt"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/check"
	"github.com/flink-on-mesos/flink-service/internal/core/offers"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestScenarios runs every file of testdata: each command is an event (or a look at the state),
// each answer the actions that follow.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenario files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			p := newPlayer()
			datadriven.RunTest(t, file, p.play)
		})
	}
}

// player folds the commands of a scenario file into a state.
type player struct {
	state   state.State
	now     time.Time
	request uint64
	stored  map[string]any
	// ports has tasks shown with their ports, restores what the next change would restore from, pods the pods' names.
	ports, restores, pods bool
}

func newPlayer() *player {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	return &player{now: now, state: core.New(state.Options{}, state.Stored{}, now), stored: map[string]any{}}
}

func (p *player) play(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	switch d.Cmd {
	case "show":
		p.ports, p.restores = flag(d, "ports"), flag(d, "restores")
		p.pods = flag(d, "pods")
		return p.show(arg(d, "cluster", "demo"))
	case "snapshots":
		var b strings.Builder
		for _, n := range p.state.Snapshots.Of("") {
			fmt.Fprintf(&b, "%s %s %s %s %s failures=%d pinned=%t %s\n", n.ID, n.Kind, n.Trigger, n.State, n.Path, n.Failures, n.Pinned, n.Message)
		}
		return b.String()
	case "revisions":
		return p.revisions(arg(d, "cluster", "demo"))
	case "rollback":
		v, _ := view.Describe(&p.state, arg(d, "cluster", "demo"))
		if r := v.Status.Rollback; r != nil {
			return fmt.Sprintf("%s revision %d to %d: %s\n", r.State, r.Revision, r.To, r.Reason)
		}
		return "none\n"
	case "restart":
		out := p.restart()
		p.state.Options.Uninstall = flag(d, "uninstall")
		p.state.Options.UninstallSavepoints = arg(d, "savepoints", "")
		return out
	case "report":
		return p.report(arg(d, "cluster", "demo"))
	case "fit":
		var since time.Time
		if flag(d, "now") {
			since = p.now
		}
		return p.fit(arg(d, "cluster", "demo"), number(d, "more"), since)
	case "advance":
		return p.step(t, p.advance(t, d))
	}
	e := p.event(t, d)
	return p.step(t, e)
}

func (p *player) advance(t *testing.T, d *datadriven.TestData) state.Event {
	t.Helper()
	by, err := time.ParseDuration(d.CmdArgs[0].Key)
	if err != nil {
		t.Fatalf("advance: %v", err)
	}
	p.now = p.now.Add(by)
	return state.Ticked{}
}

func (p *player) step(t *testing.T, e state.Event) string {
	t.Helper()
	next, actions := core.Step(p.state, e, p.now)
	if wrong := check.Step(&p.state, e, actions, &next); len(wrong) > 0 {
		t.Errorf("%T: %s", e, strings.Join(wrong, "; "))
	}
	p.state = next
	var b strings.Builder
	for _, a := range actions {
		p.keep(a)
		if text := describe(a); text != "" {
			fmt.Fprintln(&b, text)
		}
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

// keep plays the store.
func (p *player) keep(a state.Action) {
	if s, ok := a.(state.Save); ok {
		for _, r := range s.Records {
			if r.Value == nil {
				delete(p.stored, r.Key)
			} else {
				p.stored[r.Key] = r.Value
			}
		}
	}
}

// restart forgets everything that was not stored.
func (p *player) restart() string {
	var s state.Stored
	for _, key := range sorted(p.stored) {
		switch v := p.stored[key].(type) {
		case *state.Framework:
			s.Framework = *v
		case *state.ClusterRecord:
			s.Clusters = append(s.Clusters, *v)
		case *state.OrphanedHAData:
			s.Leftovers = append(s.Leftovers, *v)
		case *task.Task:
			s.Tasks = append(s.Tasks, *v)
		case *wire.Snapshot:
			s.Snapshots = append(s.Snapshots, *v)
		case *wire.Operation:
			s.Operations = append(s.Operations, *v)
		case *state.Revision:
			s.Revisions = append(s.Revisions, *v)
		case *task.Reservation:
			s.Reservations = append(s.Reservations, *v)
		}
	}
	p.state = core.New(state.Options{}, s, p.now)
	return fmt.Sprintf("framework %q, %d clusters, %d tasks\n", s.Framework.ID, len(s.Clusters), len(s.Tasks))
}

func (p *player) event(t *testing.T, d *datadriven.TestData) state.Event {
	t.Helper()
	switch d.Cmd {
	case "subscribed":
		return state.Subscribed{FrameworkID: arg(d, "id", "fw-1"), Master: "m:5050", Version: arg(d, "version", "1.12.0")}
	case "disconnected":
		return state.Disconnected{Reason: "test"}
	case "removed":
		return state.FrameworkRemoved{Message: "Framework has been removed"}
	case "torn-down":
		return state.TornDown{}
	case "rescinded":
		return state.Rescinded{OfferID: arg(d, "offer", "")}
	case "agent-lost":
		return state.AgentLost{AgentID: arg(d, "agent", "")}
	case "call-failed":
		return state.CallFailed{Call: arg(d, "call", "ACCEPT"), Error: "test", TaskIDs: list(arg(d, "tasks", "")), AgentID: arg(d, "agent", "")}
	case "put":
		p.request++
		return state.PutCluster{Request: p.request, Spec: specOf(d), Nonce: arg(d, "nonce", "aaaa"), CreateOnly: flag(d, "create"), UpdateOnly: flag(d, "update"), Notes: list(arg(d, "notes", "")), Stop: stop(d), Now: flag(d, "now"), Match: int64(number(d, "match")), Reason: arg(d, "reason", ""), Revert: int64(number(d, "revert"))}
	case "tag":
		p.request++
		return state.TagRevision{Request: p.request, Cluster: arg(d, "cluster", "demo"), Number: int64(number(d, "revision")), Tag: arg(d, "tag", "")}
	case "jobs-stopped":
		e := state.JobsStopped{
			Cluster: arg(d, "cluster", "demo"), Number: int64(number(d, "change")), Done: flag(d, "done"), Failure: strings.TrimSpace(d.Input),
		}
		for _, id := range list(arg(d, "jobs", "")) {
			e.Savepoints = append(e.Savepoints, wire.Savepoint{Job: id, Name: "job " + id, Path: "file:/sp/" + id})
		}
		return e
	case "jobs":
		return p.jobs(d)
	case "snapshot":
		p.request++
		return state.CreateSnapshot{Request: p.request, Cluster: arg(d, "cluster", "demo"), Snapshot: wire.SnapshotRequest{
			Kind: wire.RestoreKind(arg(d, "kind", "")), Path: arg(d, "adopt", ""), Directory: arg(d, "dir", ""), Format: arg(d, "format", ""),
		}}
	case "change-snapshot":
		p.request++
		return state.ChangeSnapshot{Request: p.request, ID: arg(d, "id", ""), Change: state.SnapshotChange(arg(d, "do", ""))}
	case "taken":
		n, _ := p.state.Snapshots.Get(arg(d, "id", ""))
		return state.SnapshotTaken{ID: n.ID, FlinkRequest: n.Request, Path: arg(d, "path", ""), Failure: strings.TrimSpace(d.Input)}
	case "disposed":
		return state.SnapshotDisposed{ID: arg(d, "id", ""), Waits: flag(d, "waits"), Failure: strings.TrimSpace(d.Input)}
	case "exceptions":
		return p.exceptions(d)
	case "found":
		return state.CheckpointFound{Cluster: arg(d, "cluster", "demo"), Submission: int64(number(d, "submission")), Newest: int64(number(d, "newest")), JobKnown: d.HasArg("known"), Error: strings.TrimSpace(d.Input)}
	case "cancelled":
		return state.JobsCancelled{Cluster: arg(d, "cluster", "demo"), JobManager: arg(d, "task", "")}
	case "delete":
		p.request++
		return state.DeleteCluster{Request: p.request, Name: arg(d, "cluster", "demo"), Stop: stop(d)}
	case "forgotten":
		return state.HADataDeleted{Name: arg(d, "cluster", "demo"), Nonce: arg(d, "nonce", "aaaa")}
	case "restart-task":
		p.request++
		return state.RestartTask{Request: p.request, Cluster: arg(d, "cluster", "demo"), TaskID: arg(d, "task", ""), Replace: flag(d, "replace")}
	case "pause":
		p.request++
		return state.PauseLaunches{Request: p.request, Cluster: arg(d, "cluster", ""), Paused: !flag(d, "off")}
	case "offers":
		return state.Offered{Offers: offersOf(t, d.Input)}
	case "inverse":
		e := state.InverseOffered{}
		for line := range strings.Lines(d.Input) {
			f := strings.Fields(line)
			e.Offers = append(e.Offers, state.InverseOffer{ID: f[0], AgentID: f[1], Unavailable: time.Date(2026, 1, 1, 13, 0, 0, 0, time.UTC)})
		}
		return e
	case "inverse-rescinded":
		return state.InverseRescinded{OfferID: arg(d, "offer", "")}
	case "status":
		e := state.Updated{
			TaskID: arg(d, "task", ""), AgentID: arg(d, "agent", "a1"), State: task.State(arg(d, "state", "")),
			Reason: arg(d, "reason", ""), Message: strings.TrimSpace(d.Input), Address: arg(d, "address", ""),
		}
		if !flag(d, "no-uuid") {
			e.UUID = []byte("u")
		}
		return e
	case "log-error":
		return state.LogErrorFound{Cluster: arg(d, "cluster", "demo"), TaskID: arg(d, "task", ""), Error: strings.TrimSpace(d.Input)}
	case "probed":
		e := state.Probed{TaskID: arg(d, "task", ""), Compared: number(d, "compared"), Reached: flag(d, "reached"), Alive: flag(d, "alive"), By: "its port answers", Since: p.now}
		if t, ok := p.state.Tasks.Get([]byte(e.TaskID)); ok && !flag(d, "late") {
			e.Since = t.Changed
		}
		return e
	case "observed":
		f := wire.Flink{TaskManagers: number(d, "tms"), SlotsTotal: number(d, "slots"), JobsRunning: number(d, "jobs")}
		if id := arg(d, "waits", ""); id != "" {
			f.SlotWait = wire.SlotWait{Job: id, State: "RUNNING", Slots: number(d, "needs"), AllSlots: number(d, "needs"), Jobs: 1, Failed: flag(d, "failed")}
		}
		return state.FlinkObserved{Cluster: arg(d, "cluster", "demo"), JobManager: arg(d, "jm", ""), Flink: f}
	case "wanted":
		return p.wanted(d)
	case "look":
		p.request++
		return state.ProbeOffers{Request: p.request}
	case "ticked":
		return state.Ticked{}
	}
	t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
	return nil
}

// jobs observes one job: its id, state and last checkpoint and savepoint by number.
func (p *player) jobs(d *datadriven.TestData) state.Event {
	j := wire.Job{ID: arg(d, "id", "j1"), State: arg(d, "state", "RUNNING"), Started: p.now.Add(-time.Hour), Failure: strings.TrimSpace(d.Input)}
	j.Running, j.Restarts = j.State == "RUNNING" && !flag(d, "deploying"), int64(number(d, "restarts"))
	at := func(n int, path string) *wire.Checkpoint {
		if n == 0 {
			return nil
		}
		return &wire.Checkpoint{ID: int64(n), Path: path, Time: p.now.Add(-time.Duration(number(d, "age")) * time.Second)}
	}
	j.Checkpoint = at(number(d, "checkpoint"), fmt.Sprintf("file:/cp/%s/chk-%d", j.ID, number(d, "checkpoint")))
	if flag(d, "in-memory") {
		j.Checkpoint.Path = ""
	}
	j.Savepoint = at(number(d, "savepoint"), fmt.Sprintf("file:/sp/%d", number(d, "savepoint")))
	if n := number(d, "pending"); n > 0 {
		j.Pending = p.now.Add(-time.Duration(n) * time.Second)
	}
	return state.JobsObserved{Cluster: arg(d, "cluster", "demo"), JobManager: arg(d, "jm", ""), Jobs: []wire.Job{j}}
}

// exceptions reads a line an exception: its age in seconds, its task and its message.
func (p *player) exceptions(d *datadriven.TestData) state.Event {
	e := state.JobFailed{Cluster: arg(d, "cluster", "demo"), JobManager: arg(d, "jm", ""), Job: arg(d, "id", "j1")}
	for line := range strings.Lines(d.Input) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 3)
		age, err := time.ParseDuration(f[0])
		if err != nil {
			panic(err)
		}
		e.Exceptions = append(e.Exceptions, wire.JobException{Time: p.now.Add(-age), Task: f[1], Message: f[2], TaskManager: arg(d, "on", "")})
	}
	return e
}

func (p *player) wanted(d *datadriven.TestData) state.Event {
	e := state.WorkersWanted{
		Cluster: arg(d, "cluster", "demo"), JobManager: arg(d, "jm", ""), Epoch: arg(d, "epoch", "e1"),
		Version: int64(number(d, "version")), Ready: !flag(d, "not-ready"),
	}
	for _, id := range list(arg(d, "workers", "")) {
		e.Workers = append(e.Workers, task.Worker{ID: id, CPUs: 1, Memory: spec.GiB, Slots: 2})
	}
	if status := arg(d, "result", ""); status != "" {
		e.Result = &wire.JobResult{Status: status}
	}
	return e
}

func (p *player) show(name string) string {
	d, ok := view.Describe(&p.state, name)
	if !ok {
		return "no such cluster\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s restarts=%d\n", d.Status.State, d.Status.Phase, d.Status.Restarts)
	if f := d.Status.Flink; f != nil && f.SlotWait.Job != "" {
		fmt.Fprintf(&b, "  %s\n", d.Status.Message)
	}
	if ch := d.Status.Change; ch != nil {
		fmt.Fprintf(&b, "  generation %d waits: suspend=%t stopped=%t %d savepoints\n", ch.Generation, ch.Suspend, ch.Stopped, len(ch.Savepoints))
	}
	if d.Status.ChangeFailure != "" {
		fmt.Fprintf(&b, "  given up: %s\n", d.Status.ChangeFailure)
	}
	if n := d.Status.NextRestore; n != nil && p.restores {
		fmt.Fprintf(&b, "  next change: %s from %s %s: %s\n", n.Method, n.Restore.Kind, n.Restore.Path, n.Reason)
	}
	for _, s := range d.Status.Savepoints {
		fmt.Fprintf(&b, "  savepoint %s %s\n", s.Job, s.Path)
	}
	for _, t := range d.Tasks {
		fmt.Fprintf(&b, "  %s %s %s on %s", t.ID, t.Goal, t.State, t.Hostname)
		if t.Address != "" || p.ports {
			fmt.Fprintf(&b, " %s %v", t.Address, t.Ports)
		}
		if p.pods {
			fmt.Fprintf(&b, " as %s", t.Pod)
		}
		b.WriteByte('\n')
	}
	for _, r := range d.Reservations {
		fmt.Fprintf(&b, "  %s reserved on %s, %s, made=%t, for %s\n", r.ID, r.Hostname, r.Goal, r.Made, r.Task)
	}
	for _, w := range d.Waiting {
		if p.pods {
			fmt.Fprintf(&b, "  %s waits as %s\n", w.ID, w.Pod)
			continue
		}
		fmt.Fprintf(&b, "  %s waits: %s\n", w.ID, w.Reason)
	}
	for _, r := range d.Status.Recovering {
		if p.pods {
			fmt.Fprintf(&b, "  %s is lost since %s\n", r.Pod, r.Since.Format(time.TimeOnly))
		}
	}
	return b.String()
}

// report shows what the driver is told.
func (p *player) report(name string) string {
	epoch, workers, finishedSeen := view.WorkerReports(&p.state, name)
	var b strings.Builder
	fmt.Fprintf(&b, "to %s\n", epoch)
	if finishedSeen {
		b.WriteString("  the end was seen\n")
	}
	for _, w := range workers {
		fmt.Fprintf(&b, "  %s %s surplus=%t %s\n", w.ID, w.State, w.Surplus, w.Message)
	}
	return b.String()
}

// fit shows whether more TaskManagers would fit.
func (p *player) fit(name string, more int, since time.Time) string {
	f, ok := offers.Fit(&p.state, name, more, since, p.now)
	if !ok {
		return "no such cluster\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d fit, of %d agents, %d wait\n", f.Fit, f.TaskManagers, f.KnownAgents, f.Waiting)
	for _, a := range f.Agents {
		fmt.Fprintf(&b, "  %d on %s, seen %s ago\n", a.TaskManagers, a.Hostname, p.now.Sub(a.Seen))
	}
	for _, x := range f.Blocked {
		fmt.Fprintf(&b, "  %s on %d agents (%s): %s\n", x.What, x.Agents, strings.Join(x.Hosts, " "), x.Message)
	}
	for _, n := range f.Notes {
		fmt.Fprintf(&b, "  note: %s\n", n)
	}
	return b.String()
}

func specOf(d *datadriven.TestData) spec.Spec {
	s := spec.Spec{
		Name: arg(d, "cluster", "demo"), Kind: spec.Kind(arg(d, "kind", "session")), FlinkVersion: "2.3.0",
		Allocation: spec.Allocation(arg(d, "allocation", "static")), Role: arg(d, "role", ""),
		JobManager:   spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Replicas: 1},
		TaskManager:  spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Slots: 2},
		TaskManagers: spec.TaskManagers{Count: number(d, "tms")},
	}
	s.Suspended = flag(d, "suspended")
	if s.Kind != spec.Session {
		s.Job = &spec.JobSpec{JarURI: arg(d, "jar", "file:///a.jar"), UpgradeMode: spec.UpgradeMode(arg(d, "mode", ""))}
		if every := arg(d, "every", ""); every != "" {
			s.Job.Snapshots = &spec.Snapshots{Periodic: every, Directory: "file:/sp", Retention: spec.Retention{Count: number(d, "keep")}, Blackout: list(arg(d, "blackout", ""))}
		}
	}
	s.Upgrade = spec.Upgrade{Rollback: spec.Rollback(arg(d, "rollback", "")), MinHealthyTime: spec.Duration(arg(d, "healthy", ""))}
	if path := arg(d, "initial", ""); path != "" {
		s.Job.InitialSavepointPath, s.Job.SavepointRedeployNonce = path, int64(number(d, "redeploy"))
	}
	if v := arg(d, "flink", ""); v != "" {
		s.FlinkVersion = v
	}
	if flag(d, "ha") {
		s.FlinkConfiguration = map[string]string{"high-availability.type": "zookeeper"}
		if id := arg(d, "ha-id", ""); id != "" {
			s.FlinkConfiguration["high-availability.cluster-id"] = id
		}
	}
	s.Recovery = spec.Recovery{WarmTaskManagers: number(d, "warm"), JobHealth: spec.JobHealth(arg(d, "health", "")), RestartFailedJob: flag(d, "restart-failed")}
	if interval := arg(d, "interval", ""); interval != "" {
		s.FlinkConfiguration = map[string]string{"execution.checkpointing.interval": interval, "execution.checkpointing.timeout": interval, "execution.checkpointing.dir": "file:/cp"}
	}
	if n := number(d, "replicas"); n > 0 {
		s.JobManager.Replicas = n
	}
	for rule := range strings.SplitSeq(arg(d, "rules", ""), ";") {
		if rule != "" {
			s.TaskManager.Constraints = append(s.TaskManager.Constraints, strings.Split(rule, ":"))
		}
	}
	if name := arg(d, "network", ""); name != "" {
		s.Container = &spec.Container{Network: spec.Network{Mode: spec.ContainerNetwork, Name: name}}
	}
	for _, name := range list(arg(d, "ports", "")) {
		s.TaskManager.Ports = append(s.TaskManager.Ports, spec.Port{Name: name, ContainerPort: 9000})
	}
	s.TaskManager.NetworkBandwidth = float64(number(d, "bandwidth"))
	if s.TaskManager.NetworkBandwidth > 0 {
		s.TaskManager.NetworkResource = spec.DefaultNetworkResource
	}
	s.JobManager.Reserve, s.TaskManager.Revocable = flag(d, "reserve"), flag(d, "revocable")
	if n := number(d, "volume"); n > 0 {
		s.TaskManager.PersistentVolumes = []spec.PersistentVolume{{ContainerPath: "state", Size: spec.Memory(n) * spec.MiB, Type: spec.RootDisk}}
	}
	if flag(d, "limits") {
		s.TaskManager.Limits = &spec.Limits{CPUs: 2, Memory: spec.UnlimitedMemory}
	}
	if n := number(d, "nonce-change"); n > 0 {
		s.RestartNonce = int64(n)
	}
	return s
}

// stop reads whether jobs are to be stopped with savepoints.
func stop(d *datadriven.TestData) *state.StopRequest {
	if !flag(d, "stop") {
		return nil
	}
	return &state.StopRequest{Drain: flag(d, "drain")}
}

// offers reads a line an offer: o1 a1 host1 cpus=4 mem=4096 ports=31000-31099 role=*. A name with a reservation's
// id behind it, as in cpus@demo-aaaa-jm-1=1, is reserved by the framework fw-1; volume@demo-aaaa-tm-2=64 is its volume,
// and ~cpus=1 is revocable.
func offersOf(t *testing.T, text string) []offer.Offer {
	t.Helper()
	var out []offer.Offer
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		o := offer.Offer{ID: f[0], AgentID: f[1], Hostname: f[2]}
		role := "*"
		for _, kv := range f[3:] {
			if v, ok := strings.CutPrefix(kv, "role="); ok {
				role = v
			}
		}
		for _, kv := range f[3:] {
			key, value, _ := strings.Cut(kv, "=")
			r := offer.Resource{Name: key, AllocationRole: role}
			if name, ok := strings.CutPrefix(key, "~"); ok {
				r.Name, r.Revocable = name, true
			}
			if name, id, ok := strings.Cut(key, "@"); ok {
				id, framework, other := strings.Cut(id, "/")
				if !other {
					framework = "fw-1"
				}
				r.Name = name
				r.Reservations = []offer.Reservation{{Role: role, Dynamic: true, Labels: map[string]string{
					offer.LabelFramework: framework, offer.LabelReservation: id, offer.LabelCluster: strings.SplitN(id, "-", 2)[0],
				}}}
				if name == "volume" {
					r.Name, r.Disk = "disk", &offer.Disk{Volume: framework + "." + id + ".state", ContainerPath: "state"}
				}
			}
			switch key {
			case "zone":
				o.Zone = value
				continue
			case "rack":
				o.Attributes = map[string]string{"rack": value}
				continue
			case "maintenance":
				o.Unavailable = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
				continue
			case "endpoint":
				o.Endpoint = value
				continue
			case "role":
				continue
			case "ports":
				var p offer.Range
				if _, err := fmt.Sscanf(value, "%d-%d", &p.Begin, &p.End); err != nil {
					t.Fatalf("ports %q: %v", value, err)
				}
				r.Ranges = []offer.Range{p}
			default:
				var v float64
				if _, err := fmt.Sscanf(value, "%g", &v); err != nil {
					t.Fatalf("%s %q: %v", key, value, err)
				}
				r.Scalar = offer.ToMilli(v)
			}
			o.Resources = append(o.Resources, r)
		}
		out = append(out, o)
	}
	return out
}

// describe prints an action in a line.
func describe(a state.Action) string {
	switch a := a.(type) {
	case state.Save:
		var keys []string
		for _, r := range a.Records {
			key := r.Key
			if r.Value == nil {
				key = "-" + key
			}
			if !strings.HasPrefix(r.Key, state.RevisionPrefix) { // They follow from the rest, and have a command of their own.
				keys = append(keys, key)
			}
		}
		if keys == nil {
			return ""
		}
		return "save " + strings.Join(keys, " ")
	case state.Accept:
		var tasks []string
		for i := range a.Launches {
			id := a.Launches[i].Task.ID
			if j := a.Launches[i].Spec.Job; j != nil && j.InitialSavepointPath != "" && a.Launches[i].Task.Kind == spec.JobManagerTask {
				id += "(" + path.Base(j.JarURI) + " from " + j.InitialSavepointPath + ")"
			}
			tasks = append(tasks, id)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "accept %s on %s: %s", strings.Join(a.OfferIDs, ","), a.AgentID, strings.Join(tasks, " "))
		operation := func(name string, pieces []offer.Piece) {
			for _, p := range pieces {
				fmt.Fprintf(&b, "\n  %s %s", name, piece(p))
			}
		}
		operation("destroy", a.Destroy)
		operation("unreserve", a.Unreserve)
		for i := range a.Launches {
			operation("reserve", a.Launches[i].Reserve)
			operation("create", a.Launches[i].Create)
			if a.Launches[i].Task.Reservation != "" {
				for _, p := range a.Launches[i].Pieces {
					fmt.Fprintf(&b, "\n  %s uses %s", a.Launches[i].Task.ID, piece(p))
				}
			}
		}
		return b.String()
	case state.Decline:
		return fmt.Sprintf("decline %s for %s: %s", strings.Join(a.OfferIDs, ","), a.Refuse, a.Reason)
	case state.AnswerInverse:
		return fmt.Sprintf("answer inverse %s accept=%t for %s", strings.Join(a.OfferIDs, ","), a.Accept, a.Refuse)
	case state.Constrain:
		parts := []string{"constrain"}
		for _, r := range a.Roles {
			parts = append(parts, fmt.Sprintf("%s: %v", r.Role, r.Groups))
		}
		return strings.Join(parts, " ")
	case state.Revive:
		return "revive"
	case state.Suppress:
		return "suppress"
	case state.Kill:
		return fmt.Sprintf("kill %s on %s", a.TaskID, a.AgentID)
	case state.Reconcile:
		ids := []string{}
		for _, t := range a.Tasks {
			ids = append(ids, t.TaskID)
		}
		return "reconcile [" + strings.Join(ids, " ") + "]"
	case state.Ack:
		return "ack " + a.TaskID
	case state.Answer:
		if a.Err != nil {
			return "answer error: " + a.Err.Error()
		}
		return "answer ok"
	case state.Watch:
		return fmt.Sprintf("watch %s at %s exchange=%t", a.Cluster, a.JobManager.ID, a.Exchange)
	case state.Unwatch:
		return strings.TrimSpace("unwatch " + a.Cluster + " " + a.JobManager)
	case state.CancelJobs:
		return fmt.Sprintf("cancel the jobs of %s at %s", a.Cluster, a.JobManager.ID)
	case state.StopJobs:
		if a.Stop.Cancel {
			return fmt.Sprintf("cancel the jobs of %s at %s and keep their checkpoints, change %d", a.Cluster, a.JobManager.ID, a.Number)
		}
		return strings.TrimSpace(fmt.Sprintf("stop the jobs of %s at %s, change %d, drain=%t single=%t %s", a.Cluster, a.JobManager.ID, a.Number, a.Stop.Drain, a.Single, strings.Join(a.Known, " ")))
	case state.RevokeLeadership:
		return fmt.Sprintf("depose %s alone=%t", a.JobManager.ID, a.Alone)
	case state.DeleteHAData:
		return "forget " + a.Spec.Name
	case state.FindCheckpoint:
		return fmt.Sprintf("find the newest checkpoint for submission %d of %s, known %s, graphs removed=%t", a.Submission, a.Cluster, a.Lookup.Known.Path, a.RemoveGraphs)
	case state.FindLogError:
		return "find the last error of " + a.TaskID
	case state.Recovered:
		return fmt.Sprintf("recovered %s in %s", a.Cluster, a.Took)
	case state.Probe:
		jm, others := "", []string{}
		if a.JobManager != nil {
			jm = " by " + a.JobManager.ID
		}
		for i := range a.Others {
			others = append(others, a.Others[i].ID)
		}
		return fmt.Sprintf("probe %s%s, compare %v", a.Task.ID, jm, others)
	case state.ReportWorkers:
		return "tell flink of " + a.Cluster
	case state.Teardown:
		return "teardown"
	case state.Resubscribe:
		return "resubscribe"
	case state.TakeSnapshot:
		return fmt.Sprintf("take %s %s at %s", a.Snapshot.Kind, a.Snapshot.ID, a.JobManager.ID)
	case state.DisposeSnapshot:
		by := "in the file system"
		if a.JobManager != nil {
			by = "at " + a.JobManager.ID
		}
		if a.Siblings {
			by += ", and of its siblings"
		}
		return fmt.Sprintf("dispose of %s %s %s", a.Snapshot.ID, a.Snapshot.Path, by)
	case state.OperationChanged:
		return strings.TrimRight(fmt.Sprintf("operation %d %s of %s %s: %s", a.Operation.ID, a.Operation.Kind, a.Operation.Cluster, a.Operation.State, a.Operation.Message), ": ")
	case state.RecordEvent:
		return fmt.Sprintf("note %s: %s", a.Event.Type, a.Event.Message)
	}
	return fmt.Sprintf("unknown action %T", a)
}

// piece prints a piece: its amount, its reservations and its volume.
func piece(p offer.Piece) string {
	s := p.Name + "=" + p.Scalar.String()
	if len(p.Ranges) > 0 {
		s = fmt.Sprint(p.Name, "=", p.Ranges)
	}
	for _, r := range p.Reservations {
		s += " for " + r.Role
		if id := r.Labels[offer.LabelReservation]; id != "" {
			s += " as " + id
		}
	}
	if p.Disk != nil && p.Disk.Volume != "" {
		s += " volume " + p.Disk.Volume
	}
	if p.Revocable {
		s += " revocable"
	}
	return s
}

func arg(d *datadriven.TestData, key, or string) string {
	for _, a := range d.CmdArgs {
		if a.Key == key && len(a.Vals) > 0 {
			return strings.Join(a.Vals, ",")
		}
	}
	return or
}

func flag(d *datadriven.TestData, key string) bool {
	for _, a := range d.CmdArgs {
		if a.Key == key && len(a.Vals) == 0 {
			return true
		}
	}
	return false
}

func number(d *datadriven.TestData, key string) int {
	n := 0
	_, _ = fmt.Sscanf(arg(d, key, "0"), "%d", &n)
	return n
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func sorted(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

package core_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// revisions shows the revisions of a cluster, a line each.
func (p *player) revisions(cluster string) string {
	var b strings.Builder
	place := func(name string, r *wire.Restore) {
		if r != nil {
			fmt.Fprintf(&b, " %s=%s", name, strings.TrimSuffix(string(r.Kind)+":"+r.Path, ":"))
		}
	}
	for _, r := range p.state.RevisionsOf(cluster) {
		fmt.Fprintf(&b, "%d %s %s %s", r.Number, r.Kind, r.Class, r.Outcome)
		place("start", r.Start)
		place("end", r.End)
		if r.Of > 0 {
			fmt.Fprintf(&b, " of=%d", r.Of)
		}
		if r.Tag != "" {
			fmt.Fprintf(&b, " tag=%s", r.Tag)
		}
		if r.Outage > 0 {
			fmt.Fprintf(&b, " outage=%gs", r.Outage)
		}
		if r.Trial != nil && r.Outcome == wire.RevisionRunning {
			b.WriteString(" on trial")
		}
		if r.Message != "" {
			fmt.Fprintf(&b, " (%s)", r.Message)
		}
		b.WriteByte('\n')
	}
	if b.Len() == 0 {
		return "none\n"
	}
	return b.String()
}

// TestRevisionsAreKept makes many changes: the last ones are kept, the last stable one, and those with a tag.
func TestRevisionsAreKept(t *testing.T) {
	t.Parallel()
	p := newPlayer()
	put := func(n int) {
		s := spec.Spec{Name: "demo", Kind: spec.Session, Allocation: spec.Static, RestartNonce: int64(n), JobManager: spec.JobManager{Replicas: 1}}
		p.step(t, state.PutCluster{Spec: s, Nonce: "aaaa"})
	}
	put(1)
	// Nothing runs, so that none becomes stable but the suspended one, which is none to go back to.
	for n := 2; n <= 5; n++ {
		put(n)
	}
	p.step(t, state.TagRevision{Cluster: "demo", Number: 2, Tag: "good"})
	for n := 6; n <= 30; n++ {
		put(n)
	}
	var kept []int64
	for _, r := range p.state.RevisionsOf("demo") {
		kept = append(kept, r.Number)
	}
	if want := []int64{2, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30}; !slices.Equal(kept, want) {
		t.Errorf("kept %v, want %v", kept, want)
	}
	if n := len(slices.DeleteFunc(sorted(p.stored), func(key string) bool { return !strings.HasPrefix(key, state.RevisionPrefix) })); n != len(kept) {
		t.Errorf("%d revisions are stored, %d are known", n, len(kept))
	}
}

// TestRevisionsOfAnEarlierRelease loads clusters whose records have no revisions: the first change keeps the spec before.
func TestRevisionsOfAnEarlierRelease(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	s := spec.Spec{Name: "demo", Kind: spec.Session, Allocation: spec.Static, RestartNonce: 7, JobManager: spec.JobManager{Replicas: 1}}
	waiting := s
	waiting.RestartNonce = 8
	for name, r := range map[string]state.ClusterRecord{
		"7 8":   {Spec: s, Generation: 7, Nonce: "aaaa", State: wire.Stable},
		"7 8 9": {Spec: s, Generation: 7, Nonce: "aaaa", State: wire.Stable, Rollouts: 1, Rollout: &state.Rollout{Spec: waiting, Number: 1, Generation: 8}},
	} {
		p := newPlayer()
		p.state = core.New(state.Options{}, state.Stored{Clusters: []state.ClusterRecord{r}}, now)
		next := s
		next.RestartNonce = 9
		p.step(t, state.PutCluster{Spec: next, Stop: &state.StopRequest{}})
		var numbers []string
		for _, r := range p.state.RevisionsOf("demo") {
			numbers = append(numbers, fmt.Sprint(r.Number))
		}
		if got := strings.Join(numbers, " "); got != name {
			t.Errorf("revisions %s, want %s", got, name)
		}
		if got := p.state.RevisionsOf("demo")[0].Spec; !got.Equal(s) {
			t.Errorf("the first revision is %+v", got)
		}
	}
}

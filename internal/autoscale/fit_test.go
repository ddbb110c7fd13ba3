package autoscale_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

func TestFit(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	for _, c := range []struct {
		name   string
		change func(*job, *settings.Options, *autoscale.Inputs)
		want   map[string]int // Planned; nil when there is no step.
		code   autoscale.Code
		limit  float64
	}{
		{name: "no limit", want: map[string]int{"source": 4, "map": 10}},
		{
			name:   "CPU quota",
			change: func(_ *job, o *settings.Options, _ *autoscale.Inputs) { o.Quota.CPUs = 7.9 },
			// Three TaskManagers of two CPUs and two slots.
			want: map[string]int{"source": 4, "map": 6}, code: autoscale.QuotaCPUs, limit: 3,
		},
		{
			name:   "memory quota",
			change: func(_ *job, o *settings.Options, _ *autoscale.Inputs) { o.Quota.Memory = 16 * gib },
			want:   map[string]int{"source": 4, "map": 8}, code: autoscale.QuotaMemory, limit: 4,
		},
		{
			name:   "room",
			change: func(_ *job, _ *settings.Options, in *autoscale.Inputs) { in.Room, in.RoomKnown = 3, true },
			want:   map[string]int{"source": 4, "map": 6}, code: autoscale.NoRoom, limit: 3,
		},
		{
			name: "the smallest limit counts",
			change: func(_ *job, o *settings.Options, in *autoscale.Inputs) {
				o.Quota.CPUs, in.Room, in.RoomKnown = 8, 3, true
			},
			want: map[string]int{"source": 4, "map": 6}, code: autoscale.NoRoom, limit: 3,
		},
		{
			name: "other jobs use slots",
			change: func(_ *job, _ *settings.Options, in *autoscale.Inputs) {
				in.Room, in.RoomKnown, in.OtherSlots = 3, true, 1
			},
			want: map[string]int{"source": 4, "map": 5}, code: autoscale.NoRoom, limit: 3,
		},
		{
			name: "groups of their own",
			change: func(j *job, _ *settings.Options, in *autoscale.Inputs) {
				j.vertices[0].SlotSharingGroup, j.vertices[1].SlotSharingGroup = "a", "b"
				in.Room, in.RoomKnown = 5, true
			},
			want: map[string]int{"source": 4, "map": 6}, code: autoscale.NoRoom, limit: 5,
		},
		{
			name:   "no room at all",
			change: func(_ *job, _ *settings.Options, in *autoscale.Inputs) { in.RoomKnown = true },
			want:   map[string]int{"source": 4}, code: autoscale.NoRoom, limit: 0,
		},
		{
			name: "a step down needs no room",
			change: func(j *job, _ *settings.Options, in *autoscale.Inputs) {
				j.busy, j.lag = []float64{690, 100}, nil
				in.RoomKnown = true
			},
			want: map[string]int{"map": 2},
		},
		{
			name:   "on hold",
			change: func(_ *job, _ *settings.Options, in *autoscale.Inputs) { in.Hold = "an agent is drained" },
			code:   autoscale.OnHold,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j, o := pair(), plain()
			j.busy[1], j.lag = 1000, growing
			in := autoscale.Inputs{TaskManager: autoscale.TaskManagerSize{CPUs: 2, Memory: 4 * gib, Slots: 2}}
			if c.change != nil {
				c.change(j, &o, &in)
			}
			s, r := j.run(t, o, autoscale.State{}, in, 0, 2)
			if r.Act != (c.want != nil) {
				t.Fatalf("Act is %v: %v", r.Act, r.Reasons)
			}
			want := map[string]int{}
			for _, v := range j.vertices {
				want[v.ID] = v.Parallelism
			}
			maps.Copy(want, c.want)
			if c.want == nil {
				want = nil
			}
			if diff := cmp.Diff(want, r.Parallelism); diff != "" {
				t.Errorf("parallelism mismatch (-want +got):\n%s", diff)
			}
			if got := reason(r.Reasons, c.code); c.code != "" && (got.Code == "" || got.Limit.Or(0) != c.limit) {
				t.Errorf("reasons %v, want %s with limit %v", r.Reasons, c.code, c.limit)
			}
			for id := range c.want {
				if n := len(s.Steps[id]); n != 1 || s.Steps[id][0].To != c.want[id] {
					t.Errorf("the remembered steps of %s are %v", id, s.Steps[id])
				}
			}
		})
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	spec := autoscale.MemorySpec{
		Process: 1728 * mib, Flink: 1280 * mib, Heap: 512 * mib, Managed: 512 * mib, Network: 128 * mib,
		Fixed: 128 * mib, Overhead: 192 * mib, Segment: 32 << 10, PerChannel: 2, Floating: 8,
	}
	slots := autoscale.TaskManagers{
		HeapMax: autoscale.Of(2000 * mib), HeapUsed: autoscale.Of(200 * mib), ManagedUsed: autoscale.Of(1 * mib), MetaspaceUsed: autoscale.Of(100 * mib),
		SlotsTotal: autoscale.Of(8), SlotsAvailable: autoscale.Of(0),
	}
	for _, c := range []struct {
		name   string
		change func(*settings.Options, *autoscale.TaskManagers)
		want   autoscale.MemoryRecommendation
	}{
		{
			// 4 subtasks each: two gates of 4 × 2 + 8 buffers for each of 2 slots. Of 4 TaskManagers 2 are left.
			name: "what is used, a fifth more, and twice the heap",
			want: autoscale.MemoryRecommendation{
				Process: 1434 * mib, Heap: 480 * mib, Managed: 512 * mib, Network: 2 * mib, Metaspace: 120 * mib,
				ManagedFraction: 0.457, OverheadFraction: 0.134,
			},
		},
		{
			name:   "no compensation",
			change: func(o *settings.Options, _ *autoscale.TaskManagers) { o.Memory.Compensate = false },
			want: autoscale.MemoryRecommendation{
				Process: 1194 * mib, Heap: 240 * mib, Managed: 512 * mib, Network: 2 * mib, Metaspace: 120 * mib,
				ManagedFraction: 0.581, OverheadFraction: 0.161,
			},
		},
		{
			name:   "all that is left is managed",
			change: func(o *settings.Options, _ *autoscale.TaskManagers) { o.Memory.MaximizeManaged = true },
			want: autoscale.MemoryRecommendation{
				Process: 1728 * mib, Heap: 240 * mib, Managed: 1046 * mib, Network: 2 * mib, Metaspace: 120 * mib,
				ManagedFraction: 0.739, OverheadFraction: 0.112,
			},
		},
		{
			name:   "no managed memory is used",
			change: func(_ *settings.Options, used *autoscale.TaskManagers) { used.ManagedUsed = autoscale.Of(0) },
			want: autoscale.MemoryRecommendation{
				Process: 922 * mib, Heap: 480 * mib, Network: 2 * mib, Metaspace: 120 * mib, OverheadFraction: 0.209,
			},
		},
		{
			name:   "the heap takes all",
			change: func(_ *settings.Options, used *autoscale.TaskManagers) { used.HeapUsed = autoscale.Of(1500 * mib) },
			want: autoscale.MemoryRecommendation{
				Process: 1728 * mib, Heap: 1286 * mib, Network: 2 * mib, Metaspace: 120 * mib, OverheadFraction: 0.112,
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j, o, used := pair(), plain(), slots
			j.vertices[0].Parallelism, j.vertices[1].Parallelism, j.busy[1] = 4, 8, 300
			in := autoscale.Inputs{TaskManager: autoscale.TaskManagerSize{Slots: 2}, Memory: &spec}
			if c.change != nil {
				c.change(&o, &used)
			}
			j.slots = used
			s, r := j.run(t, o, autoscale.State{}, in, 0, 2)
			if diff := cmp.Diff(&c.want, r.Memory); diff != "" {
				t.Errorf("memory mismatch (-want +got), parallelism %v:\n%s", r.Parallelism, diff)
			}
			if !r.Act || r.ApplyMemory || s.Memory != nil {
				t.Errorf("act %v, apply memory %v: it is only a recommendation", r.Act, r.ApplyMemory)
			}
			o.Memory.Tune = true
			if s, r = j.run(t, o, autoscale.State{}, in, 0, 2); !r.ApplyMemory || !cmp.Equal(s.Memory, r.Memory) {
				t.Errorf("apply memory %v, remembered %v", r.ApplyMemory, s.Memory)
			}
		})
	}
}

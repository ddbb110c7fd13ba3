package offer_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flink-on-mesos/flink-service/internal/offer"
)

var holder = offer.Holder{Framework: "fw", Reservation: "demo-aaaa-tm-1", Cluster: "demo", Principal: "p"}

// ours is the reservation that the holder makes.
func ours() offer.Reservation {
	return offer.Reservation{Role: "flink", Dynamic: true, Principal: "p", Labels: map[string]string{
		"flink_framework": "fw", "flink_cluster": "demo", "flink_reservation": "demo-aaaa-tm-1",
	}}
}

func disk(v float64, d *offer.Disk, reservations ...offer.Reservation) offer.Resource {
	r := scalar("disk", v, reservations...)
	r.Disk = d
	return r
}

func revocable(name string, v float64) offer.Resource {
	r := scalar(name, v)
	r.Revocable = true
	return r
}

func pieces(rs ...offer.Resource) []offer.Piece {
	var out []offer.Piece
	for _, r := range rs {
		out = append(out, offer.Piece{Resource: r})
	}
	return out
}

func volume(source, root string) *offer.Disk {
	return &offer.Disk{Source: source, Root: root, Volume: "fw.demo-aaaa-tm-1.state", Principal: "p", ContainerPath: "state"}
}

// state is a need of a cpu and a volume.
func state(size offer.Milli, source string) offer.Need {
	return offer.Need{CPUs: 1000, Volumes: [offer.MaxVolumes]offer.Volume{{Path: "state", Size: size, Source: source}}}
}

func TestTakeNew(t *testing.T) {
	t.Parallel()
	static, parent := offer.Reservation{Role: "flink"}, offer.Reservation{Role: "parent"}
	foreign := offer.Reservation{Role: "flink", Dynamic: true, Labels: map[string]string{"resource_id": "x"}}
	plain := offer.Reservation{Role: "flink", Dynamic: true}
	tests := []struct {
		name    string
		offered []offer.Resource
		need    offer.Need
		want    offer.Placement
		reason  string
	}{
		{
			name:    "unreserved resources are reserved",
			offered: []offer.Resource{scalar("cpus", 4), scalar("mem", 1024)},
			need:    offer.Need{CPUs: 1000, Mem: 512_000, Reserve: true},
			want: offer.Placement{
				Pieces:  pieces(scalar("cpus", 1, ours()), scalar("mem", 512, ours())),
				Reserve: pieces(scalar("cpus", 1, ours()), scalar("mem", 512, ours())),
			},
		},
		{
			name:    "what the operator reserved for the role stays as it is, and for a parent it is refined",
			offered: []offer.Resource{scalar("cpus", 1, static), scalar("mem", 256, parent), scalar("mem", 256, plain)},
			need:    offer.Need{CPUs: 1000, Mem: 512_000, Reserve: true},
			want: offer.Placement{
				Pieces:  pieces(scalar("cpus", 1, static), scalar("mem", 256, parent, ours()), scalar("mem", 256, plain)),
				Reserve: pieces(scalar("mem", 256, parent, ours())),
			},
		},
		{
			name:    "what somebody else put labels on is left alone",
			offered: []offer.Resource{scalar("cpus", 4, foreign), scalar("mem", 1024)},
			need:    offer.Need{CPUs: 1000, Mem: 512_000, Reserve: true},
			reason:  "cpus: 1 wanted, 0 offered",
		},
		{
			name:    "a volume of the root disk",
			offered: []offer.Resource{scalar("cpus", 4), scalar("disk", 1024)},
			need:    state(100_000, ""),
			want: offer.Placement{
				Pieces:  pieces(disk(100, volume("", ""), ours()), scalar("cpus", 1)),
				Reserve: pieces(scalar("disk", 100, ours())),
				Create:  pieces(disk(100, volume("", ""), ours())),
			},
		},
		{
			name:    "a volume of a disk that is reserved for the role",
			offered: []offer.Resource{scalar("cpus", 4), scalar("disk", 1024), scalar("disk", 200, static)},
			need:    state(100_000, ""),
			want: offer.Placement{
				Pieces: pieces(disk(100, volume("", ""), static), scalar("cpus", 1)),
				Create: pieces(disk(100, volume("", ""), static)),
			},
		},
		{
			name: "a part of a path",
			offered: []offer.Resource{
				scalar("cpus", 4), scalar("disk", 1024),
				disk(500, &offer.Disk{Source: offer.MountSource, Root: "/m"}), disk(500, &offer.Disk{Source: offer.PathSource, Root: "/p"}),
			},
			need: state(100_000, offer.PathSource),
			want: offer.Placement{
				Pieces:  pieces(disk(100, volume(offer.PathSource, "/p"), ours()), scalar("cpus", 1)),
				Reserve: pieces(disk(100, &offer.Disk{Source: offer.PathSource, Root: "/p"}, ours())),
				Create:  pieces(disk(100, volume(offer.PathSource, "/p"), ours())),
			},
		},
		{
			name: "the smallest mount that is large enough, as a whole",
			offered: []offer.Resource{
				scalar("cpus", 4),
				disk(900, &offer.Disk{Source: offer.MountSource, Root: "/a"}), disk(50, &offer.Disk{Source: offer.MountSource, Root: "/b"}), disk(300, &offer.Disk{Source: offer.MountSource, Root: "/c"}),
			},
			need: state(100_000, offer.MountSource),
			want: offer.Placement{
				Pieces:  pieces(disk(300, volume(offer.MountSource, "/c"), ours()), scalar("cpus", 1)),
				Reserve: pieces(disk(300, &offer.Disk{Source: offer.MountSource, Root: "/c"}, ours())),
				Create:  pieces(disk(300, volume(offer.MountSource, "/c"), ours())),
			},
		},
		{
			name:    "a volume is not made of two pieces",
			offered: []offer.Resource{scalar("cpus", 4), scalar("disk", 60), scalar("disk", 60, static)},
			need:    state(100_000, ""),
			reason:  "volume: 100 MiB wanted, 60 MiB offered",
		},
		{
			name:    "the sandbox and the volume share the disk",
			offered: []offer.Resource{scalar("cpus", 4), scalar("disk", 150)},
			need:    offer.Need{CPUs: 1000, Disk: 100_000, Volumes: state(100_000, "").Volumes},
			reason:  "disk: 100 MiB wanted, 50 MiB offered",
		},
		{
			name:    "a disk of a resource provider is not used",
			offered: []offer.Resource{scalar("cpus", 4), {Name: "disk", Scalar: 1024_000, AllocationRole: "flink", Disk: &offer.Disk{Source: offer.MountSource}, Foreign: true}},
			need:    state(100_000, offer.MountSource),
			reason:  "volume: 100 MiB wanted, 0 MiB offered",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := offer.NewAgent(offer.Offer{ID: "o", AgentID: "a", Resources: tt.offered})
			p, reason, ok := a.TakeNew(tt.need, 0, holder)
			if ok != (tt.reason == "") {
				t.Fatalf("TakeNew() = %v, reason %q", ok, reason)
			}
			if !ok {
				if diff := cmp.Diff(tt.reason, reason.String()); diff != "" {
					t.Fatalf("reason mismatch (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.offered, sorted(a.Left().Resources, tt.offered)); diff != "" {
					t.Fatalf("something was taken (-want +got):\n%s", diff)
				}
				return
			}
			if diff := cmp.Diff(tt.want, p); diff != "" {
				t.Fatalf("TakeNew() mismatch (-want +got):\n%s", diff)
			}
			again(t, tt.need, p)
		})
	}
}

// sorted puts resources in the order of others, for comparison.
func sorted(rs, like []offer.Resource) []offer.Resource {
	var out []offer.Resource
	for _, l := range like {
		if i := slices.IndexFunc(rs, func(r offer.Resource) bool { return cmp.Equal(r, l) }); i >= 0 {
			out = append(out, rs[i])
		}
	}
	return out
}

// again offers what a task left to the next one, which must find the same, and then gives it back.
func again(t *testing.T, n offer.Need, first offer.Placement) {
	t.Helper()
	next := func() *offer.Agent {
		o := offer.Offer{ID: "o2", AgentID: "a"}
		for _, p := range first.Pieces {
			o.Resources = append(o.Resources, p.Resource)
		}
		return offer.NewAgent(o)
	}
	p, reason, ok := next().TakeHeld(n, 0, holder)
	if !ok {
		t.Fatalf("TakeHeld(): %s", reason)
	}
	if diff := cmp.Diff(amounts(first.Pieces), amounts(p.Pieces)); diff != "" || len(p.Reserve)+len(p.Create) > 0 {
		t.Fatalf("TakeHeld() mismatch (-first +second):\n%s", diff)
	}
	if _, _, ok := next().TakeHeld(n, 0, offer.Holder{Framework: "fw", Reservation: "demo-aaaa-tm-2"}); ok && len(first.Reserve) > 0 && len(first.Create) > 0 {
		t.Fatal("another task takes the volume")
	}
	a := next()
	destroy, unreserve := a.GiveBack(holder)
	if diff := cmp.Diff(amounts(first.Create), amounts(destroy)); diff != "" {
		t.Fatalf("destroyed (-made +destroyed):\n%s", diff)
	}
	if diff := cmp.Diff(amounts(first.Reserve), amounts(unreserve)); diff != "" {
		t.Fatalf("unreserved (-reserved +unreserved):\n%s", diff)
	}
	if len(a.Holders()) != 0 {
		t.Fatalf("still held are %v", a.Holders())
	}
}

func amounts(ps []offer.Piece) map[string]offer.Milli {
	out := map[string]offer.Milli{}
	for _, p := range ps {
		key := p.Name
		if p.Disk != nil {
			key += " " + p.Disk.Source + " " + p.Disk.Volume
		}
		out[key] += p.Scalar
	}
	return out
}

func TestRevocable(t *testing.T) {
	t.Parallel()
	offered := []offer.Resource{scalar("cpus", 4), revocable("cpus", 2), scalar("mem", 2048), revocable("mem", 256)}
	tests := []struct {
		name string
		need offer.Need
		want []offer.Piece
	}{
		{"not asked for", offer.Need{CPUs: 2000, Mem: 256_000}, pieces(scalar("cpus", 2), scalar("mem", 256))},
		{"each kind by itself", offer.Need{CPUs: 2000, Mem: 512_000, Revocable: true}, pieces(revocable("cpus", 2), scalar("mem", 512))},
		{"never mixed", offer.Need{CPUs: 3000, Mem: 256_000, Revocable: true}, pieces(scalar("cpus", 3), revocable("mem", 256))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := offer.NewAgent(offer.Offer{ID: "o", AgentID: "a", Resources: offered})
			p, reason, ok := a.Take(tt.need, 0)
			if !ok {
				t.Fatalf("Take(): %s", reason)
			}
			if diff := cmp.Diff(tt.want, p.Pieces); diff != "" {
				t.Fatalf("Take() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNeverMixed draws agents and needs: no task mixes revocable and other resources of a kind, a volume is one piece,
// and what a first task reserved is what a second one finds and what is given back.
func TestNeverMixed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := offer.Offer{ID: "o", AgentID: "a"}
		for range rapid.IntRange(1, 8).Draw(t, "resources") {
			r := scalar(rapid.SampledFrom([]string{"cpus", "mem", "disk"}).Draw(t, "name"), float64(rapid.IntRange(1, 8).Draw(t, "amount")))
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				r.Revocable = r.Name != "disk"
			case 1:
				r.Reservations = []offer.Reservation{{Role: rapid.SampledFrom([]string{"flink", "parent"}).Draw(t, "role")}}
			}
			o.Resources = append(o.Resources, r)
		}
		n := offer.Need{CPUs: 2000, Mem: 3000, Disk: offer.Milli(rapid.IntRange(0, 3).Draw(t, "disk")) * 1000, Revocable: rapid.Bool().Draw(t, "revocable")}
		n.Reserve = !n.Revocable && rapid.Bool().Draw(t, "reserve")
		if rapid.Bool().Draw(t, "volume") {
			n.Volumes[0] = offer.Volume{Path: "state", Size: 2000}
		}
		a := offer.NewAgent(o)
		lack, lacks := a.Lacks(n)
		p, reason, ok := a.TakeNew(n, 0, holder)
		if ok == lacks {
			t.Fatalf("Lacks() = %s, TakeNew() = %s", lack, reason)
		}
		kinds, volumes := map[string]bool{}, 0
		for _, piece := range p.Pieces {
			if was, seen := kinds[piece.Name]; seen && was != piece.Revocable {
				t.Fatalf("%s is mixed in %v", piece.Name, p.Pieces)
			}
			kinds[piece.Name] = piece.Revocable
			if piece.Revocable && len(piece.Reservations) > 0 {
				t.Fatalf("%v is reserved", piece)
			}
			if piece.Disk != nil {
				volumes++
			}
		}
		if ok && (volumes == 1) != (n.Volumes[0].Path != "") {
			t.Fatalf("%d volumes in %v", volumes, p.Pieces)
		}
	})
}

package offer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flink-on-mesos/flink-service/internal/offer"
)

func scalar(name string, v float64, reservations ...offer.Reservation) offer.Resource {
	return offer.Resource{Name: name, Scalar: offer.ToMilli(v), AllocationRole: "flink", Reservations: reservations}
}

func ports(ranges ...offer.Range) offer.Resource {
	return offer.Resource{Name: "ports", Ranges: ranges, AllocationRole: "flink"}
}

func TestTake(t *testing.T) {
	t.Parallel()
	reserved := offer.Reservation{Role: "flink"}
	tests := []struct {
		name   string
		offers []offer.Offer
		need   offer.Need
		want   []offer.Piece
		reason string
	}{
		{
			name:   "everything from one offer",
			offers: []offer.Offer{{ID: "o1", AgentID: "a", Resources: []offer.Resource{scalar("cpus", 2), scalar("mem", 1024)}}},
			need:   offer.Need{CPUs: 1500, Mem: 1024_000},
			want:   []offer.Piece{{Resource: scalar("cpus", 1.5)}, {Resource: scalar("mem", 1024)}},
		},
		{
			name: "a scalar of the site's own",
			offers: []offer.Offer{{ID: "o1", AgentID: "a", Resources: []offer.Resource{
				scalar("cpus", 2), scalar("mem", 1024), scalar("network_bandwidth", 1000),
			}}},
			need: offer.Need{CPUs: 1000, Mem: 512_000, Other: 100_000, OtherName: "network_bandwidth"},
			want: []offer.Piece{{Resource: scalar("cpus", 1)}, {Resource: scalar("mem", 512)}, {Resource: scalar("network_bandwidth", 100)}},
		},
		{
			name:   "less bandwidth than wanted",
			offers: []offer.Offer{{ID: "o1", AgentID: "a", Resources: []offer.Resource{scalar("cpus", 2), scalar("mem", 1024)}}},
			need:   offer.Need{CPUs: 1000, Mem: 512_000, Other: 100_000, OtherName: "network_bandwidth"},
			reason: "network_bandwidth: 100 wanted, 0 offered",
		},
		{
			name: "several offers of one agent together",
			offers: []offer.Offer{
				{ID: "o1", AgentID: "a", Resources: []offer.Resource{scalar("cpus", 1), scalar("mem", 512)}},
				{ID: "o2", AgentID: "a", Resources: []offer.Resource{scalar("cpus", 1), scalar("mem", 512)}},
			},
			need: offer.Need{CPUs: 2000, Mem: 1000_000},
			want: []offer.Piece{
				{Resource: scalar("cpus", 1)},
				{Resource: scalar("cpus", 1)},
				{Resource: scalar("mem", 512)},
				{Resource: scalar("mem", 488)},
			},
		},
		{
			name: "reserved before unreserved",
			offers: []offer.Offer{{ID: "o1", AgentID: "a", Resources: []offer.Resource{
				scalar("cpus", 4), scalar("cpus", 1, reserved), scalar("mem", 2048),
			}}},
			need: offer.Need{CPUs: 1500, Mem: 1000_000},
			want: []offer.Piece{
				{Resource: scalar("cpus", 1, reserved)}, {Resource: scalar("cpus", 0.5)}, {Resource: scalar("mem", 1000)},
			},
		},
		{
			name:   "too little memory",
			offers: []offer.Offer{{ID: "o1", AgentID: "a", Resources: []offer.Resource{scalar("cpus", 4), scalar("mem", 512)}}},
			need:   offer.Need{CPUs: 1000, Mem: 1024_000},
			reason: "mem: 1024 MiB wanted, 512 MiB offered",
		},
		{
			name: "a mount disk is not split, a volume not used up",
			offers: []offer.Offer{{ID: "o1", AgentID: "a", Resources: []offer.Resource{
				scalar("cpus", 4), scalar("mem", 512),
				{Name: "disk", Scalar: 100_000, Disk: &offer.Disk{Source: offer.MountSource, Root: "/mnt/a"}, AllocationRole: "flink"},
				{Name: "disk", Scalar: 100_000, Disk: &offer.Disk{Volume: "v1", ContainerPath: "data"}, AllocationRole: "flink"},
			}}},
			need:   offer.Need{CPUs: 1000, Mem: 256_000, Disk: 50_000},
			reason: "disk: 50 MiB wanted, 0 MiB offered",
		},
		{
			name:   "another role",
			offers: []offer.Offer{{ID: "o1", AgentID: "a", Resources: []offer.Resource{scalar("cpus", 4), scalar("mem", 512)}}},
			need:   offer.Need{CPUs: 1000, Mem: 256_000, Role: "other"},
			reason: "role: offered to role flink, wanted for other",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := offer.NewAgent(tt.offers...)
			p, reason, ok := a.Take(tt.need, 0)
			if ok != (tt.reason == "") {
				t.Fatalf("Take() = %v, reason %q", ok, reason)
			}
			if !ok {
				if diff := cmp.Diff(tt.reason, reason.String()); diff != "" {
					t.Fatalf("reason mismatch (-want +got):\n%s", diff)
				}
				return
			}
			if diff := cmp.Diff(tt.want, p.Pieces); diff != "" {
				t.Fatalf("Take() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTakeIsExact draws offers and needs: what is taken and what is left add up to what was
// offered, no port is handed out twice, and a need that fits is never refused.
func TestTakeIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		offers := drawOffers(t)
		a := offer.NewAgent(offers...)
		before := map[string]offer.Milli{"cpus": a.Free("cpus"), "mem": a.Free("mem"), "ports": a.Free("ports")}
		taken := map[string]offer.Milli{}
		seen := map[uint64]bool{}
		for range rapid.IntRange(1, 6).Draw(t, "tasks") {
			need := offer.Need{
				CPUs:  offer.Milli(rapid.IntRange(0, 3000).Draw(t, "cpus")),
				Mem:   offer.Milli(rapid.IntRange(0, 3000).Draw(t, "mem")) * 1000,
				Ports: rapid.IntRange(0, 6).Draw(t, "ports"),
			}
			fits := need.CPUs <= a.Free("cpus") && need.Mem <= a.Free("mem") && offer.Milli(need.Ports)*1000 <= a.Free("ports")
			p, reason, ok := a.Take(need, rapid.Uint64().Draw(t, "seed"))
			if ok != fits {
				t.Fatalf("Take(%v) = %v (%v), but it fits: %v", need, ok, reason, fits)
			}
			if !ok {
				continue
			}
			count(t, p, need, taken, seen, offers)
		}
		for name, had := range before {
			if got := a.Free(name) + taken[name]; got != had {
				t.Fatalf("%s: %v were offered, %v taken, %v are left", name, had, taken[name], a.Free(name))
			}
		}
	})
}

func drawOffers(t *rapid.T) []offer.Offer {
	n := rapid.IntRange(1, 3).Draw(t, "offers")
	offers := make([]offer.Offer, n)
	begin := uint64(31000)
	for i := range offers {
		var rs []offer.Resource
		for range rapid.IntRange(0, 3).Draw(t, "resources") {
			var res []offer.Reservation
			if rapid.Bool().Draw(t, "reserved") {
				res = []offer.Reservation{{Role: "flink"}}
			}
			rs = append(rs,
				scalar("cpus", float64(rapid.IntRange(0, 4000).Draw(t, "c"))/1000, res...),
				scalar("mem", float64(rapid.IntRange(0, 4000).Draw(t, "m")), res...))
			size := uint64(rapid.IntRange(1, 4).Draw(t, "size"))
			rs = append(rs, ports(offer.Range{Begin: begin, End: begin + size - 1}, offer.Range{Begin: begin + size, End: begin + size}))
			begin += size + 1 + uint64(rapid.IntRange(0, 2).Draw(t, "gap"))
		}
		offers[i] = offer.Offer{ID: "o", AgentID: "a", Resources: rs}
	}
	return offers
}

func count(t *rapid.T, p offer.Placement, need offer.Need, taken map[string]offer.Milli, seen map[uint64]bool, offers []offer.Offer) {
	got := map[string]offer.Milli{}
	inPieces := map[uint64]bool{}
	for _, piece := range p.Pieces {
		got[piece.Name] += piece.Scalar
		for _, r := range piece.Ranges {
			for port := r.Begin; port <= r.End; port++ {
				inPieces[port] = true
			}
		}
	}
	if got["cpus"] != need.CPUs || got["mem"] != need.Mem || len(p.Ports) != need.Ports || len(inPieces) != need.Ports {
		t.Fatalf("for %v were taken %v and ports %v (pieces %v)", need, got, p.Ports, inPieces)
	}
	for _, port := range p.Ports {
		if seen[port] || !inPieces[port] || !offered(offers, port) {
			t.Fatalf("port %d was handed out twice, is in no piece, or was not offered", port)
		}
		seen[port] = true
	}
	taken["cpus"] += need.CPUs
	taken["mem"] += need.Mem
	taken["ports"] += offer.Milli(need.Ports) * 1000
}

func offered(offers []offer.Offer, port uint64) bool {
	for _, o := range offers {
		for _, r := range o.Resources {
			for _, p := range r.Ranges {
				if port >= p.Begin && port <= p.End {
					return true
				}
			}
		}
	}
	return false
}

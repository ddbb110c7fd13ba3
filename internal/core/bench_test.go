package core_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// BenchmarkOffered matches batches of offers of which one in ten fits a waiting TaskManager.
func BenchmarkOffered(b *testing.B) {
	for _, n := range []int{1, 100, 10000} {
		b.Run(fmt.Sprintf("offers=%d", n), func(b *testing.B) {
			now := time.Unix(0, 0)
			s := core.New(state.Options{}, state.Stored{}, now)
			s, _ = core.Step(s, state.Subscribed{FrameworkID: "f"}, now)
			s, _ = core.Step(s, state.PutCluster{Nonce: "aaaa", Spec: spec.Spec{
				Name: "demo", Kind: spec.Session, Allocation: spec.Static,
				JobManager:   spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}},
				TaskManager:  spec.TaskManager{Resources: spec.Resources{CPUs: 2, Memory: spec.GiB}},
				TaskManagers: spec.TaskManagers{Count: max(1, n/10)},
			}}, now)
			s, _ = core.Step(s, state.Offered{Offers: batch(1, 0)}, now)
			e := state.Offered{Offers: batch(n, 10)}
			b.ResetTimer()
			for b.Loop() {
				core.Step(s, e, now)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "offers/s")
		})
	}
}

// batch makes n offers of n agents; one in every is large enough for a worker.
func batch(n, every int) []offer.Offer {
	offers := make([]offer.Offer, n)
	for i := range offers {
		cpus := 1.5
		if every > 0 && i%every == 0 {
			cpus = 2.5
		}
		offers[i] = offer.Offer{
			ID: fmt.Sprintf("o%d", i), AgentID: fmt.Sprintf("a%d", i), Hostname: fmt.Sprintf("h%d", i),
			Resources: []offer.Resource{
				{Name: "cpus", Scalar: offer.ToMilli(cpus), AllocationRole: "*"},
				{Name: "mem", Scalar: offer.ToMilli(8192), AllocationRole: "*"},
				{Name: "disk", Scalar: offer.ToMilli(8192), AllocationRole: "*"},
				{Name: "ports", Ranges: []offer.Range{{Begin: 31000, End: 31099}}, AllocationRole: "*"},
			},
		}
	}
	return offers
}

// BenchmarkTick is a tick of the clock with clusters that rest: it looks at none of them.
func BenchmarkTick(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("clusters=%d", n), func(b *testing.B) {
			now := time.Unix(0, 0)
			s := core.New(state.Options{}, state.Stored{}, now)
			s, _ = core.Step(s, state.Subscribed{FrameworkID: "f"}, now)
			for i := range n {
				s, _ = core.Step(s, state.PutCluster{Nonce: "aaaa", Spec: spec.Spec{
					Name: fmt.Sprintf("demo-%d", i), Kind: spec.Session, Allocation: spec.Dynamic,
					JobManager: spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}},
				}}, now)
			}
			s, _ = core.Step(s, state.Offered{Offers: batch(2*n, 0)}, now)
			if waiting := s.Busy.Len(); waiting > 0 {
				b.Fatalf("%d clusters wait", waiting)
			}
			b.ResetTimer()
			for b.Loop() {
				core.Step(s, state.Ticked{}, now.Add(time.Second))
			}
		})
	}
}

package sim_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/testkit/memnet"
)

// virtually plays a test in virtual time, beside others: minutes in which nothing happens cost nothing. Everything in
// it is in memory or in files. Subtests are outside.
func virtually(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// masterHost and masterPort are the address of the master. Mesos speaks of numbers, not of names.
const (
	masterHost    = "127.0.0.1"
	masterPort    = 5050
	masterAddress = "127.0.0.1:5050"
)

// slowest is the longest time that data takes from one machine to another, and a part of a save to a disk. What happens while it is on its way is what
// makes one run differ from another.
const slowest = 40 * time.Millisecond

// delays draws times up to slowest, which follow from a seed.
func delays(seed uint64) func() time.Duration {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 2))
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return upTo(rng, slowest)
	}
}

// newVirtualFleet is a fleet on a network in memory, with the times of a real master.
func newVirtualFleet(t testing.TB, n *memnet.Network, host string) *fleet {
	t.Helper()
	l, err := n.Host(masterHost).Listen("tcp", fmt.Sprintf("0.0.0.0:%d", masterPort))
	if err != nil {
		t.Fatal(err)
	}
	return newFleetWith(t, host, userOf(t, n), localmesos.Options{Listener: l})
}

// userOf makes the client of somebody on the network.
func userOf(t testing.TB, n *memnet.Network) *http.Client {
	transport := &http.Transport{DialContext: n.Host("user").DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// upTo draws a time below the longest.
func upTo(rng *rand.Rand, longest time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(longest)))
}

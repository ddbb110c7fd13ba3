package offers

import (
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// probeFor is how long a look waits for offers: a master makes them once a second by default, and
// REVIVE may have to wait for as long.
const probeFor = 3 * time.Second

// Probe asks for offers that only shall be seen. They come at once or not at all: what is not offered then
// is used, held by others, or on an agent that is being drained.
func Probe(tx *state.Tx, e state.ProbeOffers) {
	if !tx.State.Connected {
		tx.Answer(e.Request, fault.New(fault.Unavailable, "there is no connection to the Mesos master: ask without refresh for what was offered before"))
		return
	}
	tx.State.Probes = append(slices.Clip(tx.State.Probes), state.OfferProbe{Request: e.Request, Until: tx.Now.Add(probeFor)})
	tx.State.WantOffers = true
}

// TickProbes answers those who have waited long enough.
func TickProbes(tx *state.Tx) {
	for len(tx.State.Probes) > 0 && !tx.Now.Before(tx.State.Probes[0].Until) {
		tx.Answer(tx.State.Probes[0].Request, nil)
		tx.State.Probes = tx.State.Probes[1:]
	}
}

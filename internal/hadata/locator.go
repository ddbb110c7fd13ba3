// Package hadata performs what the core decides about the data of Flink's high availability in ZooKeeper: it revokes the
// leadership of a dead JobManager, finds the newest checkpoint of a job, and removes what a deleted cluster left.
package hadata

import (
	"log/slog"

	"github.com/flink-on-mesos/flink-service/internal/flink/ha"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Locator says where the data of a cluster is.
type Locator struct {
	// Configuration is Flink's configuration of a cluster, which the nonce is that of.
	Configuration func(s spec.Spec, nonce string) map[string]string
	// ZooKeeper is the ensemble that SASL is for, as host:port,…; the login goes to no other that a spec may name.
	ZooKeeper string
	// SASL is the login; nil for none.
	SASL *ha.SASL
}

// Locate returns where the data of a cluster is; false when it has none in ZooKeeper.
func (l Locator) Locate(s spec.Spec, nonce string) (ha.Location, bool, error) {
	at, ok, err := ha.Locate(l.Configuration(s, nonce))
	if l.SASL != nil && at.On(l.ZooKeeper) {
		at.SASL = l.SASL
	}
	return at, ok, err
}

// logged is Locate for the specs of earlier releases, which were not checked: an error is logged, and there is no data.
func (l Locator) logged(s spec.Spec, nonce string, log *slog.Logger) (ha.Location, bool) {
	at, ok, err := l.Locate(s, nonce)
	if err != nil {
		log.Warn("the cluster's high-availability data cannot be located", "error", err)
	}
	return at, ok
}

// Package offer decides whether what Mesos offers satisfies what one task needs:
// which pieces to take, or which resource or rule is missing. It is pure: it keeps
// no offers and sends nothing.
package offer

import (
	"strconv"
	"time"
)

// Milli is a scalar in thousandths: Mesos compares scalars to three decimals.
type Milli int64

// ToMilli rounds a scalar to thousandths, as Mesos does.
func ToMilli(v float64) Milli {
	if v < 0 {
		return Milli(v*1000 - 0.5)
	}
	return Milli(v*1000 + 0.5)
}

// Float returns the scalar.
func (m Milli) Float() float64 { return float64(m) / 1000 }

// String is the scalar with no more decimals than it has.
func (m Milli) String() string { return strconv.FormatFloat(m.Float(), 'f', -1, 64) }

// Range is an inclusive range of ports.
type Range struct{ Begin, End uint64 }

// Reservation is one level of a resource's reservation, the least refined first.
type Reservation struct {
	Role      string
	Dynamic   bool
	Principal string
	Labels    map[string]string
}

// Resource is one resource of an offer: a scalar or ranges, never both.
type Resource struct {
	// Name is cpus, mem (MiB), disk (MiB), gpus, ports, or a name of the site's own.
	Name   string
	Scalar Milli
	Ranges []Range
	// AllocationRole is the role that the offer was made to.
	AllocationRole string
	// Reservations is empty for unreserved resources.
	Reservations []Reservation
	// Disk says what a disk is made of; nil for a part of the agent's work directory without a volume.
	Disk *Disk
	// Revocable resources may be taken back by Mesos at any time.
	Revocable bool
	// Foreign resources have something to them that is not known here (a resource provider, sharing): they are
	// never used.
	Foreign bool
}

// Disk is where a disk comes from, and the persistent volume on it.
type Disk struct {
	// Source is PATH or MOUNT; empty for the agent's work directory.
	Source string
	// Root is the directory of the source.
	Root string
	// Volume is the id of the persistent volume; empty for none.
	Volume string
	// Principal is who made the volume.
	Principal string
	// ContainerPath is where the task finds the volume.
	ContainerPath string
}

// The sources of disks that are used.
const (
	PathSource  = "PATH"
	MountSource = "MOUNT"
)

// Offer is what Mesos offers of one agent to one role.
type Offer struct {
	ID         string
	AgentID    string
	Hostname   string
	Region     string
	Zone       string
	Attributes map[string]string
	// Endpoint is the agent's own HTTP address, such as http://10.0.0.7:5051/slave(1), when the
	// master told it.
	Endpoint  string
	Resources []Resource
	// Unavailable is when planned maintenance begins; zero for none.
	Unavailable time.Time
}

// Piece is a part of one resource of one offer.
type Piece struct {
	Resource
}
